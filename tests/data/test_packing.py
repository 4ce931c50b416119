"""Sources become packed sets: once, on all cores, the same bytes always, and through any number of kills."""

from __future__ import annotations

import dataclasses
import hashlib
import mmap
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, Preparation, cache_folder, open_images, packed, packing, prepare
from vaegan.data.source import Encoded, Item, Pixels, Refused, Source
from vaegan.data.sources import find_source

SMALL = Preparation((16, 16))


def quiet(_what: str, _done: int, _total: int | None) -> None:
    pass


def open_folder(folder: Path, preparation: Preparation = SMALL) -> ImageSet:
    return open_images(str(folder), preparation, count=0, progress=quiet)


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def numbered(count: int, size: int = 8) -> Source:
    """Images that show their own number, every seventh of them refused, in three splits and two classes, with an attribute."""

    def items() -> Any:
        for n in range(count):
            pixels = np.full((size, size, 3), n % 256, np.uint8)
            pixels[0, 0] = [n // 256 % 256, n // 65536, 7]
            split = ("train", "train", "test", "")[n % 4]
            yield Item(f"image {n}", Refused("seventh") if n % 7 == 6 else Pixels(pixels), split, "ab"[n % 2], (float(n % 3 == 0), n / 8))

    return Source("numbered", items, count, "listing", "state", ("Third", "Eighth"))


def number_of(images: NDArray[np.uint8]) -> list[int]:
    corner = images[:, 0, 0].astype(int)
    return (images[:, 1, 1, 0] + 256 * corner[:, 0] + 65536 * corner[:, 1]).tolist()


def pack(source: Source, folder: Path, **options: Any) -> ImageSet:
    defaults: dict[str, Any] = {"workers": 1, "progress": quiet, **options}
    return packing.pack(source, Preparation((8, 8), crop="none"), folder, **defaults)


def test_what_is_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LARGEST_SHARD", packed.HEADER + 300 * 8 * 8 * 3 + 100)
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
    for outside in (np.array([-1]), np.array([858]), 858):
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
    monkeypatch.setattr(packed, "LARGEST_SHARD", packed.HEADER + 50 * 8 * 8 * 3)
    plain = pack(numbered(200), tmp_path / "set").images
    chosen = (np.arange(172), np.array([3, 170, 5, 60]), np.arange(26), np.array([169, 171, 3, 5]))
    wanted = [(numbers, plain[numbers]) for numbers in chosen]
    advice: list[str] = []
    advise = packed._advise
    monkeypatch.setattr(packed, "physical_memory", lambda: memory)

    def record(images: NDArray[np.uint8], what: str, *part: int) -> None:
        advice.append(what)
        advise(images, what, *part)

    monkeypatch.setattr(packed, "_advise", record)
    large = ImageSet.open(tmp_path / "set")
    for numbers, pixels in wanted:
        assert np.array_equal(large.images[numbers], pixels)
    assert advice.count("MADV_WILLNEED") == asked
    assert isinstance(np.load(tmp_path / "set" / "images-00000.npy", mmap_mode="r").base, mmap.mmap)  # what is advised


def test_a_set_can_be_read_with_numpy_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LARGEST_SHARD", packed.HEADER + 50 * 8 * 8 * 3)
    images = pack(numbered(200), tmp_path / "set")
    files = sorted((tmp_path / "set").glob("images-*.npy"))
    assert len(files) == 4
    assert all(path.stat().st_size <= packed.LARGEST_SHARD for path in files)
    alone = np.concatenate([np.load(path) for path in files])
    assert np.array_equal(alone, images.images[:])
    assert np.array_equal(np.load(tmp_path / "set" / "split-test.npy"), images.split("test"))
    rows = np.concatenate([np.loadtxt(path, str, delimiter=",", skiprows=1) for path in sorted((tmp_path / "set").glob("items-*.csv"))])
    assert rows[:, 0].tolist() == images.names


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_same_bytes_for_any_number_of_workers(workers: int, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "photo 03.png").write_bytes(b"no image")
    monkeypatch.setattr(packing, "TASK_BYTES", 5 * 16 * 16 * 3)  # several tasks
    prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16), workers=workers)
    monkeypatch.setattr(packing, "TASK_BYTES", 4 << 20)
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


def test_stopped_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LARGEST_SHARD", packed.HEADER + 300 * 8 * 8 * 3)
    monkeypatch.setattr(packing, "TASK_BYTES", 10 * 8 * 8 * 3)
    pack(numbered(1000), tmp_path / "straight")
    stops = iter([*[False] * 20, True, *[False] * 30, True, True, *[False] * 1000])
    seen = []
    for _ in range(3):
        with pytest.raises(packing.Unfinished) as unfinished:
            pack(numbered(1000), tmp_path / "set", stop=lambda: next(stops))
        seen.append(unfinished.value.seen)
        assert not ImageSet.is_set(tmp_path / "set")
    done: list[int] = []
    pack(numbered(1000), tmp_path / "set", stop=lambda: next(stops), progress=lambda _what, seen, _total: done.append(seen))
    assert seen == [210, 520, 530]
    assert done[0] == 540  # nothing was done twice
    assert content(tmp_path / "set") == content(tmp_path / "straight")


def begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pack 500 images straight and, elsewhere, up to the hundredth; returns where the unfinished files are."""
    monkeypatch.setattr(packing, "TASK_BYTES", 10 * 8 * 8 * 3)
    pack(numbered(500), folder / "straight")
    stops = iter([*[False] * 9, True, *[False] * 1000])
    with pytest.raises(packing.Unfinished):
        pack(numbered(500), folder / "set", stop=lambda: next(stops))
    return folder / "set" / packing.UNFINISHED


def test_garbage_after_what_is_sure_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine that stops may leave: longer files, new files, a longer shard with a head that is ahead of its time."""
    work = begun(tmp_path, monkeypatch)
    for path in work.iterdir():
        if path.name != packing.PROGRESS:
            path.write_bytes(path.read_bytes() + b"garbage")
    for name in ("images-00001.npy", "manifest.json.partial", "split-test.npy"):
        (work / name).write_bytes(b"garbage")
    pack(numbered(500), tmp_path / "set")
    assert content(tmp_path / "set") == content(tmp_path / "straight")


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    note = tmp_path / "set" / packing.UNFINISHED / "thesis.txt"
    note.parent.mkdir(parents=True)
    note.write_text("unfinished, too")
    with pytest.raises(UserError, match=r"is not empty: it holds unfinished/thesis\.txt"):
        pack(numbered(20), tmp_path / "set")
    assert note.read_text() == "unfinished, too"
    pack(numbered(20), tmp_path / "other")
    note.parent.rename(tmp_path / "other" / packing.UNFINISHED)
    pack(numbered(20), tmp_path / "other")
    assert (tmp_path / "other" / packing.UNFINISHED / "thesis.txt").read_text() == "unfinished, too"


@pytest.mark.parametrize("damage", ["shorter", "no json", "missing file"])
def test_what_cannot_be_gone_on_with_is_begun_anew(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = begun(tmp_path, monkeypatch)
    if damage == "shorter":
        os.truncate(work / "images-00000.npy", 500)
    elif damage == "no json":
        (work / packing.PROGRESS).write_text("{")
    else:
        (work / "items-00000.csv").unlink()
    done: list[int] = []
    pack(numbered(500), tmp_path / "set", progress=lambda _what, seen, _total: done.append(seen))
    assert done[0] == 10
    assert content(tmp_path / "set") == content(tmp_path / "straight")


def test_killed_after_any_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a save says was seen has been written, also where a file was full in the middle of a task."""
    monkeypatch.setattr(packed, "LARGEST_SHARD", packed.HEADER + 30 * 8 * 8 * 3)
    monkeypatch.setattr(packing, "TASK_PICTURES", 16)
    monkeypatch.setattr(packing, "SAVE_EVERY", -1.0)
    pack(numbered(130), tmp_path / "straight")
    save = packing.Writer.save
    saves = 0

    def counted(self: packing.Writer) -> None:
        nonlocal saves
        save(self)
        saves += 1
        if saves == killed_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(packing.Writer, "save", counted)
    for killed_after in range(1, 13):
        saves, folder = 0, tmp_path / f"killed after {killed_after}"
        with pytest.raises(KeyboardInterrupt):
            pack(numbered(130), folder)
        saves = -1000
        pack(numbered(130), folder)
        assert content(folder) == content(tmp_path / "straight")


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("stage", ["begun", "but for the moves"])
def test_what_was_begun_otherwise_stays(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "set"
    if stage == "begun":
        monkeypatch.setattr(packing, "TASK_PICTURES", 10)
        stops = iter([False, True, False, False, False, False])
        with pytest.raises(packing.Unfinished):
            pack(numbered(50), folder, stop=lambda: next(stops))
    else:
        with monkeypatch.context() as patch:
            patch.setattr(packing, "_move_up", killed)
            with pytest.raises(KeyboardInterrupt):
                pack(numbered(50), folder)
    before = {path.name: path.read_bytes() for path in (folder / packing.UNFINISHED).iterdir()}
    for other, words in (
        (dataclasses.replace(numbered(50), listing="others"), "another content"),
        (dataclasses.replace(numbered(50), attribute_names=("A", "B")), "another attributes"),
    ):
        with pytest.raises(UserError, match=words):
            pack(other, folder)
        assert {path.name: path.read_bytes() for path in (folder / packing.UNFINISHED).iterdir()} == before
    pack(numbered(50), folder)
    pack(numbered(50), tmp_path / "straight")
    assert content(folder) == content(tmp_path / "straight")


def test_files_of_the_same_names_are_neither_moved_over_nor_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "set"
    with monkeypatch.context() as patch:
        patch.setattr(packing, "_move_up", killed)
        with pytest.raises(KeyboardInterrupt):
            pack(numbered(50), folder)
    (folder / "items-00000.csv").write_text("mine")
    (folder / ".lock").write_text("mine, too")
    with pytest.raises(UserError, match=r"it holds \.lock, items-00000\.csv"):
        pack(numbered(50), folder)
    assert (folder / "items-00000.csv").read_text() == "mine"
    assert (folder / ".lock").read_text() == "mine, too"


def test_tasks_are_bounded_by_what_goes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "TASK_BYTES", 10_000)
    items = [Item(f"{n}", Encoded(bytes(3_000))) for n in range(10)]
    groups = [len(group) for group, _ in packing._tasks(items, Preparation((8, 8), 1))]
    assert groups == [4, 4, 2]


def test_a_source_that_disappears_is_no_smaller_source(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "TASK_PICTURES", 10)
    source = find_source(str(photos))
    gone = tmp_path / "unmounted"
    asked = 0

    def unmount() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            photos.rename(gone)
        return False

    with pytest.raises(UserError, match="cannot read on: No such file or directory"):
        packing.pack(source, SMALL, tmp_path / "set", workers=1, progress=quiet, stop=unmount)
    gone.rename(photos)
    assert len(packing.pack(source, SMALL, tmp_path / "set", workers=1, progress=quiet)) == 40


def test_a_signal_to_the_whole_group(tmp_path: Path) -> None:
    """As schedulers send it: the workers die of it, and the command still says that it was stopped."""
    command = [sys.executable, "-m", "vaegan", "prepare", "avatars", str(tmp_path / "set"), "--count", "5000", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "set" / packing.UNFINISHED / packing.PROGRESS).exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error.count("run the same again, and it goes on there")) == (128 + signal.SIGTERM, 1)


def test_numbers_are_kept_to_single_precision(tmp_path: Path) -> None:
    values = (1234567.0, 0.1, -1.56834639173, 1e-7, 3e37)
    item = Item("one", Pixels(np.zeros((8, 8, 3), np.uint8)), attributes=values)
    images = pack(Source("one", lambda: [item], 1, "", "", tuple("ABCDE")), tmp_path / "set")
    assert images.attributes[0].tolist() == np.array(values, np.float32).tolist()


def test_killed_while_the_files_move_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(numbered(100), tmp_path / "straight")
    replace = Path.replace
    rmdir = Path.rmdir
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rmdir", lambda self: killed() if self.name == packing.UNFINISHED else rmdir(self))
        with pytest.raises(KeyboardInterrupt):
            pack(numbered(100), tmp_path / "last moment")
    pack(numbered(100), tmp_path / "last moment")
    assert content(tmp_path / "last moment") == content(tmp_path / "straight")
    for killed_at in range(len(list((tmp_path / "straight").iterdir()))):
        folder = tmp_path / f"set {killed_at}"
        moved = 0

        def failing(self: Path, target: Path) -> Path:
            nonlocal moved
            if target.parent == folder:  # noqa: B023
                moved += 1
                if moved > killed_at:  # noqa: B023
                    raise KeyboardInterrupt
            return replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", failing)
            with pytest.raises(KeyboardInterrupt):
                pack(numbered(100), folder)
        assert not ImageSet.is_set(folder)
        pack(numbered(100), folder)
        assert content(folder) == content(tmp_path / "straight")


KILLED = """
import sys, time
from pathlib import Path
from vaegan.data import packed, packing, prepare
add = packing.Writer.add
packing.Writer.add = lambda *a: (time.sleep(0.03), add(*a))
packed.LARGEST_SHARD = packed.HEADER + 150 * 24 * 24 * 3
packing.TASK_BYTES = 16 * 24 * 24 * 3
packing.SAVE_EVERY = 0.01
prepare(sys.argv[1], Path(sys.argv[2]), progress=lambda *_: None, size=(24, 24), workers=int(sys.argv[3]))
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_ten_times_and_gone_on_with(tmp_path: Path) -> None:
    """SIGKILL at random moments: the same bytes as undisturbed, no half set taken for whole, and no worker left over."""
    photos = tmp_path / "photos"
    photos.mkdir()
    random_pixels = np.random.default_rng(0)
    for number in range(600):
        Image.fromarray(random_pixels.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(photos / f"{number:04d}.png")
    (photos / "0100.png").write_bytes(b"no image")

    def run(folder: str, workers: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", KILLED, str(photos), str(tmp_path / folder), str(workers)], start_new_session=True)

    started = time.monotonic()
    assert run("straight", 1).wait(60) == 0
    took = time.monotonic() - started
    chance = random.Random(0)
    kills, midway, process = 0, 0, run("set", 2)
    while kills < 10:
        time.sleep(chance.uniform(0.4, 1) * took)
        if ImageSet.is_set(tmp_path / "set") or process.poll() is not None:
            process.wait(60)
            for path in (tmp_path / "set").iterdir():  # it was done: begin again, there are kills left
                path.unlink()
            (tmp_path / "set").rmdir()
            process = run("set", 2)
            continue
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        kills += 1
        midway += (tmp_path / "set" / packing.UNFINISHED / packing.PROGRESS).exists()
        if ImageSet.is_set(tmp_path / "set"):  # killed in its last moment
            ImageSet.open(tmp_path / "set")
        process = run("set", 2)
    assert process.wait(60) == 0
    assert midway >= 3
    assert content(tmp_path / "set") == content(tmp_path / "straight")
    assert len(ImageSet.open(tmp_path / "set")) == 599
    deadline = time.monotonic() + 20
    while (left := _processes_with(str(tmp_path / "set"))) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left


def _processes_with(text: str) -> list[str]:
    """Command lines of the workers that any of the killed processes left behind."""
    lines = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if text in line or ("multiprocessing.spawn" in line and line.split()[1] == "1")]


def test_a_signal_stops_the_command_which_says_how_to_go_on(tmp_path: Path, photos: Path) -> None:
    slow = "import time, vaegan.data.images as i; f = i.prepare; i.prepare = lambda *a: (time.sleep(0.2), f(*a))[1]; "
    slow += "import vaegan.data.packing as p; p.TASK_BYTES = 1000; from vaegan.cli import run; import sys; run(sys.argv[1:])"
    command = [sys.executable, "-c", slow, "prepare", str(photos), str(tmp_path / "set"), "--size", "16", "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "set" / packing.UNFINISHED / "items-00000.csv").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "of 40 pictures; run the same again, and it goes on there" in error
    assert "Traceback" not in error
    prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16), workers=1)
    prepare(str(photos), tmp_path / "straight", progress=quiet, size=(16, 16), workers=1)
    assert content(tmp_path / "set") == content(tmp_path / "straight")


def test_two_processes_may_pack_the_same_set_at_once(tmp_path: Path, photos: Path) -> None:
    script = "import sys; from pathlib import Path; from vaegan.data import prepare; "
    script += "print(len(prepare(sys.argv[1], Path(sys.argv[2]), progress=lambda *_: None, size=(16, 16), workers=1)))"
    command = [sys.executable, "-c", script, str(photos), str(tmp_path / "set")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["40\n"] * 3


def test_done_already(tmp_path: Path, photos: Path) -> None:
    once = prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16))
    before = content(tmp_path / "set")
    again = prepare(str(photos), tmp_path / "set", progress=lambda *_: pytest.fail("nothing is to be done"), size=(16, 16))
    assert again.identity == once.identity
    assert content(tmp_path / "set") == before
    with pytest.raises(UserError, match="is a packed set already, of another size"):
        prepare(str(photos), tmp_path / "set", progress=quiet, size=(24, 24))
    (photos / "photo 00.png").unlink()
    with pytest.raises(UserError, match="of another content"):
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
    with pytest.raises(UserError, match="was prepared with channels 1, crop none, not channels 3, crop centre"):
        open_images(str(tmp_path / "set"), Preparation((16, 16)), count=0, progress=quiet)
    with pytest.raises(UserError, match="is a packed set already: train on it with --data"):
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
        with packing.Writer(folder, plan, shape, ()) as writer:
            block = np.zeros((10_000, *shape), np.uint8)
            for start in range(0, count, 10_000):
                writer.add([Item(f"{n}", Refused("")) for n in range(start, start + 10_000)], block, [""] * 10_000)
            writer.finish(None, [])
        done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0]
