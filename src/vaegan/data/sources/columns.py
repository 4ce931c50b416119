"""What the columns of a table mean: yes or no, numbers, or nothing that an image has. The same column means the same in every source."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from ...errors import UserError, unknown_name
from ...words import spelt_as
from .base import printable, some

Cell = str | int | float | bool | None
"""Text as a file has it, or a value of the Hugging Face hub."""

TRUE, FALSE = ("true", "t", "yes", "y"), ("false", "f", "no", "n")
UNKNOWN = ("", "nan", "-nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "unknown", "?", "-", ".")
LARGEST = 3e38  # what fits into 32 bits
NUMBERING = re.compile(
    r"|unnamed: ?\d+(_level_\d+)?|__index_level_\d+__|((row|image|file|sample|frame)[_ -]?)?index"
    r"|(.*[_ -])?(id|ids|idx|uuid|guid)|(?-i:.*[a-z]I[dD])",
    re.IGNORECASE,
)
"""Names of columns that number rows or identify things, the empty one among them."""
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class ColumnChoices:
    """What a person says of the columns of a table."""

    label: str | None = None
    """The column that names the class of each image; by default one that is called label or class."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Columns of numbers, and the number above which an image has the attribute."""
    numeric: tuple[str, ...] = ()
    """Columns whose numbers are kept, as standard scores."""
    unknown: tuple[str, ...] = ()
    """Cells that mean that a value is not known, beside the usual ones."""

    @property
    def flagged(self) -> tuple[str, ...]:
        """The columns that are attributes in any case."""
        return (*self.thresholds, *self.numeric)

    def spelt_as(self, header: Sequence[str], where: str) -> ColumnChoices:
        """These choices, with the names of columns as a header spells them: see `vaegan.words.spelt_as`.

        Raises:
            UserError: one is not there, or one is asked for in two ways.
        """
        for name in (*([self.label] if self.label is not None else []), *self.flagged):
            if spelt_as(header, name) not in header:
                raise unknown_name("column", name, filter(None, header), inside=f" in {where}")
        label = None if self.label is None else spelt_as(header, self.label)
        thresholds = {spelt_as(header, name): value for name, value in self.thresholds.items()}
        numeric = tuple(spelt_as(header, name) for name in self.numeric)
        for name in numeric:
            if name in thresholds:
                raise UserError(f"--threshold {name} and --numeric {name} were both given: leave out one")
        return ColumnChoices(label, thresholds, numeric, self.unknown)

    def __str__(self) -> str:
        """What tells it from other choices; empty for none."""
        more = [dict(sorted(self.thresholds.items())), sorted(self.numeric), sorted(self.unknown)]
        return " ".join([self.label or "", *([repr(more)] if any(more) else [])]).strip()


NO_CHOICES = ColumnChoices()


@dataclass
class ColumnMeanings:
    """What some columns say of images."""

    columns: list[int] = field(default_factory=list)
    """Those that are attributes."""
    values: list[dict[Cell, float]] = field(default_factory=list)
    """What each different cell of these means: above 0 that an image has it, NaN that this is not known."""
    notes: list[str] = field(default_factory=list)
    """What else there is to say of the columns."""
    converted: list[str] = field(default_factory=list)
    """Names of columns of two values, the larger of which means yes."""


ColumnKind = Literal["attribute", "numeric", "text", "numbering", "many", "constant", "two", "ambiguous"]
NAMED = 6
"""Columns that a note names at most."""
NOTES: dict[ColumnKind, str] = {
    "numeric": "columns of {} that are kept as numbers (an image above the mean has the attribute): {}",
    "text": "columns of {} that hold text are not attributes: {}",
    "numbering": "columns of {} without a name, or with the numbers of the rows, are not attributes: {}",
    "many": "columns of {} with more than two values are not attributes: {}; to use one, add --threshold NAME=NUMBER (images above "
    "NUMBER have the attribute) or --numeric NAME (the numbers are kept)",
    "constant": "columns of {} with a single value are not attributes: {}",
    "two": "in columns of {} with two values, the larger value means yes: {}",
    "ambiguous": "in columns of {} with 0 and -1, both values mean no: {}; if -1 means not known, add --unknown -1",
}
"""What is said of columns of each kind: the table, and which they are."""


def number(cell: Cell) -> float:
    """One cell: 1 for true, 0 for false, NaN for what is not known, else its number.

    Raises:
        ValueError: it is no number.
    """
    if not isinstance(cell, str):
        return float(cell) if cell is not None and abs(cell) < LARGEST else math.nan
    plain = cell.strip().lower()
    if plain in TRUE:
        return 1.0
    if plain in FALSE:
        return 0.0
    if plain in UNKNOWN:
        return math.nan
    value = float(plain)
    if not abs(value) < LARGEST or "_" in plain:
        raise ValueError(cell)
    return value


def attribute(cell: Cell) -> float:
    """One cell of a column whose numbers are attributes as they are: as `number`, and 0 for -1.

    Raises:
        ValueError: it is no number.
    """
    value = number(cell)
    return 0.0 if value == -1 else value


def read_columns(
    header: Sequence[str],
    columns: Sequence[Sequence[Cell]],
    rows: Sequence[str],
    choices: ColumnChoices,
    where: str,
    *,
    decimal_comma: bool = False,
) -> ColumnMeanings:
    """What the columns of a table mean for images, by all their values.

    A column of no more than two values is an attribute; of two that are both above 0, or neither, the larger means yes. Columns that count
    rows, hold text or have more values are left out, unless a choice names them.

    Args:
        header: the name of each column.
        columns: the cells of each column, in the order of the rows.
        rows: the name of each row.
        choices: what a person says.
        where: what the notes call the table.
        decimal_comma: whether 0,5 is a number.

    Raises:
        UserError: a column that a choice names has no numbers.
    """
    found = ColumnMeanings()
    said: dict[ColumnKind, list[str]] = {kind: [] for kind in NOTES}
    for index, (name, cells) in enumerate(zip(header, columns, strict=True)):
        shown = printable(name) or "one without a name"
        if NUMBERING.fullmatch(name) and name not in choices.flagged:
            said["numbering"].append(shown)
            continue
        values, text = _values(cells, choices.unknown, decimal_comma)
        if text is not None:
            example = f'"{printable(str(text))[:40]}" for {rows[cells.index(text)]}'
            if name in choices.flagged:
                raise UserError(f'the column "{shown}" of {where} must hold numbers, not {example}')
            said["text"].append(f"{shown} ({example})")
            continue
        try:
            kind, more, meaning = _meaning(name, cells, values, choices)
        except ValueError as error:
            raise UserError(f'the column "{shown}" of {where} {error}') from None
        if kind != "attribute":
            said[kind].append(f"{shown} ({more})" if more else shown)
        if kind == "two":
            found.converted.append(name)
        if meaning is not None:
            found.columns.append(index)
            found.values.append(meaning)
    found.notes += [note.format(where, some(said[kind], NAMED)) for kind, note in NOTES.items() if said[kind]]
    return found


def _meaning(
    name: str, cells: Sequence[Cell], values: dict[Cell, float], choices: ColumnChoices
) -> tuple[ColumnKind, str, dict[Cell, float] | None]:
    """What a column of numbers is, something to say of it, and what its cells mean for an image, or None where it is left out.

    Raises:
        ValueError: its numbers should be kept, and are all the same.
    """
    known = sorted({value for value in values.values() if not math.isnan(value)})
    low, high = (known[0], known[-1]) if known else (0.0, 0.0)
    if name in choices.thresholds:
        return "attribute", "", _where_known(values, lambda value: float(value > choices.thresholds[name]))
    if name in choices.numeric:
        mean, deviation = _moments(cells, values)
        if not deviation > 0:
            what = "has the same number in every row" if known else "has no numbers"
            raise ValueError(f"{what}: leave out --numeric {name}")
        return "numeric", f"(value - {mean:.6g}) / {deviation:.6g}", _where_known(values, lambda value: (value - mean) / deviation)
    if len(known) > 2 and known != [-1, 0, 1]:
        return ("numbering", "", None) if _is_running(cells, values) else ("many", f"{low:.6g} to {high:.6g}", None)
    if len(known) == 1 and low not in (-1, 0, 1):
        return "constant", f"{low:.6g}", None
    if len(known) == 2 and not low <= 0 < high and known != [-1, 0]:
        return "two", f"{low:.6g}, {high:.6g}", _where_known(values, lambda value: float(value == high))
    as_is = _where_known(values, lambda value: 0.0 if value == -1 else value)
    return "ambiguous" if known[:2] == [-1, 0] else "attribute", "", as_is


def _where_known(values: Mapping[Cell, float], change: Callable[[float], float]) -> dict[Cell, float]:
    return {cell: math.nan if math.isnan(value) else change(value) for cell, value in values.items()}


def _values(cells: Sequence[Cell], unknown: Sequence[str], decimal_comma: bool) -> tuple[dict[Cell, float], Cell]:
    """The number that each different cell stands for, NaN for none; or the first cell that holds text."""
    values: dict[Cell, float] = {}
    codes = {text.strip().lower() for text in unknown}
    numbers = {number(text) for text in unknown if _is_number(text)}
    for cell in dict.fromkeys(cells):
        try:
            text = cell.strip() if isinstance(cell, str) else ""
            value = number(text.replace(",", ".") if decimal_comma and DECIMAL_COMMA.fullmatch(text) else cell)
        except ValueError:
            if text.lower() not in codes:
                return {}, cell
            value = math.nan
        values[cell] = math.nan if value in numbers or math.isnan(value) else value
    return values, None


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(number(text))
    except ValueError:
        return False


def _is_running(cells: Sequence[Cell], values: Mapping[Cell, float]) -> bool:
    """Whether a column holds running numbers: each cell is one more than that before it."""
    return all(after == before + 1 for before, after in pairwise(values[cell] for cell in cells))


def _moments(cells: Sequence[Cell], values: Mapping[Cell, float]) -> tuple[float, float]:
    """The mean and the standard deviation of what is known of a column; 0 where nothing is."""
    numbers = np.array([values[cell] for cell in cells])
    numbers = numbers[~np.isnan(numbers)]
    return (float(numbers.mean()), float(numbers.std())) if len(numbers) else (0.0, 0.0)
