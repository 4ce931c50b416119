"""Packing that is stopped or killed goes on to the same bytes, and several may pack one set."""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, dataset, prepare, writer

from ..processes import Process, run, start
from .numbered import content, numbered, pack, quiet


def test_stopped_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "LARGEST_SHARD", dataset.HEADER + 300 * 8 * 8 * 3)
    monkeypatch.setattr(writer, "TASK_BYTES", 10 * 8 * 8 * 3)
    pack(numbered(1000), tmp_path / "straight")
    stops = iter([*[False] * 20, True, *[False] * 30, True, True, *[False] * 1000])
    seen = []
    for _ in range(3):
        with pytest.raises(writer.Unfinished) as unfinished:
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
    monkeypatch.setattr(writer, "TASK_BYTES", 10 * 8 * 8 * 3)
    pack(numbered(500), folder / "straight")
    stops = iter([*[False] * 9, True, *[False] * 1000])
    with pytest.raises(writer.Unfinished):
        pack(numbered(500), folder / "set", stop=lambda: next(stops))
    return folder / "set" / writer.UNFINISHED


def test_garbage_after_what_is_sure_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine that stops may leave: longer files, new files, a longer shard with a head that is ahead of its time."""
    work = begun(tmp_path, monkeypatch)
    for path in work.iterdir():
        if path.name != writer.PROGRESS:
            path.write_bytes(path.read_bytes() + b"garbage")
    for name in ("images-00001.npy", "manifest.json.partial", "manifest.json.2.partial", "split-test.npy"):
        (work / name).write_bytes(b"garbage")
    pack(numbered(500), tmp_path / "set")
    assert content(tmp_path / "set") == content(tmp_path / "straight")


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    note = tmp_path / "set" / writer.UNFINISHED / "thesis.txt"
    note.parent.mkdir(parents=True)
    note.write_text("unfinished, too")
    with pytest.raises(UserError, match=r"exists already: it holds unfinished/thesis\.txt"):
        pack(numbered(20), tmp_path / "set")
    assert note.read_text() == "unfinished, too"
    pack(numbered(20), tmp_path / "other")
    note.parent.rename(tmp_path / "other" / writer.UNFINISHED)
    pack(numbered(20), tmp_path / "other")
    assert (tmp_path / "other" / writer.UNFINISHED / "thesis.txt").read_text() == "unfinished, too"


@pytest.mark.parametrize("damage", ["shorter", "no json", "missing file"])
def test_what_cannot_be_gone_on_with_is_begun_anew(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = begun(tmp_path, monkeypatch)
    if damage == "shorter":
        os.truncate(work / "images-00000.npy", 500)
    elif damage == "no json":
        (work / writer.PROGRESS).write_text("{")
    else:
        (work / "items-00000.csv").unlink()
    done: list[int] = []
    pack(numbered(500), tmp_path / "set", progress=lambda _what, seen, _total: done.append(seen))
    assert done[0] == 10
    assert content(tmp_path / "set") == content(tmp_path / "straight")


def test_killed_after_any_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a save says was seen has been written, also where a file was full in the middle of a task."""
    monkeypatch.setattr(dataset, "LARGEST_SHARD", dataset.HEADER + 30 * 8 * 8 * 3)
    monkeypatch.setattr(writer, "TASK_PICTURES", 16)
    monkeypatch.setattr(writer, "SAVE_EVERY", -1.0)
    pack(numbered(130), tmp_path / "straight")
    save = writer.Writer.save
    saves = 0

    def counted(self: writer.Writer) -> None:
        nonlocal saves
        save(self)
        saves += 1
        if saves == killed_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(writer.Writer, "save", counted)
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
        monkeypatch.setattr(writer, "TASK_PICTURES", 10)
        stops = iter([False, True, False, False, False, False])
        with pytest.raises(writer.Unfinished):
            pack(numbered(50), folder, stop=lambda: next(stops))
    else:
        with monkeypatch.context() as patch:
            patch.setattr(writer, "_move_up", killed)
            with pytest.raises(KeyboardInterrupt):
                pack(numbered(50), folder)
    before = {path.name: path.read_bytes() for path in (folder / writer.UNFINISHED).iterdir()}
    for other, words in (
        (dataclasses.replace(numbered(50), listing="others"), "other images or settings .content.|with other settings .content: "),
        (
            dataclasses.replace(numbered(50), attribute_names=("A", "B")),
            "other images or settings .attributes.|with other settings .attributes",
        ),
    ):
        with pytest.raises(UserError, match=words):
            pack(other, folder)
        assert {path.name: path.read_bytes() for path in (folder / writer.UNFINISHED).iterdir()} == before
    pack(numbered(50), folder)
    pack(numbered(50), tmp_path / "straight")
    assert content(folder) == content(tmp_path / "straight")


def test_files_of_the_same_names_are_neither_moved_over_nor_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "set"
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_move_up", killed)
        with pytest.raises(KeyboardInterrupt):
            pack(numbered(50), folder)
    (folder / "items-00000.csv").write_text("mine")
    (folder / ".lock").write_text("mine, too")
    with pytest.raises(UserError, match=r"it holds \.lock, items-00000\.csv"):
        pack(numbered(50), folder)
    assert (folder / "items-00000.csv").read_text() == "mine"
    assert (folder / ".lock").read_text() == "mine, too"


def test_a_signal_to_the_whole_group(tmp_path: Path) -> None:
    """As schedulers send it: the workers die of it, and the command still says that it was stopped."""
    before = "from vaegan.data import writer; writer.SAVE_EVERY = -1.0"
    many = ["prepare", "avatars", tmp_path / "set", "--count", 100_000, "--size", 16, "--workers", 2]
    with start(*many, before=before) as process:
        process.until((tmp_path / "set" / writer.UNFINISHED / writer.PROGRESS).exists)
        process.signal_all(signal.SIGTERM)
        _, error = process.communicate()
    assert (process.returncode, error.count("run the same command again to continue")) == (128 + signal.SIGTERM, 1)


def test_killed_while_the_files_move_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(numbered(100), tmp_path / "straight")
    replace = Path.replace
    rmdir = Path.rmdir
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rmdir", lambda self: killed() if self.name == writer.UNFINISHED else rmdir(self))
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
import sys
from pathlib import Path
from vaegan.data import dataset, prepare, writer
add = writer.Writer.add
def tell(*arguments):
    add(*arguments)
    with open(sys.argv[4], "ab") as file:
        file.write(b".")
writer.Writer.add = tell
dataset.LARGEST_SHARD = dataset.HEADER + 150 * 24 * 24 * 3
writer.TASK_BYTES = 16 * 24 * 24 * 3
writer.SAVE_EVERY = -1.0
prepare(sys.argv[1], Path(sys.argv[2]), progress=lambda *_: None, size=(24, 24), workers=int(sys.argv[3]))
"""
"""A point in a file stands for each task that is written; when the second one is there, the first one is sure."""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_ten_times_and_gone_on_with(tmp_path: Path) -> None:
    """SIGKILL at random moments, counted in tasks: the same bytes as undisturbed, no half set taken for whole, and no worker left over."""
    photos, told = tmp_path / "photos", tmp_path / "told"
    photos.mkdir()
    random_pixels = np.random.default_rng(0)
    for number in range(600):
        Image.fromarray(random_pixels.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(photos / f"{number:04d}.png")
    (photos / "0100.png").write_bytes(b"no image")
    chance, folder = random.Random(0), tmp_path / "set"
    killed: list[Process] = []
    midway = 0
    with ExitStack() as stack:

        def run(folder: Path, workers: int) -> Process:
            told.write_bytes(b"")
            return stack.enter_context(start(photos, folder, workers, told, script=KILLED))

        straight = run(tmp_path / "straight", 1)
        assert straight.wait() == 0, straight.communicate()
        while len(killed) < 10:
            process = run(folder, chance.choice([1, 2]))
            tasks = chance.randrange(6)
            process.until(lambda: process.poll() is not None or told.stat().st_size >= tasks)  # noqa: B023
            time.sleep(chance.uniform(0, 0.02))  # to be anywhere in the next one
            process.kill()
            if process.wait() == 0:  # it was done: begin again, there are kills left
                shutil.rmtree(folder)
                continue
            assert process.returncode == -signal.SIGKILL, process.communicate()
            killed.append(process)
            midway += (folder / writer.UNFINISHED / writer.PROGRESS).exists()
            if ImageSet.is_set(folder):  # killed in its last moment
                ImageSet.open(folder)
        last = run(folder, 2)
        assert last.communicate() == ("", "")
        assert last.returncode == 0
        assert midway >= 3
        assert content(folder) == content(tmp_path / "straight")
        assert len(ImageSet.open(folder)) == 599
        for process in killed:
            process.communicate()  # no worker holds its outputs any more


def test_a_signal_stops_the_command_which_says_how_to_go_on(tmp_path: Path, photos: Path) -> None:
    before = """
import os, signal
from vaegan.data import images, writer
writer.TASK_BYTES = 1000
prepare, seen = images.prepare, []
def signalled(*arguments, **more):
    seen.append(arguments)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGTERM)
    return prepare(*arguments, **more)
images.prepare = signalled
"""
    done = run("prepare", photos, tmp_path / "set", "--size", 16, "--workers", 1, before=before)
    assert done.returncode == 128 + signal.SIGTERM
    assert "of 40 images; run the same command again to continue" in done.stderr
    assert "Traceback" not in done.stderr
    prepare(str(photos), tmp_path / "set", progress=quiet, size=(16, 16), workers=1)
    prepare(str(photos), tmp_path / "straight", progress=quiet, size=(16, 16), workers=1)
    assert content(tmp_path / "set") == content(tmp_path / "straight")


def test_two_processes_may_pack_the_same_set_at_once(tmp_path: Path, photos: Path) -> None:
    script = "import sys; from pathlib import Path; from vaegan.data import prepare; "
    script += "print(len(prepare(sys.argv[1], Path(sys.argv[2]), progress=lambda *_: None, size=(16, 16), workers=1)))"
    with ExitStack() as stack:
        processes = [stack.enter_context(start(photos, tmp_path / "set", script=script)) for _ in range(3)]
        assert [process.communicate() for process in processes] == [("40\n", "")] * 3
