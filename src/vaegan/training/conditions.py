"""How the attributes of a set become the conditions of a conditional model."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import ImageSet, Indices
from ..errors import UserError
from ..models.vaegan import VAEGAN


def varying(images: ImageSet, training: Indices) -> tuple[str, ...]:
    """The attributes of a set that are not the same for all the images that are trained on."""
    _, spread = _moments(images.attributes[training[:]])
    return tuple(name for name, spread in zip(images.attribute_names, spread.tolist(), strict=True) if spread > 0)


def learn_scale(model: VAEGAN, attributes: NDArray[np.float32]) -> None:
    """Give the model the mean and the standard deviation of its attributes, N x A, over the images that it is trained on.

    Raises:
        UserError: one of them is the same for all images, so that it tells nothing.
    """
    mean, spread = _moments(attributes)
    useless = [name for name, spread in zip(model.architecture.attributes, spread.tolist(), strict=True) if not spread > 0]
    if useless:
        raise UserError(
            f"the attribute {useless[0]} has the same value in all training images: a model cannot learn from it; leave it out of "
            "networks.attributes"
        )
    model.attribute_mean.copy_(torch.from_numpy(mean))
    model.attribute_scale.copy_(torch.from_numpy(spread))


def _moments(attributes: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column, over what is known of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a column of which nothing is known they are NaN
        return np.nanmean(attributes, 0, dtype=np.float64), np.nanstd(attributes, 0, dtype=np.float64)
