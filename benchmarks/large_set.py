"""Whether a packed set can grow without costing more to open, to train on and to go on with.

    python benchmarks/large_set.py [--images 10000000] [--folder DIR] [--per-file N] [--keep]

makes simulated sets of 16x16 images in three sizes, one after another, and uses each in a fresh process, on one core. A row for each says
how long it took to write the set, checksums included, and to open it, to get the first batch of 64, and to get one in the middle of epoch
3, as a resumed training run does; and how many images a second came in 2,000 batches. Last comes the memory that the process had for itself
alone: before it opened the set, after that, after the 2,000 batches and after the resume. From `open ms` on, no column should get worse
with the size.

The images are read from memory as far as that holds the set, which has just been written. Ten million, with the smaller sets, take 8.7 GB
of disk; where /tmp is kept in memory, choose another --folder. With few images --per-file, a set has as many files as one of a
thousand times as many images would have. Linux only.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # numpy and torch look at it when they are imported

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vaegan.data import ImageSet, dataset, split
from vaegan.data.batches import Batches
from vaegan.data.images import Preparation
from vaegan.data.sources.base import Item, Refused
from vaegan.data.writer import Writer

PREPARATION = Preparation((16, 16), 3, "none")
SIZES = (100_000, 1_000_000)  # and the size that is asked for
BLOCK = 50_000  # images that are written at a time
BYTES = math.prod(PREPARATION.shape) + len("image-00000001,\n")  # of an image and its row
SPARE = 1 << 30  # bytes of the disk that are left alone
BATCH, BATCHES = 64, 2_000
HELD_OUT = 0.05  # as in training, by default


def make_set(folder: Path, count: int) -> None:
    """Write so many images of random pixels. The pixels repeat, but for the first 8 bytes of an image: they are its number."""
    block = np.random.default_rng(0).integers(0, 256, (BLOCK, *PREPARATION.shape), dtype=np.uint8)
    plan = {"made_from": {"source": "large_set.py"}, "preparation": PREPARATION.as_dict()}
    never_read = Refused("simulated")
    with Writer(folder, plan, PREPARATION.shape, ()) as writer:
        for start in range(0, count, BLOCK):
            numbers = np.arange(start, min(start + BLOCK, count))
            images = block[: len(numbers)]
            images.reshape(len(numbers), -1)[:, :8] = numbers.astype("<i8").view(np.uint8).reshape(-1, 8)
            writer.add([Item(f"image-{number:08}", never_read) for number in numbers], images, [""] * len(numbers))
        writer.finish(None, [])


def numbers_in(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The numbers that `make_set` wrote into images N x H x W x C."""
    return np.ascontiguousarray(images.reshape(len(images), -1)[:, :8]).view("<i8")[:, 0].astype(np.int64)


def own_memory() -> float:
    """MB of memory that this process has for itself: without libraries and other mapped files, which can be dropped and read again."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    return kilobytes * 1024 / 1e6


def use(folder: Path) -> dict[str, float]:
    """Open a set and train on it, but for the training: the columns of the table from the fourth on."""
    torch.set_num_threads(1)
    np.random.SeedSequence()  # numpy loads this part of itself on first use, which takes 0.1 s
    before = own_memory()
    start = time.perf_counter()
    images = ImageSet.open(folder)
    opening, opened = time.perf_counter() - start, own_memory()

    start = time.perf_counter()
    batches = Batches(images.images, split(images, HELD_OUT)[0], BATCH, seed=0)
    batches.pixels(0)
    beginning = time.perf_counter() - start

    start = time.perf_counter()
    for step in range(1, BATCHES + 1):
        batches.pixels(step)
    going_on, used = time.perf_counter() - start, own_memory()

    start = time.perf_counter()
    batches = Batches(images.images, split(images, HELD_OUT)[0], BATCH, seed=0)
    step = 2 * batches.steps_per_epoch + batches.steps_per_epoch // 2
    pixels = batches.pixels(step)
    resuming, resumed = time.perf_counter() - start, own_memory()
    assert (numbers_in(pixels) == batches.indices_of(step)).all()
    return {
        "open ms": opening * 1e3,
        "first ms": beginning * 1e3,
        "resume ms": resuming * 1e3,
        "images/s": BATCHES * BATCH / going_on,
        "MB before": before,
        "opened": opened,
        "batches": used,
        "resumed": resumed,
    }


def use_afresh(folder: Path) -> dict[str, float]:
    """`use` in a new process."""
    command = [sys.executable, __file__, "--use", str(folder)]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    return answer


def affordable(count: int, folder: Path) -> int:
    """How many images there is room for, if not for all."""
    free = shutil.disk_usage(folder).free
    room = (free - SPARE) // BYTES - sum(size for size in SIZES if size < count)
    if room < min(count, BLOCK):
        sys.exit(f"{folder} has only {free / 1e9:.1f} GB free: choose another --folder")
    if room < count:
        print(f"{folder} has {free / 1e9:.1f} GB free: {room:,} images instead of {count:,}")
    return min(room, count)


def main(count: int, folder: Path, *, keep: bool) -> None:
    """Print the table."""
    count = affordable(count, folder)
    made = Path(tempfile.mkdtemp(prefix="vaegan-large-set-", dir=folder))
    try:
        for size in [*(size for size in SIZES if size < count), count]:
            start = time.perf_counter()
            make_set(made / str(size), size)
            writing = time.perf_counter() - start
            gigabytes = sum(file.stat().st_size for file in (made / str(size)).iterdir()) / 1e9
            files = len(list((made / str(size)).glob("images-*")))
            row = {"images": size, "files": files, "GB": gigabytes, "write s": writing, **use_afresh(made / str(size))}
            if size == min(count, SIZES[0]):
                print("".join(f"{heading:>12}" for heading in row))
            print("".join(f"{value:12,.0f}" if value > 1000 else f"{value:12.2f}" for value in row.values()), flush=True)
    finally:
        if keep:
            print(f"kept in {made}")
        else:
            shutil.rmtree(made)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Whether a packed set can grow without costing more to open, to train on and to go on with."
    )
    parser.add_argument("--images", type=int, default=10_000_000, help="size of the largest set (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where there is room for it (default: %(default)s)"
    )
    parser.add_argument("--per-file", type=int, help="images in a file (default: as many as go into 2 GiB)")
    parser.add_argument("--keep", action="store_true", help="leave the sets there")
    parser.add_argument("--use", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.use:
        print(json.dumps(use(arguments.use)))
    else:
        if arguments.per_file:
            dataset.LARGEST_SHARD = dataset.HEADER + arguments.per_file * math.prod(PREPARATION.shape)
        main(arguments.images, arguments.folder, keep=arguments.keep)
