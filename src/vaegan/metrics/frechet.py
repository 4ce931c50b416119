"""The Frechet distance: between two normal distributions that have the means and covariances of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .distance import Distance
from .features import Features


class FrechetDistance(Distance):
    """By Inception's features it is FID, and by no others."""

    name = "frechet_distance"
    labels: ClassVar = {"frechet_distance": "Frechet distance ({extractor})"}

    def between(self, generated: Features, real: Features) -> Mapping[str, float]:
        """0 for equal means and covariances."""
        return {"frechet_distance": frechet_distance(_normal(generated), _normal(real))}

    def label(self, measure: str, extractor: str) -> str:
        """Its name, with the extractor's."""
        return "FID" if extractor == "Inception" else super().label(measure, extractor)


@dataclass(frozen=True)
class NormalDistribution:
    """A normal distribution by its mean and a root of its covariance."""

    mean: NDArray[np.float64]
    root: NDArray[np.float64]
    """D x r with covariance = root root^T, r the rank."""

    @classmethod
    def of(cls, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> NormalDistribution:
        """From mean and covariance, of any rank.

        Eigenvalues that are nothing but rounding are left out: their roots are not small.
        """
        values, vectors = np.linalg.eigh(covariance)
        large = values > max(values[-1], 0) * len(values) * np.finfo(np.float64).eps
        return cls(mean, vectors[:, large] * np.sqrt(values[large]))

    @classmethod
    def of_few(cls, vectors: NDArray[np.floating]) -> NormalDistribution:
        """From N x D, at least 2: the vectors' own mean and covariance. With fewer vectors than dimensions it is much faster than `of`."""
        mean = vectors.mean(0, dtype=np.float64)
        return cls(mean, (vectors - mean).T / np.sqrt(len(vectors) - 1))


def frechet_distance(one: NormalDistribution, other: NormalDistribution) -> float:
    """The squared 2-Wasserstein distance of two Gaussians, which is what is called Frechet distance of features (Heusel et al. 2017).

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    With C1 = A A^T and C2 = B B^T, the trace of the root of the product is the sum of the singular values of A^T B. So no root of a
    rounding error is taken, and covariances of any rank are as good as any (Dowson and Landau 1982 have the formula).
    """
    cross = np.linalg.svd(one.root.T @ other.root, compute_uv=False).sum() if one.root.size and other.root.size else 0.0
    squares = np.square(one.mean - other.mean).sum() + np.square(one.root).sum() + np.square(other.root).sum()
    return float(max(squares - 2 * cross, 0.0))  # of equal Gaussians rounding may leave -1e-13


def _normal(features: Features) -> NormalDistribution:
    return features.once("normal", lambda: _made_normal(features))


def _made_normal(features: Features) -> NormalDistribution:
    vectors, moments = features.vectors, features.moments
    if 1 < len(vectors) == moments.count < vectors.shape[1]:
        return NormalDistribution.of_few(vectors)
    return NormalDistribution.of(moments.mean, moments.covariance)
