"""The smallest run that does everything a run does, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor

from vaegan import Recipe
from vaegan.data import open_images
from vaegan.data.images import Preparation
from vaegan.training.trainer import Trainer

TINY = {
    "data.avatars": 24,
    "data.held_out": 0.2,
    "networks.size": (16, 16),
    "networks.width": 0.0625,
    "networks.latent": 4,
    "training.batch": 4,
    "training.length": "6 steps",
    "training.precision": "32",
    "training.log_every": 2,
    "training.picture_every": 4,
    "training.checkpoint_every": 3,
}
SILENT = Console(quiet=True)


def tiny(name: str = "quick", **overrides: Any) -> Recipe:
    """A recipe of tiny networks and 24 avatars; `training__batch` stands for training.batch."""
    return Recipe.load(name, {**TINY, **{key.replace("__", "."): value for key, value in overrides.items()}})


def flags(**overrides: Any) -> list[str]:
    """The same for the command line."""
    settings = {**TINY, **{key.replace("__", "."): value for key, value in overrides.items()}}
    size = settings.pop("networks.size")
    assert isinstance(size, tuple)
    return [f"--size={size[0]}", "--device=cpu", *(f"--{key}={value}" for key, value in settings.items())]


def make_trainer(recipe: Recipe, fabric: Fabric | None = None) -> Trainer:
    """A trainer on 20 of the avatars."""
    images = open_images("avatars", Preparation(recipe.networks.size, 3, "centre"), count=recipe.data.avatars, progress=lambda *_: None)
    return Trainer(recipe, fabric or Fabric(accelerator="cpu", devices=1), images, np.arange(20))


def equal(one: Any, other: Any) -> bool:
    """Whether two states are the same, bit for bit."""
    if isinstance(one, Tensor):
        return bool((one == other).all()) and one.shape == other.shape
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
