"""A run goes on with more images than before: what was held out stays held out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from vaegan import Recipe, Run, UserError, dry_run
from vaegan.data import pack_memory, prepare
from vaegan.training import checkpoint
from vaegan.workflow import resume, train

from ..tiny import QUIETLY, equal, tiny
from .test_callbacks import asks


def add(photos: Path, count: int) -> None:
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"a new {number:02d}.png")  # before the older ones


def longer(recipe: Recipe, steps: int = 8) -> Recipe:
    return replace(recipe, training=replace(recipe.training, length=f"{steps} steps"))


def begun(photos: Path, run: Path, **more: Any) -> Recipe:
    recipe = tiny(data__source=str(photos), **more)
    train(recipe, run, **QUIETLY)
    return recipe


def parts(run: Path) -> tuple[list[str], list[str]]:
    """The names of the images that a run is trained on, and of those held out."""
    opened = Run.open(run)
    images = opened.images()
    names = images.names
    training, held_out = opened.split(images)
    return [names[i] for i in training[:]], [names[i] for i in held_out[:]]


@pytest.mark.parametrize("held_out", [0.2, 0.0])
def test_what_was_held_out_stays_held_out(held_out: float, photos: Path, tmp_path: Path) -> None:
    recipe = begun(photos, tmp_path / "run", data__held_out=held_out)
    _, before = parts(tmp_path / "run")
    add(photos, 20)
    with pytest.raises(
        UserError, match="not those that the run was trained on: if you only added images, add --more-images; if not, train"
    ):
        resume(tmp_path / "run", longer(recipe), **QUIETLY)
    assert not dry_run(longer(recipe), tmp_path / "run", mode="resume", device="cpu", more_images=True).problems
    said = Console(record=True, stderr=True, width=1000)
    resume(tmp_path / "run", longer(recipe), more_images=True, device="cpu", report=False, progress=said)
    training, after = parts(tmp_path / "run")
    assert after == before
    assert len(after) == round(40 * held_out)
    assert sorted([*training, *after]) == sorted(path.name for path in photos.iterdir())
    sentence = f"there are 60 images now: {60 - len(after)} training images and, as before, {len(after)} held-out images"
    assert said.export_text().count(sentence) == 1
    assert list(Run.open(tmp_path / "run").checkpoints)[-1] == 8


def test_another_set_of_the_same_pixels_is_not_taken_for_the_older_one(photos: Path, tmp_path: Path) -> None:
    """The cache may hold the same images under other names, from an array."""
    recipe = begun(photos, tmp_path / "run", data__held_out=0.2)
    opened = Run.open(tmp_path / "run")
    pack_memory(opened.images().images[:], opened.preparation, progress=lambda *_: None)
    add(photos, 20)
    resume(tmp_path / "run", longer(recipe), more_images=True, **QUIETLY)
    assert len(parts(tmp_path / "run")[1]) == 8


def test_a_set_that_was_damaged_is_not_taken_for_the_older_one(photos: Path, tmp_path: Path) -> None:
    recipe = begun(photos, tmp_path / "run", data__held_out=0.2)
    whole = Run.open(tmp_path / "run").images().folder
    damaged = Path(shutil.copytree(whole, whole.with_name("a-damaged-copy")))  # before the whole one
    content = bytearray((damaged / "images-00000.npy").read_bytes())
    content[-1] ^= 255
    (damaged / "images-00000.npy").write_bytes(content)
    add(photos, 20)
    resume(tmp_path / "run", longer(recipe), more_images=True, **QUIETLY)
    assert len(parts(tmp_path / "run")[1]) == 8
    shutil.rmtree(damaged)  # the cache is that of all tests


def test_it_then_goes_on_as_ever(photos: Path, tmp_path: Path) -> None:
    """Also after other images were added once more; and stopping changes nothing."""
    recipe = begun(photos, tmp_path / "run", data__held_out=0.2)
    shutil.copytree(tmp_path / "run", tmp_path / "halves")
    add(photos, 20)
    resume(tmp_path / "run", longer(recipe, 9), more_images=True, **QUIETLY)
    resume(tmp_path / "halves", longer(recipe, 9), more_images=True, callbacks=[asks(7, "stop")], **QUIETLY)
    resume(tmp_path / "halves", longer(recipe, 9), **QUIETLY)
    assert equal(*(checkpoint.load(tmp_path / name / "checkpoints")[0] for name in ("run", "halves")))
    add(photos, 23)
    before = parts(tmp_path / "run")[1]
    resume(tmp_path / "run", longer(recipe, 10), more_images=True, **QUIETLY)
    training, after = parts(tmp_path / "run")
    assert (len(training), after) == (55, before)


def test_images_that_are_gone_or_have_changed_are_named(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = begun(photos, tmp_path / "run")
    add(photos, 5)
    shutil.copy(photos / "a new 00.png", photos / "photo 03.png")
    with pytest.raises(UserError, match=r"1 of the 40 images of the run has changed in .*: photo 03\.png; --more-images needs all"):
        resume(tmp_path / "run", longer(recipe), more_images=True, **QUIETLY)
    (photos / "photo 01.png").unlink()
    with pytest.raises(UserError, match=r"1 of the 40 images of the run is missing in .*: photo 01\.png; --more-images needs all"):
        resume(tmp_path / "run", longer(recipe), more_images=True, **QUIETLY)
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "another"))
    with pytest.raises(
        UserError,
        match=r"the packed images of .* do not exist any more, so vaegan does not know which images were held out: train a new run from",
    ):
        resume(tmp_path / "run", longer(recipe), more_images=True, **QUIETLY)


def test_sets_with_splits_keep_theirs(photos: Path, tmp_path: Path) -> None:
    """What is in their validation and was not held out before is not trained on."""
    recipe = tiny(data__source=str(tmp_path / "set"), training__length="6 steps")
    fractions = {"train": 0.8, "validation": 0.2}
    prepare(str(photos), tmp_path / "set", progress=lambda *_: None, size=(16, 16), fractions=fractions, workers=1)
    train(recipe, tmp_path / "run", **QUIETLY)
    before = parts(tmp_path / "run")[1]
    add(photos, 20)
    larger = prepare(str(photos), tmp_path / "larger", progress=lambda *_: None, size=(16, 16), fractions=fractions, workers=1)
    moved = replace(longer(recipe), data=replace(recipe.data, source=str(tmp_path / "larger")))
    resume(tmp_path / "run", moved, more_images=True, **QUIETLY)
    training, after = parts(tmp_path / "run")
    names = larger.names
    assert after == before
    assert set(training) == {names[i] for i in larger.split("train")} - set(before)
    few = prepare(str(photos), tmp_path / "few", progress=lambda *_: None, size=(16, 16), count=5, workers=1)
    assert len(Run.open(tmp_path / "run").split(few)[0]) == 4  # another set is split as ever


def test_arrays_may_become_longer(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
    train(tiny(), tmp_path / "run", data=images[:30], **QUIETLY)
    before = parts(tmp_path / "run")[1]
    resume(tmp_path / "run", tiny(training__length="8 steps"), data=images, more_images=True, **QUIETLY)
    training, after = parts(tmp_path / "run")
    assert (len(training), after) == (44, before)
