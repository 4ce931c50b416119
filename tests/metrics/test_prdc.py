"""Precision, recall, density and coverage, against what one gets by looking at every pair."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vaegan.errors import UserError
from vaegan.metrics.prdc import PART, Neighborhoods, neighborhoods, radii


def measured(generated: NDArray[np.float64], real: NDArray[np.float64], k: int = 5) -> Neighborhoods:
    ours, theirs = generated.astype(np.float32), real.astype(np.float32)
    return neighborhoods(ours, theirs, radii(ours, k), radii(theirs, k), k)


def by_pairs(generated: NDArray[np.float64], real: NDArray[np.float64], k: int = 5) -> Neighborhoods:
    def distances(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(np.square(one[:, None] - other[None]).sum(2))

    generated, real = (points.astype(np.float32).astype(np.float64) for points in (generated, real))
    reach, own = (np.sort(distances(points, points), 1)[:, k] for points in (real, generated))
    across = distances(generated, real)
    inside = across <= reach
    return Neighborhoods(
        inside.any(1).mean(), (across <= own[:, None]).any(0).mean(), inside.sum() / (k * len(generated)), inside.any(0).mean()
    )


@pytest.mark.parametrize(("ours", "theirs", "k"), [(60, 80, 5), (PART + 30, 90, 3), (70, PART + 5, 5)])
def test_against_all_pairs(ours: int, theirs: int, k: int) -> None:
    random = np.random.default_rng(0)
    generated, real = random.normal(size=(ours, 6)) * 0.9 + 100.5, random.normal(size=(theirs, 6)) + 100
    found = measured(generated, real, k)
    np.testing.assert_allclose(found, by_pairs(generated, real, k), rtol=1e-12)
    assert all(0 < value < 1 for value in (found.precision, found.recall))


def test_points_on_a_line() -> None:
    """Real images at 0 to 9; generated ones at 0, 0.1, 0.2 and far away. With k = 1 every real reach is 1."""
    real = np.arange(10.0)[:, None]
    generated = np.array([[0.0], [0.1], [0.2], [50.0]])
    found = measured(generated, real, k=1)
    assert found.precision == 0.75
    assert found.coverage == 0.2  # 0 and 1, which 0.0, 0.1 and 0.2 are within 1 of
    assert found.density == (2 + 2 + 2) / 4  # each of the three is within 1 of two real ones: 0.0 of 1, just so
    assert found.recall == 1.0  # the reach of the lone one at 50 is 49.8, which takes in all


def test_a_dropped_mode_shows_in_recall_and_coverage_alone() -> None:
    random = np.random.default_rng(3)
    centres = np.repeat([[-20.0, 0, 0], [20, 0, 0]], 60, 0)
    real, all_modes = centres + random.normal(size=(2, 120, 3))
    one_mode = centres[:60].repeat(2, 0) * 1.0 + random.normal(size=(120, 3))
    both, single = measured(all_modes, real), measured(one_mode, real)
    assert min(both.precision, both.recall, both.coverage) > 0.85
    assert single.precision > 0.85
    assert max(single.recall, single.coverage) <= 0.5


def test_copies_of_one_image() -> None:
    real = np.random.default_rng(0).normal(size=(50, 3))
    found = measured(np.repeat(real[:1], 30, 0), real)
    assert found.precision == 1
    assert found.recall == pytest.approx(1 / 50)


@pytest.mark.parametrize("dimensions", [3, 128])
def test_images_that_repeat(dimensions: int) -> None:
    """Eight times each: the fifth neighbor is 0 away, so that only the image itself is within reach, and it is, whatever rounds."""
    images = np.repeat(np.random.default_rng(0).normal(size=(30, dimensions)), 8, 0)
    assert measured(images, images) == (1, 1, 8 / 5, 1)
    four = images[::2]  # four of each: the fifth neighbor is another image, just as far for all copies
    assert measured(four, four) == pytest.approx(by_pairs(four, four), rel=1e-12)
    assert measured(four, four)[:2] == (1, 1)


def test_too_few() -> None:
    with pytest.raises(UserError, match="precision and recall need at least 6 images in each of the two sets, and one has only 5"):
        radii(np.ones((5, 2)))
