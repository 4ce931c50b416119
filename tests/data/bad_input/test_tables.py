"""Tables of attributes."""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Mapping

import numpy as np
import pytest

from .place import Place, picture, write

BAD_TABLES: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "{t} does not exist"),
    "empty": (b"", "{t} is empty: the first line must name the columns"),
    "only a mark of UTF-8": (b"\xef\xbb\xbf", "{t} is empty: the first line must name the columns"),
    "empty lines": (b"\n\n\n", "{t} is empty: the first line must name the columns"),
    "no column of names": (
        b"Round,Male\n1,0\n",
        "{t} has no column of file names: its columns are Round, Male, and images have names such as a.png",
    ),
    "no header": (b"a.png,1\nz.png,0\n", "{t} has no header: add a first line that names the columns, such as file_name,Smiling"),
    "no header, names without endings": (b"7,a\n8,z\n", "{t} has no header: add a first line that names the columns"),
    "no header, and spaces": (b"a.png 2880\nz.png 2937\n", "{t} has no header: add a first line that names the columns"),
    "other separators": (b"name/Round\na.png/1\n", "{t} has no column of file names: its columns are name/Round, and "),
    "two rows for an image": (b"name,Round\na.png,1\nz.png,1\na.png,0\n", "{t} has two different rows for a.png: keep one of them"),
    "two columns of a name": (b"name,Round,Round\na.png,1,0\n", "{t} has two columns named Round: rename one of them"),
    "two columns of a name but for capitals": (b"name,Round,round\na.png,1,0\n", "{t} has two columns named Round: rename one of them"),
    "a row too short": (b"name,Round,Male\na.png,1,0\nz.png,1\n", "row 3 of {t} must have 3 cells, not 2"),
    "a row too long": (b"name,Round\na.png,1,0\n", "row 2 of {t} must have 2 cells, not 3"),
    "cut short": (b"name,Round,Male\na.png,1,0\nz.p", "row 3 of {t} must have 3 cells, not 1"),
    "not UTF-8": ("name,Größe\na.png,1\n".encode("latin-1"), "{t} is not text in UTF-8: save it again in UTF-8 (in Excel, "),
    "UTF-16 without a mark": ("name,Round\na.png,1\n".encode("utf-16-le"), "{t} is not text in UTF-8: save it again in UTF-8"),
    "an image": (picture(1), "{t} is not text in UTF-8"),
    "an Excel file": (
        b"PK\x03\x04 and so on",
        "{t} is an Excel file or a zip file, not a table of text: save the table as a CSV file, and give",
    ),
    "an old Excel file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "{t} is an Excel file, not a table of text: save the table as a CSV file"),
    "a Parquet file": (b"PAR1\x15\x04", "{t} is a Parquet file, not a table of text: save the table as a CSV file"),
    "a quote that is not closed": (b'name,Round\n"a.png,1\nz.png,0\n', "{t} is not a CSV file: unexpected end of data"),
    "something after a quote": (b'name,Round\n"a.png"b,1\n', "{t} is not a CSV file: "),
    "a cell too long": (b"name,Round\na.png," + b"1" * 200_000 + b"\n", "{t} is not a CSV file: field larger than field limit"),
    "no row for any image": (b"name,Round\nb.png,1\nc.png,0\n", "{t} lists names such as"),
    "a header alone": (b"name,Round\n", "{t} lists no images"),
    "two folders of an image": (
        b"name,Round\nx/a.png,1\ny/a.png,0\n",
        "{t} lists names such as",
    ),
}


@pytest.mark.parametrize(("content", "words"), BAD_TABLES.values(), ids=BAD_TABLES.keys())
def test_a_bad_table_is_refused(content: bytes | None, words: str, place: Place) -> None:
    table = place.root / "t.csv"
    if content is not None:
        table.write_bytes(content)
    place.refuses_photos("--attributes", table, words=words.format(t=table))


def test_a_column_of_labels_that_is_not_there(place: Place) -> None:
    table = place.root / "t.csv"
    table.write_text("name,Round\na.png,1\n")
    place.refuses_photos("--attributes", table, "--label", "kind", words=f"there is no column named kind in {table}: there are name, Round")


def test_a_folder_as_a_table(place: Place) -> None:
    place.refuses_photos("--attributes", place.photos, words=f"{place.photos} is not a file")


U = math.nan
NO_IMAGE = r"^{} rows? of t\.csv ha(s|ve) no image: {}$"
NO_ROW = r"^{} image files? ha(ve|s) no row in t\.csv, so the attributes are unknown$"
TEXT = r"^columns of t\.csv that hold text are not attributes: {}$"
NUMBERED = b"".join(b"%d.png,1\n" % number for number in range(20))

ODD_TABLES: dict[str, tuple[bytes, Mapping[str, tuple[float, float]], list[str]]] = {
    "commas": (b"name,Round\na.png,1\nz.png,0\n", {"Round": (1, 0)}, []),
    "bars": (b"name|Round\na.png|1\nz.png|0\n", {"Round": (1, 0)}, []),
    "UTF-16": ("name\tGröße\na.png\t1\nz.png\t0\n".encode("utf-16"), {"Größe": (1, 0)}, []),
    "semicolons": (b"name;Round;Size\na.png;1;2.5\nz.png;0;-3\n", {"Round": (1, 0), "Size": (2.5, -3)}, []),
    "tabs": (b"name\tRound\na.png\t1\nz.png\t0\n", {"Round": (1, 0)}, []),
    "semicolons, and a comma in a name": (b"name;Height, Width;b\na.png;1;0\nz.png;0;1\n", {"Height, Width": (1, 0), "b": (0, 1)}, []),
    "a mark of UTF-8": (b"\xef\xbb\xbfname,Round\na.png,1\nz.png,0\n", {"Round": (1, 0)}, []),
    "lines as Windows ends them": (b"name,Round\r\na.png,1\r\nz.png,0\r\n", {"Round": (1, 0)}, []),
    "empty lines between": (b"name,Round\n\na.png,1\n\n\nz.png,0\n\n", {"Round": (1, 0)}, []),
    "no line feed at its end": (b"name,Round\na.png,1\nz.png,0", {"Round": (1, 0)}, []),
    "spaces around": (b" name , Round \n a.png , 1 \nz.png, -1\n", {"Round": (1, 0)}, []),
    "quotes": (b'"name","Round"\n"a.png","1"\n"z.png","0"\n', {"Round": (1, 0)}, []),
    "the column of names last": (b"Round,FILE_NAME\n1,a.png\n0,z.png\n", {"Round": (1, 0)}, []),
    "Unicode in names": ("name,Größe ☃\na.png,1\nz.png,0\n".encode(), {"Größe ☃": (1, 0)}, []),
    "words for truth": (b"name,Round,Male\na.png,true,No\nz.png,FALSE,yes\n", {"Round": (1, 0), "Male": (0, 1)}, []),
    "cells that are empty or NaN": (b"name,Round,Male\na.png,,NaN\nz.png,n/a,1\n", {"Round": (U, U), "Male": (U, 1)}, []),
    "a column without a value": (b"name,Round,Male\na.png,,1\nz.png,,0\n", {"Round": (U, U), "Male": (1, 0)}, []),
    "infinite cells": (b"name,Round,Size\na.png,1,inf\nz.png,0,3\n", {"Round": (1, 0)}, [TEXT.format(r'Size \(".+" for [az]\.png\)')]),
    "a number that is too large": (
        b"name,Round,Size\na.png,1,1e400\nz.png,0,3\n",
        {"Round": (1, 0)},
        [TEXT.format(r'Size \(".+" for [az]\.png\)')],
    ),
    "a number too large for 32 bits": (
        b"name,Round,Size\na.png,1,1e39\nz.png,0,3\n",
        {"Round": (1, 0)},
        [TEXT.format(r'Size \(".+" for [az]\.png\)')],
    ),
    "columns of text": (
        b"name,Town,Round,Remark\na.png,Bath,1,x\nz.png,York,0,\n",
        {"Round": (1, 0)},
        [TEXT.format(r'Town \(".+" for [az]\.png\), Remark \(".+" for [az]\.png\)')],
    ),
    "columns of text alone": (b"name,Town\na.png,Bath\nz.png,York\n", {}, [TEXT.format(r'Town \(".+" for [az]\.png\)')]),
    "text of two lines": (
        b'name,Re,Round\na.png,"one\ntwo, 3",1\nz.png,"\n\n",0\n',
        {"Round": (1, 0)},
        [TEXT.format(r'Re \(".+" for [az]\.png\)')],
    ),
    "rows without an image": (b"name,R\na.png,1\nb.png,1\nz.png,0\nc.png,1\n", {"R": (1, 0)}, [NO_IMAGE.format(2, r"b\.png, c\.png")]),
    "many rows without an image": (
        *(b"name,R\na.png,1\nz.png,0\n" + NUMBERED, {"R": (1, 0)}),
        [NO_IMAGE.format(20, r"0\.png, 1\.png, 10\.png, \.\.\.")],
    ),
    "images without a row": (b"name,R\nz.png,0\n", {"R": (U, 0)}, [NO_ROW.format(1)]),
    "both": (b"name,R\nz.png,0\nb.png,1\n", {"R": (U, 0)}, [NO_IMAGE.format(1, r"b\.png"), NO_ROW.format(1)]),
    "a row that leads out": (b"name,R\n../a.png,1\na.png,1\nz.png,0\n", {"R": (1, 0)}, [NO_IMAGE.format(1, r"\.\./a\.png")]),
}


@pytest.mark.parametrize(("content", "attributes", "notes"), ODD_TABLES.values(), ids=ODD_TABLES.keys())
def test_an_odd_table_is_read(content: bytes, attributes: Mapping[str, tuple[float, float]], notes: list[str], place: Place) -> None:
    (place.root / "t.csv").write_bytes(content)
    images = place.packs(attributes=place.root / "t.csv")
    assert images.attribute_names == tuple(attributes)
    wanted = np.array(list(attributes.values()), np.float32).reshape(len(attributes), 2).T
    assert np.array_equal(images.attributes, wanted, equal_nan=True), images.attributes
    assert len(images.manifest["notes"]) == len(notes), images.manifest["notes"]
    assert all(re.search(note, there) for note, there in zip(notes, images.manifest["notes"], strict=True)), images.manifest["notes"]


NUL = pytest.param("b\x00c", marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="the csv of Python 3.10 takes no NUL"))


@pytest.mark.parametrize("split", ["../../evil", "/evil", "", "a/b", "x" * 300, "naïve ☃", NUL, "two\nlines"])
def test_odd_names_of_splits(split: str, place: Place) -> None:
    """Files are named after splits, but lie in OUT."""
    with (place.root / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("name", "split"), ("a.png", split), ("z.png", "train")])
    images = place.packs(attributes=place.root / "t.csv", splits=2 if split else 1)
    assert images.split("train").tolist() == [1]
    assert [images.split(name).tolist() for name in images.splits if name != "train"] == ([[0]] if split else [])


def test_a_table_and_bad_images(place: Place) -> None:
    """What is known of a good image stays with it, whatever is skipped before it."""
    write(place.photos, {"0.png": b"", "m.png": "text", "n.png": picture(3)})
    write(place.root, {"t.csv": "name,Round,label\n0.png,1,x\na.png,0,a\nm.png,1,x\nn.png,1,n\nz.png,0,z\n"})
    skipped = {"0.png": "empty file", "m.png": "not an image"}
    images = place.packs(good={"a.png": 1, "n.png": 3, "z.png": 2}, skipped=skipped, attributes=place.root / "t.csv")
    assert images.attributes.tolist() == [[0], [1], [0]]
    assert images.labels == ["a", "n", "z"]
    assert images.classes == ["a", "n", "z"]
