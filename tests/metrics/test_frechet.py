"""Moments are those of all vectors at once, and the Frechet distance is the closed form, of any rank."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vaegan.errors import UserError
from vaegan.metrics.frechet import NormalDistribution, frechet_distance
from vaegan.metrics.moments import Moments


def rotation(size: int, seed: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def test_moments_in_parts_are_those_of_all() -> None:
    vectors = (np.random.default_rng(0).normal(size=(1000, 7)) * 0.1 + 1e4).astype(np.float32)
    moments = Moments.none(7)
    for start, stop in ((0, 1), (1, 1), (1, 400), (400, 1000)):
        moments.add(vectors[start:stop])
    wide = vectors.astype(np.float64)
    assert moments.count == 1000
    np.testing.assert_allclose(moments.mean, wide.mean(0), rtol=1e-14)
    np.testing.assert_allclose(moments.covariance, np.cov(wide.T), rtol=1e-9, atol=1e-12)


def test_one_image_has_no_covariance() -> None:
    with pytest.raises(UserError, match="at least 2 images, not 1"):
        _ = Moments.of(np.ones((1, 3))).covariance


@pytest.mark.parametrize("rank", [40, 13, 1])
def test_frechet_of_covariances_that_commute(rank: int) -> None:
    """In common axes it is |m1 - m2|^2 + sum (sqrt(a) - sqrt(b))^2."""
    random, axes = np.random.default_rng(rank), rotation(40, 2)
    a, b = random.uniform(0.1, 9, 40), random.uniform(0.1, 9, 40)
    a[rank:], b[: 40 - rank] = 0, 0  # of one they are the first axes, of the other the last
    one, other = random.normal(size=(2, 40))
    expected = np.square(one - other).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum()
    found = frechet_distance(NormalDistribution.of(one, (axes * a) @ axes.T), NormalDistribution.of(other, (axes * b) @ axes.T))
    assert found == pytest.approx(expected, rel=1e-6)
    assert found == pytest.approx(expected, rel=1e-12)


def test_frechet_of_covariances_that_do_not_commute() -> None:
    """In two dimensions tr (C1 C2)^(1/2) = sqrt(tr(C1 C2) + 2 sqrt(det C1 C2))."""
    one, other = np.array([[2.0, 0.6], [0.6, 1.0]]), np.array([[1.0, -0.5], [-0.5, 3.0]])
    product = one @ other
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = 1.25 + np.trace(one) + np.trace(other) - 2 * root
    found = frechet_distance(NormalDistribution.of(np.array([1.0, 0.5]), one), NormalDistribution.of(np.zeros(2), other))
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_normal_of_few_vectors_is_that_of_their_covariance() -> None:
    vectors = np.random.default_rng(0).normal(3, 1, (10, 200)).astype(np.float32)
    normal, moments = NormalDistribution.of_few(vectors), Moments.of(vectors)
    np.testing.assert_allclose(normal.mean, moments.mean, rtol=1e-12)
    np.testing.assert_allclose(normal.root @ normal.root.T, moments.covariance, rtol=1e-9, atol=1e-12)
    assert frechet_distance(normal, NormalDistribution.of(moments.mean, moments.covariance)) == pytest.approx(0, abs=1e-9)


def test_frechet_of_fewer_images_than_features() -> None:
    """10 vectors in 200 dimensions, and the same moved: the distance is how far, and nothing of rounding in 190 empty dimensions."""
    vectors = np.random.default_rng(0).normal(size=(10, 200))
    moved = vectors + np.linspace(0, 0.1, 200)
    here, there = (NormalDistribution.of(moments.mean, moments.covariance) for moments in (Moments.of(vectors), Moments.of(moved)))
    assert here.root.shape == (200, 9)
    assert frechet_distance(here, there) == pytest.approx(np.square(np.linspace(0, 0.1, 200)).sum(), rel=1e-6)
    assert frechet_distance(here, here) < 1e-10


def test_frechet_of_samples_comes_near_that_of_their_gaussians() -> None:
    random = np.random.default_rng(0)
    axes = rotation(5, 1) * np.sqrt([4, 2, 1, 0.5, 0.1])
    one, other = random.normal(size=(40_000, 5)) @ axes.T, random.normal(size=(40_000, 5)) + 1
    found = frechet_distance(*(NormalDistribution.of(m.mean, m.covariance) for m in (Moments.of(one), Moments.of(other))))
    exact = frechet_distance(NormalDistribution.of(np.zeros(5), axes @ axes.T), NormalDistribution.of(np.ones(5), np.eye(5)))
    assert found == pytest.approx(exact, rel=0.02)


def test_images_that_are_all_the_same() -> None:
    grey = Moments.of(np.full((30, 4), 3.0))
    found = frechet_distance(NormalDistribution.of(grey.mean, grey.covariance), NormalDistribution.of(np.zeros(4), np.eye(4)))
    assert found == pytest.approx(4 * 9 + 4)
