"""An experiment small enough for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from vaegan import Recipe
from vaegan.experiments.experiment import Experiment

TINY = {
    "data.avatars": 400,
    "data.held_out": 0.2,
    "networks.size": (16, 16),
    "networks.width": 0.0625,
    "networks.latent": 4,
    "training.batch": 8,
    "training.length": "3 steps",
    "training.precision": "32",
    "training.checkpoint_every": 2,
}
FLAGS = [
    *("--size", "16", "--device", "cpu", "--precision", "32", "--steps", "3", "--data.avatars", "400", "--data.held_out", "0.2"),
    *("--networks.width", "0.0625", "--networks.latent", "4", "--training.batch", "8", "--training.checkpoint_every", "2"),
]
SILENT = Console(quiet=True)


def tiny(name: str, folder: Path, seeds: int = 1, **overrides: Any) -> Experiment:
    """An experiment of tiny networks on 400 avatars, of three steps a run; `objective__gamma` stands for objective.gamma."""
    settings = {**TINY, **{key.replace("__", "."): value for key, value in overrides.items()}}
    return Experiment(name, folder, Recipe.load("quick", settings), seeds=seeds, device="cpu", console=SILENT)
