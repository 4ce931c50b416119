"""One training step, as a function of tensors on the device: no data, no schedule, no files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..data.augmentation import Augmenter
from ..data.batches import to_tensor
from ..losses.gate import GateDecision, decide
from ..losses.objective import Losses, Objective
from ..losses.routing import Number
from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..settings import NETWORKS
from .average import WeightAverage
from .distributed import average_gradients, gather_from_processes, mean_over_processes
from .optimizers import load_optimizer, make_optimizer, step_if

LOSSES = ("prior", "similarity", "real", "fake")
STEPS = ("encoder_steps", "decoder_steps", "discriminator_steps")
GRADIENTS = ("encoder_gradient", "decoder_gradient", "discriminator_gradient")
LOGGED_LOSSES = (*LOSSES, "pixel")
"""The losses that are logged, by their names in `Losses`."""
MEANS = (*LOGGED_LOSSES, *STEPS, *GRADIENTS)
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
    penalty: Number
    """Weight of the discriminator's penalty."""


class Requests(NamedTuple):
    """What was asked for, by a signal or a callback, to be done after a step."""

    stop: bool = False
    save: bool = False
    end: bool = False
    """To end well, as at the last step."""


NO_REQUESTS = Requests()


class Inputs(NamedTuple):
    """All that a step takes from outside, on the device."""

    pixels: Tensor
    """N x H x W x C, uint8; those of a user's DataLoader may be float in [-1, 1]."""
    changes: Tensor
    """What augmentation does to each image."""
    noise: Tensor
    """2 x N x latent, standard normal: for the posterior and for the prior."""
    rates: Rates | Tensor
    """Or `Rates` as one tensor, so that the device gets all numbers in one copy."""
    attributes: Tensor | None = None
    """N x attributes, for a conditional model."""
    diff_augment: Tensor | None = None
    """N x 7 random numbers, for what the discriminator sees."""
    penalised: bool = True
    """Whether the weight of the penalty is above 0: a number of the host, which decides which operations the step is."""


class StepResult(NamedTuple):
    """What is known after a step: where the device decides, tensors, which have their values once the device has got there."""

    means: Tensor
    """`LOGGED_LOSSES`; means over all processes."""
    decision: GateDecision
    """Which of the decoder and the discriminator have stepped."""
    requests: Requests
    """What any of the processes was asked for."""


class NotFiniteError(Exception):
    """A loss or a gradient was no longer a number; that step and those after it have not changed any weight."""

    def __init__(self, what: str, steps: int) -> None:
        """`steps` were taken since the last reading before it happened."""
        super().__init__(what, steps)
        self.what, self.steps = what, steps


class RunningSums:
    """Sums over the steps since the last reading, on the device."""

    def __init__(self, device: torch.device) -> None:
        # MEANS, sound steps, and for each of WATCHED whether it was the first to be no number.
        self._sums = torch.zeros(len(MEANS) + 1 + len(WATCHED), device=device)

    def add(self, means: Tensor, steps: Tensor, gradients: Tensor) -> Tensor:
        """Take in a step.

        Args:
            means: `LOGGED_LOSSES`.
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


class TrainingStep:
    """The networks and all that changes with them, and the step that changes it: one forward and one backward pass for three objectives,
    and a step of the networks that the gate lets go.

    Either the host decides: it reads the costs, and no work is done for a network that is held. Or the device decides: all gradients are
    computed, a network that is held keeps its weights, and the host never waits but runs ahead. Then all steps are the same operations,
    with or without a penalty, which can be recorded (see cuda_graph.py). Which networks step, and what they become, is the same both ways.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric, model: VAEGAN) -> None:
        """Begin with a model that is on the device, in training mode."""
        self.recipe, self.fabric, self.model = recipe, fabric, model
        self.average = WeightAverage(model, recipe.training) if recipe.training.averages else None
        self.augment = Augmenter(recipe.augmentation)
        average, gather = (partial(function, fabric) for function in (mean_over_processes, gather_from_processes))
        self.objective = Objective(recipe.objective, average=average, gather=gather)
        self.objective.check(model.discriminator)
        self.parameters = {name: list(getattr(model, name).parameters()) for name in NETWORKS}
        posterior = {"encoder": model.encoder.posterior_weights()}
        self.optimizers = {
            name: make_optimizer(parameters, recipe.optimizer, posterior.get(name, ())) for name, parameters in self.parameters.items()
        }
        self.tally = RunningSums(model.device)
        self.device_decides = device_decides(fabric)

    def __call__(self, inputs: Inputs, requests: Requests = NO_REQUESTS) -> StepResult:
        """Take the step.

        If a loss or a gradient is no longer a number, no weight changes, nor in the steps after it; the tally's next reading raises.
        """
        objective = self.recipe.objective
        rates = Rates(*inputs.rates.unbind()) if isinstance(inputs.rates, Tensor) else inputs.rates
        images = self.augment(to_tensor(inputs.pixels, inputs.pixels.device), inputs.changes)
        with self.fabric.autocast():
            conditions = self.model.conditions(inputs.attributes)
            batch = (images, inputs.noise[0], inputs.noise[1])
            penalty = rates.penalty if inputs.penalised else 0.0
            losses = self.objective(
                self.model, *batch, gamma=rates.gamma, penalty=penalty, conditions=conditions, numbers=inputs.diff_augment
            )
        means, requests = self._agree(losses, requests)
        cost = dict(zip(LOGGED_LOSSES, means.unbind(), strict=True))
        decision = decide(cost["real"], cost["fake"], rates.low, rates.high) if objective.adversarial else GateDecision(True, False)
        no = torch.zeros((), dtype=torch.bool, device=means.device)
        active = torch.stack([no | steps for steps in (objective.autoencodes, *decision)])
        if self.device_decides:
            step, stepping = StepResult(means, GateDecision(*active[1:]), requests), list(objective.trained)
        else:
            decided = active.tolist()
            step = StepResult(means, GateDecision(*decided[1:]), requests)
            stepping = [name for name, steps in zip(NETWORKS, decided, strict=True) if steps]
        losses.backward(parameter for name in stepping for parameter in self.parameters[name])
        norms = self._gradients(stepping)
        held = torch.zeros_like(losses.prior)
        gradients = torch.where(active, torch.stack([norms.get(name, held) for name in NETWORKS]), 0.0)
        sound = self.tally.add(means, active, gradients)
        for name, go in zip(NETWORKS, active & sound, strict=True):
            if name in stepping:
                self._step_network(name, getattr(rates, name), norms[name], go)
        if self.average:
            self.average.follow(rates.average * sound)
        return step

    def state_dict(self) -> dict[str, Any]:
        """All that a step changes."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict() if self.average else None,
            "optimizers": {name: optimizer.state_dict()["state"] for name, optimizer in self.optimizers.items()},
            "tally": self.tally.state(),  # so that the next line of stats.jsonl is of all its steps
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            RuntimeError, ValueError, KeyError: it is of other networks.
        """
        self.tally.load_state(state["tally"])
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.model.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            load_optimizer(optimizer, state["optimizers"][name])

    def _agree(self, losses: Losses, requests: Requests) -> tuple[Tensor, Requests]:
        """The losses of all processes, and what any of them was asked for: what processes decide must be the same in all."""
        logged = torch.stack([getattr(losses, name) for name in LOGGED_LOSSES])
        if self.fabric.world_size == 1:
            return logged, requests
        everything = mean_over_processes(self.fabric, torch.cat([logged, logged.new_tensor(requests)]))
        means, asked = everything[: len(LOGGED_LOSSES)], everything[len(LOGGED_LOSSES) :] > 0
        return means, Requests(*asked.tolist())

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


def device_decides(fabric: Fabric) -> bool:
    """Whether the device, not the host, should decide which networks step (see `TrainingStep`): where waiting for it costs most.

    Several processes wait for each other at every step in any case.
    """
    return fabric.device.type == "cuda" and fabric.world_size == 1
