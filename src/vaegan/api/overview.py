"""Several runs at once: runs, compare. Torch is not loaded for a list of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import from_home
from ..list_runs import RunStatus
from ..list_runs import runs as find
from ..recipe import RUNS
from ..result import PYTHON_ONLY, Result, as_json
from ..words import in_unit

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ..report.compare import RunComparison
    from ..run import Run

HEADLINES = {"samples_fid": "FID", "samples_frechet_distance_": "Frechet distance", "samples_kernel_distance_": "1000 x KID"}
"""How the names begin of the metrics that a list of runs shows, as far as a run has them, and what it calls them."""
LOSSES = ("similarity", "pixel")
"""What it shows of a run that was not evaluated."""
HEADS = ("run", "recipe", "steps", "state", "last metrics", "changed")


class RunList(Result, list[RunStatus]):
    """The runs in a folder, the newest first."""

    folder: Path
    """The folder."""
    rows: list[RunStatus]
    """For each run: folder; state: training, finished, interrupted, no checkpoint or model folder; recipe; step, how many steps are done;
    steps, how many it is to take; losses, the last ones of stats.jsonl; metrics, those of the last evaluation; changed, when something was
    last written; damaged, the names of files that cannot be read."""

    def __init__(self, folder: Path, rows: Iterable[RunStatus]) -> None:
        super().__init__(rows)
        self.folder, self.rows = folder, list(self)

    def to_dict(self) -> dict[str, Any]:
        """The folder and the rows."""
        return {"folder": str(self.folder), "rows": as_json(self.rows)}

    def table(self) -> Table | None:
        """A row for each run."""
        from rich.table import Table
        from rich.text import Text

        if not self:
            return None
        rows = [(_name(one, self.folder), one.recipe, _steps(one), _state(one), headline(one), _changed(one)) for one in self]
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for head, cells, least in zip(HEADS, zip(*rows, strict=True), (8, 6, 0, 12, 10, 0), strict=True):
            width = least or max(map(len, cells))  # numbers and times are not broken
            table.add_column(head, justify="right" if head == "steps" else "left", overflow="fold", min_width=width, no_wrap=not least)
        for row in rows:
            table.add_row(*map(Text, row))
        return table

    def lines(self) -> list[str]:
        """That there are none."""
        return [] if self else [f"there are no runs in {self.folder}"]


def runs(folder: str | Path = RUNS) -> RunList:
    """The runs and model folders in a folder and in the folders in it, the newest first.

    Damaged files of a run keep none of the runs from being listed: they are named in its status.

    Raises:
        UserError: there is no such folder.
    """
    return RunList(from_home(folder), find(folder))


@dataclass(frozen=True, repr=False, eq=False)
class ComparedRuns(Result):
    """Several runs side by side."""

    rows: list[RunStatus]
    """For each run, in the order in which they were named, the same as for `vaegan runs`."""
    tables: list[dict[str, Any]]
    """How far the runs are, the settings that differ, and their last metrics: title; heads; rows, of a name and a
    cell for each run; notes."""
    comparison: RunComparison = field(metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The page."""

    def __fspath__(self) -> str:
        return str(self.files[0])

    def parts(self) -> list[RenderableType]:
        """The tables, with their notes under them."""
        from rich.table import Table
        from rich.text import Text

        parts: list[RenderableType] = []
        for found in self.comparison.tables:
            table = Table(box=None, pad_edge=False, title=found.title, title_justify="left", title_style="bold", header_style="dim")
            for head in ("", *found.heads):
                table.add_column(Text(head), overflow="fold", min_width=12)
            for name, cells in found.rows:
                table.add_row(*map(Text, (name, *cells)))
            parts += [table if found.rows else found.title, *found.notes, ""]
        return parts

    def table(self) -> RenderableType:
        """All tables."""
        from rich.console import Group

        return Group(*self.parts())


def compare(runs: Sequence[Run | str | Path], out: str | Path | None = None) -> ComparedRuns:
    """Write comparison.html, one page on several runs, side by side: settings that differ, pictures, curves and metrics.

    Args:
        runs: 2 to 8 runs.
        out: the page to write; by default comparison.html in the folder that all of them are in.

    Raises:
        UserError: there are too few or too many runs, or one is no run; or `out` is a folder.
    """
    from ..report.compare import RunComparison, write_comparison
    from ..run import Run

    comparison = RunComparison.of([run.folder if isinstance(run, Run) else run for run in runs])
    tables = [vars(table) for table in comparison.tables]
    return ComparedRuns(comparison.statuses, tables, comparison, [write_comparison(comparison, out)])


def _name(status: RunStatus, folder: Path) -> str:
    """What to write after the folder; that itself may be a run."""
    return str(status.folder if status.folder == folder else status.folder.relative_to(folder))


def _steps(status: RunStatus) -> str:
    if status.step is None and status.steps is None:
        return ""
    return f"{status.step or 0:,}" + (f"/{status.steps:,}" if status.steps else "")


def _state(status: RunStatus) -> str:
    return ", ".join([status.state, *(f"damaged: {name}" for name in status.damaged)])


def _changed(status: RunStatus) -> str:
    if not status.changed:
        return ""
    there = status.changed.astimezone()
    return f"today {there:%H:%M}" if there.date() == datetime.now().astimezone().date() else f"{there:%Y-%m-%d}"


def headline(status: RunStatus) -> str:
    """The metrics of the last evaluation that say most, or else the last errors of reconstructions."""
    shown = [
        f"{called} {_number(in_unit(name, value))}"
        for begin, called in HEADLINES.items()
        for name, value in status.headlines.items()
        if name.startswith(begin)
    ]
    return ", ".join(shown or [f"{name} {_number(status.losses[name])}" for name in LOSSES if name in status.losses])


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
