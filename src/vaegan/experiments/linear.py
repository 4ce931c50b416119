"""Linear classifiers from few labels: ridge regression on answers of -1 and 1, its penalty chosen without a look at other images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PENALTIES = 10.0 ** np.arange(-6, 3)
"""As parts of the sum of squares of all features of all images."""


def fit(features: NDArray[np.float64], answers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge regression, with the penalty of the least squared error where each image in turn is left out.

    That error is e_i / (1 - h_i), with e_i the error of the fit to all images and h_i how much of an image's own answer is in its fit; so
    one decomposition of the features, the smaller of X X' and X'X, serves all penalties.

    Args:
        features: N x D.
        answers: N x C, -1 or 1.

    Returns:
        Weights, D x C, and offsets, C.
    """
    centre, middle = features.mean(0), answers.mean(0)
    x, y = features - centre, answers - middle
    count, dimensions = x.shape
    if count <= dimensions:
        values, vectors = np.linalg.eigh(x @ x.T)
    else:
        values, directions = np.linalg.eigh(x.T @ x)
        vectors = x @ directions / np.sqrt(np.maximum(values, 1e-12 * values[-1] + 1e-300))
    values = np.maximum(values, 0)
    along = vectors.T @ y
    errors = []
    penalties = PENALTIES * max(float(np.square(x).sum()), 1e-300)
    for penalty in penalties:
        kept = values / (values + penalty)
        own = np.square(vectors) @ kept + 1 / count  # of the mean, too
        errors.append(float(np.square((y - vectors @ (kept[:, None] * along)) / np.maximum(1 - own, 1e-6)[:, None]).mean()))
    weights = x.T @ (vectors @ (along / (values + penalties[int(np.argmin(errors))])[:, None]))
    return weights, middle - centre @ weights
