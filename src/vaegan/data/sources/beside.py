"""Tables that lie beside images, and that nobody has asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from ...errors import UserError
from ...words import command
from .base import Source, printable
from .match_names import match
from .registry import place_of
from .tables import read_table

ENDINGS = (".csv", ".tsv", ".jsonl", ".json")
LARGEST = 1 << 28
"""Bytes of a table that is looked at: a hint must not take long."""
USUAL = ("attributes", "labels", "metadata", "annotations", "train", "list_attr_celeba")
"""What a table is called that lies beside a folder of images; other files there may be anything."""


def note_unused_table(text: str, source: Source) -> None:
    """Add a note to a source that is a folder or a zip of image files if a table in it, or beside it, is about most of its images.

    Args:
        text: how the source was asked for.
        source: what was found.
    """
    place = place_of(text)
    with TemporaryDirectory() as unpacked:
        tables = [] if place is None else list(_in_archive(place, Path(unpacked)) if place.is_file() else _in_folder(place))
        images = [item.name for item in source.items()] if tables else []
        for name, path in tables:
            with suppress(UserError, OSError):
                table = read_table(path, images)
                found = match(images, table.attributes)
                says_something = table.attribute_names or table.labels or table.splits
                if found.rows and says_something and 2 * max(len(found.used) / len(found.rows), 1 - found.without / found.images) >= 1:
                    first = "unpack it, then " if path.is_relative_to(unpacked) else ""
                    way_out = f"{first}use it with: {command('prepare', 'IMAGES', 'SET', '--attributes', name)}"
                    source.notes.append(f"{printable(path.name)} lies beside the images and is not used: {way_out}")
                    source.left_out.use(Path(name) if first else path)
                    return


def _in_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files that may be such tables: what they are called where the folder is called IMAGES, and their paths."""
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if _may_be_one(path):
                yield f"IMAGES/{path.name}", path
    parent = folder.absolute().parent
    with suppress(OSError):
        for path in sorted(parent.iterdir()):
            if path.stem.lower() in (*USUAL, folder.absolute().name.lower()) and _may_be_one(path):
                yield f"IMAGES/../{path.name}", path


def _in_archive(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The same of a zip archive, unpacked into a folder."""
    with suppress(OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename).name
            if name.lower().endswith(ENDINGS) and not name.startswith(".") and member.file_size <= LARGEST:
                unpacked = folder / name
                unpacked.write_bytes(archive.read(member))
                yield name, unpacked


def _may_be_one(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file() and path.stat().st_size <= LARGEST
