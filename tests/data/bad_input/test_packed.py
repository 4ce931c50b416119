"""Packed sets that are damaged."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vaegan import UserError
from vaegan.data import ImageSet

from ...command import fails, works
from .place import SIDE, Place, surroundings, write


def of_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        change(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return damage


def cut(name: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size - 5)


def folder_for_a_file(folder: Path) -> None:
    (folder / "skipped.txt").unlink()
    (folder / "skipped.txt").mkdir()


def written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def without(*keys: str) -> Callable[[Path], None]:
    def change(manifest: dict[str, Any]) -> None:
        for key in keys:
            del manifest[key]

    return of_manifest(change)


DAMAGED = "is damaged: "
BAD_PACKED: dict[str, tuple[Callable[[Path], object], str]] = {
    "images cut short": (cut("images-00000.npy"), "is damaged: images-00000.npy has the wrong length; pack it again"),
    "images missing": (lambda folder: (folder / "images-00000.npy").unlink(), "is damaged: images-00000.npy is missing"),
    "images emptied": (written("images-00000.npy", b""), "is damaged: images-00000.npy has the wrong length"),
    "items cut short": (cut("items-00000.csv"), "is damaged: items-00000.csv has the wrong length"),
    "items missing": (lambda folder: (folder / "items-00000.csv").unlink(), "is damaged: items-00000.csv is missing"),
    "a split missing": (lambda folder: (folder / "split-train.npy").unlink(), "is damaged: split-train.npy is missing"),
    "the list of skipped pictures missing": (lambda folder: (folder / "skipped.txt").unlink(), "is damaged: skipped.txt is missing"),
    "a folder for a file": (folder_for_a_file, "is damaged: skipped.txt is missing"),
    "an empty manifest": (written("manifest.json", b""), DAMAGED),
    "half a manifest": (cut("manifest.json"), DAMAGED),
    "a manifest of text": (written("manifest.json", b"hello"), DAMAGED),
    "a manifest that is a list": (written("manifest.json", b"[1]"), DAMAGED),
    "a manifest of nothing": (written("manifest.json", b"null"), DAMAGED),
    "a manifest without anything": (written("manifest.json", b"{}"), DAMAGED),
    "a manifest in another encoding": (written("manifest.json", b'{"format": "\xe9"}'), DAMAGED),
    "a manifest of brackets": (written("manifest.json", b"[" * 100_000), DAMAGED),
    "an older format": (of_manifest(lambda m: m.update(format=1)), "a packed set of format 1, but this version of vaegan reads format 2"),
    "a newer format": (of_manifest(lambda m: m.update(format=99)), "a packed set of format 99, but this version of vaegan reads format 2"),
    "a format that is none": (of_manifest(lambda m: m.update(format="two")), "a packed set of format two, but this version"),
    "no format": (without("format"), DAMAGED),
    "no shape": (without("shape"), DAMAGED),
    "no files": (without("files"), DAMAGED),
    "no preparation": (without("preparation"), DAMAGED),
    "no notes": (without("notes"), DAMAGED),
    "no classes": (without("classes"), DAMAGED),
    "no images per file": (without("images_per_file"), DAMAGED),
    "0 images per file": (of_manifest(lambda m: m.update(images_per_file=0)), DAMAGED),
    "images per file that are no number": (of_manifest(lambda m: m.update(images_per_file="many")), DAMAGED),
    "fewer images per file than there are": (of_manifest(lambda m: m.update(images_per_file=1)), DAMAGED),
    "a shape that is none": (of_manifest(lambda m: m.update(shape=["many", 16, 16, 3])), DAMAGED),
    "a shape of no images": (of_manifest(lambda m: m.update(shape=[-2, 16, 16, 3])), DAMAGED),
    "a shape of three numbers": (of_manifest(lambda m: m.update(shape=[2, 16, 16])), DAMAGED),
    "more images than there are": (of_manifest(lambda m: m["shape"].__setitem__(0, 200)), DAMAGED),
    "fewer images than there are": (of_manifest(lambda m: m["shape"].__setitem__(0, 1)), DAMAGED),
    "images of another size": (of_manifest(lambda m: m["shape"].__setitem__(1, 8)), DAMAGED),
    "another size, everywhere": (of_manifest(lambda m: (m["shape"].__setitem__(1, 8), m["preparation"].update(size=[8, 16]))), DAMAGED),
    "a preparation that is none": (of_manifest(lambda m: m.update(preparation="centre")), DAMAGED),
    "a preparation of more": (of_manifest(lambda m: m["preparation"].update(turn=True)), DAMAGED),
    "a crop that there is not": (of_manifest(lambda m: m["preparation"].update(crop="sideways")), DAMAGED),
    "a resampling that there is not": (of_manifest(lambda m: m["preparation"].update(resampling="cubic")), DAMAGED),
    "a crop box without a box": (of_manifest(lambda m: m["preparation"].update(crop="box")), DAMAGED),
    "files without checksums": (of_manifest(lambda m: m.update(files={name: {} for name in m["files"]})), DAMAGED),
    "files that are a list": (of_manifest(lambda m: m.update(files=list(m["files"]))), DAMAGED),
    "no file": (of_manifest(lambda m: m.update(files={})), DAMAGED),
    "a file that leads out": (of_manifest(lambda m: m["files"].update({"../photos/a.png": {"bytes": 1, "sha256": ""}})), DAMAGED),
    "splits that are a list": (of_manifest(lambda m: m.update(splits=["train"])), DAMAGED),
    "a split without a file": (of_manifest(lambda m: m["splits"].update(more=2)), DAMAGED),
}  # fmt: skip


@pytest.fixture
def packed(place: Place) -> Path:
    """A set with splits and a skipped picture."""
    write(place.photos, {"m.png": "text"})
    place.packs(skipped={"m.png": "not an image"}, splits=3, fractions={"train": 0.5, "validation": 0.5, "test": 1e-9})
    return place.out


@pytest.mark.parametrize(("damage", "words"), BAD_PACKED.values(), ids=BAD_PACKED.keys())
def test_a_damaged_packed_set(damage: Callable[[Path], object], words: str, place: Place, packed: Path) -> None:
    """It is not opened, neither by Python nor by a command; and what is left of it is not touched."""
    damage(packed)
    before = surroundings(place.root, place.root / "nothing")
    with pytest.raises(UserError, match=re.escape(words)) as error:
        ImageSet.open(packed)
    assert str(packed) in str(error.value)
    for options in ((), ("--verify",)):
        assert str(packed) in fails(place.capsys, "data", packed, *options, words=words)
    assert surroundings(place.root, place.root / "nothing") == before
    fails(place.capsys, "prepare", place.photos, packed, "--size", SIDE, "--workers", 1, words=str(packed))


@pytest.mark.parametrize("name", ["images-00000.npy", "items-00000.csv", "split-train.npy", "skipped.txt"])
@pytest.mark.parametrize("at", [0, -1])
def test_a_changed_file_of_a_packed_set(name: str, at: int, place: Place, packed: Path) -> None:
    """Of the length that it had: `data --verify` finds it."""
    works("data", packed, "--verify")
    assert f"{packed} is not damaged: 6 files, " in place.capsys.readouterr().out
    content = bytearray((packed / name).read_bytes())
    content[at] ^= 0x55
    (packed / name).write_bytes(content)
    before = surroundings(place.root, place.root / "nothing")
    words = f"{packed} is damaged: {name} changed after packing; restore this file from a backup, or pack the images into another folder"
    fails(place.capsys, "data", packed, "--verify", words=words)
    assert surroundings(place.root, place.root / "nothing") == before


@pytest.mark.parametrize(
    ("name", "at"), [("images-00000.npy", 0), ("images-00000.npy", 20), ("split-train.npy", 0), ("items-00000.csv", 11)]
)
def test_a_head_that_cannot_be_read(name: str, at: int, packed: Path) -> None:
    """Whoever looks into the set without checking it is told which file it is."""
    content = bytearray((packed / name).read_bytes())
    content[at : at + 5] = b'"' * 5
    (packed / name).write_bytes(content)
    images = ImageSet.open(packed)
    with pytest.raises(UserError, match=f"{packed / name} is damaged"):
        _ = images.names, images.images[:], images.split("train")


def test_a_folder_that_is_no_packed_set(place: Place) -> None:
    fails(place.capsys, "data", place.root / "gone", "--verify", words=f"{place.root / 'gone'} does not exist")
