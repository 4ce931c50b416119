"""One optimiser a network, and its learning rate as a function of the step, so that a schedule has no state to save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..losses.routing import Number
from ..settings import Optimizer

CORRECTED = 1e9
"""Steps after which Adam no longer corrects its mean square for having begun at zero: 1 - alpha^1e9 is 1."""


def make_optimizer(parameters: Sequence[nn.Parameter], settings: Optimizer, posterior: Sequence[Tensor] = ()) -> torch.optim.Adam:
    """The optimiser of one network; weight decay is for weights, not for biases and batch normalisation.

    `posterior` are those of the weights that have `Optimizer.posterior_lr_factor`.

    RMSProp is Adam without a mean gradient and without a correction of the first steps, and is run as that: one fused kernel for
    both, which takes its learning rate from a tensor, and does nothing where `found_inf` is 1 (see `step_if`). Its mean gradient is
    then the last gradient: a copy that is kept for nothing.
    """
    theirs = set(posterior)
    weights = [p for p in parameters if p.ndim > 1 and p not in theirs]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay, "lr_factor": 1.0},
        {"params": [*posterior], "weight_decay": settings.weight_decay, "lr_factor": settings.posterior_lr_factor},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "lr_factor": 1.0},
    ]
    adam = settings.kind == "adam"
    betas = settings.betas if adam else (0.0, settings.alpha)
    device = parameters[0].device.type
    optimizer = torch.optim.Adam(
        groups,
        lr=settings.lr,
        betas=betas,
        eps=settings.eps,
        fused=device != "mps",  # where torch calls it a prototype
        capturable=device == "cuda",  # the count of steps is there, too, so that a step can be recorded
    )
    if not adam:
        for parameter in parameters:
            zeros = (torch.zeros_like(parameter, memory_format=torch.preserve_format) for _ in range(2))
            step = torch.full((), CORRECTED, device=parameter.device)
            optimizer.state[parameter] = {"step": step, **dict(zip(("exp_avg", "exp_avg_sq"), zeros, strict=True))}
    return optimizer


def step_if(optimizer: torch.optim.Adam, lr: Number, go: Tensor | None = None) -> None:
    """Step, and drop the gradients; with `go`, a scalar on the device, only where that is true, which the host need not know."""
    fused = optimizer.defaults["fused"]
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_factor"]
    if go is not None and fused:
        optimizer.found_inf = 1 - go.float()  # type: ignore[attr-defined]  # how torch.amp.GradScaler has a fused optimiser pass over a step
    if go is None or fused or bool(go):
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def load_optimizer(optimizer: torch.optim.Adam, state: dict[int, Any]) -> None:
    """Take up the state of the same optimiser, perhaps of another device; settings stay as they are.

    Raises:
        ValueError: it is of other parameters. torch would not see that, and its kernel would reach past the end of a shorter tensor.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    taken = {}
    for number, theirs in state.items():
        parameter = parameters[number]
        likes = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
        if {name: tensor.shape for name, tensor in theirs.items()} != {name: like.shape for name, like in likes.items()}:
            raise ValueError(f"state {number} belongs to a different parameter")
        taken[number] = {name: torch.empty_like(like, requires_grad=False).copy_(theirs[name]) for name, like in likes.items()}
    optimizer.load_state_dict({**optimizer.state_dict(), "state": taken})


def learning_rate(settings: Optimizer, step: int, steps: int, steps_per_epoch: int) -> float:
    """The learning rate of a step (from 0) out of `steps`.

    `exponential` is the reference's, a factor after each epoch; `anneal` the authors': start - (t/T)^power (start - end), which
    they evaluate once in 250 steps.
    """
    if settings.schedule == "exponential":
        return settings.lr * settings.decay ** (step // steps_per_epoch)
    if settings.schedule == "anneal":
        return float(settings.lr - (min(step, steps) / steps) ** settings.power * (settings.lr - settings.final_lr))
    return settings.lr
