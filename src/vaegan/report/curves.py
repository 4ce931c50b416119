"""What stats.jsonl of a run says, as far as it can be read, and the charts of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..recipe import Recipe
from ..settings import NETWORKS, ObjectiveSettings
from .charts import Chart, Series, chart, number
from .pictures import thinned

ROWS = 12
"""Steps in the table of figures; of more, some evenly spaced ones are taken."""


@dataclass(frozen=True)
class Panel:
    """A chart under its title, with a sentence on how to read it."""

    title: str
    about: str
    chart: Chart


def panels(stats: Stats, recipe: Recipe | None) -> list[Panel]:
    """The charts of everything that was written down, the well-known ones first."""
    objective = recipe.objective if recipe else ObjectiveSettings()
    given = {name: stats.series(name) for name in stats.names if name not in _idle(objective)}
    found = []

    def add(title: str, about: str, series: list[Series], bounds: tuple[float, ...] = (), unit: str = "") -> None:
        if drawn := chart(series, bounds, unit):
            found.append(Panel(title, about, drawn))

    def take(*names: str, factor: float = 1.0) -> list[Series]:
        called = {"decoder_steps": "decoder", "discriminator_steps": "discriminator"}
        return [stats.series(name, called.get(name, name), factor) for name in names if given.pop(name, None)]

    prior = "How far posteriors are from the prior, in nats: what the codes say of their images."
    add("Prior", prior, take("prior"))
    if objective.kind == "vae":
        add("Reconstruction", "Half the squared error of reconstructions, summed over pixels. Lower is closer.", take("similarity"))
    add("Learned similarity", "Error of reconstructions in the discriminator’s features. Lower is closer.", take("similarity"))
    watched = "" if objective.kind == "vae" else " Watched, not minimised."
    add("Pixel error", f"Mean squared error of reconstructions, with values in [−1, 1].{watched}", take("pixel"))
    bounds, about_gate = _gate(recipe)
    add("Discriminator’s costs", f"For real images and for samples, in nats; 0.69 is a guess.{about_gate}", take("real", "fake"), bounds)
    shares = take("decoder_steps", "discriminator_steps", factor=100)
    add("Gate", "Share of the steps that each player of the GAN took.", shares, unit="%")
    add("Learning rate", "Before the factors of the three networks.", take("lr"))
    add("Speed", "Images a second, without pictures and checkpoints.", take("images_per_second"))
    if "gamma" in given and len(set(given["gamma"].values)) == 1:
        del given["gamma"]  # the recipe says it
    add("Gamma", "Weight of the learned similarity against the GAN in the decoder’s objective.", take("gamma"))
    for network in NETWORKS:
        length = f"Length of the {network}’s gradient, before clipping: a mean over the steps that it took."
        add(f"Gradient of the {network}", length, take(f"{network}_gradient"))
    for name in list(given):
        add(name.replace("_", " ").capitalize(), "As written down in stats.jsonl.", take(name))
    return found


def _idle(objective: ObjectiveSettings) -> set[str]:
    """What is always 0, or means nothing, of an objective that lacks a part."""
    idle = {f"{network}_gradient" for network in NETWORKS if network not in objective.trained}
    if not objective.autoencodes:
        idle |= {"prior", "similarity", "pixel"}
    if not objective.plays:
        idle |= {"real", "fake", "decoder_steps", "discriminator_steps"}
    if objective.kind != "vaegan":
        idle.add("gamma")
    return idle


def _gate(recipe: Recipe | None) -> tuple[tuple[float, ...], str]:
    """The gate's bounds, where they stay the same, and a sentence on them."""
    if recipe is None or not recipe.gate.enabled or (recipe.gate.equilibrium_decay, recipe.gate.margin_decay) != (1, 1):
        return (), ""
    low, high = recipe.gate.bounds(0)
    return (low, high), f" Below {number(low)} the discriminator waits, above {number(high)} the decoder."


def table(stats: Stats) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of some of the figures that the charts are drawn from."""
    names = ["step", *stats.names]
    rows = [[number(value) if is_number(value := line.get(name)) else "" for name in names] for line in thinned(stats.lines, ROWS)]
    return [name.replace("_", " ") for name in names], rows


LARGEST = 1e100
"""Numbers beyond are no measurements."""


@dataclass(frozen=True)
class Stats:
    """The lines of stats.jsonl, one a step and rising."""

    lines: list[dict[str, Any]]
    damaged: int
    """How many lines could not be read, or had no step."""

    @staticmethod
    def read(path: Path) -> Stats:
        """Read the lines; where there are two of one step, as after a crash, the later one counts."""
        lines: dict[int, dict[str, Any]] = {}
        damaged = 0
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for line in text.splitlines():
            try:
                read = json.loads(line)
                step = int(read["step"])
                if not 0 <= step < LARGEST:
                    raise ValueError
                lines[step] = read | {"step": step}
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                damaged += 1
        return Stats([lines[step] for step in sorted(lines)], damaged)

    @property
    def steps(self) -> int:
        """The last step that was written down; 0 where there is none."""
        return int(self.lines[-1]["step"]) if self.lines else 0

    @property
    def images_per_step(self) -> int | None:
        """Images a step over all processes, if that is known."""
        last = self.lines[-1] if self.lines else {}
        return round(last["images"] / self.steps) if is_number(last.get("images")) and self.steps else None

    @property
    def names(self) -> list[str]:
        """What was written down as numbers, in the order in which it first occurs, other than the counts of steps and images."""
        names = dict.fromkeys(name for line in self.lines for name, value in line.items() if is_number(value))
        return [name for name in names if name not in ("step", "images")]

    @property
    def warnings(self) -> list[tuple[str, int, int]]:
        """What training warned of: the sentence, at which step first, and how many times."""
        found: dict[str, tuple[int, int]] = {}
        for line in self.lines:
            given = line.get("warnings") or []
            for sentence in given if isinstance(given, list) else [given]:
                first, times = found.get(str(sentence), (line["step"], 0))
                found[str(sentence)] = (first, times + 1)
        return [(sentence, first, times) for sentence, (first, times) in found.items()]

    def series(self, name: str, called: str = "", factor: float = 1.0) -> Series:
        """One of the numbers over the steps, times `factor`."""
        there = [(line["step"], line[name]) for line in self.lines if is_number(line.get(name))]
        pairs: NDArray[np.float64] = np.array(there, np.float64).reshape(-1, 2)
        return Series(called or name, pairs[:, 0], pairs[:, 1] * factor)

    def seconds(self) -> float | None:
        """How long the steps took, without pictures and checkpoints; None where a speed is missing."""
        before, seconds = 0.0, 0.0
        for line in self.lines:
            images, speed = line.get("images"), line.get("images_per_second")
            if not (is_number(images) and is_number(speed) and speed > 0):
                return None
            seconds, before = seconds + (images - before) / speed, images
        return seconds or None


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value can be drawn; numbers that are not finite cannot."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
