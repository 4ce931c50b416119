"""Sources become packed sets: once, on all cores, and the same bytes always."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, Preparation, cache_folder, dataset, open_images, prepare, writer
from vaegan.data.sources import find_source
from vaegan.data.sources.base import Encoded, Item, Pixels, Refused, Source

from ..processes import run
from .numbered import SMALL, content, number_of, numbered, pack, quiet


def open_folder(folder: Path, preparation: Preparation = SMALL) -> ImageSet:
    return open_images(str(folder), preparation, count=0, progress=quiet)


def test_what_is_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "LARGEST_SHARD", dataset.HEADER + 300 * 8 * 8 * 3 + 100)
    images = pack(numbered(1000), tmp_path / "set")
    kept = [n for n in range(1000) if n % 7 != 6]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [
        *("images-00000.npy", "images-00001.npy", "images-00002.npy", "items-00000.csv", "items-00001.csv", "items-00002.csv"),
        *("manifest.json", "skipped.txt", "split-test.npy", "split-train.npy"),
    ]
    assert images.images.shape == (len(kept), 8, 8, 3)
    assert number_of(images.images[:]) == kept
    chosen = np.array([857, 3, 299, 300, 301, 3, 599, 600])
    assert number_of(images.images[chosen]) == [kept[n] for n in chosen]
    assert number_of(images.images[5:8]) == kept[5:8]
    assert images.images[0].shape == (8, 8, 3)
    assert images.images[np.array([], int)].shape == (0, 8, 8, 3)
    mask = np.arange(len(kept)) % 200 == 3
    assert number_of(images.images[mask]) == [kept[n] for n in (3, 203, 403, 603, 803)]
    for outside in (np.array([-1]), np.array([858]), 858, mask[:-1], np.ones(859, bool)):
        with pytest.raises(IndexError):
            images.images[outside]
    assert images.names == [f"image {n}" for n in kept]
    assert images.labels == ["ab"[n % 2] for n in kept]
    assert images.attributes.tolist() == [[n % 3 == 0, n / 8] for n in kept]
    assert [kept[n] for n in images.split("test")] == [n for n in kept if n % 4 == 2]
    assert images.splits == {"train": sum(n % 4 < 2 for n in kept), "test": sum(n % 4 == 2 for n in kept)}
    assert images.skipped[0] == "image 6: seventh"
    assert len(images.skipped) == 1000 - len(kept)


@pytest.mark.parametrize(("memory", "asked"), [(1000, 206), (10**9, 172)])
def test_a_set_is_asked_for_ahead_while_it_is_not_in_memory(
    memory: int, asked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "LARGEST_SHARD", dataset.HEADER + 50 * 8 * 8 * 3)
    plain = pack(numbered(200), tmp_path / "set").images
    chosen = (np.arange(172), np.array([3, 170, 5, 60]), np.arange(26), np.array([169, 171, 3, 5]))
    wanted = [(numbers, plain[numbers]) for numbers in chosen]
    advice: list[str] = []
    advise = dataset._advise
    monkeypatch.setattr(dataset, "physical_memory", lambda: memory)

    def record(images: NDArray[np.uint8], what: str, *part: int) -> None:
        advice.append(what)
        advise(images, what, *part)

    monkeypatch.setattr(dataset, "_advise", record)
    large = ImageSet.open(tmp_path / "set")
    for numbers, pixels in wanted:
        assert np.array_equal(large.images[numbers], pixels)
    assert advice.count("MADV_WILLNEED") == asked
    assert isinstance(np.load(tmp_path / "set" / "images-00000.npy", mmap_mode="r").base, mmap.mmap)  # what is advised


def test_a_set_can_be_read_with_numpy_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "LARGEST_SHARD", dataset.HEADER + 50 * 8 * 8 * 3)
    images = pack(numbered(200), tmp_path / "set")
    files = sorted((tmp_path / "set").glob("images-*.npy"))
    assert len(files) == 4
    assert all(path.stat().st_size <= dataset.LARGEST_SHARD for path in files)
    alone = np.concatenate([np.load(path) for path in files])
    assert np.array_equal(alone, images.images[:])
    assert np.array_equal(np.load(tmp_path / "set" / "split-test.npy"), images.split("test"))
    rows = np.concatenate([np.loadtxt(path, str, delimiter=",", skiprows=1) for path in sorted((tmp_path / "set").glob("items-*.csv"))])
    assert rows[:, 0].tolist() == images.names


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_same_bytes_for_any_number_of_workers(workers: int, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "photo 03.png").write_bytes(b"no image")
    monkeypatch.setattr(writer, "TASK_BYTES", 5 * 16 * 16 * 3)  # several tasks
    prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16), workers=workers)
    monkeypatch.setattr(writer, "TASK_BYTES", 4 << 20)
    prepare(str(photos), tmp_path / "other", progress=quiet, size=(16, 16), workers=1)
    assert content(tmp_path / "set") == content(tmp_path / "other")
    assert "set" not in (tmp_path / "set" / "manifest.json").read_text()  # nothing of where it lies


def test_fractions(tmp_path: Path) -> None:
    images = pack(numbered(350), tmp_path / "set", fractions={"train": 0.8, "validation": 0.15, "test": 0.05})
    assert images.splits == {"train": 240, "validation": 45, "test": 15}
    parts = [images.split(name) for name in images.splits]
    assert sorted(np.concatenate(parts)) == list(range(300))
    assert all((np.diff(part) > 0).all() for part in parts)
    assert 60 < np.median(parts[2]) < 240  # from all over the set


def test_tasks_are_bounded_by_what_goes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "TASK_BYTES", 10_000)
    items = [Item(f"{n}", Encoded(bytes(3_000))) for n in range(10)]
    groups = [len(group) for group, _ in writer.tasks(items, Preparation((8, 8), 1))]
    assert groups == [4, 4, 2]


def test_a_source_that_disappears_is_no_smaller_source(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "TASK_PICTURES", 10)
    source = find_source(str(photos))
    gone = tmp_path / "unmounted"
    asked = 0

    def unmount() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            photos.rename(gone)
        return False

    with pytest.raises(UserError, match="No such file or directory; when this is fixed, run the same command again"):
        writer.pack(source, SMALL, tmp_path / "set", workers=1, progress=quiet, stop=unmount)
    gone.rename(photos)
    assert len(writer.pack(source, SMALL, tmp_path / "set", workers=1, progress=quiet)) == 40


def test_numbers_are_kept_to_single_precision(tmp_path: Path) -> None:
    values = (1234567.0, 0.1, -1.56834639173, 1e-7, 3e37)
    item = Item("one", Pixels(np.zeros((8, 8, 3), np.uint8)), attributes=values)
    images = pack(Source("one", lambda: [item], 1, "", "", tuple("ABCDE")), tmp_path / "set")
    assert images.attributes[0].tolist() == np.array(values, np.float32).tolist()


def test_done_already(tmp_path: Path, photos: Path) -> None:
    once = prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16))
    before = content(tmp_path / "set")
    again = prepare(str(photos), tmp_path / "set", progress=lambda *_: pytest.fail("nothing is to be done"), size=(16, 16))
    assert again.identity == once.identity
    assert content(tmp_path / "set") == before
    with pytest.raises(UserError, match=r"exists already: it was packed from other images or with other settings \(size"):
        prepare(str(photos), tmp_path / "set", progress=quiet, size=(24, 24))
    (photos / "photo 00.png").unlink()
    with pytest.raises(UserError, match=r"with other settings \(content: other images, another table"):
        prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16))


def test_a_set_is_the_same_wherever_its_source_lies(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for path in photos.iterdir():
        (tmp_path / "elsewhere" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "elsewhere").rename(tmp_path / "x")
    (tmp_path / "x").mkdir(exist_ok=True)
    (tmp_path / "y").mkdir()
    (tmp_path / "x").rename(tmp_path / "y" / "photos")
    prepare(str(photos), tmp_path / "a", progress=quiet, size=(16, 16))
    prepare(str(tmp_path / "y" / "photos"), tmp_path / "b", progress=quiet, size=(16, 16))
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_the_cache_follows_changes(photos: Path) -> None:
    first = open_folder(photos)
    assert open_folder(photos).folder == first.folder
    pixels = np.asarray(Image.open(photos / "photo 00.png"))[::-1]
    status = (photos / "photo 00.png").stat()
    Image.fromarray(pixels).save(photos / "photo 00.png")
    os.utime(photos / "photo 00.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    second = open_folder(photos)
    assert second.folder != first.folder
    assert second.identity != first.identity
    assert open_folder(photos, Preparation((16, 16), 1)).images.shape == (40, 16, 16, 1)
    assert {path.parent for path in (first.folder, second.folder)} == {cache_folder()}


def test_a_damaged_set_is_named_and_one_of_the_cache_made_anew(photos: Path) -> None:
    folder = open_folder(photos).folder
    whole = content(folder)
    pixels = (folder / "images-00000.npy").read_bytes()
    for name, damage in (("images-00000.npy", pixels[:-5]), ("items-00000.csv", b"one\n"), ("manifest.json", b"{")):
        (folder / name).write_bytes(damage)
        with pytest.raises(UserError, match="is damaged"):
            ImageSet.open(folder)
        assert len(open_folder(photos)) == 40
        assert content(folder) == whole
    (folder / "images-00000.npy").write_bytes(pixels[:-1] + bytes([pixels[-1] ^ 1]))
    assert [name for name, _, good in ImageSet.open(folder).verify() if not good] == ["images-00000.npy"]


def test_a_packed_set_decides_how_it_was_prepared(tmp_path: Path, photos: Path) -> None:
    prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16), crop="none", channels=1)
    images = open_images(str(tmp_path / "set"), Preparation((16, 16), 1, "none"), count=0, progress=quiet)
    assert images.preparation == Preparation((16, 16), 1, "none")
    with pytest.raises(UserError, match="was prepared with channels 1, crop none, but channels 3, crop centre is needed"):
        open_images(str(tmp_path / "set"), Preparation((16, 16)), count=0, progress=quiet)
    with pytest.raises(UserError, match="is a packed set already: train on it with: vaegan train --data"):
        prepare(str(tmp_path / "set"), tmp_path / "again", progress=quiet)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Ten times the images take no more memory to open, to shuffle and to enter in the middle of an epoch."""
    script = """
import sys, tracemalloc
import numpy as np
from pathlib import Path
from vaegan.data import ImageSet, split
from vaegan.data.batches import Batches
tracemalloc.start()
images = ImageSet.open(Path(sys.argv[1]))
training, held_out = split(images, 0.05)
batches = Batches(images.images, training, 64, seed=0)
for step in (0, 1, 3 * batches.steps_per_epoch // 2):
    batches.pixels(step)
print(tracemalloc.get_traced_memory()[1])
"""
    peaks = []
    for count in (20_000, 200_000):
        folder = tmp_path / str(count)
        shape = (8, 8, 1)
        plan = {"made_from": {}, "preparation": Preparation((8, 8), 1).as_dict(), "state": ""}
        with writer.Writer(folder, plan, shape, ()) as made:
            block = np.zeros((10_000, *shape), np.uint8)
            for start in range(0, count, 10_000):
                made.add([Item(f"{n}", Refused("")) for n in range(start, start + 10_000)], block, [""] * 10_000)
            made.finish(None, [])
        done = run(folder, script=script)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0]
