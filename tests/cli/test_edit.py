"""vaegan attributes, edit and arithmetic, as a user types them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vaegan.latent.directions import Directions

from ..command import fails, is_picture, notices, works


def test_the_directions_are_learned_when_first_needed(trained_on_avatars: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = photos / "photo 00.png"
    known = trained_on_avatars / "attributes.safetensors"
    assert "learning the directions of attributes first" in notices(capsys, "edit", trained_on_avatars, photo, "--add", "Eyeglasses=1")
    assert is_picture(trained_on_avatars / "edits.png")
    learned = known.read_bytes()
    assert "learn" not in notices(capsys, "edit", trained_on_avatars, photo, "--add", "Eyeglasses=1")
    directions = Directions.load(known)
    directions.about["weights"] = "other"
    directions.save(known)
    assert "the model has changed since" in notices(capsys, "edit", trained_on_avatars, photo, "--add", "Eyeglasses=1")
    assert known.read_bytes() == learned


@pytest.mark.parametrize(("add", "words"), [("Zebra=1", "there are Bald"), ("direction-99=1", "no direction named direction-99")])
def test_what_is_not_there_is_refused_before_anything_is_learned(
    add: str, words: str, trained_on_avatars: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = trained_on_avatars / "attributes.safetensors"
    fails(capsys, "edit", trained_on_avatars, photos / "photo 00.png", "--add", "Beard=1", add, words=words)
    assert not known.exists()


def test_an_attribute_of_too_few_images_is_refused_before_anything_is_learned(
    trained_on_avatars: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = trained_on_avatars / "attributes.safetensors"
    monkeypatch.setattr("vaegan.latent.learn_directions.learnable.__defaults__", (290,))
    fails(
        capsys,
        "edit",
        trained_on_avatars,
        photos / "photo 00.png",
        "--add",
        "Beard=1",
        words="and at least 290 of each are needed",
    )
    assert not known.exists()


def test_without_attributes_there_are_two_ways_out(trained: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = photos / "photo 00.png"
    pair, principal = "--with IMAGES --without IMAGES --name Smile", "--add direction-1"
    for run in (trained, trained / "model"):
        said = fails(capsys, "edit", run, photo, "--add", "Smile=1")
        assert (pair in said, principal in said) == (True, True)
    (trained / "model" / "prior.safetensors").unlink()
    for run in (trained, trained / "model"):
        said = fails(capsys, "edit", run, photo, "--add", "Smile=1")
        assert (pair in said, principal in said) == (True, False)


def test_the_attribute_that_is_told_apart_best_is_suggested(avatars_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = notices(capsys, "attributes", avatars_run)
    about = Directions.load(avatars_run / "attributes.safetensors")
    aucs = dict(zip(about.names, (auc or 0 for _, auc in about.about["probe"]), strict=True))
    best = next(name for name in aucs if f"--add {name}=1" in said)
    assert aucs[best] == max(aucs.values()) > aucs[about.names[0]]


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


def test_sums(avatars_run: Path, photos: Path, tmp_path: Path) -> None:
    a, b, c = (photos / f"photo 0{n}.png" for n in range(3))
    works("arithmetic", avatars_run, a, "-", b, "+", c, "--out", tmp_path / "sum.png")
    works("arithmetic", avatars_run, "+", a, b, "-", b, "--out", tmp_path / "mean.png")
    assert is_picture(tmp_path / "sum.png")
    assert is_picture(tmp_path / "mean.png")


def test_the_python_of_the_page_runs(avatars_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (avatars_run.parent / "runs").mkdir()
    (avatars_run.parent / "runs" / "faces").symlink_to(avatars_run)
    monkeypatch.chdir(avatars_run.parent)
    page = (Path(__file__).parents[2] / "docs" / "edit.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    Image.new("RGB", (20, 20), "grey").save("face.png")
    names: dict[str, Any] = {}
    exec(compile(code, "edit.md", "exec"), names)
    assert names["edited"].shape == (1, 3, 16, 16)


MISTAKES = {
    "an attribute misspelt": (["edit", "PHOTO", "--add", "eyeglases=1"], "Did you mean Eyeglasses?"),
    "an attribute that is none": (["edit", "PHOTO", "--add", "Zebra=1"], "there are Bald"),
    "a strength that is none": (
        ["edit", "PHOTO", "--add", "Beard=lots"],
        '--add must be NAME=NUMBER, such as Eyeglasses=1, not "Beard=lots"',
    ),
    "a strength without a name": (["edit", "PHOTO", "--add", "=1"], '--add must be NAME=NUMBER, such as Eyeglasses=1, not "=1"'),
    "a strength that is not finite": (["edit", "PHOTO", "--add", "Beard=nan"], "must be a finite number"),
    "an attribute twice": (["edit", "PHOTO", "--add", "Beard=1", "Beard=2"], "given twice"),
    "no images to add": (["edit", "PHOTO"], "--add"),
    "a strip of two": (["edit", "PHOTO", "--add", "Beard=1", "Bald=1", "--strip"], "shows one attribute"),
    "steps below 0": (["edit", "PHOTO", "--add", "Beard=1", "--project", "-1"], "--project"),
    "an image that is not there": (["edit", "nothing.png", "--add", "Beard=1"], "nothing.png does not exist"),
    "a sum of one": (["arithmetic", "PHOTO"], "arithmetic needs + or - between images"),
    "a sign at the end": (["arithmetic", "PHOTO", "-"], 'an image is missing after "-"'),
    "two signs": (["arithmetic", "PHOTO", "-", "+", "PHOTO"], "one sign directly follows another in"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(arguments: list[str], words: str, avatars_run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, *rest = (photos / "photo 00.png" if argument == "PHOTO" else argument for argument in arguments)
    fails(capsys, command, avatars_run, *rest, words=words)
