"""Tables that lie beside images, and that nobody has asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...errors import UserError
from ...words import command
from .base import Source, printable
from .match_names import match
from .registry import folder_of
from .tables import read_table

ENDINGS = (".csv", ".tsv", ".jsonl", ".json")
LARGEST = 1 << 28
"""Bytes of a table that is looked at: a hint must not take long."""
USUAL = ("attributes", "labels", "metadata", "annotations", "train", "list_attr_celeba")
"""What a table is called that lies beside a folder of images; other files there may be anything."""


def note_unused_table(text: str, source: Source) -> None:
    """Add a note to a source that is a folder of image files if a table in it, or beside it, is about most of its images.

    Args:
        text: how the source was asked for.
        source: what was found.
    """
    folder = folder_of(text)
    tables = list(_tables(folder)) if folder else []
    images = [item.name for item in source.items()] if tables else []
    for name, path in tables:
        with suppress(UserError, OSError):
            table = read_table(path, images)
            found = match(images, table.attributes)
            says_something = table.attribute_names or table.labels or table.splits
            if says_something and 2 * max(len(found.used) / len(found.rows), 1 - found.without / found.images) >= 1:
                way_out = f"use it with: {command('prepare', 'IMAGES', 'SET', '--attributes', f'IMAGES/{name}')}"
                source.notes.append(f"{printable(path.name)} lies beside the images and is not used: {way_out}")
                return


def _tables(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files that may be such tables: their names as seen from the folder, and their paths."""
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if _may_be_one(path):
                yield path.name, path
    parent = folder.absolute().parent
    with suppress(OSError):
        for path in sorted(parent.iterdir()):
            if path.stem.lower() in (*USUAL, folder.absolute().name.lower()) and _may_be_one(path):
                yield f"../{path.name}", path


def _may_be_one(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file() and path.stat().st_size <= LARGEST
