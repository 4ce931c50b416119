"""The kernel distance (KID): a maximum mean discrepancy that is right on average for any number of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .distance import Distance
from .features import Features

BLOCK = 1000


class KernelDistance(Distance):
    """KID by any extractor's features."""

    name = "kernel_distance"
    labels: ClassVar = {"kernel_distance": "1000 x KID ({extractor})"}
    times = 1000.0

    def between(self, generated: Features, real: Features) -> Mapping[str, float]:
        """0 on average for images of the same distribution."""
        return {"kernel_distance": kernel_distance(generated.vectors, real.vectors)}


def kernel_distance(one: NDArray[np.floating], other: NDArray[np.floating], block: int = BLOCK) -> float:
    """MMD^2 with the kernel (x.y / D + 1)^3, without bias (Binkowski et al. 2018).

    It is a mean over disjoint blocks of each (Gretton et al. 2012, section 6.2), so that time grows with the number of vectors and not
    with its square. By chance it may be a little below 0.

    Args:
        one: N x D, in random order.
        other: M x D, likewise.
        block: vectors of each that are compared at a time, or up to twice as many less one, so that no row of the smaller set is left out;
            of the larger, rows beyond as many are.

    Raises:
        ValueError: one of the two has fewer than 2 rows.
    """
    count = min(len(one), len(other))
    if min(block, count) < 2:
        raise ValueError("the kernel distance (KID) needs at least 2 images in each of the two sets")
    blocks = (np.array_split(vectors[:count], max(1, count // block)) for vectors in (one, other))
    return float(np.mean([_squared_discrepancy(x, y) for x, y in zip(*blocks, strict=True)]))


def _squared_discrepancy(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    x, y = one.astype(np.float64), other.astype(np.float64)
    count, dimensions = x.shape
    within = 0.0
    for vectors in (x, y):
        kernel = (vectors @ vectors.T / dimensions + 1) ** 3
        within += float(kernel.sum() - np.trace(kernel)) / (count * (count - 1))
    return within - 2 * float(((x @ y.T / dimensions + 1) ** 3).mean())
