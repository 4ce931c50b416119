"""Some of many, evenly."""

from __future__ import annotations

import numpy as np
import pytest

from vaegan.evenly_spaced import evenly_spaced, subsample


@pytest.mark.parametrize(("count", "most"), [(5, 9), (5, 5), (9, 5), (1000, 999), (123_457, 20_000), (3, 1), (1, 1), (0, 4)])
def test_places_are_spread_from_the_first_to_the_last(count: int, most: int) -> None:
    found = evenly_spaced(count, most)
    assert len(found) == min(count, most)
    assert (np.diff(found) > 0).all()
    if len(found) > 1:
        assert (found[0], found[-1]) == (0, count - 1)
        assert np.ptp(np.diff(found)) <= 1


def test_numbers_keep_their_order() -> None:
    assert subsample(np.array([7, 3, 9, 1, 5]), 3).tolist() == [7, 9, 5]
