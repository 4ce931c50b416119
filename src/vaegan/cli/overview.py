"""Several runs at once: runs, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..recipe import RUNS
from .completion import as_typed, completed, runs_and_models
from .console import Json, print_row, show
from .console import out as stdout


def runs(folder: Path = RUNS, /, *, json: Json = False, jsonl: Json = False) -> None:
    """List the runs in a folder, and show how far each one is.

    The newest run is first. The state of a run is "training", "finished", "interrupted" or "no checkpoint". To continue an interrupted
    run, use vaegan train --resume RUN. A run with no checkpoint ended before it saved its first checkpoint. The metrics are those of the
    last evaluation: the Frechet distance (FID if it was measured with Inception) and 1000 x KID (the kernel distance) of samples. A run
    without an evaluation has the learned similarity and the pixel error of its last steps instead. Lower is better.

    Parameters
    ----------
    folder
        The folder that holds the runs.
    json
        Print one JSON list with all metrics, and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each run (see docs/json.md).
    """
    from json import dumps

    from ..api import overview as api

    found = api.runs(folder)
    if json:
        print(dumps(found.to_dict()["rows"], indent=2))  # as it always was: a list
        return
    if jsonl:
        for row in found:
            print_row(row)
        return
    if found:
        stdout.print(f"Runs in {found.folder}:", soft_wrap=True, markup=False)
    show(found, console=stdout)


def compare(
    runs: Annotated[list[Path], completed(runs_and_models, negative="", json_list=False, converter=as_typed)],
    /,
    *,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Write comparison.html, one page about several runs.

    The page shows the settings that differ, the newest pictures, the curves and the last metrics, side by side. It is one file and works
    offline. The tables are printed, too.

    Parameters
    ----------
    runs
        The folders of 2 to 8 runs.
    out
        The page to write. The default is comparison.html in the folder that all runs are in.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import overview as api

    found = api.compare(runs, out)
    for part in () if json else found.parts():
        stdout.print(part, soft_wrap=isinstance(part, str), markup=False)
    show(found, json=json, table=False)
