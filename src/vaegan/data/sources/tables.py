"""Attributes, labels and splits from the tables that come with images."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import UserError
from ...files import sha256
from ...words import composed, counted
from .base import Item, Source, names_of_others, printable, some
from .columns import NO_CHOICES, ColumnChoices, read_columns
from .match_names import find_names, match, whole_names
from .table_files import NAME_COLUMNS, TextTable, read_table_file

LABEL_COLUMNS = ("label", "class")
SPLIT_COLUMNS = ("split", "partition")
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLITS |= dict.fromkeys(("val", "valid", "validation", "dev"), "validation")
"""What people call the usual splits, and what they are called here."""
FRACTION = re.compile(r"[+-]?\d*\.\d*[1-9]\d*")
FEW = 20
"""Rows below which it says nothing that most labels differ."""
PARTITIONS = {"0": "train", "1": "validation", "2": "test"}
"""What CelebA's lists call them."""


@dataclass
class AttributeTable:
    """What is known of images, by their names."""

    path: Path
    attribute_names: tuple[str, ...]
    attributes: dict[str, tuple[float, ...]]
    labels: dict[str, str] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    fingerprint: str = ""
    """Changes when what is read from the table may have changed."""


def read_table(path: Path, images: Sequence[str], choices: ColumnChoices = NO_CHOICES) -> AttributeTable:
    """What a table says of images: one of its columns has their names, others may have labels and splits, the rest are attributes.

    `vaegan.data.sources.columns` says what is an attribute; what is not is in the notes.

    Args:
        path: the file; see `vaegan.data.sources.table_files`.
        images: the names of the images. The column of names may have any name if it holds some of these.
        choices: what a person says of the columns.

    Raises:
        UserError: there is no such file, it is no such table, or it has no such column.
    """
    table = read_table_file(path)
    folded = [name.lower().replace(" ", "_") for name in table.header]
    if twice := next((name for name in filter(None, folded) if folded.count(name) > 1), None):
        raise UserError(f"{path} has two columns named {table.header[folded.index(twice)]}: rename one of them")
    named = _columns_called(NAME_COLUMNS, folded)
    names = find_names(table.columns, named, images)
    if _is_data(table.header, names if names not in named else None, images):
        raise UserError(f"{path} has no header: add a first line that names the columns, such as file_name,Smiling")
    if names is None and not named:
        there, example = some(filter(None, map(printable, table.header)), 5), images[0] if images else "nothing"
        raise UserError(f"{path} has no column of file names: its columns are {there}, and images have names such as {example}")
    names = named[0] if names is None else names
    choices = choices.spelt_as(table.header, f"{path}")
    if table.header[names] in choices.flagged:
        raise UserError(f'the column "{printable(table.header[names])}" of {path} has the names of images, so it cannot be an attribute')
    found = attributes_of(table, names, choices)
    if names not in named:
        called = printable(table.header[names]) or "without a name"
        found.notes.insert(0, f"the names of images are in the column {called} of {path.name}")
    return found


def attributes_of(table: TextTable, names: int, choices: ColumnChoices = NO_CHOICES) -> AttributeTable:
    """What a table says, where it is known which column has the names.

    Raises:
        UserError: a row names no file, two rows of an image differ, or a column that a choice names has no numbers.
    """
    folded = [name.lower().replace(" ", "_") for name in table.header]
    rows = [printable(cell.strip()) for cell in table.columns[names]]
    for line, row in zip(table.lines, rows, strict=True):
        if not row:
            raise UserError(f"row {line} of {table.path} has no file name")
    open_to_all = [index for index, name in enumerate(table.header) if index != names and name not in choices.flagged]
    asked = table.header.index(choices.label) if choices.label else None
    label = asked if asked is not None else next((index for index in _columns_called(LABEL_COLUMNS, folded) if index in open_to_all), None)
    split = next((index for index in _columns_called(SPLIT_COLUMNS, folded) if index in open_to_all and index != label), None)
    rest = [index for index, name in enumerate(table.header) if index not in (names, label, split) or name in choices.flagged]
    where = table.path.name
    columns = [table.columns[index] for index in rest]
    read = read_columns([table.header[index] for index in rest], columns, rows, choices, where, decimal_comma=table.decimal_comma)
    converted = [list(map(values.__getitem__, columns[index])) for index, values in zip(read.columns, read.values, strict=True)]
    attributes = list(zip(*converted, strict=True)) if converted else [()] * len(rows)
    found = AttributeTable(table.path, tuple(printable(table.header[rest[index]]) for index in read.columns), {}, notes=read.notes)
    labels = [] if label is None else [printable(cell.strip()) for cell in table.columns[label]]
    if label is not None and (many := _no_classes(labels)):
        found.notes.append(f"column {printable(table.header[label])} of {where} {many}: each of these values is taken for a class")
    splits = [] if split is None else [cell.strip() for cell in table.columns[split]]
    if split is not None and folded[split] == "partition" and set(splits) <= set(PARTITIONS):
        splits = [PARTITIONS[cell] for cell in splits]
        read.converted.append(table.header[split])
    else:
        splits = [SPLITS.get(cell.lower(), printable(cell)) for cell in splits]
    repeated = 0
    for number, (row, values) in enumerate(zip(rows, attributes, strict=True)):
        more = (labels[number] if labels else "", splits[number] if splits else "")
        if row in found.attributes:
            if (found.attributes[row], found.labels.get(row, ""), found.splits.get(row, "")) != (values, *more):
                raise UserError(f"{table.path} has two different rows for {row}: keep one of them")
            repeated += 1
            continue
        found.attributes[row] = values
        if more[0]:
            found.labels[row] = more[0]
        if more[1]:
            found.splits[row] = more[1]
    if repeated:
        found.notes.append(f"left out {repeated} rows of {where} that repeat an earlier row")
    found.fingerprint = f"{sha256(table.path)} {choices}" + (f" {read.converted!r}" if read.converted else "")
    return found


def _columns_called(names: Sequence[str], folded: Sequence[str]) -> list[int]:
    """The columns of these names, in their order."""
    return [folded.index(name) for name in names if name in folded]


def _no_classes(labels: Sequence[str]) -> str:
    """Why labels are hardly classes; empty where they may be."""
    different = set(filter(None, labels))
    if len(different) > 2 and any(FRACTION.fullmatch(label) for label in different):
        return f"has {len(different)} different numbers with fractions"
    known = sum(map(bool, labels))
    return f"has {len(different)} different values in {known} rows" if 2 * len(different) > known >= FEW else ""


def _is_data(header: Sequence[str], names: int | None, images: Sequence[str]) -> bool:
    """Whether a header names an image, so that it is none; in its column of names, also one without folder and ending."""
    return not whole_names(images).isdisjoint(header) or (names is not None and find_names([[header[names]]], [], images) is not None)


def with_table(source: Source, table: AttributeTable) -> Source:
    """A source with what a table says of its images, too.

    Attributes of the same name are replaced, and so are labels and splits if the table has any.

    `vaegan.data.sources.match_names` says which row is about which image. An image without a row has unknown attributes.

    Raises:
        UserError: no row belongs to any image.
    """
    found = match((item.name for item in source.items()), table.attributes)
    if not found.used:
        raise names_of_others(table.path, table.attributes, source)
    notes = [*source.notes, *table.notes]
    if missing := sorted(found.rows - found.used):
        notes.append(f"{len(missing)} rows of {table.path.name} have no image: {some(missing)}")
    if shared := found.images - found.without - len(found.used):
        notes.append(f"images with the same file name as another image, which use the same row of {table.path.name}: {shared}")
    if renamed := {image: row for image, row in found.loose.items() if composed(row) not in whole_names([composed(image)])}:
        image, row = next(iter(renamed.items()))
        notes.append(f"{table.path.name} lists {len(renamed)} images under another folder or file ending: for example, {image} as {row}")
    if found.without:
        notes.append(f"{counted(found.without, 'image file')} no row in {table.path.name}, so the attributes are unknown")
    unknown = (math.nan,) * len(table.attribute_names)
    others = [index for index, name in enumerate(source.attribute_names) if name not in table.attribute_names]
    if source.left_out.root:
        source.left_out.use(table.path)

    def items() -> Iterator[Item]:
        for item in source.items():
            key = found.row(item.name)
            yield replace(
                item,
                attributes=(*(item.attributes[index] for index in others), *(table.attributes[key] if key else unknown)),
                label=table.labels.get(key or "", "") if table.labels else item.label,
                split=table.splits.get(key or "", "") if table.splits else item.split,
            )

    names = (*(source.attribute_names[index] for index in others), *table.attribute_names)
    read = table.fingerprint + (f" {len(found.loose)}" if found.loose else "")  # what was always matched as it is now, stays as it was
    listing, state = (hashlib.sha256(f"{text} {read}".encode()).hexdigest() for text in (source.listing, source.state))
    return replace(source, items=items, attribute_names=names, notes=notes, listing=listing, state=state)
