"""Ways for gradients: what lets one backward pass give each network the gradient of its own objective."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Number = float | Tensor
"""A number, or a scalar tensor: what must be able to change in a step that is recorded once and replayed."""


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, tensor: Tensor, factor: Number) -> Tensor:
        ctx.factor = factor  # type: ignore[attr-defined] # how torch passes it on
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None  # type: ignore[attr-defined]


def scale(tensor: Tensor, factor: Number) -> Tensor:
    """The tensor itself; on the way back its gradient is multiplied by `factor`."""
    result: Tensor = _ScaleGradient.apply(tensor, factor)
    return result


@contextmanager
def constant(network: nn.Module) -> Iterator[None]:
    """Within, the network's parameters are constants: gradients pass through the network, none is computed for it."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within, batch normalisation uses its running statistics."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


@contextmanager
def statistics_fixed(network: nn.Module) -> Iterator[None]:
    """Within, batch normalisation still uses the batch's statistics but does not update the running ones."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def wide(tensor: Tensor) -> Tensor:
    """At least float32: sums over thousands of features are not for half precision."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
