"""The place to pack into: what lies there already, and a disk that fills up."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from vaegan import UserError
from vaegan.data import ImageSet

from ...processes import run
from .place import GOOD, SIDE, Place, picture, surroundings, write


def test_an_out_that_is_a_file(place: Place) -> None:
    place.out.write_text("mine")
    place.refuses_photos(words=f"{place.out} exists already: it is a file; choose another folder for the packed set")


def test_an_out_below_a_file(place: Place) -> None:
    (place.root / "file").write_text("mine")
    place.refuses(place.photos, place.root / "file" / "out", "--workers", 1, words=str(place.root / "file"))


def test_an_out_that_is_a_link_to_nowhere(place: Place) -> None:
    place.out.symlink_to("gone/deep")
    place.refuses_photos(words=str(place.out))


def test_an_out_that_is_not_empty(place: Place) -> None:
    write(place.out, {"mine.txt": "mine", "b/c.txt": "mine"})
    place.refuses_photos(words=f"{place.out} exists already: it holds b, mine.txt; choose another folder for the packed set")


def test_an_out_that_is_the_source(place: Place) -> None:
    place.refuses(place.photos, place.photos, "--workers", 1, words=f"{place.photos} exists already: it holds a.png, z.png")


def test_an_out_that_is_the_current_folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.photos)
    for out in (".", ""):
        place.refuses(place.photos, out, "--workers", 1, words="exists already: it holds a.png, z.png")


def test_an_out_in_the_source(place: Place) -> None:
    """It is no part of the source, when it is begun as when it is done."""
    place.out = place.photos / "set"
    for _ in range(2):
        assert place.packs().names == list(GOOD)


def test_an_out_with_an_image_and_a_manifest_that_is_none(place: Place) -> None:
    write(place.out, {"manifest.json": "{}", "mine.txt": "mine"})
    place.refuses_photos(words=f"{place.out} exists already: it holds manifest.json, mine.txt")


OTHER_SETS: dict[str, tuple[tuple[object, ...], str]] = {
    "of another size": (("--size", 24), "(size"),
    "in grey": (("--size", 16, "--grey"), "(channels"),
    "of another crop": (("--size", 16, "--crop", "none"), "(crop"),
    "with splits": (("--size", 16, "--splits", 0.5, 0.5, 0), "(splits"),
    "of fewer images": (("--size", 16, "--count", 1), "(content"),
    "with attributes": (("--size", 16, "--attributes", "t.csv"), "("),
}


@pytest.mark.parametrize(("options", "words"), OTHER_SETS.values(), ids=OTHER_SETS.keys())
def test_an_out_that_is_another_set(options: tuple[object, ...], words: str, place: Place) -> None:
    Path("t.csv").write_text("name,Round\na.png,1\nz.png,0\n")
    place.packs()
    sentence = place.refuses(
        place.photos,
        place.out,
        "--workers",
        1,
        *options,
        words=f"{place.out} exists already: it was packed from other images or with other settings {words}",
    )
    assert "choose another folder, or remove this one" in sentence
    place.packs()


def test_an_out_that_is_a_set_of_another_source(place: Place) -> None:
    place.packs()
    write(place.root / "other", {"b.png": picture(3)})
    why = ": other images, another table, or other images left out"
    packed = f"{place.out} exists already: it was packed from other images or with other settings"
    way_out = "choose another folder, or remove this one"
    words = f"{packed} (source, content{why}); {way_out}"
    place.refuses(place.root / "other", place.out, "--workers", 1, "--size", SIDE, words=words)
    write(place.photos, {"m.png": picture(3)})
    words = f"{packed} (content{why}); {way_out}"
    place.refuses_photos(words=words)


# A disk that fills up


LIMITED = """
import resource, sys
from vaegan.cli import run
from vaegan.data import writer
writer.SAVE_EVERY, writer.TASK_BYTES = float(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
run(sys.argv[4:])
"""
"""Save so often, read so many bytes of images at a time, and write no file larger than that."""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize(
    ("save_every", "task_bytes", "limit", "seen"),
    [(1e9, 4 << 20, 4000, None), (-1.0, 1, 20_000, 26)],
    ids=["at once", "later"],
)
def test_a_full_disk(save_every: float, task_bytes: int, limit: int, seen: int | None, place: Place) -> None:
    """One sentence, nothing that is taken for a set, and the same set in the end as if nothing had been."""
    shutil.rmtree(place.photos)
    good = {f"{number:02d}.png": number for number in range(40)}
    write(place.photos, {name: picture(number) for name, number in good.items()} | {"05 bad.png": b"", "35 bad.png": b"text"})
    around = surroundings(place.root, place.out)
    arguments = [save_every, task_bytes, limit, "prepare", place.photos, place.out, "--size", SIDE, "--workers", 1]
    done = run(*arguments, script=LIMITED)
    assert done.returncode == 2, done.stderr
    words = f"the disk is full: {place.out} is not finished; free some space, then run the same command again to continue"
    assert done.stderr == f"vaegan: {words}\n"
    assert done.stdout == ""
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)
    assert not [path for path in place.out.iterdir() if path.name not in ("unfinished", ".vaegan-prepare.lock")]
    noted = place.out / "unfinished" / "progress.json"
    assert (json.loads(noted.read_text())["seen"] if noted.exists() else None) == seen
    skipped = {"05 bad.png": "empty file", "35 bad.png": "not an image"}
    place.packs(good=good, skipped=skipped)
    content = {path.name: path.read_bytes() for path in place.out.iterdir()}
    shutil.rmtree(place.out)
    place.packs(good=good, skipped=skipped)
    assert {path.name: path.read_bytes() for path in place.out.iterdir()} == content


@pytest.mark.parametrize("call", ["write", "mkdir", "manifest"])
def test_a_full_disk_of_another_kind(call: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space, or no more of it for this user."""
    full = OSError(28 if call != "mkdir" else 122, os.strerror(28))

    def failing(*_: Any, **__: Any) -> Any:
        raise full

    target, name = {"write": (os, "fsync"), "mkdir": (Path, "mkdir"), "manifest": (Path, "write_text")}[call]
    with monkeypatch.context() as patch:
        patch.setattr(target, name, failing)
        with pytest.raises(UserError, match=f"the disk is full: {place.out} is not finished"):
            place.prepare()
    assert not ImageSet.is_set(place.out)
    place.packs()
