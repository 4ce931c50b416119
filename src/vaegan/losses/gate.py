"""The gate that keeps decoder and discriminator in equilibrium: it decides which of them take a step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from ..settings import GateSettings
from .routing import Number


class GateDecision(NamedTuple):
    """Which of the two opponents take this step; the encoder always does."""

    decoder: bool | Tensor
    discriminator: bool | Tensor


class EquilibriumGate:
    """Stops the discriminator while it wins and the decoder while it is hopelessly behind; see `vaegan.settings.GateSettings`."""

    def __init__(self, settings: GateSettings | None = None, **changes: Any) -> None:
        """Take settings, by default the reference's, with changes by name, as in `EquilibriumGate(margin=0.2)`.

        Raises:
            UserError: a value does not fit.
        """
        self.settings = replace(settings or GateSettings(), **changes)

    def __call__(self, real: Number, fake: Number, epoch: int = 0) -> GateDecision:
        """Decide from the costs -log Dis(x) and -log(1 - Dis(x_p)); several processes must pass the means over all of them."""
        return decide(real, fake, *self.settings.bounds(epoch))


def decide(real: Number, fake: Number, low: Number, high: Number) -> GateDecision:
    """The gate's decision between given bounds; of tensors it is tensors, on their device, and nobody waits for it."""
    discriminator = (real >= low) & (fake >= low)
    decoder = (real <= high) & (fake <= high)
    return GateDecision(decoder >= discriminator, discriminator >= decoder)  # where both are shut, both step
