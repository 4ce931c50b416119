"""Copies are found out, and new images are not accused."""

from __future__ import annotations

import numpy as np
import pytest

from vaegan.metrics.memorization import Copying, copying_of, unlike_real_images, verdict

RANDOM = np.random.default_rng(0)
TRAINING = RANDOM.normal(size=(300, 6)).astype(np.float32)
HELD_OUT = RANDOM.normal(size=(150, 6)).astype(np.float32)


def test_copies() -> None:
    copies = TRAINING[:100] + RANDOM.normal(0, 0.05, (100, 6)).astype(np.float32)
    found = copying_of(copies, HELD_OUT, TRAINING)
    assert found.share_nearer == 1
    assert found.near_one.share > 0.95
    assert found.near_one.p < 1e-12
    assert "look for copies" in verdict(found.near_one)


def test_a_few_copies_among_new_images() -> None:
    mixed = np.concatenate([TRAINING[:20], RANDOM.normal(size=(180, 6)).astype(np.float32)])
    found = copying_of(mixed, HELD_OUT, TRAINING).near_one
    assert found.share == pytest.approx(0.1, abs=0.02)
    assert found.p < 0.01


def test_copies_of_images_that_a_set_has_four_times() -> None:
    found = copying_of(TRAINING[:50], HELD_OUT, np.repeat(TRAINING, 4, axis=0))
    assert found.near_one.share == 1
    assert found.near_one.p < 1e-12


def test_held_out_images_that_are_training_images_too_hide_no_copies() -> None:
    for rounding in (0, 1e-5):
        found = copying_of(TRAINING[:100], np.concatenate([HELD_OUT, TRAINING[-10:] + np.float32(rounding)]), TRAINING).near_one
        assert found.share == 1
        assert found.p < 1e-12


def test_new_images_and_far_ones() -> None:
    found = copying_of(RANDOM.normal(size=(200, 6)), HELD_OUT, TRAINING)
    assert found.share_nearer == pytest.approx(0.5, abs=0.1)
    assert found.near_one.p > 0.01
    assert verdict(found.near_one) == "no sign of copies"
    assert copying_of(HELD_OUT * 4, HELD_OUT, TRAINING).near_one.p > 0.1


def test_typical_images_are_no_copies() -> None:
    """Samples that vary too little are near many training images, so that each is nearer to one than new images are."""
    found = copying_of(RANDOM.normal(0, 0.5, size=(200, 6)), HELD_OUT, TRAINING)
    assert found.share_nearer > 0.9
    assert verdict(found.near_one) == "no sign of copies"


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
    assert verdict(near.near_one, "grainier") == "no verdict: samples are grainier than real images"


def test_the_test_by_hand() -> None:
    """One of two held-out images decides; of all ten orders of three samples and two held-out images, one has all samples first."""
    held_out = np.array([[0.4, 1.0], [0.9, 1.0]])
    below, above = np.array([[0.1, 1.0], [0.2, 1.0], [0.3, 1.0]]), np.array([[0.5, 1.0], [0.6, 1.0], [0.7, 1.0]])
    assert Copying(below, held_out).near_one == pytest.approx((1, 1 / 3, 0.1))
    assert Copying(above, held_out).near_one == pytest.approx((0, 1 / 3, 1))
    assert Copying(np.concatenate([below[:1], above[:2]]), held_out).near_one == pytest.approx((1 / 3, 1 / 3, 0.6))
    zeros = np.zeros((4, 5))
    assert Copying(zeros, zeros).near_one == pytest.approx((0, 1, 1))
    assert verdict(Copying(zeros, zeros).near_one) == "no verdict: all held-out images that were compared are training images, too"


def test_p_values_are_those_of_chance() -> None:
    random = np.random.default_rng(5)
    found = [Copying(*np.sort(random.uniform(size=(2, 400, 2)), axis=2)).near_one for _ in range(500)]
    ps = np.array([one.p for one in found])
    assert np.mean([one.share for one in found]) == pytest.approx(found[0].by_chance, abs=0.001)
    assert all(np.mean(ps <= bound) <= bound + 0.03 for bound in (0.01, 0.05, 0.1, 0.3))
    assert np.mean(ps <= 0.3) > 0.15
