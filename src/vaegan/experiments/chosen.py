"""Some of many images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data import Numbers


def evenly(numbers: Numbers, most: int) -> NDArray[np.int64]:
    """All of the numbers, or so many of them, evenly spread."""
    return np.asarray(numbers[np.unique(np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(np.int64))], np.int64)
