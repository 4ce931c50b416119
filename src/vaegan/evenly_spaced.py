"""Some of many things, evenly spaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .data import Indices


def evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    """All places from 0 to `count` - 1, or `most` of them, evenly spaced from the first to the last; rising, and no place twice."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def subsample(indices: Indices, most: int) -> NDArray[np.int64]:
    """All of the numbers, or `most` of them, evenly spaced."""
    return np.asarray(indices[evenly_spaced(len(indices), most)], np.int64)
