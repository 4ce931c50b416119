"""One training step, as a function of tensors on the device: no data, no schedule, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..data.batches import Batches
from ..losses.objective import Number, Objective, Open, opened
from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..settings import NETWORKS
from .distributed import average_gradients, mean_over_processes
from .optimizers import step_if

LOSSES = ("prior", "similarity", "real", "fake")
STEPS = ("encoder_steps", "decoder_steps", "discriminator_steps")
GRADIENTS = ("encoder_gradient", "decoder_gradient", "discriminator_gradient")
MEANS = (*LOSSES, "pixel", *STEPS, *GRADIENTS)
WATCHED = {
    "prior": "the prior loss (encoder)",
    "similarity": "the similarity loss (encoder, decoder)",
    "real": "the real loss (discriminator)",
    "fake": "the fake loss (decoder, discriminator)",
    **{name: f"the gradient of the {network}" for name, network in zip(GRADIENTS, NETWORKS, strict=True)},
}
"""What must always be a number, with what it is called when it is none."""


class Rates(NamedTuple):
    """What a schedule changes from step to step; numbers, or scalar tensors on the device."""

    encoder: Number
    """The learning rates."""
    decoder: Number
    discriminator: Number
    gamma: Number
    low: Number
    """The gate's bounds."""
    high: Number
    average: Number
    """How far the average moves towards the weights."""
    stop: Number
    """1 if this process was asked to stop, else 0."""
    save: Number
    """1 if this process was asked to save, else 0."""


class Inputs(NamedTuple):
    """All that a step takes from outside, on the device."""

    pixels: Tensor
    """N x H x W x C, uint8."""
    changes: Tensor
    """What augmentation does to each image."""
    noise: Tensor
    """2 x N x latent, standard normal: for the posterior and for the prior."""
    rates: Rates | Tensor
    """Or `Rates` as one tensor, where the device is not to be told each number anew."""
    attributes: Tensor | None = None
    """N x attributes, for a conditional model."""


class Step(NamedTuple):
    """What is known after a step: where the device decides, tensors, which have their values once the device has got there."""

    means: Tensor
    """prior, similarity, real, fake, pixel: see `Losses`; means over all processes."""
    players: Open
    stops: bool | Tensor
    """Some process was asked to stop."""
    saves: bool | Tensor
    """Some process was asked to save."""


class NotFiniteError(Exception):
    """A loss or a gradient was no longer a number; that step and those after it have not changed any weight."""

    def __init__(self, what: str, steps: int) -> None:
        """`steps` were taken since the last reading before it happened."""
        super().__init__(what, steps)
        self.what, self.steps = what, steps


class Tally:
    """Sums over the steps since the last reading, on the device."""

    def __init__(self, device: torch.device) -> None:
        # MEANS, sound steps, and for each of WATCHED whether it was the first to be no number.
        self._sums = torch.zeros(len(MEANS) + 1 + len(WATCHED), device=device)

    def add(self, means: Tensor, steps: Tensor, gradients: Tensor) -> Tensor:
        """Take in a step.

        Args:
            means: prior, similarity, real, fake, pixel.
            steps: whether each of `NETWORKS` steps.
            gradients: the norm of the gradient of each that does, 0 for the others.

        Returns:
            Whether all has been numbers so far, this step included: a scalar, bool.
        """
        before = ~self._sums[-len(WATCHED) :].any()
        broken = ~torch.cat([means[: len(LOSSES)], gradients]).isfinite() & before
        sound = before & ~broken.any()
        self._sums += torch.cat([means, steps, gradients, sound[None], broken])
        return sound

    def check(self) -> list[float]:
        """See that all is well; the sums as they are. Waits for the device.

        Raises:
            NotFiniteError: a loss or a gradient was no longer a number.
        """
        *sums, steps = (values := self._sums.tolist())[: -len(WATCHED)]
        broken = values[-len(WATCHED) :]
        if any(broken):
            raise NotFiniteError([*WATCHED.values()][broken.index(1)], int(steps))
        return [*sums, steps]

    def read(self) -> dict[str, float]:
        """The means, by name, over the steps since the last reading, of which there must be one; a gradient's norm over those in which
        its network stepped. Waits for the device.

        Raises:
            NotFiniteError: a loss or a gradient was no longer a number.
        """
        *values, steps = self.check()
        self.clear()
        sums = dict(zip(MEANS, values, strict=True))
        stepped = dict(zip(GRADIENTS, (sums[name] for name in STEPS), strict=True))
        means = {name: value / max(1.0, stepped.get(name, steps)) for name, value in sums.items()}
        del means["encoder_steps"]  # it always does
        return means

    def clear(self) -> None:
        """Begin anew."""
        self._sums.zero_()

    def state(self) -> Tensor:
        """All that was taken in since the last reading."""
        return self._sums

    def load_state(self, state: Tensor) -> None:
        """Go on from what `state` returned."""
        self._sums.copy_(state)


@dataclass
class TrainingStep:
    """One forward and one backward pass for three objectives, and a step of the networks that the gate lets go.

    Either the host decides: it reads the costs, and no work is done for a network that is held. Or the device decides: all gradients are
    computed, a network that is held keeps its weights, and the host never waits but runs ahead. Then all steps are the same operations,
    which can be recorded (see cuda_graph.py). Which networks step, and what they become, is the same both ways.
    """

    recipe: Recipe
    fabric: Fabric
    batches: Batches
    model: VAEGAN
    average: VAEGAN | None
    parameters: dict[str, list[nn.Parameter]]
    optimizers: dict[str, torch.optim.Adam]
    tally: Tally
    device_decides: bool

    def __call__(self, inputs: Inputs) -> Step:
        """Take the step.

        If a loss or a gradient is no longer a number, no weight changes, nor in the steps after it; the tally's next reading raises.
        """
        objective = self.recipe.objective
        rates = Rates(*inputs.rates.unbind()) if isinstance(inputs.rates, Tensor) else inputs.rates
        images = self.batches.finish(inputs.pixels, inputs.changes)
        with self.fabric.autocast():
            told = self.model.conditions(inputs.attributes)
            losses = Objective(objective)(self.model, images, inputs.noise[0], inputs.noise[1], gamma=rates.gamma, conditions=told)
        terms = [losses.prior, losses.similarity, losses.real, losses.fake, losses.pixel]
        asked = [torch.zeros_like(losses.prior) + number for number in (rates.stop, rates.save)]
        # All that processes decide they decide on means over all of them, or they would part ways.
        means = mean_over_processes(self.fabric, torch.stack([*terms, *asked]))
        means, stops, saves = means[:-2], means[-2] > 0, means[-1] > 0
        players = opened(means[2], means[3], rates.low, rates.high) if objective.plays else Open(True, False)
        goes = torch.stack([torch.zeros_like(stops) | player for player in (objective.autoencodes, *players)])
        if self.device_decides:
            step, stepping = Step(means, Open(*goes[1:]), stops, saves), list(objective.trained)
        else:
            *decided, stop, save = torch.cat([goes, torch.stack([stops, saves])]).tolist()
            step = Step(means, Open(*decided[1:]), stop, save)
            stepping = [name for name, steps in zip(NETWORKS, decided, strict=True) if steps]
        losses.backward(parameter for name in stepping for parameter in self.parameters[name])
        norms = self._gradients(stepping)
        held = torch.zeros_like(losses.prior)
        gradients = torch.where(goes, torch.stack([norms.get(name, held) for name in NETWORKS]), 0.0)
        sound = self.tally.add(means, goes, gradients)
        for name, go in zip(NETWORKS, goes & sound, strict=True):
            if name in stepping:
                self._step_network(name, getattr(rates, name), norms[name], go)
        self._follow(rates.average * sound)
        return step

    def drop_gradients(self) -> None:
        """Forget what a step that was not finished left behind."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def _gradients(self, stepping: Sequence[str]) -> dict[str, Tensor]:
        """The norm of the gradient of each network that steps, after the mean over all processes was taken."""
        average_gradients(self.fabric, [parameter for name in stepping for parameter in self.parameters[name]])
        return {name: nn.utils.get_total_norm([p.grad for p in self.parameters[name] if p.grad is not None]) for name in stepping}

    def _step_network(self, name: str, lr: Number, norm: Tensor, go: Tensor) -> None:
        settings, parameters = self.recipe.optimizer, self.parameters[name]
        if limit := settings.clip_at[NETWORKS.index(name)]:
            if settings.clip == "value":
                nn.utils.clip_grad_value_(parameters, limit)
            elif settings.clip == "norm":
                nn.utils.clip_grads_with_norm_(parameters, limit, norm)
        step_if(self.optimizers[name], lr, go)

    @torch.no_grad()
    def _follow(self, weight: Number) -> None:
        """Move the average towards the weights; batch normalisation's statistics are averages already."""
        if self.average is None:
            return
        averages: list[Tensor] = list(self.average.parameters())
        weights: list[Tensor] = list(self.model.parameters())
        ways = list(torch._foreach_sub(weights, averages))
        torch._foreach_mul_(ways, weight)
        torch._foreach_add_(averages, ways)
        for mine, theirs in zip(self.average.buffers(), self.model.buffers(), strict=True):
            mine.copy_(theirs)
