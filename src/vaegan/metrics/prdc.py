"""Precision and recall, density and coverage: whether images lie among real ones, and whether they reach all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .neighbors import nearest, squared_distances

K = 5
"""Neighbours that make a neighbourhood, as both papers suggest or nearly so (3 and 5)."""
PART = 1024
"""Vectors of each kind that are compared at a time."""


class Neighbourhoods(NamedTuple):
    """Of generated against real images."""

    precision: float
    """Share of generated images in the neighbourhood of any real one (Kynkaanniemi et al. 2019)."""
    recall: float
    """Share of real images in the neighbourhood of any generated one."""
    density: float
    """How many real neighbourhoods a generated image lies in, over k: 1 for real images, and no upper bound (Naeem et al. 2020)."""
    coverage: float
    """Share of real images that have a generated one in their neighbourhood."""


def radii(vectors: NDArray[np.floating], k: int = K) -> NDArray[np.float64]:
    """How far from each vector its k-th nearest among the others is.

    Raises:
        UserError: there are too few.
    """
    if len(vectors) <= k:
        raise UserError(f"neighbourhoods of {k} images need at least {k + 1} of each kind, not {len(vectors)}")
    _, distances = nearest(vectors, vectors, k + 1)  # the nearest of all is the vector itself, or one just like it
    return distances[:, k]


def neighbourhoods(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    generated_radii: NDArray[np.float64],
    real_radii: NDArray[np.float64],
    k: int = K,
) -> Neighbourhoods:
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
    return Neighbourhoods(float(precise.mean()), float(recalled.mean()), density / (k * len(generated)), float(covered.mean()))
