"""One optimiser a network, and its gradients over several processes."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..recipe import Optimizer


def make_optimizer(parameters: list[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """The optimiser of one network; weight decay is for weights, not for biases and batch normalisation."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.kind == "adam":
        return torch.optim.Adam(groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=True)
    return torch.optim.RMSprop(groups, lr=settings.lr, alpha=settings.alpha, eps=settings.eps, foreach=True)


def average_gradients(fabric: Fabric, parameters: list[nn.Parameter]) -> None:
    """Replace gradients by their means over all processes, in one message."""
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    means = fabric.all_reduce(torch.cat([g.flatten() for g in gradients]), reduce_op="mean")
    assert isinstance(means, Tensor)
    for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
