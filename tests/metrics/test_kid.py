"""The kernel distance is the unbiased estimate, in blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vaegan.metrics.kid import kernel_distance


def test_it_is_the_sum_over_pairs() -> None:
    random = np.random.default_rng(0)
    one, other = random.normal(size=(6, 3)), random.normal(size=(6, 3)) + 0.5

    def kernel(x: int, y: int, first: str) -> float:
        a, b = (one if first[0] == "x" else other)[x], (one if first[1] == "x" else other)[y]
        return float((a @ b / 3 + 1) ** 3)

    apart = list(itertools.permutations(range(6), 2))
    within = sum(np.mean([kernel(i, j, kind) for i, j in apart]) for kind in ("xx", "yy"))
    across = np.mean([kernel(i, j, "xy") for i, j in itertools.product(range(6), repeat=2)])
    assert kernel_distance(one, other) == pytest.approx(within - 2 * across, rel=1e-12)


def test_blocks_are_averaged() -> None:
    random = np.random.default_rng(1)
    one, other = random.normal(size=(25, 4)), random.normal(size=(20, 4))
    parts = [kernel_distance(one[start : start + 10], other[start : start + 10]) for start in (0, 10)]
    assert kernel_distance(one, other, block=10) == pytest.approx(np.mean(parts))


def test_no_row_of_the_smaller_set_is_left_out() -> None:
    random = np.random.default_rng(1)
    one, other = random.normal(size=(25, 4)), random.normal(size=(19, 4))
    assert kernel_distance(one, other, block=10) == pytest.approx(kernel_distance(one, other, block=19))
    parts = [kernel_distance(one[here], other[here]) for here in (slice(7), slice(7, 13), slice(13, 19))]
    assert kernel_distance(one, other, block=6) == pytest.approx(np.mean(parts))


def test_it_has_no_bias() -> None:
    random = np.random.default_rng(2)
    found = [kernel_distance(*random.normal(size=(2, 20, 3))) for _ in range(400)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 20
    assert kernel_distance(random.normal(size=(500, 3)), random.normal(size=(500, 3)) + 1) > 20 * np.std(found) / 20


def test_one_vector_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        kernel_distance(np.ones((1, 3)), np.ones((5, 3)))
