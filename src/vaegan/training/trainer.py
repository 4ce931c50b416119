"""The training loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor

from ..data import Numbers
from ..data.batches import Batches, to_device, to_tensor
from ..data.packed import ImageSet
from ..errors import UserError
from ..model import VAEGAN
from ..recipe import Recipe
from ..signals import Stopped, StopSignal
from . import checkpoint
from .graph import Recorded
from .machine import compile_networks
from .monitor import RECONSTRUCTIONS, Monitor
from .optimizers import load_optimizer, make_optimizer
from .schedule import learning_rate
from .step import NETWORKS, Inputs, NotFiniteError, Rates, Step, Tally, TrainingStep

MAY_CHANGE = {
    *("data.source", "training.length", "training.precision", "training.graph", "training.compile"),
    *("training.log_every", "training.picture_every", "training.checkpoint_every"),
}
"""What a resumed run may do differently. The images must still be the same ones, and another length bends an annealed learning rate."""


class Trainer:
    """A VAE/GAN, its optimisers and its data, and the steps from one to the next.

    What a step does depends on the recipe, the step's number and the state that `state_dict` returns, and on nothing else: noise, order,
    flips, learning rates and gate are all functions of the step. So a run that was stopped goes on as if it had not been.
    """

    def __init__(
        self, recipe: Recipe, fabric: Fabric, images: ImageSet, training: Numbers, note: Callable[[str], None] = lambda _: None
    ) -> None:
        """`training`: the numbers of the images to train on; `note` takes a sentence where the machine cannot do what the recipe asks."""
        self.recipe, self.fabric = recipe, fabric
        settings = recipe.training
        self.batches = Batches(
            images.images,
            training,
            settings.batch,
            seed=settings.seed,
            augmentation=recipe.augmentation,
            rank=fabric.global_rank,
            processes=fabric.world_size,
        )
        self.batches.keep_on(fabric.device)
        self.images_per_step = settings.batch * fabric.world_size
        self.steps = settings.steps(self.batches.steps_per_epoch, self.images_per_step)
        self.identity: dict[str, Any] = {"recipe": recipe.flat(), "images": images.identity, "processes": fabric.world_size}
        self.step = self._read_at = 0
        torch.manual_seed(settings.seed)  # the same first weights in every process
        model = VAEGAN(recipe.networks, images.preparation)
        self.model: VAEGAN = model.to(fabric.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average: VAEGAN | None = copy.deepcopy(self.model).requires_grad_(False).eval() if settings.ema else None
        self.parameters = {name: list(getattr(self.model, name).parameters()) for name in NETWORKS}
        self.optimizers = {name: make_optimizer(self.parameters[name], recipe.optimizer) for name in NETWORKS}
        self.tally = Tally(fabric.device)
        self.device_decides = device_decides(fabric)
        parts = (self.batches, self.model, self.average, self.parameters, self.optimizers, self.tally)
        self.advance: Callable[[Inputs], Step] = TrainingStep(recipe, fabric, *parts, self.device_decides)
        if settings.compile:
            compile_networks(self.model, note)
        if settings.graph and self.device_decides:
            self.advance = Recorded(self.advance, note)

    @property
    def shown(self) -> VAEGAN:
        """The model that is shown and saved: the average where there is one."""
        return self.average or self.model

    @property
    def epoch(self) -> int:
        """The epoch of the next step, from 0."""
        return self.step // self.batches.steps_per_epoch

    def inputs(self, stop: bool = False) -> Inputs:
        """What the next step takes: all work of the host. A GPU may still be at earlier steps when this is done."""
        device = self.fabric.device
        seed = np.random.SeedSequence([self.recipe.training.seed, self.step, self.fabric.global_rank, 2]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(seed[0] >> 1))
        noise = torch.randn(2, self.recipe.training.batch, self.recipe.networks.latent, generator=generator)
        rates: Rates | Tensor = self.rates(stop)
        if self.device_decides:
            rates = to_device(np.array(rates, np.float32), device)
        return Inputs(*self.batches.inputs(self.step, device), to_device(noise.numpy(), device), rates)

    def learning_rate(self) -> float:
        """The learning rate of the next step, before the networks' factors."""
        return learning_rate(self.recipe.optimizer, self.step, self.steps, self.batches.steps_per_epoch)

    def rates(self, stop: bool = False) -> Rates:
        """What schedules make of the next step."""
        recipe = self.recipe
        lr = self.learning_rate()
        kept = min(recipe.training.ema, (1 + self.step) / (10 + self.step))  # short-sighted at first, or it would show the start
        encoder, decoder, discriminator = (lr * factor for factor in recipe.optimizer.lr_factors)
        low, high = recipe.gate.bounds(self.epoch)
        return Rates(encoder, decoder, discriminator, recipe.objective.at(self.epoch).gamma, low, high, average=1 - kept, stop=float(stop))

    def train_step(self, stop: bool = False, inputs: Inputs | None = None) -> Step:
        """One step: three objectives out of one forward and one backward pass, for the networks that the gate lets step.

        Args:
            stop: this process was asked to stop.
            inputs: in place of those of this step, to measure what a step takes without them.

        Raises:
            UserError: a loss is no longer a number; this step has changed no weight. Where the device decides, `read` and `check` raise it.
        """
        with self._finite():
            step = self.advance(inputs or self.inputs(stop))
        self.step += 1
        return step._replace(stops=stop) if self.fabric.world_size == 1 else step

    def read(self) -> dict[str, float]:
        """The means of the steps since the last reading, by name. Waits for the device.

        Raises:
            UserError: a loss is no longer a number; no step since then has changed a weight.
        """
        with self._finite():
            means = self.tally.read()
        self._read_at = self.step
        return means

    def check(self) -> None:
        """Wait for the device, and see that all is well.

        Raises:
            UserError: a loss is no longer a number; no step since then has changed a weight.
        """
        with self._finite():
            self.tally.check()

    @contextmanager
    def _finite(self) -> Iterator[None]:
        try:
            yield
        except NotFiniteError as error:
            raise UserError(f"the {error.loss} loss is no longer a number at step {self._read_at + error.steps + 1}") from None

    def state_dict(self) -> dict[str, Any]:
        """All that changes from step to step."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizers": {name: optimizer.state_dict()["state"] for name, optimizer in self.optimizers.items()},
            "identity": self.identity,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            UserError: it is of other images, another number of processes, or a recipe that differs in more than may change.
        """
        theirs, mine = state["identity"], self.identity
        if theirs["images"] != mine["images"]:
            raise UserError(f"the images in {self.recipe.data.source} are not those that the run has been trained on")
        if theirs["processes"] != mine["processes"]:
            raise UserError(f"the run has been trained by {theirs['processes']} processes: set --processes {theirs['processes']}")
        changed = [key for key in mine["recipe"] if key not in MAY_CHANGE and theirs["recipe"].get(key) != mine["recipe"][key]]
        if changed:
            raise UserError(f"cannot change {', '.join(changed)} of a run that has begun: train a new one from its recipe")
        if state["step"] >= self.steps:
            raise UserError(f"the run is at step {state['step']} already: ask for more, such as --steps {2 * state['step']}")
        self.step = self._read_at = state["step"]
        if isinstance(self.advance, Recorded):
            self.advance.forget()
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            load_optimizer(optimizer, state["optimizers"][name])

    def train(self, run: Path, images: ImageSet, held_out: Numbers, console: Console) -> Path:
        """Train to the end, writing into the run folder; returns the last picture.

        Raises:
            Stopped: an interrupt or SIGTERM came; the run was saved.
            UserError: a loss is no longer a number.
        """
        settings = self.recipe.training
        shown = held_out[:RECONSTRUCTIONS] if len(held_out) else np.arange(min(RECONSTRUCTIONS, len(images)))
        originals = to_tensor(images.images[shown], self.fabric.device)
        caption = "held-out images" if len(held_out) else "training images"
        picture = run / "samples"
        monitor = None
        if self.fabric.is_global_zero:  # one process writes and speaks for all
            monitor = Monitor(run, step=self.step, steps=self.steps, images_per_step=self.images_per_step, console=console)

        with monitor or nullcontext(), StopSignal() as signals:
            ended = False
            while not ended:
                schedule = {"lr": self.learning_rate(), "gamma": self.recipe.objective.at(self.epoch).gamma}
                try:
                    step = self.train_step(stop=signals.received is not None)
                    ended = bool(step.stops) or self.step == self.steps
                    if logging := ended or self.step % settings.log_every == 0:
                        means = self.read()
                    drawing, saving = (ended or self.step % every == 0 for every in (settings.picture_every, settings.checkpoint_every))
                    if (drawing or saving) and not logging:
                        self.check()
                except UserError as error:
                    raise UserError(f"{error}; {_last_checkpoint(run)}: train anew with a lower --optimizer.lr") from None
                if not monitor:
                    continue
                monitor.update()
                if logging:
                    monitor.log(means, **schedule)
                with monitor.aside(), self._as_written():
                    if drawing:
                        picture = monitor.picture(self.shown, originals, caption)
                    if saving:
                        self._save(run)
        if self.step < self.steps:
            sentence = f"stopped at step {self.step} of {self.steps} and saved; go on with: vaegan train --resume {run}"
            raise Stopped(sentence, signals.received)
        return picture

    def _as_written(self) -> AbstractContextManager[object]:
        """Networks that are compiled are not compiled anew for the few images of a picture."""
        return torch.compiler.set_stance("force_eager") if self.recipe.training.compile else nullcontext()

    def _save(self, run: Path) -> None:
        """Write a checkpoint to go on from, and the model to use."""
        broken = [name for name, tensor in self.model.state_dict().items() if not torch.isfinite(tensor).all()]
        if broken:  # never let these push a good checkpoint out
            raise UserError(
                f"{broken[0]} is no longer finite at step {self.step}; {_last_checkpoint(run)}: train anew with a lower --optimizer.lr"
            )
        checkpoint.save(run / "checkpoints", self.step, self.state_dict())
        self.shown.save_pretrained(run / "model")


def device_decides(fabric: Fabric) -> bool:
    """Whether the device, not the host, should decide which networks step (see `TrainingStep`): where waiting for it costs most.

    Several processes wait for each other at every step in any case.
    """
    return fabric.device.type == "cuda" and fabric.world_size == 1


def _last_checkpoint(run: Path) -> str:
    saved = checkpoint.checkpoints(run / "checkpoints")
    return f"the last checkpoint is {saved[0]}" if saved else "there is no checkpoint yet"
