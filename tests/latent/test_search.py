"""A search finds what is there, among the images it is told to look among; and a model that copies is found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vaegan import VAEGAN, Architecture
from vaegan.data import ImageSet, prepare
from vaegan.data.batches import to_tensor
from vaegan.latent.search import By, Search, copying


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()


@pytest.fixture
def images(photos: Path, tmp_path: Path) -> ImageSet:
    return prepare(str(photos), tmp_path / "set", size=(16, 16), progress=lambda *_: None)


@pytest.mark.parametrize("by", ["code", "similarity"])
def test_an_image_is_nearest_to_itself_or_else_to_another(model: VAEGAN, images: ImageSet, by: By) -> None:
    search = Search(model, images, by)
    queries = to_tensor(images.images[np.array([11, 30])])
    numbers, distances = search(queries, 3)
    assert numbers[:, 0].tolist() == [11, 30]
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-5)
    assert (distances[:, 1] > 1e-4).all()
    others, farther = search(queries, 2, among=np.array([30, *range(20)]))
    assert others[1, 0] == 30
    assert 11 in others[0]
    without, _ = search(queries, 2, among=np.array([39, 12, 5, 2]))
    assert set(without.ravel()) <= {39, 12, 5, 2}
    assert farther.shape == (2, 2)


def test_a_model_that_copies_is_found_out(model: VAEGAN, images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    training, held_out = np.arange(30), np.arange(30, 40)
    pixels = to_tensor(images.images[training])
    noise = torch.rand(200, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def copies(count: int, seed: int = 0, prior: object = None) -> Tensor:  # noqa: ARG001
        return pixels[torch.arange(count) % len(pixels)]

    monkeypatch.setattr(model, "sample", copies)
    found = copying(Search(model, images, "similarity"), training, held_out)
    assert (found.share_nearer, found.near_one.share) == (1, 1)
    assert found.medians[0] < 1e-3 < found.medians[1]
    assert (len(found.samples), len(found.held_out)) == (200, 10)
    monkeypatch.setattr(model, "sample", lambda count, seed=0, prior=None: noise[:count])  # noqa: ARG005
    assert copying(Search(model, images, "similarity"), training, held_out).near_one.share < 0.5
