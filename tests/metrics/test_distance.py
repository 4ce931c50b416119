"""Distances of features: worse images get larger ones, real images the baseline, and draws follow from the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaegan.data.batches import to_tensor
from vaegan.metrics.collect import collect
from vaegan.metrics.distance import Distance, compare_resampled, named
from vaegan.metrics.features import Features
from vaegan.metrics.registry import metrics

from .fixed import RandomFeatures, squares

EXTRACTOR = RandomFeatures()
COUNT = 400


def features(pixels: NDArray[np.uint8]) -> Features:
    return collect(EXTRACTOR, [to_tensor(pixels)], len(pixels))


def compare(generated: Features, real: Features) -> Mapping[str, float]:
    distances = [metric for metric in metrics() if isinstance(metric, Distance)]
    return {name: number for metric in distances for name, number in metric.between(generated, real).items()}


REAL, OTHERS = squares(COUNT, 0), squares(COUNT, 1)


def blurred(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    soft = torch.nn.functional.avg_pool2d(images, 7, 1, 3, count_include_pad=False)
    return (images + strength * (soft - images)).permute(0, 2, 3, 1).round().byte().numpy()


def noisy(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(2).normal(0, 80 * strength, pixels.shape)
    return (pixels + noise).clip(0, 255).round().astype(np.uint8)


def tinted(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    return (pixels + strength * np.array([40, 0, -30])).clip(0, 255).round().astype(np.uint8)


def with_fewer_kinds(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    return squares(len(pixels), 1, first=round(3 * strength))


@pytest.mark.parametrize("worse", [blurred, noisy, tinted, with_fewer_kinds])
def test_the_worse_the_images_the_larger_the_distances(worse: Callable[[NDArray[np.uint8], float], NDArray[np.uint8]]) -> None:
    real = features(REAL)
    found = [compare(features(worse(OTHERS, strength)), real) for strength in (0, 1 / 3, 2 / 3, 1)]
    for measure in ("frechet_distance", "kernel_distance"):
        values = [one[measure] for one in found]
        assert values == sorted(values), measure
        assert values[1] > 1.5 * abs(values[0]), measure
        assert values[3] > 5 * abs(values[0]), measure
    assert found[3]["coverage"] < 0.8 * found[0]["coverage"]
    if worse is with_fewer_kinds:
        assert found[3]["precision"] > 0.8  # what is left looks right
        assert found[3]["recall"] < 0.5 * found[0]["recall"]
    else:
        assert found[3]["precision"] < 0.8 * found[0]["precision"]


def test_real_images_are_at_the_baseline() -> None:
    found = compare_resampled(compare, features(OTHERS), features(REAL), 4, seed=0)
    assert found.each == COUNT // 2
    for measure, baseline in found.real_baseline.items():
        assert found.halves[measure].mean == pytest.approx(baseline.mean, abs=4 * (baseline.spread + found.halves[measure].spread)), measure
        assert baseline.spread > 0
    assert found.value["frechet_distance"] < found.halves["frechet_distance"].mean  # of more images it is less biased
    bad = compare_resampled(compare, features(noisy(OTHERS, 1)), features(REAL), 4, seed=0)
    assert (
        bad.halves["frechet_distance"].mean
        > found.real_baseline["frechet_distance"].mean + 8 * found.real_baseline["frechet_distance"].spread
    )
    assert bad.real_baseline == found.real_baseline


def test_neighbourhoods_are_of_equally_many() -> None:
    few, many = features(OTHERS[:60]), features(REAL)
    found, equal = compare(few, many), compare(few, features(REAL[:60]))
    for share in ("precision", "recall", "density", "coverage"):
        assert found[share] == equal[share]
    assert found["frechet_distance"] != equal["frechet_distance"]
    assert found["coverage"] > 0.8


def test_draws_follow_from_the_seed() -> None:
    one, again, other = (compare_resampled(compare, features(OTHERS[:80]), features(REAL), 2, seed) for seed in (0, 0, 1))
    assert one == again
    assert one.value == other.value
    assert one.halves != other.halves
    assert one.each == 40


def test_only_inception_gives_fid() -> None:
    assert named("frechet_distance", "Inception") == "fid"
    assert named("frechet_distance", "MobileNetV2") == "frechet_distance_mobilenet"
    assert named("kernel_distance", "Inception") == "kernel_distance_inception"
    assert named("recall", "attributes") == "recall_attributes"
