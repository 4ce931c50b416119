"""Which images of a set are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .permutation import SPLIT_SEED, Permutation


class Indices(Protocol):
    """Indices of images, by their positions; perhaps computed or read only when they are asked for."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, positions: slice | NDArray[np.int64], /) -> NDArray[np.int64]:
        """Some of them."""


class SplitImages(Protocol):
    """Images that may have splits, such as a packed set."""

    def __len__(self) -> int:
        """How many."""

    @property
    def names(self) -> Sequence[str]:
        """What each is called."""

    @property
    def splits(self) -> dict[str, int]:
        """How many images each split has; empty if there are no splits."""

    def split(self, name: str) -> NDArray[np.int64]:
        """The indices of a split's images, rising.

        Raises:
            UserError: there is no such split.
        """


class IndexRange:
    """A run of places of a longer sequence, without a copy."""

    def __init__(self, whole: Indices, start: int, stop: int) -> None:
        self.whole, self.start, self.stop = whole, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, positions: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        """The indices at some positions of this part."""
        if isinstance(positions, slice):
            positions = np.arange(*positions.indices(len(self)))
        return self.whole[positions + self.start]


def split(images: SplitImages, held_out: float, train_on: str = "train", names: Sequence[str] | None = None) -> tuple[Indices, Indices]:
    """Indices of the images to train on and of the held-out ones; always the same for a set.

    A set with splits is trained on those that `train_on` names, joined by +, and its validation or else its test images are held out. Of a
    set that has neither, or no splits at all, a share of `held_out` is held out at random; a share above 0 holds out at least one.

    With `names`, the images of these names are held out, in this order, if the set has all of them; it is trained on all others, or on
    those of them that are in the splits of `train_on`.

    Raises:
        UserError: the set has splits, but none of this name.
    """
    if names is not None:
        positions = {name: position for position, name in enumerate(images.names)}
        if positions.keys() >= set(names):
            held = np.array([positions[name] for name in names], np.int64)
            parts = [images.split(name) for name in train_on.split("+")] if images.splits else [np.arange(len(images))]
            return np.setdiff1d(np.concatenate(parts), held), held
    if not images.splits:
        return _random_split(Permutation(len(images), SPLIT_SEED), held_out)
    parts = [images.split(name) for name in train_on.split("+")]
    training: NDArray[np.int64] = parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
    if held_out and (name := held_out_split(images, train_on)):
        return training, images.split(name)
    return tuple(IndexSubset(training, part) for part in _random_split(Permutation(len(training), SPLIT_SEED), held_out))  # type: ignore[return-value]


def held_out_split(images: SplitImages, train_on: str = "train") -> str:
    """The name of the set's own split that is held out, however large a share is asked for; empty if there is none."""
    names = [name for name in ("validation", "test") if images.splits.get(name) and name not in train_on.split("+")]
    return names[0] if names else ""


class IndexSubset:
    """Numbers at places that are themselves looked up."""

    def __init__(self, indices: Indices, positions: Indices) -> None:
        self.indices, self.positions = indices, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, positions: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        """The indices at some positions."""
        return self.indices[self.positions[positions]]


def _random_split(order: Permutation, held_out: float) -> tuple[IndexRange, IndexRange]:
    count = len(order)
    held = min(count - 1, max(1, round(count * held_out))) if held_out else 0
    return IndexRange(order, held, count), IndexRange(order, 0, held)
