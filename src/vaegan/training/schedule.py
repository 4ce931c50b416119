"""Learning rates as a function of the step, so that there is no state to save."""

from __future__ import annotations

from ..recipe import Optimizer


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
