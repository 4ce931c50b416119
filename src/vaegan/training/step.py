"""One training step, as a function of tensors on the device: no data, no schedule, no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..data.batches import Batches
from ..model import VAEGAN
from ..objective import Number, Open, opened
from ..recipe import Recipe
from .optimizers import average_gradients, mean_over_processes, step_if

NETWORKS = ("encoder", "decoder", "discriminator")
LOSSES = ("prior", "similarity", "real", "fake")
MEANS = (*LOSSES, "pixel", "decoder_steps", "discriminator_steps")


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


class Step(NamedTuple):
    """What is known after a step: where the device decides, tensors, which have their values once the device has got there."""

    means: Tensor
    """prior, similarity, real, fake, pixel: see `Losses`; means over all processes."""
    players: Open
    stops: bool | Tensor
    """Some process was asked to stop."""


class NotFiniteError(Exception):
    """A loss was no longer a number; that step and those after it have not changed any weight."""

    def __init__(self, loss: str, steps: int) -> None:
        """`steps` were taken since the last reading before it happened."""
        super().__init__(loss, steps)
        self.loss, self.steps = loss, steps


class Tally:
    """Sums over the steps since the last reading, on the device."""

    def __init__(self, device: torch.device) -> None:
        # MEANS, sound steps, and for each of LOSSES whether it was the first to be no number.
        self._sums = torch.zeros(len(MEANS) + 1 + len(LOSSES), device=device)

    def add(self, means: Tensor, players: Tensor) -> Tensor:
        """Take in a step: its losses, and whether the decoder and the discriminator step.

        Returns:
            Whether all losses have been numbers so far, this step's included: a scalar, bool.
        """
        before = ~self._sums[-len(LOSSES) :].any()
        broken = ~means[: len(LOSSES)].isfinite() & before
        sound = before & ~broken.any()
        self._sums += torch.cat([means, players, sound[None], broken])
        return sound

    def check(self) -> list[float]:
        """See that all is well; the sums as they are. Waits for the device.

        Raises:
            NotFiniteError: a loss was no longer a number.
        """
        *sums, steps = (values := self._sums.tolist())[: -len(LOSSES)]
        broken = values[-len(LOSSES) :]
        if any(broken):
            raise NotFiniteError(LOSSES[broken.index(1)], int(steps))
        return [*sums, steps]

    def read(self) -> dict[str, float]:
        """The means, by name, of the steps since the last reading, of which there must be one. Waits for the device.

        Raises:
            NotFiniteError: a loss was no longer a number.
        """
        *sums, steps = self.check()
        self._sums.zero_()
        return {name: value / steps for name, value in zip(MEANS, sums, strict=True)}


@dataclass
class TrainingStep:
    """One forward and one backward pass for three objectives, and a step of the networks that the gate lets go.

    Either the host decides: it reads the costs, and no work is done for a network that is held. Or the device decides: all gradients are
    computed, a network that is held keeps its weights, and the host never waits but runs ahead. Then all steps are the same operations,
    which can be recorded (see graph.py). Which networks step, and what they become, is the same both ways.
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

        Raises:
            NotFiniteError: where the host decides and a loss is no longer a number.
        """
        rates = Rates(*inputs.rates.unbind()) if isinstance(inputs.rates, Tensor) else inputs.rates
        images = self.batches.finish(inputs.pixels, inputs.changes)
        with self.fabric.autocast():
            losses = self.recipe.objective(self.model, images, inputs.noise[0], inputs.noise[1], rates.gamma)
        terms = [losses.prior, losses.similarity, losses.real, losses.fake, losses.pixel]
        # All that processes decide they decide on means over all of them, or they would part ways.
        means = mean_over_processes(self.fabric, torch.stack([*terms, torch.zeros_like(losses.prior) + rates.stop]))
        means, stops = means[:-1], means[-1] > 0
        players = torch.stack([torch.as_tensor(player) for player in opened(means[2], means[3], rates.low, rates.high)])
        sound = self.tally.add(means, players)
        if self.device_decides:
            step = Step(means, Open(*players), stops)
            go = dict(zip(NETWORKS, (sound, *(players & sound)), strict=True))
            stepping = list(NETWORKS)
        else:
            decoder, discriminator, stop, all_sound = torch.cat([players, torch.stack([stops, sound])]).tolist()
            if not all_sound:
                self.tally.check()
            step = Step(means, Open(decoder, discriminator), stop)
            go = {}
            stepping = [name for name, steps in zip(NETWORKS, (True, decoder, discriminator), strict=True) if steps]
        losses.backward(parameter for name in stepping for parameter in self.parameters[name])
        for name in stepping:
            self._step_network(name, getattr(rates, name), go.get(name))
        self._follow(rates.average * sound)
        return step

    def drop_gradients(self) -> None:
        """Forget what a step that was not finished left behind."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def _step_network(self, name: str, lr: Number, go: Tensor | None) -> None:
        settings, parameters = self.recipe.optimizer, self.parameters[name]
        average_gradients(self.fabric, parameters)
        if limit := settings.clip_at[NETWORKS.index(name)]:
            if settings.clip == "value":
                nn.utils.clip_grad_value_(parameters, limit)
            elif settings.clip == "norm":
                nn.utils.clip_grad_norm_(parameters, limit)
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
