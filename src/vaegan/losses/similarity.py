"""The error of reconstructions: of pixels, or of the features of a discriminator, which is the learned similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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
        maps: for each level, N x F x h x w, or more images, of which the first N are compared.
        targets: for each level, N x F x h x w; no gradient reaches them.
        average: see `MeanOverProcesses`; then the variance is that over the images of all processes.
    """
    constants = [target.detach() for target in targets]
    moments = average(torch.cat([moment for target in constants for moment in _moments(target)]))
    errors = []
    for map_, target in zip(maps, constants, strict=True):
        first, second, moments = moments.tensor_split((target.shape[1], target.shape[1] + 1))
        variance = (second[0] - first.square().mean()).clamp(min=LEAST_VARIANCE)
        error: Tensor = _MeanSquaredError.apply(map_, target)
        errors.append(error / variance)
    return torch.stack(errors).mean()


def _moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each channel, and that of all squares, 1."""
    maps = wide(maps)
    return maps.mean((0, 2, 3)), _mean_square(maps)[None]


def _mean_square(tensor: Tensor) -> Tensor:
    """In at least float32, image by image: one sum over all would lose digits."""
    return torch.linalg.vector_norm(wide(tensor), dim=(1, 2, 3)).square().sum() / tensor.numel()


class _MeanSquaredError(torch.autograd.Function):
    """Of the first of several maps, from constant targets.

    On a CPU, the step's time goes to reading and writing maps at full resolution. torch's own operations do that several times as often,
    most of it on the way back: of a slice, whose zeros have another memory format, and of a power. A difference in half precision is exact
    where the two numbers are alike, and its gradient is in half precision in any case.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, targets: Tensor) -> Tensor:
        difference = maps[: len(targets)] - targets
        ctx.save_for_backward(maps, difference)
        return _mean_square(difference)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        maps, difference = ctx.saved_tensors
        count = len(difference)
        result = torch.empty_like(maps)
        torch.mul(difference, gradient * (2 / difference.numel()), out=result[:count])
        result[count:] = 0
        return result, None
