"""Grain, and distances in features of photographs, move as they should when real images are changed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from vaegan.data.batches import to_tensor
from vaegan.data.sources.avatars import draw_factors, render
from vaegan.errors import UserError
from vaegan.metrics.collect import collect
from vaegan.metrics.extractors.base import Extractor
from vaegan.metrics.extractors.efficientnet import EfficientNet
from vaegan.metrics.extractors.mobilenet import MobileNet
from vaegan.metrics.features import Features
from vaegan.metrics.frechet import FrechetDistance
from vaegan.metrics.grain import share_of_period_two

from .changes import changed, photographs

STRENGTHS = {"blurred": (0.5, 1, 2), "noisy": (4, 8, 16), "JPEG": (75, 40, 10), "chequered": (1, 2, 4)}
"""Of each change, from little to much."""


@pytest.fixture(scope="module")
def avatars() -> NDArray[np.uint8]:
    return np.stack([render(draw_factors(0, number), (48, 48)) for number in range(48)])


def grain(images: NDArray[np.uint8]) -> float:
    return float(share_of_period_two(to_tensor(images)).mean())


def test_grain_of_photographs() -> None:
    real = photographs()
    assert grain(real) < 1e-3  # next to nothing
    found = {how: [grain(changed(real, how, strength)) / grain(real) for strength in strengths] for how, strengths in STRENGTHS.items()}
    assert max(found["blurred"]) < 0.9
    assert sorted(found["JPEG"], reverse=True) == found["JPEG"]
    assert 1 < found["noisy"][0] < found["noisy"][1] < found["noisy"][2] < 1.5
    assert 10 < found["chequered"][0] < found["chequered"][1] < found["chequered"][2]


def test_grain_of_avatars(avatars: NDArray[np.uint8]) -> None:
    found = {how: [grain(changed(avatars, how, strength)) / grain(avatars) for strength in STRENGTHS[how]] for how in STRENGTHS}
    assert max(found["blurred"]) < 0.9
    assert all(0.5 < share < 1.5 for share in found["JPEG"])
    assert 1 < found["noisy"][0] < found["noisy"][1] < found["noisy"][2] < 2
    assert 2 < found["chequered"][0] < found["chequered"][1] < found["chequered"][2]


@pytest.fixture(scope="module", params=[EfficientNet, MobileNet])
def extractor(request: pytest.FixtureRequest) -> Extractor:
    try:
        made: Extractor = request.param()
    except UserError as error:
        pytest.skip(str(error))
    return made


def features(extractor: Extractor, images: NDArray[np.uint8]) -> Features:
    return collect(extractor, [to_tensor(images)], len(images))


def distance(one: Features, other: Features) -> float:
    return FrechetDistance().between(one, other)["frechet_distance"]


def test_distances_of_photographs_rise(extractor: Extractor) -> None:
    images = photographs()[::4]
    real = features(extractor, images)
    for how, strengths in STRENGTHS.items():
        found = [0, *(distance(features(extractor, changed(images, how, strength)), real) for strength in strengths)]
        assert all(low < 0.8 * high for low, high in pairwise(found))


def test_avatars_that_are_changed_much_are_farther_than_others(extractor: Extractor, avatars: NDArray[np.uint8]) -> None:
    """The floor is the distance of other avatars, as they are."""
    others, real = avatars[::2], features(extractor, avatars[1::2])
    floor = distance(features(extractor, others), real)
    for how, strengths in STRENGTHS.items():
        assert distance(features(extractor, changed(others, how, strengths[-1])), real) > 1.1 * floor, how
