"""Distances are Mahalanobis distances, and neither few, odd nor constant examples make them useless."""

from __future__ import annotations

import numpy as np

from vaegan.latent.gaussian import Gaussian, distances_left_out


def test_with_many_examples_it_is_the_mahalanobis_distance() -> None:
    random = np.random.default_rng(0)
    mixing = random.normal(size=(4, 4))
    examples = random.normal(size=(20_000, 4)) @ mixing + 7
    values = random.normal(size=(50, 4)) * 5
    away = values - 7
    wanted = np.sqrt(np.einsum("nd,de,ne->n", away, np.linalg.inv(mixing.T @ mixing), away))
    np.testing.assert_allclose(Gaussian.fit(examples).distance(values), wanted, rtol=0.05)


def test_fewer_examples_than_dimensions_still_tell() -> None:
    """Only half of the directions are seen, and yet what is far in any of them is farther than new normal ones."""
    random = np.random.default_rng(0)
    gaussian = Gaussian.fit(random.normal(size=(60, 120)))
    new, far = (random.normal(size=(200, 120)) * scale for scale in (1, 3))
    assert gaussian.distance(far).min() > gaussian.distance(new).max()


def test_a_few_odd_examples_do_not_decide() -> None:
    random = np.random.default_rng(0)
    examples = random.normal(size=(1000, 3))
    spoilt = examples.copy()
    spoilt[:10] = 1e6
    values = random.normal(size=(20, 3)) * 3
    np.testing.assert_allclose(Gaussian.fit(spoilt).distance(values), Gaussian.fit(examples).distance(values), rtol=0.3)


def test_what_never_changes_among_the_examples() -> None:
    random = np.random.default_rng(0)
    examples = np.column_stack([random.normal(size=500), np.full(500, 3.0)])
    gaussian = Gaussian.fit(examples)
    distances = gaussian.distance(np.array([[0, 3.0], [0, 4.0]]))
    assert np.isfinite(distances).all()
    assert distances[1] > 100 * distances[0] + 100
    assert np.isfinite(Gaussian.fit(np.zeros((30, 2))).distance(np.ones((1, 2)))).all()


def test_left_out_examples_are_as_far_as_new_ones_will_be() -> None:
    random = np.random.default_rng(0)
    mixing = random.normal(size=(60, 60))
    examples, new = (random.normal(size=(150, 60)) @ mixing for _ in range(2))
    gaussian = Gaussian.fit(examples)
    seen, unseen, left_out = (np.median(far) for far in (gaussian.distance(examples), gaussian.distance(new), distances_left_out(examples)))
    assert seen < 0.95 * unseen
    assert 0.97 < left_out / unseen < 1.1
