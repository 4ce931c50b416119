"""Some of many images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from . import Numbers


def places(count: int, most: int) -> NDArray[np.int64]:
    """All of `count` places, or `most` of them, evenly spread from the first to the last; rising, and no place twice."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def evenly(numbers: Numbers, most: int) -> NDArray[np.int64]:
    """All of the numbers, or so many of them, evenly spread."""
    return np.asarray(numbers[places(len(numbers), most)], np.int64)
