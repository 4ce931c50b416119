"""The training loop."""

from __future__ import annotations

import copy
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor, nn

from ..data import Numbers
from ..data.batches import Batches, to_tensor
from ..data.packed import ImageSet
from ..errors import UserError
from ..model import VAEGAN
from ..objective import Open
from ..recipe import Recipe
from ..signals import Stopped, StopSignal
from . import checkpoint
from .monitor import RECONSTRUCTIONS, Monitor
from .optimizers import average_gradients, make_optimizer
from .schedule import learning_rate

NETWORKS = ("encoder", "decoder", "discriminator")
MAY_CHANGE = {
    *("data.source", "training.length", "training.precision"),
    *("training.log_every", "training.picture_every", "training.checkpoint_every"),
}
"""What a resumed run may do differently. The images must still be the same ones, and another length bends an annealed learning rate."""


class Step(NamedTuple):
    """What is known after a step."""

    means: Tensor
    """prior, similarity, real, fake, pixel: see `Losses`; means over all processes."""
    players: Open
    stops: bool
    """Some process was asked to stop."""


class Trainer:
    """A VAE/GAN, its optimisers and its data, and the steps from one to the next.

    What a step does depends on the recipe, the step's number and the state that `state_dict` returns, and on nothing else: noise, order,
    flips, learning rates and gate are all functions of the step. So a run that was stopped goes on as if it had not been.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric, images: ImageSet, training: Numbers) -> None:
        """`training`: the numbers of the images to train on."""
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
        self.step = 0
        torch.manual_seed(settings.seed)  # the same first weights in every process
        model = VAEGAN(recipe.networks, images.preparation)
        self.model: VAEGAN = model.to(fabric.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average: VAEGAN | None = copy.deepcopy(self.model).requires_grad_(False).eval() if settings.ema else None
        self.parameters = {name: list(getattr(self.model, name).parameters()) for name in NETWORKS}
        self.optimizers = {name: make_optimizer(self.parameters[name], recipe.optimizer) for name in NETWORKS}

    @property
    def shown(self) -> VAEGAN:
        """The model that is shown and saved: the average where there is one."""
        return self.average or self.model

    @property
    def epoch(self) -> int:
        """The epoch of the next step, from 0."""
        return self.step // self.batches.steps_per_epoch

    def train_step(self, stop: bool = False) -> Step:
        """One step: three objectives out of one forward and one backward pass, for the networks that the gate lets step.

        All that processes decide they decide on means over all of them: the gate, whether to stop, and whether all is well.

        Raises:
            UserError: a loss is no longer a number; nothing has been changed by this step.
        """
        recipe = self.recipe
        images = self.batches(self.step, self.fabric.device)
        with self.fabric.autocast():
            losses = recipe.objective.at(self.epoch)(self.model, images, *self._noise(len(images)))
        terms = [losses.prior, losses.similarity, losses.real, losses.fake, losses.pixel]
        means = self.fabric.all_reduce(torch.stack([*terms, terms[0].new_tensor(stop)]), reduce_op="mean")
        assert isinstance(means, Tensor)
        prior, similarity, real, fake, _, stops = means.tolist()
        for name, value in {"prior": prior, "similarity": similarity, "real": real, "fake": fake}.items():
            if not math.isfinite(value):
                raise UserError(f"the {name} loss is no longer a number at step {self.step + 1}")
        players = recipe.gate(real, fake, self.epoch)
        stepping = [name for name, steps in zip(NETWORKS, (True, *players), strict=True) if steps]
        losses.backward(p for name in stepping for p in self.parameters[name])
        lr = self.learning_rate()
        for name in stepping:
            self._step_network(name, lr)
        self._follow()
        self.step += 1
        return Step(means[:5], players, stops > 0)

    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return learning_rate(self.recipe.optimizer, self.step, self.steps, self.batches.steps_per_epoch)

    def _noise(self, count: int) -> Tensor:
        """The step's standard normal noise, for the posterior and for the prior: 2 x count x latent."""
        seed = np.random.SeedSequence([self.recipe.training.seed, self.step, self.fabric.global_rank, 2]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(seed[0] >> 1))
        return torch.randn(2, count, self.recipe.networks.latent, generator=generator).to(self.fabric.device)

    def _step_network(self, name: str, lr: float) -> None:
        settings, parameters = self.recipe.optimizer, self.parameters[name]
        index = NETWORKS.index(name)
        average_gradients(self.fabric, parameters)
        if limit := settings.clip_at[index]:
            if settings.clip == "value":
                nn.utils.clip_grad_value_(parameters, limit)
            elif settings.clip == "norm":
                nn.utils.clip_grad_norm_(parameters, limit)
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group["lr"] = lr * settings.lr_factors[index]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the weights; batch normalisation's statistics are averages already."""
        if self.average is None:
            return
        weight = 1 - min(self.recipe.training.ema, (1 + self.step) / (10 + self.step))  # short-sighted at first, or it would show the start
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), weight)
        for mine, theirs in zip(self.average.buffers(), self.model.buffers(), strict=True):
            mine.copy_(theirs)

    def state_dict(self) -> dict[str, Any]:
        """All that changes from step to step."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
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
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])

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
                rates = {"lr": self.learning_rate(), "gamma": self.recipe.objective.at(self.epoch).gamma}
                try:
                    step = self.train_step(stop=signals.received is not None)
                except UserError as error:
                    raise UserError(f"{error}; {_last_checkpoint(run)}: train anew with a lower --optimizer.lr") from None
                ended = step.stops or self.step == self.steps
                if not monitor:
                    continue
                monitor.update(step.means, step.players)
                if ended or self.step % settings.log_every == 0:
                    monitor.log(**rates)
                with monitor.aside():
                    if ended or self.step % settings.picture_every == 0:
                        picture = monitor.picture(self.shown, originals, caption)
                    if ended or self.step % settings.checkpoint_every == 0:
                        self._save(run)
        if self.step < self.steps:
            sentence = f"stopped at step {self.step} of {self.steps} and saved; go on with: vaegan train --resume {run}"
            raise Stopped(sentence, signals.received)
        return picture

    def _save(self, run: Path) -> None:
        """Write a checkpoint to go on from, and the model to use."""
        broken = [name for name, parameter in self.model.named_parameters() if not torch.isfinite(parameter).all()]
        if broken:  # never let these push a good checkpoint out
            raise UserError(
                f"{broken[0]} is no longer finite at step {self.step}; {_last_checkpoint(run)}: train anew with a lower --optimizer.lr"
            )
        checkpoint.save(run / "checkpoints", self.step, self.state_dict())
        self.shown.save_pretrained(run / "model")


def _last_checkpoint(run: Path) -> str:
    saved = checkpoint.checkpoints(run / "checkpoints")
    return f"the last checkpoint is {saved[0]}" if saved else "there is no checkpoint yet"
