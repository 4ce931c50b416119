"""Mean and covariance of many vectors that come a part at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

BLOCK = 1 << 12
"""Vectors that are in float64 at a time."""


@dataclass
class Moments:
    """Mean and scatter in float64 of vectors that come a part at a time; memory does not grow with their number."""

    count: int
    mean: NDArray[np.float64]
    """D."""
    scatter: NDArray[np.float64]
    """D x D, the sum of (x - mean) (x - mean)^T."""

    @classmethod
    def none(cls, dimensions: int) -> Moments:
        """Of no vectors yet."""
        return cls(0, np.zeros(dimensions), np.zeros((dimensions, dimensions)))

    @classmethod
    def of(cls, vectors: NDArray[np.floating]) -> Moments:
        """Of all rows of N x D."""
        moments = cls.none(vectors.shape[1])
        for start in range(0, len(vectors), BLOCK):
            moments.add(vectors[start : start + BLOCK])
        return moments

    def add(self, vectors: NDArray[np.floating]) -> None:
        """Count in n x D more vectors.

        Each part has its own mean, from which the scatter about the common mean follows (Chan, Golub and LeVeque 1979): large means do not
        cancel.
        """
        if not len(vectors):
            return
        part = vectors.astype(np.float64)
        mean = part.mean(0)
        part -= mean
        shift, total = mean - self.mean, self.count + len(part)
        self.scatter += part.T @ part
        self.scatter += np.outer(shift, shift) * (self.count * len(part) / total)
        self.mean = self.mean + shift * (len(part) / total)
        self.count = total

    @property
    def covariance(self) -> NDArray[np.float64]:
        """D x D, without bias: divided by count - 1.

        Raises:
            UserError: there are fewer than 2 vectors.
        """
        if self.count < 2:
            raise UserError(f"a covariance needs at least 2 images, not {self.count}")
        return self.scatter / (self.count - 1)
