"""How many steps a run takes in some minutes: found by a rehearsal, before the run begins.

The rehearsal takes some steps with a trainer of its own, draws a picture and saves, and is thrown away. Its steps are not the first ones of
the run, because what a step does depends on how many there will be (an annealed learning rate falls from the first step on), and how many
there will be is known only after the rehearsal. So a run of some minutes is a run of a number of steps from its first step on. With that
number, which is in its recipe.yaml, it is resumed exactly, and trained again with the same result, and no schedule has to know of minutes.
The time of the rehearsal counts: it is a few seconds.
"""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lightning_fabric import Fabric

from ..data import Indices
from ..data.dataset import ImageSet
from ..errors import UserError
from ..recipe import Recipe
from ..run import Run
from ..settings import Training
from .cuda_graph import WARM_UP as BEFORE_RECORDING
from .distributed import all_or_none, from_leader
from .pictures import draw
from .trainer import Trainer

SHARE, MOST_SECONDS = 0.02, 10.0
"""For how long steps are timed: this share of the minutes, at most so many seconds."""
WARM_UP = {"cuda": BEFORE_RECORDING + 1}
"""Steps before that, in which kernels are chosen, compiled and recorded. Elsewhere 2."""

clock = time.perf_counter


class Costs(NamedTuple):
    """What a run spends its time on, in seconds."""

    start: float
    """To make a trainer, and what its first steps take longer than others."""
    step: float
    picture: float
    save: float
    """Of a model and a checkpoint."""
    picture_bytes: int = 0
    model_bytes: int = 0
    checkpoint_bytes: int = 0


def in_steps(
    recipe: Recipe, fabric: Fabric, images: ImageSet, training: Indices, held_out: Indices, *, began: float, after: float
) -> Recipe:
    """The recipe of a run of some minutes, with its length in steps. All processes must come here, and get the same.

    Args:
        recipe: its length is in minutes.
        fabric, images, training: as for a `Trainer`.
        held_out: the indices of the images that pictures show.
        began: when the minutes began, by `clock`.
        after: the seconds that the run takes after its last step.

    Raises:
        UserError: the minutes are too few for a single step; or what a `Trainer` raises.
    """
    assert recipe.training.minutes is not None
    seconds = 60.0 * recipe.training.minutes
    costs = rehearse(recipe, fabric, images, training, held_out, seconds=min(MOST_SECONDS, SHARE * seconds))
    gc.collect()  # the trainer of the run may need the memory that this one took
    steps = from_leader(fabric, lambda: steps_in(seconds - (clock() - began) - after, costs, recipe.training))
    return replace(recipe, training=replace(recipe.training, length=f"{steps} steps"))


def steps_in(seconds: float, costs: Costs, settings: Training) -> int:
    """The steps, with their pictures and checkpoints, that a run takes in so many seconds, from making its trainer on.

    Raises:
        UserError: it takes none.
    """
    once, each = _once_and_each(costs, settings)
    steps = int((seconds - once) / each)
    if steps < 1:
        assert settings.minutes is not None
        rest = 60.0 * settings.minutes - seconds + once
        raise UserError(
            f"--minutes {settings.minutes} is too short: the speed trial, pictures, checkpoints, the fit of the prior and the report alone "
            f"take about {rest:.1f} s, and each step takes {each:.2g} s; give more --minutes, or give --steps in place of --minutes"
        )
    return steps


def seconds_of(steps: int, costs: Costs, settings: Training) -> float:
    """How long a run of so many steps takes, with their pictures and checkpoints, from making its trainer on."""
    once, each = _once_and_each(costs, settings)
    return once + steps * each


def _once_and_each(costs: Costs, settings: Training) -> tuple[float, float]:
    """The seconds that a run takes around its steps, and those of each step with its part of pictures and checkpoints."""
    once = costs.start + costs.picture + costs.save  # there is always a picture and a checkpoint at the end
    return once, costs.step + costs.picture / settings.picture_every + costs.save / settings.checkpoint_every


def rehearse(recipe: Recipe, fabric: Fabric, images: ImageSet, training: Indices, held_out: Indices, *, seconds: float) -> Costs:
    """Time what a run does, and measure what it writes. In other processes than the first one, only what all do together is timed.

    Args:
        recipe, fabric, images, training: as for a `Trainer`.
        held_out: the indices of the images that pictures show.
        seconds: for how long steps are timed.
    """
    began = clock()
    with all_or_none(fabric):
        trainer = Trainer(recipe, fabric, images, training)
    _take(trainer, warm_up := WARM_UP.get(fabric.device.type, 2))
    warm = clock()
    _take(trainer, 1)
    more = from_leader(fabric, lambda: round(seconds / (clock() - warm)))
    _take(trainer, more)
    step = (clock() - warm) / (1 + more)
    picture = save = 0.0
    sizes = [0, 0, 0]
    if fabric.is_global_zero:
        with tempfile.TemporaryDirectory(prefix="vaegan-rehearsal-") as folder, trainer.as_written():
            picture_inputs = trainer.picture_inputs(images, held_out)
            for _ in range(2):  # the first one loads what it takes
                before = clock()
                draw(trainer.shown, picture_inputs)[0].save(Path(folder) / "picture.png")
                picture = clock() - before
            run = Run(folder)
            run.recipe_file.touch()  # else it would be a model folder
            before = clock()
            trainer.save(run)
            save = clock() - before
            paths = (Path(folder) / "picture.png", run.model_folder, run.checkpoints_folder)
            sizes = [sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file()) for path in paths]
    return Costs(max(0.0, warm - began - warm_up * step), step, picture, save, *sizes)


def _take(trainer: Trainer, steps: int) -> None:
    """Take some steps, and wait for the device."""
    for _ in range(steps):
        trainer.train_step()
    trainer.training_step.tally.state().tolist()
