"""What training says of a set before it starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan import Recipe
from vaegan.data import ImageSet, split
from vaegan.data.sources.base import Item, Pixels, Source
from vaegan.doctor import quick
from vaegan.doctor.advice import amounts, rare_attributes

from ..command import train, works
from ..data.numbered import pack
from ..tiny import tiny


def packed(folder: Path, copies: dict[int, int], count: int = 300) -> ImageSet:
    """Random images, some of which are copies of others, with splits, and with attributes that differ in how common they are."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    for copy, of in copies.items():
        pixels[copy] = pixels[of]

    def item(n: int) -> Item:
        return Item(f"{n:03d}", Pixels(pixels[n]), "test" if n >= count - 30 else "train", "", (float(n % 2), float(n < 2), float(n < 40)))

    return pack(Source("random", lambda: map(item, range(count)), count, "listing", "state", ("Half", "Rare", "Some")), folder)


def sentences(images: ImageSet, recipe: Recipe) -> list[str]:
    return list(quick.notes(images, *split(images, recipe.data.held_out), recipe))


def test_exact_copies_and_leaks_are_counted(tmp_path: Path) -> None:
    images = packed(tmp_path / "set", {5: 3, 6: 3, 70: 290, 291: 292})
    said = sentences(images, Recipe.load("quick", {"training.length": "1 epochs", "data.source": "my set"}))
    assert said == [
        '1 attribute is too rare or too common to learn: "Rare" (2 images have it); the command "vaegan attributes" leaves it out',
        "of 300 images that were compared, 4 are exact copies of others, and 1 held-out image is in training, too: "
        "see all copies with: vaegan doctor 'my set'",
    ]
    groups, compared = quick.exact_copies(images)
    assert (sorted(groups), compared) == ([[3, 5, 6], [70, 290], [291, 292]], 300)


def test_it_stops_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "SECONDS", -1.0)
    groups, compared = quick.exact_copies(packed(tmp_path / "set", {1: 0}))
    assert compared in (quick.BLOCK, 300 % quick.BLOCK)
    assert len(groups) <= 1


@pytest.mark.parametrize(
    ("training", "held_out", "length", "words"),
    [
        (10, 5, "1 epochs", "at least 24 are needed for a batch"),
        (500, 19, "1 epochs", "add images, or set --data.held_out 0.04"),
        (600, 60, "2800 steps", "trains for 112 epochs on 600 images"),
        (100_000, 60, "2800 steps", "uses only 67% of the 100,000 training images"),
        (30_000, 60, "2800 steps", ""),
    ],
)
def test_the_number_of_images(training: int, held_out: int, length: str, words: str) -> None:
    said = list(amounts(training, held_out, Recipe.load("quick", {"training.length": length}), has_splits=False))
    assert len(said) == bool(words)
    assert words in "".join(said)


def test_attributes_that_are_unknown_do_not_count() -> None:
    values = np.full((1000, 2), np.nan, np.float32)
    values[:400] = [1, 0]
    values[:9] = [0, 0]
    values[9:20] = [1, 1]
    said = list(rare_attributes(("Common", "Some"), values, tiny(networks__attributes=("Common",))))
    assert said == [
        '1 attribute is too rare or too common to learn: "Common" (9 images do not have it); '
        'the command "vaegan attributes" leaves it out, and a conditional model learns nothing from it'
    ]


def test_training_says_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    (tmp_path / "photos").mkdir()
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / "photos" / f"{number}.png")
    Image.fromarray(pixels[0]).save(tmp_path / "photos" / "again.png", compress_level=1)
    train(tmp_path / "run", "--data", tmp_path / "photos", data__avatars=None, training__length="1 steps")
    assert "note: of 13 images that were compared, 1 is an exact copy of another one" in capsys.readouterr().err
    works("train", "--resume", tmp_path / "run", "--steps", 2, "--device", "cpu", "--no-report")
    assert "exact copies" not in capsys.readouterr().err
