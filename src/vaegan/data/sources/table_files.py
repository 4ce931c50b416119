"""Tables in files: CSV with any of the usual separators, JSON, and lists as CelebA has; as a header and columns of text."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...files import missing

SEPARATORS = ",;\t|"
OTHER_KINDS = {
    b"PK\x03\x04": "an Excel file or a zip file",
    b"\xd0\xcf\x11\xe0": "an Excel file",
    b"PAR1": "a Parquet file",
    b"SQLite": "a database",
}
"""What a file begins with that holds a table, but no text."""
NAME_COLUMNS = ("name", "file_name", "filename", "file", "image", "image_id", "image_name", "path", "id")
SAVE_AGAIN = "save it again in UTF-8 (in Excel, the file type CSV UTF-8)"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class TextTable:
    """A table as it is in a file."""

    path: Path
    header: list[str]
    columns: list[Sequence[str]]
    """The cells of each column, from top to bottom."""
    lines: list[int]
    """The line or record of each row in the file, from 1."""
    decimal_comma: bool = False
    """Whether 0,5 is a number."""


def read_table_file(path: Path) -> TextTable:
    """A table with a header.

    CSV files are separated by commas, semicolons, tabs or bars, in UTF-8 or UTF-16. JSON is a list of objects, an object a line, or
    what StyleGAN's tools write. CelebA's lists are a count, the names, then rows.

    Raises:
        UserError: there is no such file, or no such table in it.
    """
    text = _text(path)
    if not text.strip("\r\n"):
        raise UserError(f"{path} is empty: the first line must name the columns")
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return _of_records(path, _records(path, text))
    if re.match(r"\s*\d+\s*[\r\n]+\s*\S", text):
        return read_celeba_list(path)
    return _csv_table(path, text)


def read_celeba_list(path: Path) -> TextTable:
    """A list as CelebA's attributes have: how many there are, their names, and for each image its file and as many times 1 or -1.

    Raises:
        UserError: there is no such file, or it is no such list.
    """
    lines = _text(path).splitlines()
    try:
        names, rows = lines[1].split(), [line.split() for line in lines[2:] if line.strip()]
        if int(lines[0]) != len(rows):
            raise UserError(f"{path} is damaged: it should have {lines[0].strip()} rows, and has {len(rows)}")
        if len({row[0] for row in rows}) < len(rows) or any(len(row) != len(names) + 1 or not set(row[1:]) <= {"1", "-1"} for row in rows):
            raise ValueError("a row has the wrong length, or a value other than 1 and -1")
    except (IndexError, ValueError) as error:
        raise UserError(
            f"{path} is not a list of attributes like CelebA's: line 1 must have the number of images, line 2 must have the names of the "
            "attributes, and each other line must have a file name and then 1 or -1 for each attribute"
        ) from error
    columns: list[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * (len(names) + 1)
    return TextTable(path, ["file_name", *names], columns, list(range(3, len(rows) + 3)))


def _text(path: Path) -> str:
    """The text of a file, with its line ends as they are.

    Raises:
        UserError: there is no such file, or it is no text.
    """
    if not path.is_file():
        raise missing(path)
    content = path.read_bytes()
    if kind := next((kind for start, kind in OTHER_KINDS.items() if content.startswith(start)), None):
        raise UserError(f"{path} is {kind}, not a table of text: save the table as a CSV file, and give the CSV file")
    try:
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {SAVE_AGAIN}") from error
    if content.count(0) > len(content) // 4 and not content.startswith(UTF_16):  # of 16 bits, without a mark
        raise UserError(f"{path} is not text in UTF-8: {SAVE_AGAIN}")
    return text


def _csv_table(path: Path, text: str) -> TextTable:
    named = re.match(r'"?sep=(.)"?\r?\n', text)  # what Excel writes and reads
    text = text[named.end() :] if named else text
    first = next(line for line in re.split("[\r\n]", text) if line.strip())
    separator = named[1] if named else max(SEPARATORS, key=first.count)
    one_column = "_".join(first.lower().split()) in NAME_COLUMNS  # of names, which may have spaces
    if separator not in first and len(first.split()) > 1 and not one_column:  # lists such as those of CelebA and ImageNet
        text, separator = re.sub(r"[ \t]+", " ", re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text)), " "
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [(number, row) for number, row in enumerate(reader, 1) if any(map(str.strip, row))]
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file: {error}") from error
    while len(rows) > 1 and _is_title(rows[0][1]) and not _is_title(rows[1][1]):
        del rows[0]
    header = [name.strip() for name in rows[0][1]]
    header[0] = header[0].lstrip("# ")  # as programs that skip comments write it
    body = [_fitted(path, number, row, header) for number, row in rows[1:]]
    columns: list[Sequence[str]] = list(zip(*body, strict=True)) if body else [()] * len(header)
    return TextTable(path, header, columns, [number for number, _ in rows[1:]], decimal_comma=separator == ";")


def _is_title(row: list[str]) -> bool:
    """Whether a row is a title above a table, as spreadsheets have it: the other cells beside the first one are empty."""
    return len(row) > 1 and bool(row[0].strip()) and not any(map(str.strip, row[1:]))


def _fitted(path: Path, number: int, row: list[str], header: list[str]) -> list[str]:
    """A row as long as the header: what separators at the ends of lines add or leave out is empty.

    Raises:
        UserError: it is shorter or longer than that.
    """
    if len(row) == len(header):
        return row
    if any(cell.strip() for cell in row[len(header) :]) or any(header[len(row) :]):
        raise UserError(f"row {number} of {path} must have {len(header)} cells, not {len(row)}")
    return row[: len(header)] + [""] * (len(header) - len(row))


def _records(path: Path, text: str) -> list[dict[str, Any]]:
    """The objects of a JSON file.

    Raises:
        UserError: it is none, or holds something else.
    """
    try:
        found = [json.loads(line) for line in text.splitlines() if line.strip()] if path.suffix.lower() != ".json" else json.loads(text)
        if isinstance(found, dict) and isinstance(found.get("labels"), list):  # StyleGAN's dataset.json
            found = [{"file_name": name, **_stylegan_label(label)} for name, label in found["labels"]]
        if not (isinstance(found, list) and found and all(isinstance(record, dict) for record in found)):
            raise ValueError('it must hold objects such as {"file_name": "a.png", "Smiling": 1}')
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not a table in JSON: {error}") from error
    return found


def _stylegan_label(label: Any) -> dict[str, Any]:
    """A class, or several numbers."""
    return {f"label_{number}": value for number, value in enumerate(label)} if isinstance(label, list) else {"label": label}


def _of_records(path: Path, records: list[dict[str, Any]]) -> TextTable:
    header = list(dict.fromkeys(key for record in records for key in record))
    columns: list[Sequence[str]] = [[_cell(record.get(key)) for record in records] for key in header]
    return TextTable(path, header, columns, list(range(1, len(records) + 1)))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
