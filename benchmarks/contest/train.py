"""The process that trains a contender that is no recipe.

    python -m contest.train FOLDER

reads FOLDER/job.json, makes the networks of recipe `quick`, and calls the contender's function. That trains them in place, and returns the
density that its samples are drawn from, or None where that is N(0, I) alone. The model is then saved as all models of this package are.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

from vaegan import VAEGAN
from vaegan.data import ImageSet, Indices
from vaegan.files import append

from .contenders import OwnRecipe
from .job import LOG_EVERY, Job, parts_of


class JobProgress:
    """Writes down how far a training is."""

    def __init__(self, job: Job) -> None:
        self.steps, self._file = 0, job.stats_file
        self._file.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self) -> None:
        """Take note of a step."""
        self.steps += 1
        if self.steps % LOG_EVERY == 0:
            append(self._file, json.dumps({"step": self.steps}).encode() + b"\n")


class Task(NamedTuple):
    """What a function is given."""

    model: VAEGAN
    """New networks, in training mode, to be trained in place."""
    images: ImageSet
    training: Indices
    """The numbers of the images to train on."""
    job: Job
    """Says how many steps, and the seed of everything random."""
    progress: JobProgress
    """To be called after every step."""


Function = Callable[[Task], Any]
"""Trains, and returns a `vaegan.models.prior.Mixture` or None."""


def main(folder: Path) -> None:
    """Train, and save."""
    torch.set_num_threads(1)
    job = Job.read(folder)
    images = ImageSet.open(Path(job.images))
    training, _ = parts_of(images)
    torch.manual_seed(job.seed)
    networks = OwnRecipe("quick", "quick").load(job.images).networks
    model = VAEGAN(networks, images.preparation, untrained=("discriminator",)).train()
    progress = JobProgress(job)
    model.prior = find_function(job.function)(Task(model, images, training, job, progress))
    append(job.stats_file, json.dumps({"step": progress.steps}).encode() + b"\n")
    model.eval().save_pretrained(job.run)


def find_function(name: str) -> Function:
    """What MODULE:FUNCTION or FILE.py:FUNCTION names."""
    where, _, function = name.rpartition(":")
    return getattr(_loaded(Path(where)) if where.endswith(".py") else importlib.import_module(where), function)


def _loaded(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(Path(sys.argv[1]))
