"""What comes of a contest: a table over seeds in Markdown and as JSON, and a sheet of pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vaegan.experiments.seeds import over_seeds
from vaegan.viz.grid import sheet

from .measure import COLUMNS, FITTED, SHOWN, STANDARD

FLOOR = "real images"
MEASURES = {
    "frechet_distance": ("Frechet distance", 1.0, min),
    "kernel_distance": ("1000 x KID", 1000.0, min),
    "precision": ("precision", 1.0, max),
    "recall": ("recall", 1.0, max),
    "coverage": ("coverage", 1.0, max),
}
"""What a column is called, what numbers are multiplied by in it, and which number is the best one."""
COSTS = {"processor_seconds": "processor s", "images": "images seen", "peak_mb": "memory, MB"}


@dataclass(frozen=True)
class Row:
    """A contender, and what was found of it."""

    name: str
    note: str
    found: list[Mapping[str, Any]] = field(default_factory=list)
    """One of each seed: what contest/measure.py found, and what the training took."""
    failed: str = ""
    """Why there is nothing."""


def numbers(row: Row, *path: str, times: float = 1.0) -> list[float]:
    """A number of every seed, by the names that lead to it; NaN where there is none."""
    found: list[float] = []
    for one in row.found:
        value: Any = one
        for name in path:
            value = value.get(name, {})
        found.append(math.nan if value == {} else times * value)
    return found


def table(rows: Sequence[Row], floor: Mapping[str, Mapping[str, float]], lead: str) -> str:
    """The whole table, as Markdown: samples by either prior, reconstructions, and what each training took."""
    extractors = list(floor)
    blocks = [lead, _samples(rows, floor, extractors), _reconstructions(rows, extractors)]
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note and row.found] + [
        f"- {row.name}: no result, {row.failed}" for row in rows if row.failed
    ]
    return "\n\n".join([*blocks, "\n".join(notes)]).rstrip() + "\n"


def _samples(rows: Sequence[Row], floor: Mapping[str, Mapping[str, float]], extractors: Sequence[str]) -> str:
    lines = [(row, prior) for row in rows for prior in (STANDARD, FITTED) if any(prior in one["samples"] for one in row.found)]
    made = Columns(["samples of", "prior"], [*([row.name, prior] for row, prior in lines), [FLOOR, ""]])
    for measure, extractor in product(MEASURES, extractors):
        title, times, best = MEASURES[measure]
        values = [numbers(row, "samples", prior, extractor, measure, times=times) for row, prior in lines]
        made.add(f"{title}, {extractor}", [*values, [times * floor[extractor][measure]]], best)
    made.add("grain", [*(numbers(row, "samples", prior, "grain") for row, prior in lines), [1.0]])
    return made.markdown()


def _reconstructions(rows: Sequence[Row], extractors: Sequence[str]) -> str:
    rows = [row for row in rows if row.found]
    made = Columns(["reconstructions by"], [[row.name] for row in rows])
    measures = {**MEASURES, "feature_error": ("feature error", 1.0, min)}
    for measure, extractor in product(measures, extractors):
        title, times, best = measures[measure]
        made.add(f"{title}, {extractor}", [numbers(row, "reconstructions", extractor, measure, times=times) for row in rows], best)
    made.add("grain", [numbers(row, "reconstructions", "grain") for row in rows])
    for name, title in COSTS.items():
        made.add(title, [numbers(row, name) for row in rows])
    return made.markdown()


class Columns:
    """A table that grows to the right."""

    def __init__(self, names: list[str], lines: list[list[str]]) -> None:
        self.names, self.lines = names, lines

    def add(self, name: str, values: Sequence[Sequence[float]], best: Callable[..., float] | None = None) -> None:
        """Add a column: for each line the numbers of all seeds. The best mean of all contenders is in bold."""
        self.names.append(name)
        means = [float(np.mean(of_seeds)) for of_seeds in values]
        known = [mean for line, mean in zip(self.lines, means, strict=True) if line[0] != FLOOR and math.isfinite(mean)]
        for line, of_seeds, mean in zip(self.lines, values, means, strict=True):
            is_best = best and known and min(known) < max(known) and line[0] != FLOOR and mean == best(known)
            line.append(f"**{over_seeds(of_seeds)}**" if is_best else over_seeds(of_seeds))

    def markdown(self) -> str:
        """All of it as Markdown."""
        return "\n".join(f"| {' | '.join(line)} |" for line in (self.names, ["---"] * len(self.names), *self.lines))


def draw(originals: Tensor, rows: Sequence[tuple[Row, Path]]) -> Image.Image:
    """The sheet: held-out images, and under them for each contender their reconstructions, and its samples by either prior.

    Args:
        originals: `COLUMNS` held-out images, N x C x H x W in [-1, 1].
        rows: every contender, and the folder of one of its seeds.
    """
    parts = [("held-out images", originals)]
    for row, folder in rows:
        with np.load(folder / SHOWN) as shown:
            if "reconstructions" in shown:
                parts.append((f"{row.name}: reconstructions", _tensor(shown["reconstructions"])))
            parts += [(f"{row.name}: samples, prior {prior}", _tensor(shown[prior])) for prior in (STANDARD, FITTED) if prior in shown]
    return sheet(parts, COLUMNS)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """N x H x W x 3 bytes to N x 3 x H x W in [-1, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
