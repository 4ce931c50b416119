"""Sets of the Hugging Face hub, or folders that its library can read; an optional extra.

`hf:NAME` fetches the whole set first, `hf-stream:NAME` nothing but what it reads. Of a set in several configurations one is named as in
`hf:NAME:CONFIGURATION`. No code of a set is run.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...errors import UserError
from ..deep import Opened
from ..images import Picture
from .base import Encoded, File, Fingerprint, Item, Refused, Source, printable, some
from .columns import NO_CHOICES, Cell, ColumnChoices, read_columns
from .tables import LABEL_COLUMNS, SPLIT_COLUMNS, SPLITS

EXTRA = "images of the Hugging Face hub need one more package: pip install 'datasets>=3'"
READABLE = ("bool", "int", "uint", "float", "string", "large_string")
"""Kinds of columns that may be attributes: what the texts say is seen when they are read."""
ROWS = "\0rows"
"""What no column is called."""


def source(name: str, *, streaming: bool = False, choices: ColumnChoices = NO_CHOICES) -> Source:
    """All splits of a set: its first column of images, its classes as labels, and its other columns as those of a table are read.

    Where there are columns of numbers, they are read once before the images, because all their values say what they mean.

    Raises:
        UserError: the library is missing, there is no such set, or it has no images.
    """
    try:
        import datasets
    except ImportError:
        raise UserError(EXTRA) from None
    if not name:
        raise UserError('"hf:" has no name after it: give the name of a data set, as in hf:nielsr/CelebA-faces')
    path, _, configuration = name.partition(":")
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)  # what goes wrong is said here, in one sentence
    try:
        splits: dict[str, Any] = dict(datasets.load_dataset(path, configuration or None, streaming=streaming))
    except Exception as error:  # the library raises all kinds for a set that it cannot find, reach or read
        raise UserError(f"cannot read hf:{name}: {' '.join(str(error).split('. ')[0].split())}") from error
    return of_splits(name, path, configuration, splits, streaming=streaming, choices=choices)


def of_splits(
    name: str, path: str, configuration: str, splits: dict[str, Any], *, streaming: bool, choices: ColumnChoices = NO_CHOICES
) -> Source:
    """As `source`, of splits that are open; those of a program have no path. Images of a split without a name are in no split.

    Raises:
        UserError: they have no images.
    """
    import datasets

    features = next(iter(splits.values())).features or {}
    column = next((key for key, feature in features.items() if isinstance(feature, datasets.Image)), None)
    if column is None:
        raise UserError(f"hf:{name} has no column of images: its columns are {some(features, 10) or 'not declared'}")
    roles = _roles(features, choices, f"hf:{name}", has_splits=len(splits) > 1)
    splits = {key: split.cast_column(column, datasets.Image(decode=False)) for key, split in splits.items()}
    counts = [
        split.info.splits[key].num_examples if split.info.splits and key in split.info.splits else None for key, split in splits.items()
    ]
    cells = _cells(_without_images(path, configuration, splits, roles.read, streaming), name)
    rows = cells.pop(ROWS, [])
    read = read_columns(roles.read, [cells[key] for key in roles.read], rows, choices, f"hf:{name}")
    more = [text for text in (str(choices), *read.converted, *roles.new) if text]  # nothing for what was always read as it is now
    fingerprint = Fingerprint()
    fingerprint.add_text(repr((path, configuration, list(splits), counts, str(features), *more)))
    hashes = fingerprint.hashes
    if not streaming:
        hashes["state"] = repr([*(split._fingerprint for split in splits.values()), *more])
    used = [(roles.read[index], values) for index, values in zip(read.columns, read.values, strict=True)]

    def items() -> Iterator[Item]:
        for key, split in splits.items():
            for number, row in enumerate(_complaining(split, name)):
                attributes = tuple(values.get(_cell(row[one]), math.nan) for one, values in used)
                label = _text(features[roles.label], row[roles.label]) if roles.label else ""
                part = _text(features[roles.split], row[roles.split]) if roles.split else key
                part = SPLITS.get(part.lower() if roles.split else part, printable(part))
                yield Item(_name(key, number), _picture(row[column]), part, printable(label), attributes)

    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) else None
    notes = read.notes
    if left := [key for key in features if key not in (column, roles.label, roles.split, *roles.read)]:
        notes.append(f"columns of hf:{name} that hold neither numbers nor text are not attributes: {some(left)}")
    return Source(f"hf {name}", items, total, attribute_names=tuple(printable(key) for key, _ in used), notes=notes, **hashes)


class Roles(NamedTuple):
    """Which column of a set is what."""

    label: str | None
    split: str | None
    read: list[str]
    """Those that may be attributes."""

    new: list[str]
    """Labels and splits from columns of plain values, which earlier versions did not take."""


def _roles(features: dict[str, Any], choices: ColumnChoices, where: str, *, has_splits: bool) -> Roles:
    """As in a table: columns called label or class, and split or partition, are that, unless the set has its own.

    Raises:
        UserError: a column that a choice names is not there, or holds no numbers.
    """
    import datasets

    choices = choices.spelt_as(list(features), where)
    plain = [key for key, feature in features.items() if isinstance(feature, datasets.Value) and feature.dtype.startswith(READABLE)]
    if wrong := [key for key in choices.flagged if key not in plain]:
        raise UserError(f"column {wrong[0]} of {where} must hold numbers, not {features[wrong[0]]}")
    named = [key for key in plain if key not in choices.flagged]
    classes = [key for key, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    labels = [*classes, *(key for key in named if key.lower() in LABEL_COLUMNS)]
    label = choices.label or (labels[0] if labels else None)
    split = None if has_splits else next((key for key in named if key.lower() in SPLIT_COLUMNS and key != label), None)
    read = [key for key in plain if key in choices.flagged or key not in (label, split)]
    return Roles(label, split, read, [key for key in (label, split) if key and key not in classes])


def _without_images(path: str, configuration: str, splits: dict[str, Any], columns: list[str], streaming: bool) -> dict[str, Any]:
    """The same splits with some columns alone; of files that can be read by columns, nothing else is fetched."""
    import datasets

    if streaming and path and columns:
        with suppress(Exception):  # of a set that is in other files than Parquet
            return dict(datasets.load_dataset(path, configuration or None, streaming=True, columns=columns))
    return {key: split.select_columns(columns) for key, split in splits.items()} if columns else {}


def _cells(splits: dict[str, Any], name: str) -> dict[str, list[Any]]:
    """All values of the columns of some splits, and under `ROWS` the names of their rows."""
    cells: dict[str, list[Any]] = defaultdict(list)
    for key, split in splits.items():
        for number, row in enumerate(_complaining(split, name)):
            cells[ROWS].append(_name(key, number))
            for column, value in row.items():
                cells[column].append(_cell(value))
    return cells


def _name(split: str, number: int) -> str:
    """What the image of a row is called."""
    return f"{split}-{number:07d}".lstrip("-")


def _cell(value: Any) -> Cell:
    """A number or text, or None where it is not known."""
    return value if value is not None and (isinstance(value, str) or math.isfinite(value)) else None


def _text(feature: Any, value: Any) -> str:
    """What a cell says: the name of its class, or what is in it."""
    if hasattr(feature, "int2str"):
        return str(feature.int2str(value)) if value is not None and 0 <= value < feature.num_classes else ""
    return "" if value is None else str(value).strip()


def _complaining(rows: Iterable[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    """Rows, and one sentence where they cannot be read on."""
    iterator = iter(rows)
    while True:
        try:
            row = next(iterator)
        except StopIteration:
            return
        except Exception as error:  # of the library, of the network, or of what reads the file's format
            raise UserError(f"cannot read hf:{name}: {' '.join(str(error).split())}") from error
        yield row


def _picture(cell: dict[str, Any] | None) -> Picture:
    if cell and cell.get("bytes"):
        return Encoded(cell["bytes"])
    if cell and cell.get("path"):
        return Remote(cell["path"]) if "://" in cell["path"] else File(cell["path"])
    return Refused("no image in this row")


@dataclass(frozen=True)
class Remote:
    """An image file behind an address."""

    address: str

    def open(self) -> Opened:
        """See `Picture`."""
        import fsspec

        try:
            with fsspec.open(self.address) as file:
                content = file.read()
        except Exception as error:  # of the network, and of whatever is behind the address
            raise UserError(f"cannot read {self.address}: {' '.join(str(error).split())}; run the same command again") from error
        return Encoded(content).open()
