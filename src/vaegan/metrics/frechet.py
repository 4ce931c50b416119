"""Mean and covariance of many vectors, and the Frechet distance between two Gaussians."""

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


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian by its mean and a root of its covariance."""

    mean: NDArray[np.float64]
    root: NDArray[np.float64]
    """D x r with covariance = root root^T, r the rank."""

    @classmethod
    def of(cls, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Gaussian:
        """From mean and covariance, of any rank.

        Eigenvalues that are nothing but rounding are left out: their roots are not small.
        """
        values, vectors = np.linalg.eigh(covariance)
        kept = values > max(values[-1], 0) * len(values) * np.finfo(np.float64).eps
        return cls(mean, vectors[:, kept] * np.sqrt(values[kept]))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """The squared 2-Wasserstein distance of two Gaussians, which is what is called Frechet distance of features (Heusel et al. 2017).

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    With C1 = A A^T and C2 = B B^T, the trace of the root of the product is the sum of the singular values of A^T B. So no root of a
    rounding error is taken, and covariances of any rank are as good as any (Dowson and Landau 1982 have the formula).
    """
    cross = np.linalg.svd(one.root.T @ other.root, compute_uv=False).sum() if one.root.size and other.root.size else 0.0
    squares = np.square(one.mean - other.mean).sum() + np.square(one.root).sum() + np.square(other.root).sum()
    return float(max(squares - 2 * cross, 0.0))  # of equal Gaussians rounding may leave -1e-13
