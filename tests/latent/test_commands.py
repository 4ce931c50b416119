"""The commands of the latent space, as a user types them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vaegan.cli import run
from vaegan.latent.directions import Directions

from ..command import fails, works


@pytest.fixture(scope="module")
def avatars_run(run_on_avatars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on avatars, which learns directions when they are first needed."""
    return Path(shutil.copytree(run_on_avatars, tmp_path_factory.mktemp("latent") / "run"))


def is_picture(path: Path) -> bool:
    with Image.open(path) as image:
        return bool(np.asarray(image.convert("RGB")).std() > 1)


def notices(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run, and return what was said on standard error."""
    capsys.readouterr()
    works(*arguments)
    return capsys.readouterr().err


def test_the_directions_are_learned_when_first_needed(avatars_run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = photos / "photo 00.png"
    known = avatars_run / "attributes.safetensors"
    known.unlink(missing_ok=True)
    assert "learned first" in notices(capsys, "edit", avatars_run, photo, "--add", "Eyeglasses=1")
    assert is_picture(avatars_run / "edits.png")
    learned = known.read_bytes()
    assert "learn" not in notices(capsys, "edit", avatars_run, photo, "--add", "Eyeglasses=1")
    directions = Directions.load(known)
    directions.about["weights"] = "other"
    directions.save(known)
    assert "learned from other weights" in notices(capsys, "edit", avatars_run, photo, "--add", "Eyeglasses=1")
    assert known.read_bytes() == learned


def test_edits(avatars_run: Path, photos: Path, tmp_path: Path) -> None:
    some = [photos / "photo 00.png", photos / "photo 01.png"]
    works("edit", avatars_run, *some, "--add", "Eyeglasses=1", "--add", "Smiling=-0.5", "--out", tmp_path / "a.png")
    works("edit", avatars_run, *some, "--add", "Eyeglasses", "Smiling=-0.5", "--out", tmp_path / "same.png")
    works("edit", avatars_run, *some, "--add", "Eyeglasses", "--how", "mean", "--out", tmp_path / "mean.png")
    works("edit", avatars_run, some[0], "--add", "Beard", "--strip", "--project", 2, "--out", tmp_path / "strip.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "same.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "mean.png").read_bytes()
    with Image.open(tmp_path / "strip.png") as strip, Image.open(tmp_path / "mean.png") as three:
        assert strip.width > 2.5 * three.width, "seven strengths beside image and reconstruction"


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


def test_sums(avatars_run: Path, photos: Path, tmp_path: Path) -> None:
    a, b, c = (photos / f"photo 0{n}.png" for n in range(3))
    works("arithmetic", avatars_run, a, "-", b, "+", c, "--out", tmp_path / "sum.png")
    works("arithmetic", avatars_run, "+", a, b, "-", b, "--out", tmp_path / "mean.png")
    assert is_picture(tmp_path / "sum.png")
    assert is_picture(tmp_path / "mean.png")


def test_projections(avatars_run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    works("project", avatars_run, photos / "photo 00.png", "--steps", 5, "--out", tmp_path / "p.png")
    line = capsys.readouterr().out.splitlines()[0]
    before, after = (float(word.rstrip(",")) for word in line.split("similarity error ")[1].split(", pixel")[0].split(" -> "))
    assert after <= before
    assert is_picture(tmp_path / "p.png")


def test_the_python_of_the_page_runs(avatars_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (avatars_run / "attributes.safetensors").is_file():
        works("attributes", avatars_run)
    (avatars_run.parent / "runs").mkdir()
    (avatars_run.parent / "runs" / "faces").symlink_to(avatars_run)
    monkeypatch.chdir(avatars_run.parent)
    page = (Path(__file__).parents[2] / "docs" / "latent.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"images": torch.zeros(2, 3, 16, 16)}
    exec(compile(code, "latent.md", "exec"), names)
    assert names["edited"].shape == (2, 3, 16, 16)


MISTAKES = {
    "an attribute misspelt": (["edit", "PHOTO", "--add", "eyeglases=1"], "Did you mean Eyeglasses?"),
    "an attribute that is none": (["edit", "PHOTO", "--add", "Zebra=1"], "There are Bald"),
    "a strength that is none": (["edit", "PHOTO", "--add", "Beard=lots"], "--add takes NAME=STRENGTH"),
    "a strength that is not finite": (["edit", "PHOTO", "--add", "Beard=nan"], "must be a finite number"),
    "an attribute twice": (["edit", "PHOTO", "--add", "Beard=1", "Beard=2"], "given twice"),
    "nothing to add": (["edit", "PHOTO"], "--add"),
    "a strip of two": (["edit", "PHOTO", "--add", "Beard=1", "Bald=1", "--strip"], "shows one attribute"),
    "steps below 0": (["edit", "PHOTO", "--add", "Beard=1", "--project", "-1"], "--project"),
    "an image that is not there": (["edit", "nothing.png", "--add", "Beard=1"], "there is no image nothing.png"),
    "an image that is none": (["interpolate", "PHOTO", "BAD"], "cannot read"),
    "one image alone": (["interpolate", "PHOTO"], "name two or more"),
    "steps without end": (["interpolate", "PHOTO", "PHOTO", "--steps", "100000000"], "--steps must be from 2 to 1,000"),
    "one step": (["interpolate", "PHOTO", "PHOTO", "--steps", "1"], "--steps must be from 2"),
    "a course that is none": (["interpolate", "PHOTO", "PHOTO", "--how", "round"], "spherical"),
    "no time": (["walk", "--seconds", "0"], "--seconds"),
    "time without end": (["walk", "--seconds", "inf"], "--seconds"),
    "no frames": (["walk", "--fps", "nan"], "--fps must be from 1 to 50"),
    "tiles that are none": (["walk", "--tiles", "many"], "--tiles must be rows x columns"),
    "too many tiles": (["walk", "--tiles", "99x99"], "--tiles must be from 1x1 to 20x20"),
    "a seed below 0": (["walk", "--seed", "-1"], "--seed"),
    "a film as a picture": (["walk", "--out", "walk.png"], "ends in .gif or .mp4"),
    "a sum of one": (["arithmetic", "PHOTO"], "a sum needs + or - between images"),
    "a sign at the end": (["arithmetic", "PHOTO", "-"], "no image after -"),
    "two signs": (["arithmetic", "PHOTO", "-", "+", "PHOTO"], "two signs in a row"),
    "no steps": (["project", "PHOTO", "--steps", "0"], "--steps"),
    "a rate that is no number": (["project", "PHOTO", "--lr", "nan"], "--lr"),
    "a picture that cannot be written": (["project", "PHOTO", "--steps", "1000000", "--out", "p.xyz"], "ends in .png"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(arguments: list[str], words: str, avatars_run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "bad.png").write_text("no image")
    if not (avatars_run / "attributes.safetensors").is_file():
        works("attributes", avatars_run)
    places = {"PHOTO": photos / "photo 00.png", "BAD": photos / "bad.png"}
    command, *rest = (places.get(argument, argument) for argument in arguments)
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        run([str(argument) for argument in (command, avatars_run, *rest)])
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert exit_.value.code == 2
    assert words in error
    assert "Traceback" not in error
    assert "no run folder" in fails(capsys, "walk", "nowhere")
