"""Scalars as a table: stats.csv in the run folder."""

from __future__ import annotations

import csv
import io

from ...files import append, read_text, replacing
from ...recipe import Recipe
from ...run import Run
from .base import Logger

FILE = "stats.csv"
STEP = "step"


class CsvLogger(Logger):
    """A row for each step that has scalars, a column for each curve; a cell is empty where a curve has no point.

    A point that comes later for the same step, or for a new curve, is put into its place: then the table is written anew. That is rare:
    only the first picture brings a new curve, and only pictures have points beside those of the log.
    """

    def __init__(self, run: Run, recipe: Recipe, step: int) -> None:
        super().__init__(run, recipe, step)
        self.file = run.folder / FILE
        self._columns, self._last = [STEP], -1
        rows = self._rows()
        if rows:
            self._columns = list(rows[0])
            self._write([row for row in rows if row[STEP].isdigit() and int(row[STEP]) <= step])

    def scalars(self, values: dict[str, float], step: int) -> None:
        """See `Logger.scalars`."""
        row = {STEP: str(step), **{name: f"{value:.6g}" for name, value in values.items()}}
        if step != self._last and row.keys() <= set(self._columns):
            append(self.file, _text([row], self._columns).encode())
        else:
            rows = self._rows()
            self._columns += [name for name in row if name not in self._columns]
            self._write([*rows[:-1], {**rows[-1], **row}] if step == self._last else [*rows, row])
        self._last = step

    def _rows(self) -> list[dict[str, str]]:
        if not self.file.is_file():
            return []
        return [{name: cell or "" for name, cell in row.items() if name} for row in csv.DictReader(io.StringIO(read_text(self.file)))]

    def _write(self, rows: list[dict[str, str]]) -> None:
        with replacing(self.file) as path:
            path.write_bytes(
                (_text([dict(zip(self._columns, self._columns, strict=True))], self._columns) + _text(rows, self._columns)).encode()
            )


def _text(rows: list[dict[str, str]], columns: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue()
