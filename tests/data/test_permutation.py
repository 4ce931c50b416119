"""An order that is computed place by place."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vaegan.data.permutation import Permutation


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 255, 256, 257, 1000, 65537])
def test_every_number_once(count: int) -> None:
    for seed in range(3):
        assert sorted(Permutation(count, [seed, 5])[:]) == list(range(count))


def test_any_place_can_be_asked_for() -> None:
    order = Permutation(10**12, 0)
    places = np.array([0, 5, 10**12 - 1, 123456789012])
    numbers = order[places]
    assert ((numbers >= 0) & (numbers < 10**12)).all()
    assert np.array_equal(order[places[::-1]], numbers[::-1])
    assert np.array_equal(Permutation(1000, 3)[10:20], Permutation(1000, 3)[:][10:20])
    for outside in ([-1], [10**12]):
        with pytest.raises(IndexError):
            order[np.array(outside)]


def test_seeds_give_other_orders() -> None:
    orders = [Permutation(1000, seed)[:] for seed in (0, 1, [0, 1], [2, 1])]
    assert all((a != b).mean() > 0.98 for n, a in enumerate(orders) for b in orders[:n])


def test_all_orders_are_equally_likely() -> None:
    """Chi-squared of the 24 orders of 4 things over 4,800 seeds: its mean is 23, and above 50 once in a thousand times."""

    def order(seed: int) -> tuple[int, ...]:
        """Of 256 things, each place is computed once; of 4, about 64 times, until it is one of the 4."""
        leads_to = Permutation(256, [seed])[:].tolist()
        found = []
        for place in range(4):
            number = leads_to[place]
            while number >= 4:
                number = leads_to[number]
            found.append(number)
        return tuple(found)

    assert all(order(seed) == tuple(Permutation(4, [seed])[:]) for seed in range(50))
    counts = Counter(map(order, range(4800)))
    assert len(counts) == 24
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 50


def test_neighbours_are_unrelated() -> None:
    order = Permutation(100_000, 0)[:].astype(float)
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.015
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.015
    assert abs(np.corrcoef(order, Permutation(100_000, 1)[:])[0, 1]) < 0.015
