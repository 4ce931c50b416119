"""Packing a source: in order, on all cores, and so that a machine that stops loses a few seconds of work and never leaves half a set.

While a set is being made, its folder holds a folder `unfinished` with files that only grow, and in it `progress.json`, which says how
long each of them was when all of them were on the disk. Going on means cutting them back to these lengths.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import filelock
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import final_name, flush_folder, remove_partial, replacing
from ..progress import Progress
from .dataset import FORMAT, MANIFEST, ImageSet, capacity, image_file, item_file, read_manifest, split_file
from .images import Preparation, ReadingTask, prepare_all
from .left_out import MARK, LeftOut, notes_on_rests, skipped_line
from .samples import ValueRange
from .scan import WHOLE, Scan, note_of_filling, write_with_range
from .set_files import checked, image_header, random_codes, write_manifest, write_splits
from .shard import Shard
from .sources.base import Item, Source, called, groups, none_readable, some
from .workers import WorkerKilled, in_order

UNFINISHED, PROGRESS, LOCK = "unfinished", "progress.json", ".vaegan-prepare.lock"
SPLIT_CODES = "splits"
PASSING = (PROGRESS, SPLIT_CODES)
"""Files that are of use only while a set is being made."""
OWN_FILE = re.compile(r"images-\d+\.npy|items-\d+\.csv|split-.+\.npy|skipped\.txt|splits|(progress|manifest)\.json")
SAVE_EVERY = 2.0  # seconds of work that a machine that stops may lose
TASK_PICTURES = 32
TASK_BYTES = 16 << 20


class Unfinished(Exception):  # noqa: N818 (nothing went wrong)
    """Packing was asked to stop, and has saved where it is."""

    def __init__(self, seen: int) -> None:
        super().__init__()
        self.seen = seen


def pack(
    source: Source,
    preparation: Preparation,
    folder: Path,
    *,
    workers: int,
    progress: Progress,
    fractions: Mapping[str, float] | None = None,
    shard: Shard | None = None,
    percentiles: ValueRange | None = None,
    strict: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> ImageSet:
    """Pack a source into a folder, or go on with what was begun there.

    A range of values is looked for in a first pass, if pictures have more than 8 bits. The first of these that is met begins the pass, so
    that a set without any takes no longer; what it finds is kept with the unfinished set.

    The same source gives the same bytes, whatever the number of workers.

    Args:
        source: where the images come from.
        preparation: how they are cut and resized.
        folder: the packed set to make.
        workers: processes that read images.
        progress: called as the work goes on.
        fractions: which part of the images goes into which split, drawn at random; instead of the source's own splits.
        shard: which part of a larger source this is, of which `join` makes one set. Random splits are drawn when the parts are joined.
        percentiles: those of the range of values that is looked for, if the preparation has none (see `scan.find_range`).
        strict: end where a picture has more than 8 bits and there is no range.
        stop: asked now and then; once it says so, work is saved and ends.

    Raises:
        UserError: no image could be read, the folder holds something else, or the disk is full.
        DeepPixelsError: see `strict`; nothing of the set is left then.
        Unfinished, ScanStopped: `stop` said so.
    """
    looks_for = None if preparation.range else percentiles
    plan: dict[str, Any] = {"source": source.name, "listing": source.listing, "fractions": dict(fractions) if fractions else None}
    if looks_for not in (None, WHOLE):
        plan["range_percentiles"] = list(looks_for)
    plan |= {"shard": str(shard)} if shard else {}
    wanted = {"made_from": plan, "preparation": preparation.as_dict(), "attributes": list(source.attribute_names)}
    if ImageSet.is_set(folder):  # perhaps where nothing may be written, not even a lock
        _check_same(folder, wanted)
        with suppress(OSError):  # what a process that was killed in its last moment leaves
            (folder / UNFINISHED).rmdir()
            (folder / LOCK).unlink(missing_ok=True)
        return ImageSet.open(folder)
    _refuse_file(folder)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    work = folder / UNFINISHED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder, progress, stop):
            try:
                if ImageSet.is_set(folder):  # another process was faster
                    _check_same(folder, wanted)
                else:
                    _refuse_other_files(folder)
                    if (work / MANIFEST).is_file():
                        _check_same(work, wanted)
                    else:
                        more: dict[str, Any] = {"workers": workers, "progress": progress, "stop": stop}
                        write = partial(_write, source=source, wanted=wanted, work=work, fractions=fractions, shard=shard, more=more)
                        write_with_range(write, source, preparation, work / PROGRESS, looks_for, strict=strict, **more)
                    _move_up(work, folder)
            finally:
                if not work.exists():
                    with suppress(OSError):  # Windows keeps files that are open
                        (folder / LOCK).unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise UserError(
            f"the disk is full: {folder} is not finished; free some space, then run the same command again to continue"
        ) from error
    finally:
        with suppress(OSError):  # of the folders that were made, those that hold nothing go
            for place in made:
                place.rmdir()
    return ImageSet.open(folder)


def _write(
    preparation: Preparation,
    scan: Scan | None,
    *,
    source: Source,
    wanted: dict[str, Any],
    work: Path,
    fractions: Mapping[str, float] | None,
    shard: Shard | None,
    strict: bool,
    more: dict[str, Any],
) -> None:
    """All files of a set, in its folder `unfinished`; `more` is for `_read_all`."""
    plan = wanted | {"preparation": preparation.as_dict(), "state": source.state, "format": FORMAT, "scan": scan and scan.as_json()}
    with Writer(work, plan, preparation.shape, source.attribute_names) as writer:
        if scan:
            writer.save()  # the pass may have taken an hour
        _read_all(source, preparation, writer, strict=strict, **more)
        left_out = source.left_out if not shard or shard.number == shard.parts else None  # once in all parts
        notes = [*source.notes, *(scan.notes() if scan else []), *(left_out.notes if left_out else [])]
        if preparation.range and not shard:  # of parts, this is said when they are joined
            writer.save()
            count, most = writer.images, writer.capacity
            files = [(work / image_file(start // most), min(most, count - start)) for start in range(0, count, most)]
            notes += note_of_filling(files, preparation)
        writer.finish(None if shard else fractions, notes, left_out)


def is_unfinished(folder: Path) -> bool:
    """Whether a set was begun in a folder, and is not whole yet."""
    work = folder / UNFINISHED
    return not ImageSet.is_set(folder) and work.is_dir() and any(OWN_FILE.fullmatch(final_name(entry.name)) for entry in work.iterdir())


def _alone_in(folder: Path, progress: Progress, stop: Callable[[], bool]) -> AbstractContextManager[object]:
    """A lock, so that two processes never write one set."""
    lock = filelock.FileLock(folder / LOCK)
    while True:
        try:
            return lock.acquire(timeout=0.2)
        except filelock.Timeout:
            progress("waiting for another process that packs these images", 0, None)
            if stop():
                raise Unfinished(0) from None


def differing(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In what one account of a set differs from another, in a user's words."""
    names: list[str] = []
    for key, value in wanted.items():
        was = there.get(key)
        if isinstance(value, dict) and isinstance(was, dict) and key != "fractions":
            names += differing(was, dict.fromkeys(was) | value)  # what only one of them has counts, too
        elif was != value:
            known = {"listing": "content", "state": "content", "fractions": "splits", "format": "version"}
            names.append("range" if key in ("scan", "range_percentiles") else known.get(key, key))
    return list(dict.fromkeys(names))


def _check_same(folder: Path, wanted: dict[str, Any]) -> None:
    """Refuse a set that is there already, unless it is the one that is wanted."""
    if others := differing(read_manifest(folder), wanted):
        others.sort(key=lambda name: name == "content")  # the last one, because it is explained
        more = ": other images, another table, or other images left out" if "content" in others else ""
        why = f"it was packed from other images or with other settings ({some(others)}{more})"
        raise UserError(f"{folder} exists already: {why}; choose another folder, or remove this one")


def _refuse_file(folder: Path) -> None:
    if folder.is_file():
        raise UserError(f"{folder} exists already: it is a file; choose another folder for the packed set")


def _refuse_other_files(folder: Path) -> None:
    """What lies there already stays: only what packing made itself may be cut back, moved or removed."""
    work = folder / UNFINISHED
    finished = set(read_manifest(work)["files"]) if (work / MANIFEST).is_file() else set()
    inside = {entry.name for entry in work.iterdir()} if work.is_dir() else set()
    moved = finished - inside  # by a process that was killed while it moved its files up
    others = {entry.name for entry in folder.iterdir()} - {UNFINISHED, LOCK} - moved
    others |= {f"{UNFINISHED}/{name}" for name in inside if not OWN_FILE.fullmatch(final_name(name))}
    if others:
        raise UserError(f"{folder} exists already: it holds {some(sorted(others))}; choose another folder for the packed set")


def _read_all(
    source: Source, preparation: Preparation, writer: Writer, *, strict: bool, workers: int, progress: Progress, stop: Callable[[], bool]
) -> None:
    """Read every picture that the writer has not seen.

    Raises:
        UserError: not one could be read.
        Unfinished: `stop` said so.
    """
    rest = islice(iter(source.items()), writer.seen, None)
    saved, stopped = time.monotonic(), False
    try:
        with closing(in_order(prepare_all, tasks(rest, preparation, strict=strict), workers)) as results:
            for items, (images, reasons, rests) in results:
                writer.add(items, images, reasons, rests)
                progress(f"packing {source.name}", writer.seen, source.count)
                if stopped := stop():
                    break
                if time.monotonic() - saved > SAVE_EVERY:
                    writer.save()
                    saved = time.monotonic()
    except WorkerKilled:
        stopped = stop()
        if not stopped:  # else the signal that asked to stop was sent to the workers, too
            raise
    if stopped:
        writer.save()
        raise Unfinished(writer.seen)
    if not writer.images and "shard" not in writer.plan["made_from"]:  # a part may have none, if another one has
        shutil.rmtree(writer.folder)
        raise none_readable(writer.seen, called(source.name), writer.first_skipped)


def tasks(items: Iterable[Item], preparation: Preparation, *, strict: bool = False) -> Iterator[tuple[list[Item], ReadingTask]]:
    """Items in groups that take neither long nor much memory, before and after they are read."""
    most = max(1, min(TASK_PICTURES, TASK_BYTES // int(np.prod(preparation.shape))))
    return ((group, ReadingTask([item.picture for item in group], preparation, strict)) for group in groups(items, most, TASK_BYTES))


def _move_up(work: Path, folder: Path) -> None:
    """The files of a finished set, the manifest last: with it the folder becomes a set. Can be done again after it was cut short."""
    remove_partial([work])
    for name in PASSING:
        (work / name).unlink(missing_ok=True)
    for path in sorted(work.iterdir(), key=lambda path: path.name == MANIFEST):
        path.replace(folder / path.name)
    work.rmdir()
    flush_folder(folder)


class Writer:
    """The files of a set that is being made. They only grow, and `save` makes sure of them."""

    def __init__(self, folder: Path, plan: dict[str, Any], shape: tuple[int, int, int], attribute_names: tuple[str, ...]) -> None:
        """Go on with what is in the folder if it was made by the same plan; else begin anew."""
        self.folder, self.plan, self.shape, self.attribute_names = folder, plan, shape, attribute_names
        self.capacity = capacity(shape)
        self.seen = self.images = 0
        self.first_skipped = ""
        self._splits: list[str] = []
        self._finished: dict[str, dict[str, Any]] = {}
        self._classes: set[str] = set()
        self._open: dict[str, BinaryIO] = {}
        if not self._go_on():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _go_on(self) -> bool:
        """Whether there is something to go on with.

        Raises:
            UserError: it was begun by another plan.
        """
        try:
            state = json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))
            lengths: dict[str, int] = state["lengths"] | {name: file["bytes"] for name, file in state["finished"].items()}
            others = differing(state["plan"], self.plan)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        if others:
            raise UserError(
                f"packing into {self.folder.parent} was started with other images or settings ({some(others)}): to continue it, run the "
                f"earlier command again; to start again, choose another folder, or remove {self.folder}"
            )
        for path in self.folder.iterdir():
            if path.name != PROGRESS and path.name not in lengths:
                path.unlink()
        if any(not (self.folder / name).is_file() or (self.folder / name).stat().st_size < length for name, length in lengths.items()):
            return False
        for name, length in lengths.items():
            os.truncate(self.folder / name, length)
        for name in state["lengths"]:
            self._file(name)
        self.seen, self.images, self.first_skipped = state["seen"], state["images"], state["first_skipped"]
        self._splits, self._classes, self._finished = state["splits"], set(state["classes"]), state["finished"]
        return True

    def _file(self, name: str) -> BinaryIO:
        if name not in self._open:
            self._open[name] = (self.folder / name).open("ab")
        return self._open[name]

    def _close(self, name: str) -> None:
        """Close a file that is whole, once it is on the disk."""
        with self._open.pop(name) as file:
            file.flush()
            os.fsync(file.fileno())

    def save(self) -> None:
        """Flush everything to the disk and note how far it has come."""
        for file in self._open.values():
            file.flush()
            os.fsync(file.fileno())
        lengths = {name: file.tell() for name, file in self._open.items()}
        state = {
            "plan": self.plan,
            "seen": self.seen,
            "images": self.images,
            "first_skipped": self.first_skipped,
            "splits": self._splits,
            "classes": sorted(self._classes),
            "finished": self._finished,
            "lengths": lengths,
        }
        with replacing(self.folder / PROGRESS) as path:
            path.write_text(json.dumps(state), encoding="utf-8")

    def add(self, items: list[Item], images: NDArray[np.uint8], reasons: list[str], rests: list[str] | None = None) -> None:
        """Write pictures that were read, in their order, why others were not, and what more is in files."""
        closed = False
        rests = rests or [""] * len(items)
        self.seen += len(items)
        good = [item for item, reason in zip(items, reasons, strict=True) if not reason]
        for item, reason, rest in zip(items, reasons, rests, strict=True):
            if reason:
                line = skipped_line(item.name, reason)
                self.first_skipped = self.first_skipped or line
                self._file("skipped.txt").write(f"{line}\n".encode())
            elif rest:
                self._file("skipped.txt").write(f"{item.name}{MARK}{rest}\n".encode())
        while good:
            shard, filled = divmod(self.images, self.capacity)
            count = min(len(good), self.capacity - filled)
            self._write(shard, filled, good[:count], images[:count])
            self.images += count
            good, images = good[count:], images[count:]
            if filled + count == self.capacity:
                self._close_shard(shard)
                closed = True
        if closed:  # and not before all of them are written: what is saved must be true of all that was seen
            self.save()

    def _write(self, shard: int, filled: int, items: list[Item], images: NDArray[np.uint8]) -> None:
        if filled == 0:
            self._begin(shard)
        self._file(image_file(shard)).write(np.ascontiguousarray(images).data)
        unknown = ("",) * len(self.attribute_names)
        self._file(item_file(shard)).write(
            _csv([(i.name, i.label, *(map(_cell, i.attributes) if i.attributes else unknown)) for i in items])
        )
        self._classes.update(item.label for item in items if item.label)
        if any(item.split for item in items) or self._splits:
            self._write_splits(items)

    def _begin(self, shard: int) -> None:
        self._file(image_file(shard)).write(image_header((0, *self.shape)))
        self._file(item_file(shard)).write(_csv([("name", "label", *self.attribute_names)]))

    def _write_splits(self, items: list[Item]) -> None:
        """Which split each image is in, as the number of its name; images without one are in none."""
        missing = self.images - self._split_count()
        self._splits += [split for split in dict.fromkeys(item.split for item in items) if split and split not in self._splits]
        codes = [self._splits.index(item.split) + 1 if item.split else 0 for item in items]
        self._file(SPLIT_CODES).write(np.array([0] * missing + codes, "<u2").tobytes())

    def _split_count(self) -> int:
        return self._file(SPLIT_CODES).tell() // 2

    def _close_shard(self, shard: int) -> None:
        """Write how many images there are into the head of a file of images, and take the checksums."""
        count = min(self.capacity, self.images - shard * self.capacity)
        for name in (image_file(shard), item_file(shard)):
            if name in self._open:
                self._close(name)
        with (self.folder / image_file(shard)).open("r+b") as file:
            file.write(image_header((count, *self.shape)))
            file.flush()
            os.fsync(file.fileno())
        for name in (image_file(shard), item_file(shard)):
            self._finish(name)

    def _finish(self, name: str) -> None:
        self._finished[name] = checked(self.folder / name)

    def finish(self, fractions: Mapping[str, float] | None, notes: list[str], left_out: LeftOut | None = None) -> None:
        """Close the last files, write what was left out, the splits and the manifest."""
        if not self.images:
            self._begin(0)
        if self.images % self.capacity or not self.images:
            self._close_shard(self.images // self.capacity)
        splits: dict[str, int] = {}
        if fractions:
            splits = write_splits(self.folder, list(fractions), random_codes(fractions, self.images))
        elif self._splits:
            self._file(SPLIT_CODES).flush()
            splits = write_splits(self.folder, self._splits, np.memmap(self.folder / SPLIT_CODES, np.dtype("<u2"), "r"))
        if left_out:
            self._file("skipped.txt").writelines(f"{line}\n".encode() for line in left_out.lines())
        if "skipped.txt" in self._open:
            self._close("skipped.txt")
            self._finish("skipped.txt")
            if "shard" not in self.plan["made_from"]:  # of parts, this is said when they are joined
                with (self.folder / "skipped.txt").open(encoding="utf-8", newline="\n") as lines:
                    notes += notes_on_rests(lines)
        for name in list(self._open):
            self._close(name)
        for name in splits:
            self._finish(split_file(name))
        write_manifest(
            self.folder,
            self.images,
            self.shape,
            splits=splits,
            classes=self._classes,
            attribute_names=self.attribute_names,
            preparation=self.plan["preparation"],
            made_from=self.plan["made_from"],
            notes=notes,
            files=self._finished,
        )


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


CELLS = {0.0: "0", 1.0: "1"}  # nearly all are: to look them up is faster than to format them


def _cell(value: float) -> str:
    return CELLS.get(value) or ("" if math.isnan(value) else f"{value:.9g}")
