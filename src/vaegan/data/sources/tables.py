"""Attributes, labels and splits from the tables that come with images: CSV files and CelebA's lists."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import UserError, unknown_name
from ...files import read_text, sha256
from .base import Item, Source, printable, some

NAME_COLUMNS = ("name", "file_name", "filename", "file", "image", "image_id", "image_name", "path", "id")
LABEL_COLUMNS = ("label", "class")
SPLIT_COLUMNS = ("split", "partition")
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLITS |= dict.fromkeys(("val", "valid", "validation", "dev"), "validation")
"""What people call the usual splits, and what they are called here."""

TRUE, FALSE = ("1", "1.0", "true", "yes"), ("0", "0.0", "-1", "-1.0", "false", "no")
LARGEST = 3e38  # what fits into 32 bits
UNKNOWN = ("", "nan", "na", "n/a", "none", "null", "?")


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


def attribute(text: str) -> float:
    """One cell of a table: 1 for true, 0 for false and -1, NaN for what is not known, else its number.

    Raises:
        ValueError: it is no number.
    """
    plain = text.strip().lower()
    if plain in TRUE:
        return 1.0
    if plain in FALSE:
        return 0.0
    if plain in UNKNOWN:
        return math.nan
    value = float(plain)
    if not abs(value) < LARGEST:
        raise ValueError(text)
    return value


def read_csv(path: Path, label: str | None = None) -> AttributeTable:
    """A CSV file with a header and a column of file names; its other columns are attributes, but for those of labels and splits.

    The separator may be a comma, a semicolon or a tab. Columns that hold text are left out, and named in the notes.

    Args:
        path: the file.
        label: the column that names each image's class; by default one that is called label or class.

    Raises:
        UserError: there is no such file, it is no such table, or it has no such column.
    """
    text = read_text(path)
    if not text:
        raise UserError(f"{path} is empty: the first line must name the columns")
    separator = max(",;\t", key=re.split("[\r\n]", text, maxsplit=1)[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file: {error}") from error
    header = [name.strip() for name in rows[0]]
    known = [name.lower().replace(" ", "_") for name in header]
    if len(set(known)) < len(known):
        raise UserError(f"{path} names the column {next(n for n in header if known.count(n.lower()) > 1)} twice")
    name_column = next((known.index(name) for name in NAME_COLUMNS if name in known), None)
    if name_column is None:
        raise UserError(f"{path} has no column of file names: call it one of {', '.join(NAME_COLUMNS)}")
    if label is not None and label not in header:
        raise unknown_name("column", label, header, inside=f" in {path}")
    label_column = header.index(label) if label else next((known.index(name) for name in LABEL_COLUMNS if name in known), None)
    split_column = next((known.index(name) for name in SPLIT_COLUMNS if name in known), None)
    columns = [index for index in range(len(header)) if index not in (name_column, label_column, split_column)]
    table = AttributeTable(path, (), {}, fingerprint=f"{sha256(path)} {label or ''}")
    body = _body(path, rows, name_column)
    for name, row in body.items():
        if label_column is not None and row[label_column].strip():
            table.labels[name] = printable(row[label_column].strip())
        if split_column is not None and row[split_column].strip():
            split = printable(row[split_column].strip())
            table.splits[name] = SPLITS.get(split.lower(), split)
    columns = [index for index in range(len(header)) if index not in (name_column, label_column, split_column)]
    texts = {index: next((name for name, row in body.items() if not _is_value(row[index])), None) for index in columns}
    if found := [f'{header[index]} ("{printable(body[name][index])[:40]}" for {name})' for index, name in texts.items() if name]:
        table.notes.append(f"columns of {path.name} that hold text are not attributes: {some(found)}")
    columns = [index for index in columns if not texts[index]]
    table.attribute_names = tuple(printable(header[index]) for index in columns)
    table.attributes = {name: tuple(attribute(row[index]) for index in columns) for name, row in body.items()}
    return table


def _body(path: Path, rows: list[list[str]], name_column: int) -> dict[str, list[str]]:
    """The rows under the head by the names in them, but for empty ones, as spreadsheets leave them.

    Raises:
        UserError: a row is too long or too short, names no file, or one that another row names.
    """
    body: dict[str, list[str]] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(rows[0]):
            raise UserError(f"row {number} of {path} must have {len(rows[0])} cells, not {len(row)}")
        name = printable(row[name_column].strip())
        if not name:
            raise UserError(f"row {number} of {path} names no file")
        if name in body:
            raise UserError(f"{path} has two rows for {name}")
        body[name] = row
    return body


def read_celeba_list(path: Path) -> AttributeTable:
    """A list as CelebA's attributes have: how many there are, their names, and for each image its file and as many times 1 or -1.

    Raises:
        UserError: there is no such file, or it is no such list.
    """
    lines = read_text(path).splitlines()
    try:
        names = tuple(lines[1].split())
        rows = [line.split() for line in lines[2:] if line.strip()]
        if int(lines[0]) != len(rows):
            raise UserError(f"{path} is damaged: it should have {lines[0].strip()} rows, and has {len(rows)}")
        attributes = {row[0]: tuple(float(value == "1") for value in row[1:]) for row in rows}
        if len(attributes) < len(rows) or any(len(row) != len(names) + 1 or not set(row[1:]) <= {"1", "-1"} for row in rows):
            raise ValueError("a row has the wrong length, or a value other than 1 and -1")
    except (IndexError, ValueError) as error:
        raise UserError(
            f"{path} is not a list of attributes like CelebA's: a count, the names, then rows of a file and 1 or -1 for each name"
        ) from error
    return AttributeTable(path, names, attributes, fingerprint=sha256(path))


def _is_value(text: str) -> bool:
    try:
        attribute(text)
    except ValueError:
        return False
    return True


def with_table(source: Source, table: AttributeTable) -> Source:
    """A source with what a table says of its images, too.

    Attributes of the same name are replaced, and so are labels and splits if the table has any.

    Rows are found by an image's whole name, or by its file name alone where rows name no folders. An image without a row has unknown
    attributes.

    Raises:
        UserError: no row belongs to any image.
    """
    rows = set(table.attributes)
    bare = not any("/" in name for name in rows)
    used: set[str] = set()
    images = without = 0
    for item in source.items():
        key = _key(item.name, rows, bare)
        used.add(key) if key else None
        without += key is None
        images += 1
    if not used:
        called = next((item.name for item in source.items()), "nothing")
        raise UserError(f"no row of {table.path} names an image: images have names such as {called}, rows {min(rows, default='nothing')}")
    notes = [*source.notes, *table.notes]
    if missing := sorted(rows - used):
        notes.append(f"{len(missing)} rows of {table.path.name} have no image: {some(missing)}")
    if images - without > len(used):
        notes.append(f"{images - without - len(used)} images share a row of {table.path.name} with others of the same file name")
    if without:
        notes.append(f"{without} images have no row in {table.path.name}: their attributes are unknown")
    unknown = (math.nan,) * len(table.attribute_names)
    others = [index for index, name in enumerate(source.attribute_names) if name not in table.attribute_names]
    source.passed_over.use(table.path)

    def items() -> Iterator[Item]:
        for item in source.items():
            key = _key(item.name, rows, bare)
            yield replace(
                item,
                attributes=(*(item.attributes[index] for index in others), *(table.attributes[key] if key else unknown)),
                label=table.labels.get(key or "", "") if table.labels else item.label,
                split=table.splits.get(key or "", "") if table.splits else item.split,
            )

    names = (*(source.attribute_names[index] for index in others), *table.attribute_names)
    listing, state = (hashlib.sha256(f"{text} {table.fingerprint}".encode()).hexdigest() for text in (source.listing, source.state))
    return replace(source, items=items, attribute_names=names, notes=notes, listing=listing, state=state)


def _key(name: str, rows: set[str], bare: bool) -> str | None:
    if name in rows:
        return name
    last = name.rpartition("/")[2]
    return last if bare and last in rows else None
