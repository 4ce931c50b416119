"""How far a vector lies from many others, in their own measure: a Gaussian fitted so that few or odd examples do it no harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FARTHEST = 5.0
"""Standard deviations, as the median deviation tells them, beyond which an example is moved nearer before it is used."""
FOLDS = 5
LEAST_SCALE = 1e-3
"""Of the typical deviation: a number that hardly changes among the examples must not decide everything."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gaussian:
    """The Mahalanobis distance |L^-1 (x - mean) / scale|, where L L^T is the shrunk correlation of the examples."""

    mean: Array
    scale: Array
    whitening: Array
    """D x D: the transpose of L^-1, so that a row vector times it is white."""

    @classmethod
    def fit(cls, examples: NDArray[np.floating]) -> Gaussian:
        """Fit N x D examples.

        The correlation is shrunk towards the identity by as much as its own uncertainty advises (Ledoit and Wolf 2004, "A well-conditioned
        estimator for large-dimensional covariance matrices"), so that D may be larger than N.
        """
        values = np.asarray(examples, np.float64)
        median = np.median(values, 0)
        spread = 1.4826 * np.median(np.abs(values - median), 0)  # of a normal distribution, its standard deviation
        spread = np.where(spread > 0, spread, values.std(0))
        values = values.clip(median - FARTHEST * spread, median + FARTHEST * spread)
        mean, scale = values.mean(0), values.std(0)
        scale = np.maximum(scale, LEAST_SCALE * (np.median(scale) or 1.0))
        white = (values - mean) / scale
        return cls(mean, scale, np.linalg.inv(np.linalg.cholesky(_shrunk(white))).T)

    def distance(self, values: NDArray[np.floating]) -> Array:
        """Of each row of N x D values."""
        distance: Array = np.linalg.norm((values - self.mean) / self.scale @ self.whitening, axis=1)
        return distance

    def arrays(self, name: str) -> dict[str, Array]:
        """What to store, under names that begin with `name`."""
        return {f"{name}.{field}": getattr(self, field) for field in ("mean", "scale", "whitening")}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array], name: str) -> Gaussian:
        """What `arrays` gave.

        Raises:
            KeyError: something of it is missing.
        """
        return cls(*(arrays[f"{name}.{field}"] for field in ("mean", "scale", "whitening")))


def distances_left_out(examples: NDArray[np.floating]) -> Array:
    """The distance of each of N x D examples from a Gaussian that was fitted without it: how far new ones will be."""
    distances, fold = np.empty(len(examples)), np.arange(len(examples)) % FOLDS
    for left_out in range(FOLDS):
        distances[fold == left_out] = Gaussian.fit(examples[fold != left_out]).distance(examples[fold == left_out])
    return distances


def _shrunk(white: Array) -> Array:
    """A covariance of centred N x D values that can be inverted."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    count, dimensions = white.shape
    covariance = white.T @ white / count
    target = np.trace(covariance) / dimensions or 1.0
    shrinkage = max(ledoit_wolf_shrinkage(white, assume_centered=True), 1e-6)  # so that the result is never singular
    result: Array = (1 - shrinkage) * covariance + shrinkage * target * np.eye(dimensions)
    return result
