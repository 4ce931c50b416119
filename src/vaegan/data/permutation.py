"""A random order of any number of images that takes no memory: each place in it is computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SPLIT_SEED = 151209300
"""Of all random splits of sets, so that a set is split alike in every run; unlike the seeds that runs have."""
ROUNDS = 8
SMALLEST = 8  # bits; in a Feistel network of fewer, the halves are too short to mix


class Permutation:
    """The numbers from 0 to below `count` in an order that follows from `seed`.

    A Feistel network permutes the numbers below the next power of two, and is applied again to those that fall outside: Black and
    Rogaway, "Ciphers with arbitrary finite domains" (2002). Asking for places costs the same wherever they are, so an epoch
    can be entered anywhere, and a set of a billion images needs no list of a billion numbers.
    """

    def __init__(self, count: int, seed: int | Sequence[int]) -> None:
        self.count = count
        bits = max(SMALLEST, (max(count, 2) - 1).bit_length())
        self._low, self._high = bits // 2, bits - bits // 2
        self._keys = np.random.SeedSequence(seed).generate_state(ROUNDS, np.uint64)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, positions: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        """The indices at some positions."""
        if isinstance(positions, slice):
            positions = np.arange(*positions.indices(self.count))
        elif len(positions) and not (positions.min() >= 0 and positions.max() < self.count):
            raise IndexError(f"positions must be at least 0 and below {self.count}")
        numbers = self._scramble(positions.astype(np.uint64))
        while (outside := numbers >= self.count).any():
            numbers[outside] = self._scramble(numbers[outside])
        return numbers.astype(np.int64)

    def _scramble(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """A bijection of the numbers of so many bits. In each round one half is changed by a hash of the other, and the halves swap."""
        low, high = self._low, self._high
        for key in self._keys:
            right = numbers & np.uint64((1 << low) - 1)
            left = (numbers >> np.uint64(low)) ^ (_hash(right, key) & np.uint64((1 << high) - 1))
            numbers = (right << np.uint64(high)) | left
            low, high = high, low
        return numbers


def _hash(numbers: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    mixed = numbers + key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
