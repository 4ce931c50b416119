"""Precision and recall, density and coverage: whether images lie among real ones, and whether they reach all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .distance import Distance
from .features import Features
from .neighbors import nearest, squared_distances

K = 5
"""Neighbors that make a neighborhood, as both papers suggest or nearly so (3 and 5)."""
PART = 1024
"""Vectors of each kind that are compared at a time."""


class Prdc(Distance):
    """Precision, recall, density and coverage."""

    name = "prdc"
    labels: ClassVar = {measure: measure for measure in ("precision", "recall", "density", "coverage")}

    def between(self, generated: Features, real: Features) -> Mapping[str, float]:
        """All four, of equally many images: few generated ones cannot lie in all the small neighborhoods that many real ones have."""
        count = min(len(generated.vectors), len(real.vectors))
        ours, theirs = generated.vectors[:count], real.vectors[:count]
        return neighborhoods(ours, theirs, _radii(generated, count), _radii(real, count))._asdict()


class Neighborhoods(NamedTuple):
    """Of generated against real images."""

    precision: float
    """Share of generated images in the neighborhood of any real one (Kynkaanniemi et al. 2019)."""
    recall: float
    """Share of real images in the neighborhood of any generated one."""
    density: float
    """How many real neighborhoods a generated image lies in, over k: 1 for real images, and no upper bound (Naeem et al. 2020)."""
    coverage: float
    """Share of real images that have a generated one in their neighborhood."""


def radii(vectors: NDArray[np.floating], k: int = K) -> NDArray[np.float64]:
    """How far from each vector its k-th nearest among the others is.

    Raises:
        UserError: there are too few.
    """
    if len(vectors) <= k:
        raise UserError(f"precision and recall need at least {k + 1} images in each of the two sets, and one has only {len(vectors)}")
    _, distances = nearest(vectors, vectors, k + 1)  # the nearest of all is the vector itself, or one just like it
    return distances[:, k]


def neighborhoods(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    generated_radii: NDArray[np.float64],
    real_radii: NDArray[np.float64],
    k: int = K,
) -> Neighborhoods:
    """Compare N x D generated with M x D real vectors, whose `radii` are given, a part of each at a time.

    One matrix product gives all distances. Where it rounds so far that it could put a vector on the other side of a radius, the distance is
    measured again just as radii are: among images that repeat, many are as far as a radius exactly.
    """
    generated, real = (np.ascontiguousarray(vectors, np.float32) for vectors in (generated, real))  # as radii take them
    centre = real.mean(0, dtype=np.float64)  # distances do not change when all is moved, and are the more exact the nearer all is to 0
    precise = np.zeros(len(generated), np.bool_)
    recalled, covered = (np.zeros(len(real), np.bool_) for _ in range(2))
    density = 0
    for start in range(0, len(generated), PART):
        rows = slice(start, start + PART)
        here = generated[rows] - centre
        for first in range(0, len(real), PART):
            columns = slice(first, first + PART)
            there = real[columns] - centre
            ours, theirs = np.square(here).sum(1)[:, None], np.square(there).sum(1)
            far = ours + theirs - 2 * (here @ there.T)
            off = (here.shape[1] + 16) * np.finfo(np.float64).eps * np.square(np.sqrt(ours) + np.sqrt(theirs))
            reach, own = real_radii[None, columns], generated_radii[rows, None]
            unsure = (np.abs(far - np.square(reach)) <= off) | (np.abs(far - np.square(own)) <= off)
            i, j = np.nonzero(unsure)
            far = np.sqrt(far.clip(0))
            far[i, j] = np.sqrt(squared_distances(generated[rows], real[columns], i, j))
            inside = far <= reach
            density += int(inside.sum())
            precise[rows] |= inside.any(1)
            covered[columns] |= inside.any(0)
            recalled[columns] |= (far <= own).any(0)
    return Neighborhoods(float(precise.mean()), float(recalled.mean()), density / (k * len(generated)), float(covered.mean()))


def _radii(features: Features, count: int) -> NDArray[np.float64]:
    """Of the first vectors among themselves."""
    return features.once(f"radii of {count}", lambda: radii(features.vectors[:count]))
