"""The regressor reads attributes off images it has not seen, and is the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaegan import UserError
from vaegan.data import ImageSet, open_images, split
from vaegan.data.batches import to_tensor
from vaegan.data.images import Preparation
from vaegan.metrics import regressor
from vaegan.metrics.regressor import regressor_of

NAMES = ("Dark_Skin", "Long_Hair", "Wearing_Hat")


@pytest.fixture(autouse=True)
def _few_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regressor, "STEPS", 10)
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path))


@pytest.fixture
def images() -> ImageSet:
    return open_images("avatars", Preparation((16, 16), 3), count=400, progress=lambda *_: None)


def correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.corrcoef(one[:, a], other[:, a])[0, 1] for a in range(one.shape[1])])


def test_it_beats_chance_on_held_out_images(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regressor, "STEPS", 60)
    training, held_out = split(images, 0.3)
    found = regressor_of(images, training, NAMES)
    truth = found.standard(images.attributes_named(NAMES)[held_out[:]])
    assert np.abs(found.standard(images.attributes_named(NAMES)[training[:]]).mean(0)).max() < 1e-6
    assert found.standard(images.attributes_named(NAMES)[training[:]]).std(0) == pytest.approx(1)
    read = found.read(to_tensor(images.images[held_out[:]]))
    assert correlation(read, truth).min() > 0.4
    assert np.square(read - truth).mean() < 0.8  # who says the mean of each attribute has 1


def test_it_is_kept_and_the_same_each_time(images: ImageSet, tmp_path: Path) -> None:
    training, _ = split(images, 0.3)
    steps: list[int] = []
    first = regressor_of(images, training, NAMES, lambda _, done, __: steps.append(done))
    assert len(steps) == 10
    again = regressor_of(images, training, NAMES, lambda *_: pytest.fail("it was there already"))
    assert again.weights == first.weights
    (file,) = (tmp_path / "extractors").glob("*.safetensors")
    file.write_bytes(b"damaged")
    anew = regressor_of(images, training, NAMES)
    pixels = torch.zeros(2, 3, 16, 16)
    assert np.array_equal(anew.read(pixels), first.read(pixels))
    assert regressor_of(images, training, NAMES[:2]).weights != first.weights


def test_what_is_not_known_is_left_out(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    training, _ = split(images, 0.3)
    attributes = images.attributes_named(NAMES)
    attributes[training[::2], 0] = np.nan
    monkeypatch.setattr(ImageSet, "attributes_named", lambda *_: attributes)
    found = regressor_of(images, training, NAMES)
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.read(torch.zeros(1, 3, 16, 16))).all()


def test_an_attribute_may_be_the_same_for_those_that_are_learned_from(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regressor, "MOST", 70)
    training, _ = split(images, 0.3)
    attributes = images.attributes_named(NAMES)
    attributes[:, 0] = 1
    attributes[training[:][1], 0] = -1  # not one of those 70
    monkeypatch.setattr(ImageSet, "attributes_named", lambda *_: attributes)
    found = regressor_of(images, training, NAMES)
    assert np.isfinite(found.standard(attributes)).all()
    assert np.isfinite(found.read(torch.zeros(1, 3, 16, 16))).all()


def test_too_few_images(images: ImageSet) -> None:
    with pytest.raises(UserError, match="there are only 10 training images, and at least 64 are needed"):
        regressor_of(images, np.arange(10), NAMES)
