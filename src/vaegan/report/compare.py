"""Several runs side by side: what differs in their settings, their pictures, curves and metrics, in tables and on one page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import UserError
from ..files import from_home
from ..list_runs import RunStatus, status_of
from ..metrics.tables import MetricTable
from ..recipe import Recipe
from ..run import Run
from ..viz.grid import open_picture
from ..words import command, in_unit, metric, plain
from .charts import chart, number
from .curves import Panel
from .facts import facts
from .page import page_file, write
from .pictures import Frame, embed
from .stats import Stats

PAGE = "comparison.html"
MOST = 8
"""Runs on a page: so many lines of a chart can be told from each other."""
PICTURE_BYTES = 900_000
"""Of each picture, as text in the page."""
TITLES = {
    "similarity": (
        "Similarity",
        "Error of reconstructions in the discriminator’s features. For a VAE, it is the error of pixels. Lower is better.",
    ),
    "relative_similarity": (
        "Similarity, relative to another image",
        "The error of reconstructions in the discriminator’s features, divided by the distance between two different images. It is 0 "
        "for the image itself, and 1 for another image.",
    ),
    "pixel": ("Pixel error", "Mean squared error of reconstructions, for pixels in [−1, 1]. Lower is better."),
    "prior": ("Prior", "KL divergence of the posteriors from N(0, I), in nats."),
    "real": ("Discriminator’s cost for images", "With the GAN loss of each run."),
    "fake": ("Discriminator’s cost for samples", "With the GAN loss of each run."),
    "decoder_steps": ("Decoder’s steps", "The share of all steps that updated the decoder."),
    "discriminator_steps": ("Discriminator’s steps", "The share of the steps that the discriminator took."),
    "images_per_second": ("Speed", "Images per second, without the time for pictures and checkpoints."),
    "lr": ("Learning rate", "The base learning rate. Each network multiplies it by a factor of its own."),
}
"""Title and explanation of each curve; others have their name."""


@dataclass(frozen=True)
class RunComparison:
    """Several runs, read."""

    names: list[str]
    """What each is called: its folder's name, or its path where two have the same."""
    runs: list[Run]
    statuses: list[RunStatus]
    recipes: list[Recipe | None]
    """None where it cannot be read."""
    stats: list[Stats]

    @classmethod
    def of(cls, folders: Sequence[str | Path]) -> RunComparison:
        """Read the runs.

        Raises:
            UserError: there are too few or too many, or one is no run.
        """
        if not 2 <= len(folders) <= MOST:
            raise UserError(f"compare needs 2 to {MOST} runs, not {len(folders)}")
        runs = [Run.open(folder) for folder in folders]
        for run in runs:
            if not run.is_run:
                raise UserError(f"{run.folder} is not a run folder: it has no {run.recipe_file.name}")
        short = [run.folder.resolve().name for run in runs]
        names = [name if short.count(name) == 1 else str(run.folder) for name, run in zip(short, runs, strict=True)]
        statuses = [status_of(run.folder) for run in runs]
        return cls(names, runs, statuses, [_recipe(run) for run in runs], [Stats.read(run.stats_file) for run in runs])

    @property
    def tables(self) -> list[MetricTable]:
        """How far the runs are, the settings that differ, and their last metrics."""
        return [self._facts(), self._settings(), self._metrics()]

    def _facts(self) -> MetricTable:
        columns = []
        for status, recipe, stats in zip(self.statuses, self.recipes, self.stats, strict=True):
            about = dict(facts(recipe, stats, None).rows) if recipe else {}
            columns.append({"State": status.state, **about})
        return MetricTable("Runs", tuple(self.names), _rows(columns))

    def _settings(self) -> MetricTable:
        said = partial(plain, between=", ", yes="yes", no="no")
        columns = [{key: said(value) for key, value in recipe.flat().items()} if recipe else {} for recipe in self.recipes]
        known = [column for column in columns if column]
        rows = [row for row in _rows(columns) if len({column[row[0]] for column in known}) > 1]
        return MetricTable("Settings that differ", tuple(self.names), rows, () if rows else ("All settings are the same.",))

    def _metrics(self) -> MetricTable:
        columns = [{metric(name): number(in_unit(name, value)) for name, value in status.headlines.items()} for status in self.statuses]
        missing = [name for name, column in zip(self.names, columns, strict=True) if not column]
        notes = (f"Not evaluated yet: {', '.join(missing)}. Evaluate them with: vaegan evaluate RUN",) if missing else ()
        return MetricTable("Last metrics", tuple(self.names), _rows(columns), notes)

    @property
    def panels(self) -> list[Panel]:
        """A chart for each number that training wrote down, with a curve for each run."""
        written = dict.fromkeys(name for stats in self.stats for name in stats.names)
        found = []
        for name in [*(name for name in TITLES if name in written), *(name for name in written if name not in TITLES)]:
            title, about = TITLES.get(name, (name.replace("_", " ").capitalize(), "The value in stats.jsonl."))
            factor, unit = (100.0, "%") if name.endswith("_steps") else (1.0, "")
            series = [stats.series(name, run, factor) for run, stats in zip(self.names, self.stats, strict=True)]
            if drawn := chart(series, unit=unit):
                found.append(Panel(title, about, drawn))
        return found


def write_comparison(comparison: RunComparison, out: str | Path | None = None) -> Path:
    """Write a page on several runs, side by side: settings that differ, pictures, curves and metrics.

    Args:
        comparison: of 2 to 8 runs.
        out: the file to write; by default comparison.html in the folder that all of them are in.

    Returns:
        The file.

    Raises:
        UserError: `out` is a folder.
    """
    parents = [run.folder.absolute().parent for run in comparison.runs if not run.name] or [Path().absolute()]
    path = from_home(out) if out else Path(os.path.commonpath(parents)) / PAGE
    page_file(path, PAGE)
    damaged = [(run.folder, name) for run, status in zip(comparison.runs, comparison.statuses, strict=True) for name in status.damaged]
    contents = {
        "names": comparison.names,
        "title": " and ".join(comparison.names) if len(comparison.names) == 2 else f"{len(comparison.names)} runs side by side",
        "tables": comparison.tables,
        "pictures": [(name, _newest(run)) for name, run in zip(comparison.names, comparison.runs, strict=True)],
        "panels": comparison.panels,
        "notes": [f"{folder / name} cannot be read." for folder, name in damaged],
        "command": command("compare", *(run.argument for run in comparison.runs)),
    }
    return write(path, contents, "compare.html.jinja")


def _recipe(run: Run) -> Recipe | None:
    try:
        return run.recipe
    except (UserError, OSError):
        return None


def _newest(run: Run) -> Frame | None:
    for step, path in reversed(run.pictures.items()):
        if picture := open_picture(path):
            return Frame(step, embed(picture, PICTURE_BYTES))
    return None


def _rows(columns: Sequence[dict[str, str]]) -> list[tuple[str, list[str]]]:
    """The values of several runs, by name: empty where a run has none."""
    names = dict.fromkeys(name for column in columns for name in column)
    return [(name, [column.get(name, "") for column in columns]) for name in names]
