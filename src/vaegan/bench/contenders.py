"""What is compared: the textbook step and the package's, each in the ways that a device has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from ..data.batches import Batches
from ..data.dataset import ImageSet
from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..training.device import keep_freed_memory
from ..training.trainer import Trainer
from .textbook import Textbook

StepFunction = Callable[[], object]
WHOLE_LOOP = "vaegan, whole loop"


@dataclass(frozen=True)
class Contender:
    """One line of the table."""

    name: str
    arithmetic: str
    """What it computes, whatever the way: a key of `BenchmarkCase.arithmetics`."""
    precision: str
    build: Callable[[], StepFunction]
    """Make the networks and all that is needed to step them."""
    in_subprocess: bool = False
    """Whether it runs in a process of its own; see subprocess.py."""


@dataclass(frozen=True)
class BenchmarkCase:
    """Where contenders meet: settings, a device and images."""

    recipe: Recipe
    fabrics: dict[str, Fabric]
    """By precision; the last one is the precision that was asked for."""
    images: ImageSet
    notes: list[str] = field(default_factory=list)
    """What trainers say that this machine cannot do."""

    @property
    def device(self) -> torch.device:
        """The device."""
        return next(iter(self.fabrics.values())).device

    @property
    def precision(self) -> str:
        """The precision that was asked for."""
        return list(self.fabrics)[-1]

    def textbook(self, *, autocast: bool = False) -> StepFunction:
        """The textbook step on a batch that is on the device, as bytes."""
        return textbook(self.recipe, self.images, self.device, autocast=autocast)

    def trainer(self, precision: str, changes: dict[str, Any]) -> Trainer:
        """The package's, with some settings of training changed."""
        recipe = replace(self.recipe, training=replace(self.recipe.training, **changes))
        return Trainer(recipe, self.fabrics[precision], self.images, np.arange(len(self.images)), note=self.notes.append)

    def step(self, precision: str, changes: dict[str, Any]) -> StepFunction:
        """The package's step on inputs that are there already."""
        return _step_of(self.trainer(precision, changes))

    def whole_loop(self) -> StepFunction:
        """All that `Trainer.train` does for a step but showing and saving: reading images, and losses now and then."""
        trainer = self.trainer(self.precision, {})

        def step() -> None:
            trainer.train_step()
            if trainer.step % self.recipe.training.log_every == 0:
                trainer.read()

        return step

    def loading(self) -> StepFunction:
        """Making a batch on the device, as a trainer does."""
        training, steps = self.recipe.training, count()
        indices = np.arange(len(self.images))
        batches = Batches(self.images.images, indices, training.batch, seed=training.seed, augmentation=self.recipe.augmentation)
        batches.keep_on(self.device)
        return lambda: batches(next(steps), self.device)

    def plain(self) -> dict[str, Any]:
        """The settings with which a step is run operation by operation, so that they can be counted."""
        return {"graph": False, "compile": False} if self.device.type == "cuda" else {}

    def arithmetics(self) -> dict[str, Callable[[], StepFunction]]:
        """The different computations among the contenders."""
        kinds: dict[str, Callable[[], StepFunction]] = {"textbook float32": self.textbook}
        if self.device.type == "cuda" and self.precision == "bfloat16":
            kinds["textbook bfloat16"] = partial(self.textbook, autocast=True)
        for precision in self.fabrics:
            kinds[f"vaegan {precision}"] = partial(self.step, precision, self.plain())
        return kinds

    def contenders(self) -> list[Contender]:
        """All of them. The first is the one that the others are compared with."""
        if self.device.type == "cpu":
            found = self._on_cpu()
        elif self.device.type == "cuda":
            found = self._on_cuda()
        else:
            found = [Contender("textbook", "textbook float32", "float32", self.textbook), *self._in_each_precision()]
        return [*found, Contender(WHOLE_LOOP, f"vaegan {self.precision}", self.precision, self.whole_loop)]

    def _on_cpu(self) -> list[Contender]:
        found = [Contender("textbook, as users run it", "textbook float32", "float32", self.textbook, in_subprocess=True)]
        if keep_freed_memory():  # or the two would be the same
            found.append(Contender("textbook, freed memory kept", "textbook float32", "float32", self.textbook))
        return [*found, *self._in_each_precision()]

    def _in_each_precision(self) -> list[Contender]:
        return [
            Contender(f"vaegan, {precision}", f"vaegan {precision}", precision, partial(self.step, precision, {}))
            for precision in self.fabrics
        ]

    def _on_cuda(self) -> list[Contender]:
        found = [Contender("textbook", "textbook float32", "float32", self.textbook)]
        if self.precision == "bfloat16":
            found.append(Contender("textbook + bf16", "textbook bfloat16", "bfloat16", partial(self.textbook, autocast=True)))
        ways = {"plain": self.plain(), "graphed": {"graph": True, "compile": False}}
        if self.recipe.training.compile:  # which can take minutes
            ways["compiled"] = {"graph": False, "compile": True}
        for way, changes in ways.items():
            build = partial(self.step, self.precision, changes)
            found.append(Contender(f"vaegan, {way}", f"vaegan {self.precision}", self.precision, build))
        return found


def textbook(recipe: Recipe, images: ImageSet, device: torch.device, *, autocast: bool = False) -> StepFunction:
    """The textbook step on a batch that is on the device, as bytes."""
    torch.manual_seed(recipe.training.seed)
    made = Textbook(recipe, VAEGAN(recipe.networks, images.preparation).to(device), autocast=autocast)
    batch = np.arange(recipe.training.batch)
    pixels = torch.from_numpy(images.images[batch]).permute(0, 3, 1, 2).contiguous().to(device)
    return lambda: made.step(pixels)


def _step_of(trainer: Trainer) -> StepFunction:
    """Steps of a trainer, always on the same inputs."""
    inputs = trainer.inputs()
    return lambda: trainer.train_step(inputs=inputs)
