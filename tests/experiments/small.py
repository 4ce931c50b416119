"""An experiment small enough for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaegan.experiments.experiment import Experiment

from ..tiny import SILENT, flags, tiny

SMALL: dict[str, Any] = {"data__avatars": 400, "training__batch": 8, "training__length": "3 steps", "training__checkpoint_every": 2}
FLAGS = flags(**SMALL)


def small(name: str, folder: Path, seeds: int = 1, **overrides: Any) -> Experiment:
    """An experiment of tiny networks on 400 avatars, of three steps a run; `objective__gamma` stands for objective.gamma."""
    return Experiment(name, folder, tiny(**{**SMALL, **overrides}), seeds=seeds, device="cpu", console=SILENT)
