"""One extreme batch must not stop a network: Adam divides by the size of past gradients."""

from __future__ import annotations

import pytest
import torch

from vaegan.recipe import names
from vaegan.training.trainer import Trainer

from ..tiny import make_trainer, of_levels, tiny

STEPS = 10


def change_of(trainer: Trainer, steps: int) -> float:
    """How far the encoder's weights move in so many steps."""
    weights = trainer.model.encoder.state_dict()["convolutions.0.0.weight"]
    before = weights.clone()
    for _ in range(steps):
        trainer.train_step()
    return float((weights - before).norm())


@pytest.mark.parametrize("name", [name for name in names() if of_levels(name)])
def test_after_an_extreme_posterior_the_encoder_still_learns(name: str) -> None:
    trainer = make_trainer(tiny(name, training__length="100 steps"))
    bias = trainer.model.encoder.state_dict()["logvar.bias"]
    change_of(trainer, STEPS)
    before = change_of(trainer, STEPS)
    kept = bias.clone()
    bias += 30.0  # variances of e^30
    change_of(trainer, 1)
    with torch.no_grad():
        bias.copy_(kept)
    change_of(trainer, 2 * STEPS)  # what is left of the extreme gradient in the mean one
    assert change_of(trainer, STEPS) > before / 3
