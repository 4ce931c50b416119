"""A table that can be printed and put on a page; and numbers over seeds as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich import table as rich_table
from rich.text import Text


@dataclass(frozen=True)
class Table:
    """Names and numbers."""

    title: str
    heads: tuple[str, ...]
    """Of the columns of numbers."""
    rows: Sequence[tuple[str, Sequence[str]]]
    """The name of each row, and as many cells as there are heads."""
    notes: tuple[str, ...] = ()
    """Sentences on how to read it."""

    def on_screen(self) -> rich_table.Table:
        """The same for the console."""
        shown = rich_table.Table(box=None, pad_edge=False, title=Text(self.title, "bold"), title_justify="left", header_style="dim")
        shown.add_column("", no_wrap=True)
        for head in self.heads:
            shown.add_column(Text(head), justify="right", no_wrap=True)
        for name, cells in self.rows:
            shown.add_row(Text(name), *map(Text, cells))
        return shown


def over_seeds(values: Sequence[float], digits: int = 3) -> str:
    """The mean and the standard deviation of some numbers, or the number where there is only one; - where there is none."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "-"
    mean, spread = float(np.mean(known)), spread_of(known)
    if not math.isfinite(spread):
        return f"{mean:.{digits}g}"
    size = max(abs(mean), spread) or 1.0
    places = min(max(0, digits - 1 - math.floor(math.log10(size))), 6)
    if spread > 0:  # one digit of the spread at least
        places = min(max(places, -math.floor(math.log10(spread))), 6)
    return f"{mean:,.{places}f} ± {spread:,.{places}f}"


def spread_of(values: Sequence[float]) -> float:
    """The standard deviation over seeds, or NaN of a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
