"""The average of a model's weights over the last steps, which is shown and saved in their place."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..losses.routing import Number
from ..models.vaegan import VAEGAN
from ..settings import Training

RAMP_UP = 0.05
"""The half-life is at most this share of the images seen so far, or the average would show the start for long (StyleGAN2-ADA's rule)."""


class WeightAverage:
    """A model whose weights follow those of another.

    With a half-life, the running statistics of batch normalisation follow like the weights: they then belong to the averaged weights. With
    the older `training.ema` they are copied. All other buffers are always copied: the mean of two vectors that spectral normalisation has
    found, say, is none that it would find.
    """

    def __init__(self, model: VAEGAN, settings: Training) -> None:
        """Begin with the weights of `model`, the one to follow."""
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        followed = {name for name, _ in model.named_parameters()} | (_statistics(model) if settings.average_half_life else set())
        mine, theirs = _tensors(self.model), _tensors(model)
        self._followed = [mine[name] for name in mine if name in followed], [theirs[name] for name in mine if name in followed]
        self._copied = [(mine[name], theirs[name]) for name in mine if name not in followed]

    @torch.no_grad()
    def follow(self, weight: Number) -> None:
        """Move by this share of the way towards the model that is followed."""
        mine, theirs = self._followed
        ways = list(torch._foreach_sub(theirs, mine))
        torch._foreach_mul_(ways, weight)
        torch._foreach_add_(mine, ways)
        for copied, original in self._copied:
            copied.copy_(original)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _statistics(model: nn.Module) -> set[str]:
    """The names of batch normalisation's running means and variances."""
    norms = [name for name, module in model.named_modules() if isinstance(module, _BatchNorm)]
    return {f"{name}.{statistic}" for name in norms for statistic in ("running_mean", "running_var")}


def averaging_weight(settings: Training, step: int, images_per_step: int) -> float:
    """The share of the new weights in the average after a step (from 0); a function of the step, so that there is no state to save.

    With a half-life of H images, of which at most 5% of the images seen count, what the average keeps of itself in a step of n images is
    2^(-n/H): so neither the batch nor the number of processes changes what H means.
    """
    if not settings.average_half_life:
        return 1 - min(settings.ema, (1 + step) / (10 + step))  # short-sighted at first, or it would show the start
    half_life = min(settings.average_half_life, RAMP_UP * step * images_per_step)
    return float(1 - 0.5 ** (images_per_step / half_life)) if half_life else 1.0
