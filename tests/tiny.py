"""The smallest run that does everything a run does, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor
from torch.utils.data import Dataset

from vaegan import Recipe
from vaegan.data import ImageSet, open_images
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
QUIETLY: dict[str, Any] = {"device": "cpu", "report": False, "progress": False}
"""How tests train, where it is not the report or what is said that they test."""


class Items(Dataset[Any]):
    """A data set of torch, which does not end by itself."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Any:
        return self.items[number % len(self.items)]


def _settings(overrides: dict[str, Any]) -> dict[str, Any]:
    settings = {**TINY, **{key.replace("__", "."): value for key, value in overrides.items()}}
    return {key: value for key, value in settings.items() if value is not None}


def tiny(name: str = "quick", **overrides: Any) -> Recipe:
    """A recipe of tiny networks and 24 avatars; `training__batch` stands for training.batch; None leaves what the named recipe has."""
    return Recipe.load(name, _settings(overrides))


def of_levels(name: str) -> bool:
    """Whether the error of a recipe is over all levels of the discriminator, which allows some further settings."""
    return Recipe.load(name).objective.similarity == "levels"


def flags(**overrides: Any) -> list[str]:
    """The same for the command line, with the CPU."""
    settings = _settings(overrides)
    size = settings.pop("networks.size", None)
    return [*([f"--size={size[0]}x{size[1]}"] if size else []), "--device=cpu", *(f"--{key}={value}" for key, value in settings.items())]


def avatars(count: int = 24, size: tuple[int, int] = (16, 16)) -> ImageSet:
    """What such a recipe trains on."""
    return open_images("avatars", Preparation(size, 3, "centre"), count=count, progress=lambda *_: None)


def make_trainer(recipe: Recipe, fabric: Fabric | None = None) -> Trainer:
    """A trainer on 20 of the avatars."""
    images = avatars(recipe.data.avatars, recipe.networks.size)
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
