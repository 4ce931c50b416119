"""The range of values of a set whose pictures have more than 8 bits, found in a first pass over all of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..evenly_spaced import evenly_spaced
from ..progress import Progress
from .dataset import HEADER
from .deep import samples_of
from .images import Picture, Preparation, check, reasons
from .samples import DeepPixelsError, Unreadable, ValueRange, shown, whole
from .sources.base import Source, groups
from .workers import WorkerKilled, in_order

WHOLE: ValueRange = (0.0, 100.0)
"""Percentiles that are the lowest and the highest value."""
TASK_PICTURES, TASK_BYTES = 32, 16 << 20
MOST_COUNTS = 1 << 22
"""Values and how often they occur, which are put together when there are as many."""
LOOKED_AT = 1000
"""Images of a packed set, evenly spread, whose values are looked at."""
FEW, INNER = 64, 0.001
"""Steps of 256, below which a set fills a small part of its range; the share of values left out at either end."""


class ScanStopped(Exception):  # noqa: N818 (nothing went wrong)
    """A pass over the images was asked to stop."""


class MeasuringTask(NamedTuple):
    """Some pictures for a worker."""

    pictures: list[Picture]
    preparation: Preparation
    counting: bool
    """Whether to count how often each value occurs."""


class Measured(NamedTuple):
    """What was found in some pictures."""

    images: int
    """That could be opened."""
    deep: int
    """Of these, how many have more than 8 bits."""
    low: float
    high: float
    values: NDArray[np.float64]
    counts: NDArray[np.int64]


class Scan(NamedTuple):
    """What a pass over a source found."""

    images: int
    """How many could be opened."""
    deep: int
    """Of these, how many have more than 8 bits."""
    range: ValueRange | None
    """That they are scaled by; None where there are none."""

    def as_json(self) -> dict[str, Any]:
        """What is kept with an unfinished set."""
        return {"images": self.images, "deep": self.deep, "range": list(map(whole, self.range)) if self.range else None}

    def notes(self) -> list[str]:
        """What the owner of the set should know."""
        if self.range is None:
            return []
        rest = self.images - self.deep
        others = f"; the other {rest:,} have 8 bits, and their range is 0 to 255" if rest else ""
        return [f"{self.deep:,} of {self.images:,} images have more than 8 bits: their range is {in_words(self.range)}{others}"]


def in_words(value_range: ValueRange) -> str:
    """A range as people read it: -1024 to 3071."""
    return " to ".join(map(shown, value_range))


def check_percentiles(percentiles: ValueRange) -> None:
    """See that they are percentiles.

    Raises:
        UserError: they are not.
    """
    low, high = percentiles
    if not 0 <= low < high <= 100:
        said = " ".join(map(shown, percentiles))
        raise UserError(f"range percentiles must be two numbers from 0 to 100, the lower one first, such as 0.1 99.9, not {said}")


def find_range(
    source: Source,
    preparation: Preparation,
    percentiles: ValueRange = WHOLE,
    *,
    workers: int,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> Scan:
    """One range for all pictures of a source that have more than 8 bits. It does not depend on the number of workers.

    Args:
        source: the pictures.
        preparation: how they will be made ready: what will be refused does not count.
        percentiles: of all values of all these pictures, each pixel counts once; numbers that are no integers of 16 bits are taken to a
            part in 2048. By default, the range is from the lowest to the highest value, or, of a file that states how many bits it
            has, what these can hold.
        workers: processes.
        progress: called as the work goes on.
        stop: asked now and then; once it says so, the work ends.

    Raises:
        ScanStopped: `stop` said so.
    """
    counting, seen = percentiles != WHOLE, 0
    found = Measured(0, 0, np.inf, -np.inf, np.empty(0), np.empty(0, np.int64))
    tasks = (
        (len(group), MeasuringTask([item.picture for item in group], preparation, counting))
        for group in groups(source.items(), TASK_PICTURES, TASK_BYTES)
    )
    try:
        with closing(in_order(measure_all, tasks, workers)) as results:
            for count, measured in results:
                found, seen = _together(found, measured, at_most=MOST_COUNTS), seen + count
                progress(f"finding the range of values of {source.name}", seen, source.count)
                if stop():
                    raise ScanStopped
    except WorkerKilled:
        if stop():  # the signal that asked to stop was sent to the workers, too
            raise ScanStopped from None
        raise
    if not found.deep:
        return Scan(found.images, 0, None)
    low, high = _percentiles(found, percentiles) if counting else (found.low, found.high)
    return Scan(found.images, found.deep, (low, high if high > low else low + 1))


def measure_all(task: MeasuringTask) -> Measured:
    """How many pictures have more than 8 bits, and their values. Of the others, no more than the head is read."""
    images, deep, low, high = 0, 0, np.inf, -np.inf
    counts: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []
    for picture in task.pictures:
        try:
            with reasons(), picture.open() as opened:
                samples = samples_of(opened, task.preparation.channels)
                if samples is not None:
                    check(samples, task.preparation)
        except Unreadable:  # packing will say why
            continue
        images += 1
        if samples is None or not samples.deep:
            continue
        deep += 1
        if task.counting:
            values, often = np.unique(_coarse(samples.colours), return_counts=True)
            counts.append((values.astype(np.float64), often.astype(np.int64)))
        else:
            lowest, highest = samples.extent()
            low, high = min(low, lowest), max(high, highest)
    return Measured(images, deep, low, high, *_merged(counts))


def _coarse(values: NDArray[Any]) -> NDArray[Any]:
    """Of integers of 16 bits, each; of all other numbers, 12 binary digits: so few that they can be counted."""
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        return values
    limits = np.finfo(np.float32)
    single = np.clip(values, limits.min, limits.max).astype(np.float32)
    return (single.view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)


def _merged(counts: list[tuple[NDArray[np.float64], NDArray[np.int64]]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Counts of the same values added up; values rising."""
    if not counts:
        return np.empty(0), np.empty(0, np.int64)
    values, positions = np.unique(np.concatenate([values for values, _ in counts]), return_inverse=True)
    return values, np.bincount(positions, np.concatenate([often for _, often in counts])).astype(np.int64)


def _together(one: Measured, other: Measured, at_most: int) -> Measured:
    """What two parts found; values that both counted stand in it twice until there are many."""
    values, counts = np.concatenate([one.values, other.values]), np.concatenate([one.counts, other.counts])
    if len(values) > at_most:
        values, counts = _merged([(values, counts)])
    low, high = min(one.low, other.low), max(one.high, other.high)
    return Measured(one.images + other.images, one.deep + other.deep, low, high, values, counts)


def _percentiles(found: Measured, percentiles: ValueRange) -> ValueRange:
    values, counts = _merged([(found.values, found.counts)])
    until = np.cumsum(counts)
    indices = [min(int(np.searchsorted(until, until[-1] * percent / 100)), len(values) - 1) for percent in percentiles]
    return float(values[indices[0]]), float(values[indices[1]])


def note_of_filling(files: Sequence[tuple[Path, int]], preparation: Preparation) -> list[str]:
    """A sentence where packed images fill a small part of their range: those of some files, each with how many are in it."""
    assert preparation.range
    size, counts = int(np.prod(preparation.shape)), np.zeros(256, np.int64)
    ends = np.cumsum([count for _, count in files])
    for number in evenly_spaced(int(ends[-1]), LOOKED_AT).tolist():
        file = int(np.searchsorted(ends, number, side="right"))
        path, count = files[file]
        offset = HEADER + (number - int(ends[file]) + count) * size
        counts += np.bincount(np.fromfile(path, np.uint8, size, offset=offset), minlength=256)
    until = np.cumsum(counts)
    low, high = (int(np.searchsorted(until, until[-1] * share)) for share in (INNER, 1 - INNER))
    if high - low >= FEW:
        return []
    filled = f"{1 - 2 * INNER:.1%} of all values are in {high - low + 1} of the 256 levels of the range {in_words(preparation.range)}"
    return [f"{filled}: to use more levels, add --range-percentiles 0.1 99.9, or give another --range"]


class Write(Protocol):
    """Writes a set, or goes on with it: see `writer.pack`."""

    def __call__(self, preparation: Preparation, scan: Scan | None, /, *, strict: bool) -> None:
        """Write it with a range that was found, or without.

        Raises:
            DeepPixelsError: it is strict, there is no range, and a picture has more than 8 bits.
        """


def write_with_range(
    write: Write,
    source: Source,
    preparation: Preparation,
    progress_file: Path,
    percentiles: ValueRange | None,
    *,
    strict: bool,
    workers: int,
    progress: Progress,
    stop: Callable[[], bool],
) -> None:
    """Write a set whose range is looked for once a picture has more than 8 bits: the others cost nothing.

    Args:
        write: writes it.
        source, preparation, percentiles, strict, workers, progress, stop: see `writer.pack`.
        progress_file: the file that says how far an unfinished set has come, and the range that was found.

    Raises:
        DeepPixelsError: it is strict, and no range is to be looked for.
        writer.Unfinished, ScanStopped: `stop` said so.
    """
    scan = _found(progress_file, percentiles) if percentiles else None
    if scan is None:
        try:
            write(preparation, None, strict=strict or percentiles is not None)
        except DeepPixelsError:
            shutil.rmtree(progress_file.parent)  # pictures of 8 bits were before it: they are read again
            if percentiles is None:
                raise
            scan = find_range(source, preparation, percentiles, workers=workers, progress=progress, stop=stop)
        else:
            return
    write(replace(preparation, range=scan.range), scan, strict=False)


def _found(path: Path, percentiles: ValueRange) -> Scan | None:
    """What an earlier pass found, if there was one that looked for these percentiles."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))["plan"]
        there = plan["scan"]
        if tuple(plan["made_from"].get("range_percentiles", WHOLE)) != percentiles:
            return None
        low, high = map(float, there["range"])
        return Scan(int(there["images"]), int(there["deep"]), (low, high))
    except (OSError, KeyError, TypeError, ValueError):
        return None
