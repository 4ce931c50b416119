"""The bar that is shown while something other than training takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and how much there is, if that is known."""
PLAIN_SECONDS = 15.0
"""Between lines where the output is not a terminal."""


def console_of(progress: bool | Console | None) -> Console:
    """Where a function says what it does.

    Args:
        progress: True for standard error, False for nowhere, None for nowhere but in a notebook, or a console of rich.
    """
    from rich.console import Console

    if isinstance(progress, Console):
        return progress
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.quiet = not (console.is_jupyter if progress is None else progress)
    return console


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """Yields a function that shows what it is told."""
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(None),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[speed]}"),
        bars.TimeRemainingColumn(),
    )
    moves = not console.quiet and (console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None))
    with bars.Progress(*columns, console=console, expand=True, disable=not moves) as bar:
        task = bar.add_task("", visible=False, speed="")
        began = printed = time.monotonic()
        doing, first = "", 0

        def progress(what: str, done: int, total: int | None) -> None:
            nonlocal doing, first, began, printed
            now = time.monotonic()
            if what != doing:  # work of an earlier time, or of another kind, says nothing of the speed of this one
                doing, first, began = what, done, now
            rate = (done - first) / (now - began) if done > first and now > began else 0.0
            speed = f"{rate:,.0f}/s" if rate >= 1 else ""
            bar.update(task, description=what, completed=done, total=total, visible=True, speed=speed)
            if not moves and now - printed > PLAIN_SECONDS:
                printed = now
                console.print(f"{what}: {done:,}" + (f" of {total:,}" if total else "") + (f", {speed}" if speed else ""), soft_wrap=True)

        yield progress
