"""Copies are found out, and new images are not accused."""

from __future__ import annotations

import numpy as np
import pytest

from vaegan.metrics.memorization import Copying, copying_of, copying_test, unlike_real_images, verdict

RANDOM = np.random.default_rng(0)
TRAINING = RANDOM.normal(size=(300, 6)).astype(np.float32)
HELD_OUT = RANDOM.normal(size=(150, 6)).astype(np.float32)


def test_copies() -> None:
    copies = TRAINING[:100] + RANDOM.normal(0, 0.05, (100, 6)).astype(np.float32)
    found = copying_of(copies, HELD_OUT, TRAINING)
    z, p = copying_test(found)
    assert found.share == 1
    assert z < -8
    assert p < 1e-12
    assert "look for copies" in verdict(p)


def test_a_few_copies_among_new_images() -> None:
    mixed = np.concatenate([TRAINING[:40], RANDOM.normal(size=(60, 6)).astype(np.float32)])
    z, p = copying_test(copying_of(mixed, HELD_OUT, TRAINING))
    assert z < -2.5
    assert p < 0.01


def test_new_images_and_far_ones() -> None:
    z, p = copying_test(copying_of(RANDOM.normal(size=(200, 6)), HELD_OUT, TRAINING))
    assert abs(z) < 3
    assert 0.01 < p < 0.99
    assert verdict(p) == "no sign of copies"
    z, p = copying_test(copying_of(HELD_OUT * 4, HELD_OUT, TRAINING))
    assert z > 5
    assert p > 0.999


def test_no_verdict_on_samples_that_are_unlike_real_images() -> None:
    """Features of grainy images may lie close together and near those of training images, which looks like copies."""
    copies = TRAINING[:100] + RANDOM.normal(0, 0.05, (100, 6)).astype(np.float32)
    near, far = copying_of(copies, HELD_OUT, TRAINING), copying_of(HELD_OUT * 9, HELD_OUT, TRAINING)
    real = RANDOM.uniform(0.1, 0.2, 300)
    ways = {
        "": (near, real[:100]),
        "grainier": (near, real[:100] + 0.2),
        "smoother": (near, real[:100] / 10),
        "farther from training images": (far, real[:100]),
    }
    assert {word: unlike_real_images(distances, grain, real) for word, (distances, grain) in ways.items()} == {word: word for word in ways}
    assert verdict(copying_test(near)[1], "grainier") == "no verdict: samples are grainier than real images"


def test_the_statistic_by_hand() -> None:
    """U counts pairs where the sample is farther, ties as a half; its mean is mn/2 and its variance mn(m+n+1)/12 without ties."""
    z, _ = copying_test(Copying(np.array([1.0, 2.0, 5.0]), np.array([3.0, 4.0])))
    assert z == pytest.approx((2 - 3) / np.sqrt(3 * 2 * 6 / 12))
    z, p = copying_test(Copying(np.array([1.0, 1.0]), np.array([1.0, 1.0, 1.0])))
    assert (z, p) == (0.0, 0.5)
    tied, _ = copying_test(Copying(np.array([1.0, 2.0]), np.array([2.0, 3.0])))
    assert tied == pytest.approx((0.5 - 2) / np.sqrt(4 / 12 * (5 - 6 / 12)))


def test_p_values_are_those_of_chance() -> None:
    random = np.random.default_rng(5)
    ps = [copying_test(Copying(*random.normal(size=(2, 40))))[1] for _ in range(500)]
    assert np.mean(np.array(ps) < 0.1) == pytest.approx(0.1, abs=0.04)
