"""The error of reconstructions: of pixels, or of the features of a discriminator, which is the learned similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..models.base import Discriminator
from .routing import wide

Error = Literal["squared", "absolute"]
LEAST_VARIANCE = 1e-6
"""Of a level: images that are all alike have none."""
ROUNDING = 0.1
"""In standard deviations: below this, the absolute error is nearly a square. So it has a bend at 0, not a corner."""


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


def relative_error(
    maps: Sequence[Tensor],
    targets: Sequence[Tensor],
    average: MeanOverProcesses = lambda tensor: tensor,
    *,
    error: Error = "squared",
) -> Tensor:
    """The error of feature maps in standard deviations of their targets, the mean over several levels: a scalar.

    A difference of u standard deviations costs u^2, or, with the absolute error, 2 (sqrt(u^2 + c^2) - c) with a small c, ROUNDING, which
    is about 2 |u| (Charbonnier et al. 1997, "Deterministic edge-preserving regularization in computed imaging"). At u = 1,
    both are about equally steep. Below it, the absolute error is steeper, so that small differences are corrected, too.

    The error is 0 for the targets themselves. It depends neither on how large features are nor on how many there are. The variance of a
    level is that over images and places in each channel, the mean over channels: the squared error of the mean of each channel is 1.

    Args:
        maps: for each level, N x F x h x w, or more images, of which the first N are compared.
        targets: for each level, N x F x h x w; no gradient reaches them.
        average: see `MeanOverProcesses`; then the variance is that over the images of all processes.
        error: which of the two.
    """
    constants = [target.detach() for target in targets]
    moments = average(torch.cat([moment for target in constants for moment in _moments(target)]))
    errors = []
    for map_, target in zip(maps, constants, strict=True):
        first, second, moments = moments.tensor_split((target.shape[1], target.shape[1] + 1))
        variance = (second[0] - first.square().mean()).clamp(min=LEAST_VARIANCE)
        if error == "squared":
            errors.append(_MeanSquaredError.apply(map_, target) / variance)
        else:
            deviation = variance.sqrt()
            errors.append(2 * (_MeanRoundedError.apply(map_, target, ROUNDING * deviation) / deviation - ROUNDING))
    return torch.stack(errors).mean()


def _moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each channel, and that of all squares, 1."""
    maps = wide(maps)
    return maps.mean((0, 2, 3)), _mean_square(maps)[None]


def _mean_square(tensor: Tensor) -> Tensor:
    """In at least float32, image by image: one sum over all would lose digits."""
    return torch.linalg.vector_norm(wide(tensor), dim=(1, 2, 3)).square().sum() / tensor.numel()


def _of_first(maps: Tensor, slopes: Tensor, factor: Tensor) -> Tensor:
    """The gradient at maps of which the first N are compared: factor times slopes, N x ..., and 0 at the others."""
    result = torch.empty_like(maps)
    torch.mul(slopes, factor / slopes.numel(), out=result[: len(slopes)])
    result[len(slopes) :] = 0
    return result


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
        return _of_first(maps, difference, 2 * gradient), None


class _MeanRoundedError(torch.autograd.Function):
    """The mean of sqrt(difference^2 + rounding^2), of the first of several maps from constant targets."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, targets: Tensor, rounding: Tensor) -> Tensor:
        difference = maps[: len(targets)] - targets
        root = difference.square().add_(rounding.square().to(maps.dtype)).sqrt_()
        ctx.save_for_backward(maps, difference.div_(root))
        return wide(root).mean((1, 2, 3)).mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        maps, slopes = ctx.saved_tensors
        return _of_first(maps, slopes, gradient), None, None
