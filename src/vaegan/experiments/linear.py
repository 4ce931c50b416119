"""Linear classifiers from few labels: ridge regression on answers of -1 and 1, its penalty chosen without a look at other images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PENALTIES = 10.0 ** np.arange(-6, 3)
"""As parts of the sum of squares of all features of all images."""


def fit(features: NDArray[np.float64], answers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge regression, with the penalty of the least squared error where each image in turn is left out.

    Args:
        features: N x D.
        answers: N x C, -1 or 1.

    Returns:
        Weights, D x C, and offsets, C.
    """
    from sklearn.linear_model import RidgeCV

    size = max(float(np.square(features - features.mean(0)).sum()), 1e-300)  # a penalty is above 0, whatever the features
    way = "svd" if len(features) > features.shape[1] else "eigen"  # the faster one; "auto" takes twice as long for many images
    model = RidgeCV(alphas=PENALTIES * size, gcv_mode=way).fit(features, answers)
    return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
