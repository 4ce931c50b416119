"""Neighbours are those that float64 finds by measuring everything, whatever comes in which parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaegan import VAEGAN, Architecture, UserError
from vaegan.data.batches import to_tensor
from vaegan.metrics import neighbors


def brute_force(queries: NDArray[np.float32], codes: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    squares = np.stack([np.square(query.astype(np.float64) - codes).sum(1) for query in queries])
    order = np.argsort(squares, axis=1, kind="stable")[:, :count]
    return order, np.sqrt(np.take_along_axis(squares, order, 1))


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_neighbours_are_those_of_brute_force(offset: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far from 0, float32 products have lost what tells the codes apart: only what is measured again is right."""
    monkeypatch.setattr(neighbors, "BLOCK", 64)
    monkeypatch.setattr(neighbors, "QUERIES", 4)
    random = np.random.default_rng(0)
    codes = random.normal(size=(1000, 24)).astype(np.float32) + np.float32(offset)
    queries = np.concatenate([codes[[5, 999]], random.normal(size=(9, 24)).astype(np.float32) + np.float32(offset)])
    numbers, distances = neighbors.nearest(torch.from_numpy(queries), torch.from_numpy(codes), 7)
    wanted, far = brute_force(queries, codes, 7)
    assert np.array_equal(numbers, wanted)
    assert np.array_equal(distances, far)
    assert (numbers[0, 0], distances[0, 0]) == (5, 0)


def test_differences_that_float32_products_cannot_see() -> None:
    """A query far from the others spoils the centre, so that the products round away all that is between the codes."""
    random = np.random.default_rng(0)
    codes = (100 + 1e-3 * random.normal(size=(400, 24))).astype(np.float32)
    queries = np.stack([codes[7], np.full(24, -5000, np.float32)])
    numbers, distances = neighbors.nearest(queries, codes, 5)
    wanted, far = brute_force(queries, codes, 5)
    assert np.array_equal(numbers, wanted)
    assert np.array_equal(distances, far)


def test_equal_distances_come_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "BLOCK", 3)
    codes = np.repeat(np.array([[1.0, 0], [-1, 0]], np.float32), 10, axis=0)
    numbers, distances = neighbors.nearest(np.zeros((2, 2), np.float32), codes, 12)
    assert np.array_equal(numbers, [list(range(12))] * 2)
    assert np.array_equal(distances, np.ones((2, 12)))


def test_fewer_codes_than_asked_for() -> None:
    codes = np.eye(3, dtype=np.float32)
    numbers, distances = neighbors.nearest(codes[:1], codes, 10)
    assert numbers.tolist() == [[0, 1, 2]]
    assert distances.shape == (1, 3)
    search = neighbors.NearestNeighbors(codes[:2], 10)
    search.add(codes, np.array([7, 8, 9]))
    assert search.result()[0].tolist() == [[7, 8, 9], [8, 7, 9]]
    none = neighbors.nearest(codes[:0], codes, 2)
    assert none[0].shape[0] == none[1].shape[0] == 0


def test_by_similarity_it_is_the_distance_of_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "PART", 16)
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), np.uint8)
    chosen = np.array([40, 3, *range(5, 30)])
    queries = to_tensor(pixels[[40, 1]])
    seen: list[tuple[str, int, int | None]] = []
    numbers, distances = neighbors.nearest_by_similarity(
        model, queries, pixels, chosen, 4, level=2, progress=lambda *call: seen.append(call)
    )
    with torch.inference_mode():
        features = model.discriminator.features(to_tensor(pixels), 2).double()
    everything = (features[[40, 1]][:, None] - features[chosen]).square().sum(2).sqrt()
    far, places = everything.topk(4, largest=False)
    assert np.array_equal(numbers, chosen[places.numpy()])
    np.testing.assert_allclose(distances, far.numpy(), rtol=1e-4, atol=1e-5)
    assert numbers[0, 0] == 40
    assert seen == [("comparing", 16, 27), ("comparing", 27, 27)]


def test_what_cannot_be_compared() -> None:
    codes = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="the number of neighbours must be above 0"):
        neighbors.nearest(codes, codes, 0)
    with pytest.raises(ValueError, match="3 x 2, not 3 x 3"):
        neighbors.nearest(codes[:, :2], codes, 1)
    codes[1, 1] = np.nan
    with pytest.raises(UserError, match="NaN or infinity"):
        neighbors.nearest(codes[:1], codes, 1)


def test_where_there_is_nothing_nothing_is_near() -> None:
    queries, codes = np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32)
    assert [found.shape for found in neighbors.nearest(queries, codes[:0], 5)] == [(2, 0)] * 2
    assert [len(found) for found in neighbors.nearest(queries[:0], codes, 2)] == [0, 0]
    with pytest.raises(ValueError, match="must be above 0, not 0"):
        neighbors.nearest(queries, codes, 0)
