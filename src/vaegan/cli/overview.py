"""Several runs at once: runs, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .console import out as stdout
from .console import wrote

if TYPE_CHECKING:
    from ..list_runs import RunStatus

HEADLINES = ("samples_frechet_distance_", "samples_kernel_distance_")
"""How the names begin of the metrics that a list of runs shows, as far as a run has them."""
LOSSES = ("similarity", "pixel")
"""What it shows of a run that was not evaluated."""


def runs(folder: Path = Path("runs"), /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the runs in a folder, and how far each is.

    The newest is first. A run is training, finished or interrupted (vaegan train --resume RUN continues it), or it has no checkpoint: it
    ended before the first one.

    Parameters
    ----------
    folder
        The folder in which the runs are.
    json
        Print one JSON list, with all metrics.
    """
    from json import dumps

    from rich.table import Table
    from rich.text import Text

    from ..list_runs import runs as find

    found = find(folder)
    if json:
        print(dumps([status.as_json() for status in found], indent=2))
        return
    if not found:
        stdout.print(f"there are no runs in {folder}", soft_wrap=True, markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head, least in (("run", 10), ("recipe", 7), ("steps", 0), ("state", 13), ("last metrics", 10), ("changed", 0)):
        table.add_column(head, justify="right" if head == "steps" else "left", overflow="fold", min_width=least, no_wrap=not least)
    for status in found:
        table.add_row(*map(Text, (str(status.folder), status.recipe, _steps(status), _state(status), headline(status), _changed(status))))
    stdout.print(table)


def compare(runs: Annotated[list[Path], Parameter(negative="", json_list=False)], /, *, out: Path | None = None) -> None:
    """Write comparison.html, one page on several runs, side by side.

    The page has the settings that differ, the newest pictures, the curves and the last metrics. It is one file, which works offline.
    The tables are printed, too.

    Parameters
    ----------
    runs
        2 to 8 run folders.
    out
        The page to write; comparison.html in the folder that all runs are in by default.
    """
    from rich.table import Table
    from rich.text import Text

    from ..report.compare import Comparison, write_comparison

    comparison = Comparison.of(runs)
    for found in comparison.tables:
        table = Table(box=None, pad_edge=False, title=found.title, title_justify="left", title_style="bold", header_style="dim")
        for head in ("", *found.heads):
            table.add_column(Text(head), overflow="fold", min_width=12)
        for name, cells in found.rows:
            table.add_row(*map(Text, (name, *cells)))
        for part in (table if found.rows else f"{found.title}", *found.notes, ""):
            stdout.print(part, soft_wrap=isinstance(part, str), markup=False)
    wrote(write_comparison(comparison, out))


def _steps(status: RunStatus) -> str:
    if status.step is None and status.steps is None:
        return ""
    return f"{status.step or 0:,}" + (f"/{status.steps:,}" if status.steps else "")


def _state(status: RunStatus) -> str:
    return ", ".join([status.state, *(f"damaged: {name}" for name in status.damaged)])


def _changed(status: RunStatus) -> str:
    return f"{status.changed.astimezone():%Y-%m-%d %H:%M}" if status.changed else ""


def headline(status: RunStatus) -> str:
    """The metrics of the last evaluation that say most, or else the last errors of reconstructions."""
    shown = [
        f"{begin.removeprefix('samples_').strip('_').replace('_', ' ')} {value:.3g}"
        for begin in HEADLINES
        for name, value in status.metrics.items()
        if name.startswith(begin) and not name.endswith(("_halves", "_floor", "_spread"))
    ]
    return ", ".join(shown or [f"{name} {status.losses[name]:.3g}" for name in LOSSES if name in status.losses])
