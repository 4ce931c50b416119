"""The error of reconstructions: of pixels, or of the features of a discriminator, which is the learned similarity."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..models.base import Discriminator
from .routing import wide


def squared_error(one: Tensor, other: Tensor) -> Tensor:
    """Half the squared distance, summed over all but the images and averaged over these: both N x ..., in at least float32 -> a scalar.

    It is the negative log likelihood of a Gaussian of unit variance, up to a constant.
    """
    return 0.5 * (one - other).square().sum(tuple(range(1, one.ndim))).mean()


def features_together(discriminator: Discriminator, stems: Sequence[Tensor], level: int) -> tuple[Tensor, ...]:
    """The features of several kinds of image, each N x features, computed in one batch, over which batch normalisation compares them.

    Args:
        discriminator: in the mode that its batch normalisation is to have.
        stems: of each kind, what `Discriminator.stem` returns for N images.
        level: of the features.
    """
    return wide(discriminator.features_of(torch.cat(list(stems)), level)).chunk(len(stems))
