"""A page to look at: report."""

from __future__ import annotations

from pathlib import Path

from .console import wrote


def report(run: Path, /, *, out: Path | None = None) -> None:
    """Write a page on a run: its pictures as training went on, its curves, its recipe. One file, which works offline.

    Parameters
    ----------
    run
        A run folder.
    out
        The page to write; RUN/report.html by default.
    """
    from ..report import report as write

    wrote(write(run, out))
