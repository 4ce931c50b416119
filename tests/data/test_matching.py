"""Which row of a table is about which image, and which column has the names."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from vaegan import UserError
from vaegan.begin import images_of
from vaegan.data import open_images, prepare
from vaegan.data.images import Preparation
from vaegan.data.sources.match_names import match
from vaegan.data.sources.tables import read_table

from ..tiny import tiny

MATCHES: dict[str, tuple[list[str], list[str], dict[str, str]]] = {
    "whole names": (["a.png", "b.png"], ["a.png", "b.png"], {"a.png": "a.png", "b.png": "b.png"}),
    "bare names of images in folders": (["x/a.png", "y/a.png"], ["a.png"], {"x/a.png": "a.png", "y/a.png": "a.png"}),
    "without endings": (["000001.jpg", "x/000002.jpg"], ["000001", "000002"], {"000001.jpg": "000001", "x/000002.jpg": "000002"}),
    "another ending": (["a.jpg"], ["a.png"], {"a.jpg": "a.png"}),
    "an ending in capitals": (["IMG_1.JPG"], ["img_1.jpg"], {"IMG_1.JPG": "img_1.jpg"}),
    "an ending of medical images": (["p1.png"], ["p1.dcm"], {"p1.png": "p1.dcm"}),
    "dots that are no endings": (["v1.0.png", "v1.1.png"], ["v1.0", "v1.1"], {"v1.0.png": "v1.0", "v1.1.png": "v1.1"}),
    "./ before them": (["x/a.png"], ["./x/a.png"], {"x/a.png": "./x/a.png"}),
    "backslashes": (["x/a.png", "b.png"], ["x\\a.png", ".\\b.png"], {"x/a.png": "x\\a.png", "b.png": ".\\b.png"}),
    "paths of another machine": (
        ["x/a.png", "y/a.png"],
        ["C:\\d\\x\\a.png", "/d/y/a.png"],
        {"x/a.png": "C:\\d\\x\\a.png", "y/a.png": "/d/y/a.png"},
    ),
    "folders that only images have": (
        ["set/x/a.png", "set/y/a.png"],
        ["x/a.png", "y/a.png"],
        {"set/x/a.png": "x/a.png", "set/y/a.png": "y/a.png"},
    ),
    "folders that only rows have": (
        ["p1/v.jpg", "p2/v.jpg"],
        ["C/train/p1/v.jpg", "C/train/p2/v.jpg"],
        {"p1/v.jpg": "C/train/p1/v.jpg", "p2/v.jpg": "C/train/p2/v.jpg"},
    ),
    "two folders of one name": (["a.png"], ["x/a.png", "y/a.png"], {}),
    "another folder": (["x/a.png"], ["y/a.png"], {}),
    "two endings": (["a.webp"], ["a.png", "a.jpg"], {}),
    "a row that has its image": (["a.png", "a.jpg"], ["a.png"], {"a.png": "a.png"}),
    "zeros that a spreadsheet takes away": (["000001.jpg", "000020.jpg"], ["1", "20.0"], {"000001.jpg": "1", "000020.jpg": "20.0"}),
    "zeros that are other images": (["01.jpg", "1.jpg"], ["1"], {"1.jpg": "1"}),
    "addresses": (
        ["1.jpg", "2.jpg"],
        ["https://x.org/a/1.jpg", "https://x.org/a/2.jpg?w=3"],
        {"1.jpg": "https://x.org/a/1.jpg", "2.jpg": "https://x.org/a/2.jpg?w=3"},
    ),
    "letters in two parts": (["u\u0308.png"], ["\u00fc.png"], {"u\u0308.png": "\u00fc.png"}),
}


@pytest.mark.parametrize(("images", "rows", "wanted"), MATCHES.values(), ids=MATCHES.keys())
def test_rows_are_found(images: list[str], rows: list[str], wanted: dict[str, str]) -> None:
    found = match(images, rows)
    assert {image: row for image in images if (row := found.row(image)) is not None} == wanted
    assert found.used == set(wanted.values())
    assert (found.images, found.without) == (len(images), len(images) - len(wanted))


IMAGES = ["x/1.png", "x/2.png", "x/3.png"]
NAMES: dict[str, tuple[str, str | None]] = {
    "any name": ("picture,S\n1.png,1\n2.png,0\n", "picture"),
    "a known name that has something else": ("name,picture\nAnn,1.png\nBo,2.png\n", "picture"),
    "numbers beside names": ("id,picture\n3,1.png\n1,2.png\n2,3.png\n", "picture"),
    "names without endings": ("picture,age\n1,3\n2,3\n3,1\n", "picture"),
    "names without zeros before them": ("age,picture\n7,01\n8,02\n7,03\n", "picture"),
    "a column without a name": (",S\n1.png,1\n2.png,0\n", "without a name"),
    "a known name behind a mark of comments": ("# file,S\n1.png,1\n2.png,0\n", None),
    "two columns of names": ("case,clinic,derm\n7,1.png,gone.png\n8,2.png,3.png\n", "clinic"),
    "a known name without endings": ("age,image_id\n1,3\n2,2\n3,1\n", None),
    "paths of another machine": ("Path,S\nset/x/1.png,1\nset/x/2.png,0\n", None),
    "the order of known names": ("id,file\n1.png,2.png\n", None),
}


@pytest.mark.parametrize(("content", "column"), NAMES.values(), ids=NAMES.keys())
def test_the_column_of_names(content: str, column: str | None, tmp_path: Path) -> None:
    """It is said which one it is, unless it is called as usual."""
    (tmp_path / "t.csv").write_text(content)
    table = read_table(tmp_path / "t.csv", IMAGES)
    said = [note for note in table.notes if note.startswith("the names of images are in the column ")]
    assert said == ([f"the names of images are in the column {column} of t.csv"] if column else [])
    assert match(IMAGES, table.attributes).used


def test_the_first_known_name_wins(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,file,S\n1.png,2.png,1\n")
    assert list(read_table(tmp_path / "t.csv", IMAGES).attributes) == ["2.png"]


def test_a_table_of_another_machine(photos: Path, tmp_path: Path) -> None:
    """As CheXpert's is: folders above those that are here, no usual name, and -1 for what is uncertain."""
    rows = [f"CheXpert\\train\\photo {n:02d}.jpg,{n},{('1.0', '0.0', '-1.0', '')[n % 4]}\n" for n in range(40)]
    (tmp_path / "train.csv").write_text("Where,Age,Edema\n" + "".join(rows))
    images = prepare(
        str(photos), tmp_path / "set", size=(16, 16), attributes=tmp_path / "train.csv", unknown=["-1"], progress=lambda *_: None
    )
    assert images.attribute_names == ("Edema",)
    assert np.array_equal(images.attributes[:4, 0], np.array([1, 0, np.nan, np.nan], np.float32), equal_nan=True)
    assert images.manifest["notes"][-1].startswith("train.csv lists 40 images under another folder or file ending: for example, ")


@pytest.mark.parametrize("place", ["labels.csv", "../attributes.csv", "../photos.csv", "metadata.jsonl"])
def test_a_table_beside_images_is_named(place: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    jsonl = '{"file_name": "photo 00.png", "S": 1}\n{"file_name": "photo 01.png", "S": 0}\n'
    (photos / place).write_text(jsonl if place.endswith("jsonl") else "file,S\nphoto 00.png,1\nphoto 01.png,0\n")
    command = f"vaegan prepare IMAGES SET --attributes IMAGES/{place}"
    note = f"{Path(place).name} lies beside the images and is not used: use it with: {command}"
    packed = prepare(str(photos), tmp_path / "set", size=(16, 16), progress=lambda *_: None)
    assert packed.manifest["notes"] == [note]
    assert open_images(str(photos), Preparation((16, 16)), count=0, progress=lambda *_: None, workers=1).manifest["notes"] == [note]
    used = prepare(str(photos), tmp_path / "used", size=(16, 16), attributes=photos / place, progress=lambda *_: None)
    assert not any("lies beside" in line for line in used.manifest["notes"])


def test_a_table_in_a_zip_is_named(photos: Path, tmp_path: Path) -> None:
    (photos / "labels.csv").write_text("file,S\nphoto 00.png,1\nphoto 01.png,0\n")
    shutil.make_archive(str(tmp_path / "photos"), "zip", photos)
    packed = prepare(str(tmp_path / "photos.zip"), tmp_path / "set", size=(16, 16), progress=lambda *_: None)
    way_out = "unpack it, then use it with: vaegan prepare IMAGES SET --attributes labels.csv"
    assert packed.manifest["notes"] == [f"labels.csv lies beside the images and is not used: {way_out}"]


def test_training_says_so_too(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time, because nobody has packed these images on purpose."""
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    (photos / "labels.csv").write_text("file,S\nphoto 00.png,1\nphoto 01.png,0\n")
    recipe = tiny(data__source=str(photos))
    for _ in range(2):
        said = io.StringIO()
        images_of(recipe, Console(file=said))
        assert said.getvalue().startswith(
            "note: labels.csv lies beside the images and is not used: use it with: vaegan prepare IMAGES SET "
        )


@pytest.mark.parametrize("content", ["file,S\nq.png,1\nr.png,0\n", "file\nphoto 00.png\n", "a,b\n", "", "\x00\x01"])
def test_other_files_beside_images_are_not(content: str, photos: Path, tmp_path: Path) -> None:
    """A table about other images, one that says nothing, and none."""
    (photos / "labels.csv").write_text(content)
    notes = prepare(str(photos), tmp_path / "set", size=(16, 16), progress=lambda *_: None).manifest["notes"]
    assert not any("lies beside" in note for note in notes)


def test_a_table_that_names_nothing_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"has no column of file names: its columns are a, b, and images have names such as photo 00.png"):
        prepare(str(photos), tmp_path / "set", attributes=tmp_path / "t.csv", progress=lambda *_: None)
