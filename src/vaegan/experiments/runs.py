"""What the runs of an experiment are: kinds of run, each for several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from ..metrics.base import Value
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
    key: str
    """What it is called in results.json: no other run of the experiment is called so."""

    def model(self) -> VAEGAN:
        """Its model, in evaluation mode."""
        return self.run.model(self.device)


Grid = dict[str, list[GridRun]]
"""The runs of each variant, one for each seed, by the variant's label."""
MeasuredGrid = Mapping[str, Sequence[Mapping[str, Value]]]
"""What metrics found of a grid: of each variant, by label, and each seed, the values by name."""


def by_run(grid: Grid, found: MeasuredGrid) -> Iterator[tuple[GridRun, Mapping[str, Value]]]:
    """Every run of a grid, and what metrics found of it."""
    for label, runs in grid.items():
        yield from zip(runs, found[label], strict=True)
