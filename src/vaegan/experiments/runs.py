"""What the runs of an experiment are: kinds of run, each for several seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..run import Run

OF_THE_IMAGES = ("data.", "networks.size", "networks.channels")
"""Settings that all runs must share, or they could not be compared."""


@dataclass(frozen=True)
class Variant:
    """A kind of run."""

    name: str
    """Of its run folders."""
    label: str
    settings: dict[str, Any] = field(default_factory=dict)
    """What it changes in the recipe of the experiment, by dotted name."""
    discriminator_of: str = ""
    """Of kind vae-dis, the variant whose discriminator it takes; it comes before."""


class GridRun(NamedTuple):
    """A trained run of an experiment."""

    name: str
    """Of its variant."""
    seed: int
    run: Run
    recipe: Recipe
    weights: str
    """The sha256 of its weights."""
    device: torch.device

    def model(self) -> VAEGAN:
        """Its model, in evaluation mode."""
        return self.run.model(self.device)

    @property
    def key(self) -> str:
        """What it is called in results.json."""
        return self.run.folder.name


Grid = dict[str, list[GridRun]]
"""The runs of each variant, one for each seed, by the variant's label."""
