"""What columns of tables mean: situations from public reports, each with the right value."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaegan.data import ImageSet, prepare

from .place import Place, picture, write

U = math.nan
FOUR = {f"{name}.png": number for number, name in enumerate("abcd", 1)}
NUMBERING = "columns of t.csv without a name, or with the numbers of the rows, are not attributes: {}"
CLASSES = ": each of these values is taken for a class"
MANY = "columns of t.csv with more than two values are not attributes: {}; to use one, add --threshold NAME=NUMBER "
MANY += "(images above NUMBER have the attribute) or --numeric NAME (the numbers are kept)"
AMBIGUOUS = "in columns of t.csv with 0 and -1, both values mean no: {}; if -1 means not known, add --unknown -1"
TEXT = "columns of t.csv that hold text are not attributes: {}"
LARGER = "in columns of t.csv with two values, the larger value means yes: {}"


def table(names: str, *columns: str) -> str:
    """A CSV of four images: the header, and the cells of each column after that of names."""
    rows = zip("abcd", *(column.split() for column in columns), strict=True)
    return names + "\n" + "".join(",".join([f"{row[0]}.png", *row[1:]]).replace("_", "") + "\n" for row in rows)


COLUMNS: dict[str, tuple[str, Mapping[str, Any], Mapping[str, tuple[float, ...]], list[str]]] = {
    "an index of pandas": (
        ",file,Smile\n0,a.png,1\n1,b.png,0\n2,c.png,0\n3,d.png,1\n",
        {},
        {"Smile": (1, 0, 0, 1)},
        ["one without a name"],
    ),
    "Unnamed: 0": ("Unnamed: 0,file,S\n3,a.png,1\n0,b.png,0\n7,c.png,0\n9,d.png,1\n", {}, {"S": (1, 0, 0, 1)}, ["Unnamed: 0"]),
    "an id beside the names": (table("file,id,S", "17 4 9 2", "1 0 0 1"), {}, {"S": (1, 0, 0, 1)}, ["id"]),
    "an id of 0 and 1": (table("file,subject_id,S", "0 1 0 1", "1 0 0 1"), {}, {"S": (1, 0, 0, 1)}, ["subject_id"]),
    "a patientId": (table("file,patientId,S", "0 1 0 1", "1 0 0 1"), {}, {"S": (1, 0, 0, 1)}, ["patientId"]),
    "a name that ends in id": (table("file,Covid,grid", "0 1 0 1", "1 0 0 1"), {}, {"Covid": (0, 1, 0, 1), "grid": (1, 0, 0, 1)}, []),
    "running numbers": (table("file,number,S", "5 6 7 8", "1 0 0 1"), {}, {"S": (1, 0, 0, 1)}, ["number"]),
    "commas at the ends of lines": ("file,S,\na.png,1,\nb.png,0,\nc.png,0,\nd.png,1,\n", {}, {"S": (1, 0, 0, 1)}, ["one without a name"]),
    "commas at the ends of rows alone": ("file,S\na.png,1,\nb.png,0,\nc.png,0,\nd.png,1,\n", {}, {"S": (1, 0, 0, 1)}, []),
    "two columns without a name": (
        ",file,S,\n,a.png,1,\n,b.png,0,\n,c.png,0,\n,d.png,1,\n",
        {},
        {"S": (1, 0, 0, 1)},
        ["name, one without"],
    ),
    "ages and ratings": (
        table("file,age,S,stars", "31.5 7 _ 80", "1 0 0 1", "1 5 3 2"),
        {},
        {"S": (1, 0, 0, 1)},
        [MANY.format("age (7 to 80), stars (1 to 5)")],
    ),
    "soft labels": (table("file,S", "0.1 0.9 0 1"), {}, {}, [MANY.format("S (0 to 1)")]),
    "soft labels with a threshold": (table("file,S", "0.1 0.9 0.5 _"), {"thresholds": {"S": 0.5}}, {"S": (0, 1, 0, U)}, []),
    "ages with a threshold": (table("file,age", "31.5 7 18 80"), {"thresholds": {"age": 18}}, {"age": (1, 0, 0, 1)}, []),
    "a threshold below 0": (table("file,z", "-1 0 1 -2"), {"thresholds": {"z": -1.5}}, {"z": (1, 1, 1, 0)}, []),
    "a threshold for an id": (table("file,id", "31 7 18 80"), {"thresholds": {"id": 18}}, {"id": (1, 0, 0, 1)}, []),
    "a threshold for a label": (table("file,label", "1 2 3 3"), {"thresholds": {"label": 2}}, {"label": (0, 0, 1, 1)}, []),
    "a label with a threshold": (
        table("file,stars", "1 2 3 3"),
        {"label": "stars", "thresholds": {"stars": 2}},
        {"stars": (0, 0, 1, 1)},
        [],
    ),
    "numbers": (
        table("file,age", "10 20 _ 60"),
        {"numeric": ["age"]},
        {"age": (-20 / math.sqrt(1400 / 3), -10 / math.sqrt(1400 / 3), U, 30 / math.sqrt(1400 / 3))},
        ["columns of t.csv that are kept as numbers (an image above the mean has the attribute): age ((value - 30) / 21.6025)"],
    ),
    "0 and 1": (table("file,S", "0 1 1.0 0.0"), {}, {"S": (0, 1, 1, 0)}, []),
    "1 and -1": (table("file,S", "-1 1 1 -1.0"), {}, {"S": (0, 1, 1, 0)}, []),
    "1 and 2": (table("file,sex", "1 2 2 _"), {}, {"sex": (0, 1, 1, U)}, [LARGER.format("sex (1, 2)")]),
    "0 and 255": (table("file,S", "0 255 0 255"), {}, {"S": (0, 255, 0, 255)}, []),
    "words of one letter": (table("file,S,T", "Y n N y", "T F f t"), {}, {"S": (1, 0, 0, 1), "T": (1, 0, 0, 1)}, []),
    "words for what is not known": (table("file,S,T", "1 #N/A unknown 0", ". - null 1"), {}, {"S": (1, U, U, 0), "T": (U, U, U, 1)}, []),
    "radiology": (
        table("file,Edema,Mass", "1 0 -1 _", "-1 -1 0 0"),
        {},
        {"Edema": (1, 0, 0, U), "Mass": (0, 0, 0, 0)},
        [AMBIGUOUS.format("Edema, Mass")],
    ),
    "radiology, -1 unknown": (table("file,Edema", "1.0 0.0 -1.0 _"), {"unknown": ["-1"]}, {"Edema": (1, 0, U, U)}, []),
    "codes for unknown": (
        table("file,S,T", "0 1 9 99", "Yes No dk DK"),
        {"unknown": ["9", "99", "DK"]},
        {"S": (0, 1, U, U), "T": (1, 0, U, U)},
        [],
    ),
    "one value": (
        table("file,five,one,none", "5 5 5 5", "1 1 1 1", "_ _ _ _"),
        {},
        {"one": (1,) * 4, "none": (U,) * 4},
        ["columns of t.csv with a single value are not attributes: five (5)"],
    ),
    "one-hot": (table("file,cat,dog", "1.0 0.0 0.0 1.0", "0.0 1.0 1.0 0.0"), {}, {"cat": (1, 0, 0, 1), "dog": (0, 1, 1, 0)}, []),
    "lists of classes": ("file,kinds\na.png,cat|dog\nb.png,cat\nc.png,\nd.png,dog\n", {}, {}, [TEXT.format('kinds ("cat|dog" for a.png)')]),
    "numbers with underlines": ("file,S\na.png,1_0\nb.png,0\nc.png,0\nd.png,1\n", {}, {}, [TEXT.format('S ("1_0" for a.png)')]),
    "decimal commas": ("file;S\na.png;0,1\nb.png;0,9\nc.png;1\nd.png;-2,5\n", {"thresholds": {"S": 0.5}}, {"S": (0, 1, 1, 0)}, []),
    "thousands": ('file,S\na.png,"1,200"\nb.png,0\nc.png,1\nd.png,0\n', {}, {}, [TEXT.format('S ("1,200" for a.png)')]),
    "sep= of Excel": ("sep=;\r\nfile;S\r\na.png;1\r\nb.png;0\r\nc.png;0\r\nd.png;1\r\n", {}, {"S": (1, 0, 0, 1)}, []),
    "empty lines before the header": ("\n\nfile,S\na.png,1\nb.png,0\nc.png,0\nd.png,1\n", {}, {"S": (1, 0, 0, 1)}, []),
    "spaces in names of columns": ("File Name,Wearing Hat\na.png,1\nb.png,0\nc.png,0\nd.png,1\n", {}, {"Wearing Hat": (1, 0, 0, 1)}, []),
    "rows that say the same twice": (
        "file,x,S\na.png,1.5,1\na.png,2.5,1\nb.png,3,0\nc.png,4,0\nd.png,5,1\n",
        {},
        {"S": (1, 0, 0, 1)},
        [MANY.format("x (1.5 to 5)"), "left out 1 rows of t.csv that repeat an earlier row"],
    ),
    "a title above the header": (
        "My faces,,\n,,\nfile,S,T\na.png,1,0\nb.png,0,1\nc.png,0,0\nd.png,1,0\n",
        {},
        {"S": (1, 0, 0, 1), "T": (0, 1, 0, 0)},
        [],
    ),
    "rows for boxes": (
        "patientId,x,Target\na,264.0,1\na,562.0,1\nb,,0\nc,,0\nd,12.5,1\n",
        {},
        {"Target": (1, 0, 0, 1)},
        [
            "the names of images are in the column patientId",
            MANY.format("x (12.5 to 562)"),
            "left out 1 rows of t.csv",
            "t.csv lists 4 images under another folder",
        ],
    ),
    "a table of the NIH": (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Width,\n"
        "a.png,Mass|Edema,0,1,2682,\nb.png,Mass,1,1,2894,\nc.png,Mass,2,1,2500,\nd.png,No Finding,0,2,2500,\n",
        {"thresholds": {"Follow-up #": 0}},
        {"Follow-up #": (0, 1, 1, 0)},
        [
            "Image Index",
            TEXT.format('Finding Labels ("Mass|Edema" for a.png)'),
            "Patient ID, one without a name",
            MANY.format("Width (2500 to 2894)"),
        ],
    ),
    "spaces between columns": ("file  S\na.png 1\nb.png  0 \nc.png 0\nd.png\t1\n", {}, {"S": (1, 0, 0, 1)}, []),
    "a list like CelebA's": (
        "4\nBald Young\na.png 1 -1\nb.png -1 1\nc.png -1 -1\nd.png 1  1\n",
        {},
        {"Bald": (1, 0, 0, 1), "Young": (0, 1, 0, 1)},
        [],
    ),
}


@pytest.fixture
def four(place: Place) -> Place:
    write(place.photos, {"z.png": None, **{name: picture(number) for name, number in FOUR.items()}})
    return place


def check(images: ImageSet, attributes: Mapping[str, tuple[float, ...]], notes: list[str]) -> None:
    assert images.attribute_names == tuple(attributes)
    wanted = np.array(list(attributes.values()), np.float32).reshape(len(attributes), len(images)).T
    assert np.array_equal(images.attributes, wanted, equal_nan=True), images.attributes
    said = images.manifest["notes"]
    assert len(said) == len(notes), said
    assert all(note in there for note, there in zip(notes, said, strict=True)), said


@pytest.mark.parametrize(("content", "options", "attributes", "notes"), COLUMNS.values(), ids=COLUMNS.keys())
def test_columns(
    content: str, options: Mapping[str, Any], attributes: Mapping[str, tuple[float, ...]], notes: list[str], four: Place
) -> None:
    (four.root / "t.csv").write_bytes(content.encode())
    check(four.packs(good=FOUR, attributes=four.root / "t.csv", **options), attributes, notes)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_column_means_the_same_in_a_set_of_the_hub(streaming: bool, four: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels, numbers, words, indices and unknown values as in a CSV file of the same cells."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", four.root.parent / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    columns: dict[str, tuple[str, list[Any]]] = {
        "label": ("int64", [0, 1, 2, 1]),
        "split": ("string", ["train", "val", "train", "train"]),
        "index": ("int64", [9, 4, 5, 1]),
        "age": ("float32", [31.5, 7.0, None, 80.0]),
        "Smile": ("int32", [1, -1, -1, 1]),
        "Edema": ("float32", [1.0, 0.0, -1.0, None]),
        "Hat": ("string", ["yes", "no", "", "yes"]),
        "Bald": ("bool", [True, False, False, None]),
        "town": ("string", ["Bath", "York", "", "Ely"]),
    }
    options: dict[str, Any] = {"numeric": ["age"], "unknown": ["-1"]}
    with (four.root / "t.csv").open("w") as file:
        for row in [("file", *columns), *zip(FOUR, *(cells for _, cells in columns.values()), strict=True)]:
            print(*("" if cell is None else cell for cell in row), sep=",", file=file)
    rows = [
        {"picture": {"bytes": picture(number), "path": None}, **{name: cells[number - 1] for name, (_, cells) in columns.items()}}
        for number in FOUR.values()
    ]
    features = {"picture": datasets.Image(), **{name: datasets.Value(kind) for name, (kind, _) in columns.items()}}
    hub = four.root.parent / f"hub-{streaming}"
    hub.mkdir()
    datasets.Dataset.from_list(rows, features=datasets.Features(features)).to_parquet(hub / "train.parquet")
    expected = four.prepare(attributes=four.root / "t.csv", **options)
    assert expected.attribute_names == ("age", "Smile", "Edema", "Hat", "Bald")
    four.out = four.root / "other"
    found = four.prepare(f"{'hf-stream' if streaming else 'hf'}:{hub}", **options)
    assert (found.labels, found.splits) == (expected.labels, expected.splits) == (["0", "1", "2", "1"], {"train": 3, "validation": 1})
    assert found.attribute_names == expected.attribute_names
    assert np.array_equal(found.attributes, expected.attributes, equal_nan=True)
    names = dict(zip(FOUR, found.names, strict=True))
    where = f"hf:{hub}"
    said = [note.replace("t.csv", where).replace("a.png", names["a.png"]) for note in expected.manifest["notes"]]
    assert found.manifest["notes"] == said


JSON_TABLES: dict[str, tuple[str, Any]] = {
    "metadata.jsonl": ("lines", [{"file_name": "a.png", "S": True, "text": "x", "box": [1, 2]}, {"file_name": "b.png", "S": False}]),
    "records.json": ("whole", [{"image": "a.png", "S": 1}, {"image": "b.png", "S": 0, "more": None}]),
}


@pytest.mark.parametrize("name", JSON_TABLES)
def test_json(name: str, four: Place) -> None:
    kind, records = JSON_TABLES[name]
    lines = "\n".join(map(json.dumps, records)) if kind == "lines" else json.dumps(records)
    (four.root / name).write_text(lines)
    images = four.packs(good=FOUR, attributes=four.root / name)
    assert images.attribute_names == (("S",) if kind == "lines" else ("S", "more"))
    assert images.attributes[:2, 0].tolist() == [1, 0]
    assert np.isnan(images.attributes[2:]).all()


@pytest.mark.parametrize(
    ("cells", "splits"),
    [
        ("0 1 2 0", {"train": 2, "validation": 1, "test": 1}),
        ("0 1 3 0", {"0": 2, "1": 1, "3": 1}),
        ("Train VAL dev 7", {"train": 1, "validation": 2, "7": 1}),
    ],
)
def test_partitions(cells: str, splits: dict[str, int], four: Place) -> None:
    (four.root / "t.csv").write_text(table("file,partition", cells))
    assert four.prepare(attributes=four.root / "t.csv").splits == splits


def test_json_of_stylegan(four: Place) -> None:
    (four.root / "dataset.json").write_text(json.dumps({"labels": [["x/a.png", 6], ["x/b.png", 2]]}))
    assert four.packs(good=FOUR, attributes=four.root / "dataset.json").labels == ["6", "2", "", ""]


def test_several_labels_of_stylegan(four: Place) -> None:
    labels = [["a.png", [1.0, 0.0]], ["b.png", [1.0, 1.0]], ["c.png", [0.0, 1.0]], ["d.png", [0.0, 0.0]]]
    (four.root / "dataset.json").write_text(json.dumps({"labels": labels}))
    check(four.packs(good=FOUR, attributes=four.root / "dataset.json"), {"label_0": (1, 1, 0, 0), "label_1": (0, 1, 1, 0)}, [])


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        ("0.1 0.9 0.5 0.9", "column label of t.csv has 3 different numbers with fractions: each of these values is taken for a class"),
        ("0 1 2 1", ""),
        ("0.0 1.0 2.0 1.0", ""),
    ],
)
def test_labels_that_are_numbers(labels: str, note: str, four: Place) -> None:
    (four.root / "t.csv").write_text(table("file,label", labels))
    images = four.packs(good=FOUR, attributes=four.root / "t.csv")
    assert images.labels == labels.split()
    assert images.manifest["notes"] == ([note] if note else [])


def test_labels_that_nearly_all_differ(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "file,class\n" + "".join(f"photo {n:02d}.png,a picture of {n // 2 * 2 if n < 30 else n}\n" for n in range(40))
    )
    images = prepare(str(photos), tmp_path / "set", size=(16, 16), attributes=tmp_path / "t.csv", progress=lambda *_: None)
    assert images.manifest["notes"] == [f"column class of t.csv has 25 different values in 40 rows{CLASSES}"]


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"a": 1}', "[]", '{"labels": [3]}'])
def test_json_that_is_no_table(text: str, place: Place) -> None:
    (place.root / "t.json").write_text(text)
    place.refuses_photos("--attributes", place.root / "t.json", words=f"{place.root / 't.json'} is not a table in JSON: ")


BAD_CHOICES: dict[str, tuple[tuple[str, ...], str]] = {
    "a threshold without a number": (("--threshold", "age"), '--threshold must be NAME=NUMBER, such as age=40, not "age"'),
    "a threshold of words": (("--threshold", "age=old"), '--threshold must be NAME=NUMBER, such as age=40, not "age=old"'),
    "a threshold of another column": (("--threshold", "agee=3"), "there is no column named agee in {t}. Did you mean age?"),
    "numbers of another column": (("--numeric", "agee"), "there is no column named agee in {t}. Did you mean age?"),
    "a threshold of text": (("--threshold", "town=3"), 'the column "town" of t.csv must hold numbers, not "Bath" for a.png'),
    "numbers that are all the same": (
        ("--numeric", "one"),
        'the column "one" of t.csv has the same number in every row: leave out --numeric one',
    ),
    "the names of images": (("--numeric", "file"), 'the column "file" of {t} has the names of images, so it cannot be an attribute'),
    "both": (("--threshold", "age=3", "--numeric", "age"), "--threshold age and --numeric age were both given: leave out one"),
}


@pytest.mark.parametrize(("options", "words"), BAD_CHOICES.values(), ids=BAD_CHOICES.keys())
def test_bad_choices(options: tuple[str, ...], words: str, place: Place) -> None:
    (place.root / "t.csv").write_text("file,age,town,one\na.png,3,Bath,1\nz.png,5,York,1\n")
    place.refuses_photos("--attributes", place.root / "t.csv", *options, words=words.format(t=place.root / "t.csv"))


@pytest.mark.parametrize("flag", ["--threshold=a=1", "--numeric=a", "--unknown=-1"])
def test_choices_without_a_table(flag: str, place: Place) -> None:
    place.refuses_photos(flag, words=f"{flag.partition('=')[0]} needs a table of attributes: give the table with --attributes")


def test_a_set_with_other_choices_is_another(four: Place) -> None:
    """Else a set would be taken for one that it is not; and without choices, sets that were packed before are known again."""
    (four.root / "t.csv").write_text(table("file,age", "31.5 7 18 80"))
    four.prepare(attributes=four.root / "t.csv", thresholds={"age": 18})
    four.refuses(
        four.photos,
        four.out,
        "--size=16",
        f"--attributes={four.root / 't.csv'}",
        "--threshold=age=30",
        words="with other settings (content",
    )
    listing = ImageSet.open(four.out).manifest["made_from"]["listing"]
    four.out = four.root / "plain"
    plain = four.prepare(attributes=write(four.root, {"t.csv": table("file,Smile", "1 0 0 1")}) / "t.csv")
    assert plain.manifest["made_from"]["listing"] != listing


def test_notes_are_said_before_packing(four: Place, capsys: pytest.CaptureFixture[str]) -> None:
    from ...command import works

    (four.root / "t.csv").write_text(table("file,age", "31.5 7 18 80"))
    works("prepare", four.photos, four.out, "--size", 16, "--workers", 1, "--attributes", four.root / "t.csv")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == MANY.format("age (7 to 80)")
    assert lines[1].startswith(f"{four.out} holds 4 images")
    assert sum("more than two values" in line for line in lines) == 1
