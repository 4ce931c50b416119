"""The error of reconstructions: of pixels, or of the features of a discriminator, which is the learned similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..models.base import Discriminator
from .routing import wide

LEAST_VARIANCE = 1e-6
"""Of a level: images that are all alike have none."""


def squared_error(one: Tensor, other: Tensor) -> Tensor:
    """Half the squared distance, summed over all but the images and averaged over these: both N x ..., in at least float32 -> a scalar.

    It is the negative log likelihood of a Gaussian of unit variance, up to a constant.
    """
    return 0.5 * (one - other).square().sum(tuple(range(1, one.ndim))).mean()


def relative_to_others(features: Tensor, targets: Tensor) -> Tensor:
    """The squared distance of features from their targets, as a part of that of two different targets: N x F, both -> a scalar.

    It is 0 for the targets themselves, and 1 for features that are as far from their targets as other images are, on average. It does not
    depend on how large features are. At least two targets that differ are needed.
    """
    return (features - targets).square().sum(1).mean() / (2 * targets.var(0).sum())


def features_together(discriminator: Discriminator, stems: Sequence[Tensor], level: int) -> tuple[Tensor, ...]:
    """The features of several kinds of image, each N x features, computed in one batch, over which batch normalisation compares them.

    Args:
        discriminator: in the mode that its batch normalisation is to have.
        stems: of each kind, what `Discriminator.stem` returns for N images.
        level: of the features.
    """
    return wide(discriminator.features_of(torch.cat(list(stems)), level)).chunk(len(stems))


MeanOverProcesses = Callable[[Tensor], Tensor]
"""The mean of a tensor over all processes that train together; of one process, the tensor itself."""


def relative_error(maps: Sequence[Tensor], targets: Sequence[Tensor], average: MeanOverProcesses = lambda tensor: tensor) -> Tensor:
    """The squared error of feature maps as a part of the variance of their targets, the mean over several levels: a scalar.

    It is 0 for the targets themselves, and 1 for the mean of each channel. It depends neither on how large features are nor on how many
    there are. The variance of a level is that over images and places in each channel, the mean over channels.

    Args:
        maps: for each level, N x F x h x w.
        targets: as many; no gradient reaches them.
        average: see `MeanOverProcesses`; then the variance is that over the images of all processes.
    """
    constants = [wide(target.detach()) for target in targets]
    over = (0, 2, 3)
    moments = average(torch.cat([moment for target in constants for moment in (target.mean(over), target.square().mean(over))]))
    errors = []
    for map_, target in zip(maps, constants, strict=True):
        first, second, moments = moments.tensor_split((target.shape[1], 2 * target.shape[1]))
        variance = (second - first.square()).mean().clamp(min=LEAST_VARIANCE)
        errors.append((wide(map_) - target).square().mean() / variance)
    return torch.stack(errors).mean()
