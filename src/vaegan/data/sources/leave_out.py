"""Sources without some of their pictures, such as copies that `vaegan doctor` found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import UserError
from ...words import composed
from .base import Item, Source, names_of_others, some
from .table_files import NAME_COLUMNS, read_table_file

LEAVE_OUT = "leave_out"
"""The column that says which of the named pictures are left out."""


def read_list(path: Path) -> frozenset[str]:
    """The names in a table with a column of file names; if it has a column `leave_out`, those with a 1 in it.

    Raises:
        UserError: there is no such file, it is no table, or it has no such column.
    """
    table = read_table_file(path)
    columns = dict(zip((name.lower().replace(" ", "_") for name in table.header), table.columns, strict=True))
    names = next((columns[name] for name in NAME_COLUMNS if name in columns), None)
    if names is None:
        raise UserError(f"{path} has no column of file names: give the column that has them one of these names: {', '.join(NAME_COLUMNS)}")
    marks = columns.get(LEAVE_OUT, ["1"] * len(names))
    return frozenset(name.strip() for name, mark in zip(names, marks, strict=True) if mark.strip() == "1") - {""}


def without(source: Source, names: frozenset[str], listed_in: str) -> Source:
    """A source without the pictures of these names.

    Args:
        source: where the pictures come from.
        names: the whole names of pictures, as the source has them, or the same in NFC.
        listed_in: the name of the file that lists them, for the notes.

    Raises:
        UserError: no picture, or every picture, has such a name.
    """
    found: set[str] = set()
    count = 0
    for item in source.items():
        found |= {item.name} & names
        count += 1
    if left := {composed(name) for name in names - found}:
        found |= {item.name for item in source.items() if composed(item.name) in left}
    if names and not found:
        raise names_of_others(listed_in, names, source)
    if count and len(found) == count:
        raise UserError(f"{listed_in} lists all {count:,} images, so nothing is left to prepare: remove rows from it")
    notes = [*source.notes, f"left out {len(found):,} images that are listed in {listed_in}"]
    if missing := sorted(left - set(map(composed, found))):
        notes.append(f"{len(missing):,} rows of {listed_in} have no image: {some(missing)}")

    def items() -> Iterator[Item]:
        return (item for item in source.items() if item.name not in found)

    rest = hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()
    listing, state = (hashlib.sha256(f"{text} without {rest}".encode()).hexdigest() for text in (source.listing, source.state))
    return replace(source, items=items, count=count - len(found), listing=listing, state=state, notes=notes)
