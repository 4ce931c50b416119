"""vaegan interpolate and walk, as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ..command import fails, is_picture, works


def test_interpolations(avatars_run: Path, photos: Path, tmp_path: Path) -> None:
    a, b, c = (photos / f"photo 0{n}.png" for n in range(3))
    works("interpolate", avatars_run, a, b, c)
    assert is_picture(avatars_run / "interpolation.png")
    works("interpolate", avatars_run, a, b, "--how", "linear", "--steps", 5, "--out", tmp_path / "line.png")
    works("interpolate", avatars_run, a, b, c, "--steps", 3, "--fps", 10, "--out", tmp_path / "morph.gif")
    with Image.open(tmp_path / "morph.gif") as morph:
        durations = []
        for number in range(morph.n_frames):  # type: ignore[attr-defined]
            morph.seek(number)
            durations.append(morph.info["duration"])
        assert sum(durations) == 12 * 100, "there in 7 frames and back in 5, at 10 a second; equal ones may be one"


def test_a_walk(avatars_run: Path, tmp_path: Path) -> None:
    for name, seed in (("a.gif", 3), ("b.gif", 3), ("c.gif", 4)):
        works("walk", avatars_run, "--seconds", 0.5, "--fps", 10, "--tiles", "2x3", "--seed", seed, "--out", tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.gif", "b.gif", "c.gif"))
    assert a == b
    assert a != c
    with Image.open(tmp_path / "a.gif") as film:
        assert (film.n_frames, film.size) == (5, (288, 192))  # type: ignore[attr-defined]


MISTAKES = {
    "an image that is none": (["interpolate", "PHOTO", "BAD"], "cannot read"),
    "one image alone": (["interpolate", "PHOTO"], "at least two images"),
    "steps without end": (["interpolate", "PHOTO", "PHOTO", "--steps", "100000000"], "--steps must be from 2 to 1,000"),
    "one step": (["interpolate", "PHOTO", "PHOTO", "--steps", "1"], "--steps must be from 2"),
    "a course that is none": (["interpolate", "PHOTO", "PHOTO", "--how", "round"], "spherical"),
    "no time": (["walk", "--seconds", "0"], "--seconds"),
    "time without end": (["walk", "--seconds", "inf"], "--seconds"),
    "no frames": (["walk", "--fps", "nan"], "--fps must be from 1 to 50"),
    "tiles that are none": (["walk", "--tiles", "many"], "--tiles must be rows x columns"),
    "too many tiles": (["walk", "--tiles", "99x99"], "--tiles must be at least 1x1, with at most 400 tiles in all"),
    "a seed below 0": (["walk", "--seed", "-1"], "--seed"),
    "a film as a picture": (["walk", "--out", "walk.png"], "ends in .gif or .mp4"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(arguments: list[str], words: str, avatars_run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "bad.png").write_text("no image")
    places = {"PHOTO": photos / "photo 00.png", "BAD": photos / "bad.png"}
    command, *rest = (places.get(argument, argument) for argument in arguments)
    fails(capsys, command, avatars_run, *rest, words=words)


def test_a_run_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    fails(capsys, "walk", "nowhere", words="nowhere does not exist")
