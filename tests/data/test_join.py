"""Parts that were packed one by one, and joined, are the set that is packed at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, dataset, join, prepare, writer
from vaegan.data.shard import Shard
from vaegan.data.sources import find_source
from vaegan.data.sources.base import Item, Pixels, Refused, Source, stretch

from ..command import train, works
from .numbered import content, numbered, pack, quiet

SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def pack_parts(source: Source, parts: int, folder: Path, **options: Any) -> list[Path]:
    """Pack all parts of a source, one by one."""
    folders = [folder / f"part {number}" for number in range(1, parts + 1)]
    for number, place in enumerate(folders, 1):
        shard = Shard(number, parts)
        assert source.count is not None
        part = stretch(source, shard.of(source.count), last=number == parts)
        try:
            pack(part, place, shard=shard, **options)
        except UserError as error:
            assert "could be read: join all parts of the set" in str(error)  # noqa: PT017
    return folders


def check(joined: ImageSet, plain: ImageSet) -> None:
    """A joined set answers as the one that was packed at once, and but for its list, its files are the same bytes."""
    assert (joined.identity, joined.annotated_identity) == (plain.identity, plain.annotated_identity)
    order = np.random.default_rng(0).permutation(len(plain))
    for wanted in (slice(None), order, order[:0], 5):
        assert np.array_equal(joined.images[wanted], plain.images[wanted])
    assert (joined.names, joined.labels, joined.skipped) == (plain.names, plain.labels, plain.skipped)
    assert np.array_equal(joined.attributes, plain.attributes, equal_nan=True)
    assert (joined.splits, joined.classes) == (plain.splits, plain.classes)
    assert all(np.array_equal(joined.split(name), plain.split(name)) for name in plain.splits)
    files = {path.name: path.read_bytes() for path in joined.folder.iterdir() if path.is_file()}
    assert files.pop("parts.json")
    assert files == {path.name: path.read_bytes() for path in plain.folder.iterdir() if not dataset.is_of_images(path.name)}
    assert all(good for *_, good in joined.verify())


@pytest.mark.parametrize("per_file", [1000, 150, 30])
@pytest.mark.parametrize("fractions", [None, SPLITS], ids=["its own splits", "random splits"])
def test_joined_is_packed_at_once(
    per_file: int, fractions: Mapping[str, float] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "LARGEST_SHARD", dataset.HEADER + per_file * 8 * 8 * 3)
    plain = pack(numbered(500), tmp_path / "plain", fractions=fractions)
    folders = pack_parts(numbered(500), 4, tmp_path / "set", fractions=fractions)
    joined = join(tmp_path / "set", folders[::-1], progress=quiet)
    check(joined, plain)
    assert [part.shard for part in joined.parts] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert json.loads((tmp_path / "set" / "parts.json").read_text()) == [folder.name for folder in folders]
    with pytest.raises(IndexError):
        joined.images[np.array([len(plain)])]


def test_parts_without_images(tmp_path: Path) -> None:
    """Images that cannot be read may lie together; and a source may have other images than it says."""

    def source(good: range, count: int = 40) -> Source:
        def items() -> Any:
            for n in range(45):
                yield Item(f"{n}", Pixels(np.full((8, 8, 3), n, np.uint8)) if n in good else Refused("damaged"))

        return Source("some", items, count, "", "")

    for name, good in {"first": range(5, 45), "middle": range(25), "last": range(15, 21)}.items():
        plain = pack(source(good), tmp_path / name / "plain")
        check(join(tmp_path / name / "set", pack_parts(source(good), 8, tmp_path / name), progress=quiet), plain)
    with pytest.raises(UserError, match=r"part 1 has no images, because no file of this part \(1/8\) could be read"):
        ImageSet.open(tmp_path / "first" / "part 1")
    with pytest.raises(UserError, match="none of the 45 images in the set some can be read: the first is 0: damaged"):
        join(tmp_path / "none", pack_parts(source(range(0)), 8, tmp_path / "no"), progress=quiet)


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_source_that_is_named(kind: str, tmp_path: Path, photos: Path) -> None:
    """With a table and splits; how many images are in a tar is not known before it is read."""
    (photos / "photo 07.png").write_bytes(b"no image")
    (tmp_path / "table.csv").write_text("file,Round\n" + "".join(f"photo {n:02d}.png,{n % 2}\n" for n in range(30)))
    source = str(photos)
    if kind == "tar":
        source = f"{tmp_path / 'photos.tar'}"
        with tarfile.open(source, "w") as archive:
            archive.add(photos, "photos")
        assert find_source(source).count is None
    options: dict[str, Any] = {"progress": quiet, "size": (16, 16), "workers": 1, "fractions": SPLITS, "attributes": tmp_path / "table.csv"}
    plain = prepare(source, tmp_path / "plain", **options)
    for number in (1, 2, 3):
        prepare(source, tmp_path / f"part {number}", shard=f"{number}/3", **options)
    check(join(tmp_path / "set", [tmp_path / f"part {number}" for number in (1, 2, 3)], progress=quiet), plain)
    assert plain.manifest["notes"] == ["10 image files have no row in table.csv, so the attributes are unknown"]


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_what_was_left_out_is_named_once(kind: str, tmp_path: Path, photos: Path) -> None:
    frames = [Image.fromarray(np.full((16, 16, 3), value, np.uint8)) for value in (0, 100, 200)]
    for name in ("a.gif", "z.gif"):
        frames[0].save(photos / name, save_all=True, append_images=frames[1:])
    for name in ("b.txt", "y.mp4"):
        (photos / name).write_text("no image")
    source = str(photos)
    if kind == "tar":
        source = str(tmp_path / "photos.tar")
        with tarfile.open(source, "w") as archive:
            for path in sorted(photos.iterdir()):
                archive.add(path, path.name)
    options: dict[str, Any] = {"progress": quiet, "size": (16, 16), "workers": 1}
    plain = prepare(source, tmp_path / "plain", **options)
    assert len(plain.not_read) == 4
    assert len(plain.manifest["notes"]) > 1
    parts = [prepare(source, tmp_path / f"part {number}", shard=f"{number}/2", **options).folder for number in (1, 2)]
    check(join(tmp_path / "set", parts, progress=quiet), plain)


def test_training_on_it_is_the_same(tmp_path: Path, photos: Path) -> None:
    options: dict[str, Any] = {"progress": quiet, "size": (16, 16), "workers": 1}
    prepare(str(photos), tmp_path / "plain", **options)
    parts = [prepare(str(photos), tmp_path / f"part {number}", shard=f"{number}/2", **options).folder for number in (1, 2)]
    join(tmp_path / "set", parts, progress=quiet)
    for name in ("plain", "set"):
        train(tmp_path / f"run on {name}", "--data", tmp_path / name, data__avatars=None, training__length="2 steps")
    models = [(tmp_path / f"run on {name}" / "model" / "model.safetensors").read_bytes() for name in ("plain", "set")]
    assert models[0] == models[1]
    shutil.rmtree(tmp_path / "plain")
    (tmp_path / "set").rename(tmp_path / "plain")  # a list from beside is true of any name
    works("train", "--resume", tmp_path / "run on plain", "--steps", 3, "--device", "cpu", "--no-report")


def test_parts_may_move(tmp_path: Path) -> None:
    plain = pack(numbered(100), tmp_path / "plain")
    home, disk = tmp_path / "home", tmp_path / "disk"
    pack_parts(numbered(100), 2, home)
    disk.mkdir()
    (home / "part 2").rename(disk / "part 2")
    check(join(home / "set", [disk / "part 2", home / "part 1"], progress=quiet), plain)
    assert json.loads((home / "set" / "parts.json").read_text()) == ["../part 1", str(disk / "part 2")]
    home.rename(tmp_path / "moved")
    check(ImageSet.open(tmp_path / "moved" / "set"), plain)
    disk.rename(tmp_path / "another disk")
    with pytest.raises(UserError, match=re.escape(f"part 2/2 is not in {disk / 'part 2'}; join its parts again with")):
        ImageSet.open(tmp_path / "moved" / "set")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "moved" / "set").iterdir()}
    found = join(tmp_path / "moved" / "set", [tmp_path / "moved" / "part 1", tmp_path / "another disk" / "part 2"], progress=quiet)
    check(found, plain)
    changed = {path.name for path in (tmp_path / "moved" / "set").iterdir() if before[path.name] != path.stat().st_mtime_ns}
    assert changed == {"parts.json"}  # the others may be in use


def test_another_set_in_the_place_of_a_part(tmp_path: Path) -> None:
    folders = pack_parts(numbered(100), 2, tmp_path)
    other = pack_parts(numbered(100), 3, tmp_path / "other")
    join(tmp_path / "set", folders, progress=quiet)
    shutil.rmtree(folders[1])
    shutil.copytree(other[1], folders[1])
    with pytest.raises(UserError, match=r"is damaged: its part 2/2 is no longer in .*part 2, which is now another set"):
        ImageSet.open(tmp_path / "set")
    for text in ("{", "3", "[3]", "[[]]"):
        (tmp_path / "set" / "parts.json").write_text(text)
        with pytest.raises(UserError, match=r"is damaged: its parts\.json cannot be read"):
            ImageSet.open(tmp_path / "set")
    (tmp_path / "set" / "parts.json").write_text("[]")
    with pytest.raises(
        UserError, match="its parts have 0 images, not 86; if a part was packed again, join the parts into a new folder with: vaegan join"
    ):
        ImageSet.open(tmp_path / "set")


def test_what_changed_in_a_part_is_found(tmp_path: Path) -> None:
    folders = pack_parts(numbered(100), 2, tmp_path)
    joined = join(tmp_path / "set", folders, progress=quiet)
    for path in (folders[1] / "images-00000.npy", tmp_path / "set" / "split-test.npy"):
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))
    assert [name for name, _, good in joined.verify() if not good] == ["split-test.npy", str(folders[1] / "images-00000.npy")]


def test_a_part_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "TASK_BYTES", 10 * 8 * 8 * 3)
    plain = pack(numbered(200), tmp_path / "plain")
    stops = iter([False] * 4 + [True])
    with pytest.raises(writer.Unfinished):
        pack_parts(numbered(200), 2, tmp_path, stop=lambda: next(stops))
    with pytest.raises(UserError, match="is not finished: run the same vaegan prepare command again"):
        join(tmp_path / "set", [tmp_path / "part 1", tmp_path / "part 2"], progress=quiet)
    with pytest.raises(UserError, match=r"was started with other images or settings \(shard\)"):
        pack(numbered(200), tmp_path / "part 1")
    check(join(tmp_path / "set", pack_parts(numbered(200), 2, tmp_path), progress=quiet), plain)


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_joining_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = pack(numbered(100), tmp_path / "plain")
    folders = pack_parts(numbered(100), 2, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            join(tmp_path / "set", folders, progress=quiet)
    assert not ImageSet.is_set(tmp_path / "set")
    assert (tmp_path / "set" / "split-test.npy").exists()
    check(join(tmp_path / "set", folders, progress=quiet), plain)
    before = content(tmp_path / "set")
    join(tmp_path / "set", folders, progress=quiet)
    assert content(tmp_path / "set") == before


def test_mistakes(tmp_path: Path) -> None:
    parts = pack_parts(numbered(100), 3, tmp_path)
    others = pack_parts(numbered(100), 2, tmp_path / "two")
    drawn = pack_parts(numbered(100), 3, tmp_path / "drawn", fractions=SPLITS)
    plain = pack(numbered(100), tmp_path / "plain").folder
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    shutil.copytree(parts[0], tmp_path / "copy")
    before = content(tmp_path / "plain")
    for folders, words in (
        (
            [parts[0], parts[2]],
            "part 2/3 was not given: give its folder too, or pack part 2/3 with: vaegan prepare SOURCE PART --shard 2/3 --size 8x8",
        ),
        ([parts[1]], "parts 1/3, 3/3 were not given: give their folders too, or pack part 1/3"),
        ([*parts, tmp_path / "copy"], f"{parts[0]} and {tmp_path / 'copy'} are both part 1/3: leave out one"),
        ([parts[0], others[1]], f"{others[1]} does not fit {parts[0]}: they differ in number of parts; pack all parts"),
        ([parts[0], drawn[1], parts[2]], f"{drawn[1]} does not fit {parts[0]}: they differ in splits; pack all parts"),
        ([parts[0], plain], f"{plain} was not packed as a part of a set: pack each part with: vaegan prepare SOURCE PART --shard K/N"),
        ([tmp_path / "mine"], f"{tmp_path / 'mine'} is not a packed set"),
        ([tmp_path / "nowhere"], f"{tmp_path / 'nowhere'} does not exist"),
        ([], "no parts were given"),
    ):
        with pytest.raises(UserError, match=re.escape(words)):
            join(tmp_path / "set", folders, progress=quiet)
    for out, words in (
        (plain, "it is a packed set; choose another folder"),
        (tmp_path / "mine", "it holds notes.txt; choose another folder"),
    ):
        with pytest.raises(UserError, match=re.escape(f"{out} exists already: {words}")):
            join(out, parts, progress=quiet)
    assert not (tmp_path / "set").exists()
    assert content(tmp_path / "plain") == before
    join(tmp_path / "set", parts, progress=quiet)
    with pytest.raises(
        UserError, match=r"set exists already: it was joined from parts with other images or settings \(splits\); choose another folder"
    ):
        join(tmp_path / "set", drawn, progress=quiet)


def test_a_joined_set_among_pictures_is_left_out(tmp_path: Path, photos: Path) -> None:
    join(photos / "set", pack_parts(numbered(20), 2, tmp_path), progress=quiet)
    shutil.copy(photos / "photo 00.png", photos / "set" / "contact-sheet.png")
    assert find_source(str(photos)).count == 40


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b", "1 / 3", "٣/٤", "1/" + "9" * 5000])
def test_no_shard(text: str, tmp_path: Path, photos: Path) -> None:
    with pytest.raises(UserError, match="--shard must be K/N with K from 1 to N, such as 3/16, not"):
        prepare(str(photos), tmp_path / "set", shard=text, progress=quiet)


@pytest.mark.parametrize(
    ("count", "parts", "unit"), [(100, 1, 1), (100, 7, 1), (7, 7, 1), (1000, 3, 8), (24, 3, 8), (23, 3, 8), (1001, 125, 8)]
)
def test_shards_are_all_of_it(count: int, parts: int, unit: int) -> None:
    ranges = [Shard(number, parts).of(count, unit) for number in range(1, parts + 1)]
    assert [index for wanted in ranges for index in wanted] == list(range(count))
    assert min(map(len, ranges)) > 0
    assert max(map(len, ranges)) - min(map(len, ranges)) <= (2 * unit if count >= unit * parts else 1)
    if count >= unit * parts:
        assert all(wanted.start % unit == 0 for wanted in ranges)


def test_too_few_images_for_so_many_parts(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(UserError, match="there are only 40 images, and --shard 1/41 needs at least 41: choose fewer parts"):
        prepare(str(photos), tmp_path / "set", shard="1/41", progress=quiet)
    assert not (tmp_path / "set").exists()
