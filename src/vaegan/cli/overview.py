"""Several runs at once: runs, compare."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..run import RUNS
from .console import out as stdout
from .console import wrote

if TYPE_CHECKING:
    from ..list_runs import RunStatus

HEADLINES = {"samples_fid": "FID", "samples_frechet_distance_": "Frechet distance", "samples_kernel_distance_": "KID"}
"""How the names begin of the metrics that a list of runs shows, as far as a run has them, and what it calls them."""
LOSSES = ("similarity", "pixel")
"""What it shows of a run that was not evaluated."""
HEADS = ("run", "recipe", "steps", "state", "last metrics", "changed")


def runs(folder: Path = RUNS, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the runs in a folder, and show how far each one is.

    The newest run is first. A run has one of four states: 'training', 'finished', 'interrupted' or 'no checkpoint'. vaegan train --resume
    RUN continues an interrupted run. A run with no checkpoint ended before it saved its first checkpoint. The metrics are those of the last
    evaluation: the Frechet distance (FID if the extractor is Inception) and the kernel distance (KID) of samples. Lower is better.

    Parameters
    ----------
    folder
        The folder that holds the runs.
    json
        Print one JSON list with all metrics.
    """
    from json import dumps

    from rich.table import Table
    from rich.text import Text

    from ..files import from_home
    from ..list_runs import runs as find

    found = find(folder := from_home(folder))
    if json:
        print(dumps([status.as_json() for status in found], indent=2))
        return
    if not found:
        stdout.print(f"there are no runs in {folder}", soft_wrap=True, markup=False)
        return
    rows = [(_name(one, folder), one.recipe, _steps(one), _state(one), headline(one), _changed(one)) for one in found]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for head, cells, least in zip(HEADS, zip(*rows, strict=True), (8, 6, 0, 12, 10, 0), strict=True):
        width = least or max(map(len, cells))  # numbers and times are not broken
        table.add_column(head, justify="right" if head == "steps" else "left", overflow="fold", min_width=width, no_wrap=not least)
    for row in rows:
        table.add_row(*map(Text, row))
    stdout.print(f"Runs in {folder}:", soft_wrap=True, markup=False)
    stdout.print(table)


def compare(runs: Annotated[list[Path], Parameter(negative="", json_list=False)], /, *, out: Path | None = None) -> None:
    """Write comparison.html, one page about several runs.

    The page shows the settings that differ, the newest pictures, the curves and the last metrics, side by side. It is one file and works
    offline. The tables are printed, too.

    Parameters
    ----------
    runs
        The folders of 2 to 8 runs.
    out
        The page to write. The default is comparison.html in the folder that all runs are in.
    """
    from rich.table import Table
    from rich.text import Text

    from ..report.compare import RunComparison, write_comparison

    comparison = RunComparison.of(runs)
    for found in comparison.tables:
        table = Table(box=None, pad_edge=False, title=found.title, title_justify="left", title_style="bold", header_style="dim")
        for head in ("", *found.heads):
            table.add_column(Text(head), overflow="fold", min_width=12)
        for name, cells in found.rows:
            table.add_row(*map(Text, (name, *cells)))
        for part in (table if found.rows else f"{found.title}", *found.notes, ""):
            stdout.print(part, soft_wrap=isinstance(part, str), markup=False)
    wrote(write_comparison(comparison, out))


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
        f"{called} {_number(value)}"
        for begin, called in HEADLINES.items()
        for name, value in status.headlines.items()
        if name.startswith(begin)
    ]
    return ", ".join(shown or [f"{name} {_number(status.losses[name])}" for name in LOSSES if name in status.losses])


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
