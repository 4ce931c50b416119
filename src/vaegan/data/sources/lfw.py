"""Labeled Faces in the Wild as published: PERSON/PERSON_0001.jpg, with its lists of splits and its attributes beside or above them.

Huang, Ramesh, Berg and Learned-Miller (2007); attributes by Kumar, Berg, Belhumeur and Nayar (2009). Each image is labelled with its
person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...errors import UserError
from ...files import read_text, sha256
from .base import Item, Source
from .columns import attribute
from .files import listing
from .tables import AttributeTable, with_table


def source(path: Path) -> Source:
    """The faces; where they are there, with splits from peopleDev*.txt, pairsDev*.txt or the folds of people.txt, and lfw_attributes.txt.

    Attributes are real numbers, above 0 where the face has it.

    Raises:
        UserError: there are no images, or a list is damaged.
    """
    files = listing(path)
    if not any(PurePosixPath(name).stem.rpartition("_")[0] == PurePosixPath(name).parent.name for name, _ in files):
        raise UserError(f"{path} is not LFW: it has no image such as Ann_Lee/Ann_Lee_0001.jpg")
    extras = (
        [found for name in ("people", "pairs", "lfw_attributes") for found in sorted(path.glob(f"{name}*.txt"))] if path.is_dir() else []
    )
    for extra in extras:
        files.fingerprint.add(extra.name, extra)
        files.left_out.use(extra)
    splits = _splits({extra.name: extra for extra in extras})

    def items() -> Iterator[Item]:
        for name, picture in files:
            file = PurePosixPath(name)
            yield Item(file.name, picture, splits.get(file.parent.name, "rest" if splits else ""), file.parent.name.replace("_", " "))

    lfw = Source("lfw", items, files.count, left_out=files.left_out, **files.fingerprint.hashes)
    attributes = next((extra for extra in extras if extra.name == "lfw_attributes.txt"), None)
    return with_table(lfw, _read_attributes(attributes)) if attributes else lfw


def _splits(lists: dict[str, Path]) -> dict[str, str]:
    """Which split each person is in."""
    for kind in ("people", "pairs"):
        train, test = lists.get(f"{kind}DevTrain.txt"), lists.get(f"{kind}DevTest.txt")
        if train and test:
            return dict.fromkeys(_people(train), "train") | dict.fromkeys(_people(test), "test")
    if "people.txt" in lists:
        return _folds(lists["people.txt"])
    return {}


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in read_text(path).splitlines() if line.strip()]


def _people(path: Path) -> Iterator[str]:
    """The persons in a list of people (a row: name, how many images) or of pairs (name, number, number; or name, number, name, number)."""
    rows = _rows(path)
    announced = int(rows[0][0]) if rows and rows[0][0].isdecimal() else -1
    if len(rows) - 1 not in (announced, 2 * announced) or not all(2 <= len(row) <= 4 for row in rows[1:]):
        raise UserError(f"{path} is damaged, or is not a list of LFW: it has the wrong number of rows")
    for row in rows[1:]:
        yield row[0]
        if len(row) == 4:
            yield row[2]


def _folds(path: Path) -> dict[str, str]:
    """people.txt: how many folds, and for each how many people, then their names."""
    rows = _rows(path)
    people: dict[str, str] = {}
    try:
        start = 1
        for fold in range(1, int(rows[0][0]) + 1):
            count = int(rows[start][0])
            people |= {row[0]: f"fold-{fold:02d}" for row in rows[start + 1 : start + 1 + count]}
            start += 1 + count
        if start != len(rows):
            raise ValueError("the number of rows is not the one in the first line")
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} is damaged, or is not LFW's list of people") from error
    return people


def _read_attributes(path: Path) -> AttributeTable:
    """lfw_attributes.txt: two lines that begin with #, the second naming the columns; then person, image number, numbers."""
    lines = read_text(path).splitlines()
    try:
        names = lines[1].lstrip("#").strip().split("\t")[2:]
        rows = [line.split("\t") for line in lines[2:] if line.strip()]
        attributes = {}
        for person, number, *values in rows:
            if len(values) != len(names):
                raise ValueError(f"{len(values)} values")
            attributes[f"{person.replace(' ', '_')}_{int(number):04d}.jpg"] = tuple(attribute(value) for value in values)
    except (IndexError, ValueError) as error:
        raise UserError(f"{path} is damaged, or is not LFW's table of attributes") from error
    return AttributeTable(path, tuple(name.replace(" ", "_") for name in names), attributes, fingerprint=sha256(path))
