"""How fast shuffled images come from a disk that has none of them in memory yet.

    sudo python benchmarks/cold.py [--folder DIR]

makes a set of 400,000 images 64x64 (4.9 GB), and reads batches of 64 from it: through a plain memory map, and as the package does, which
asks for all images of a batch at once. Before each turn the system is told to forget all files it has in memory, for which it takes root;
and each turn reads other images. Linux only. A virtual disk may still have them in a memory of its own.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaegan.data import ImageSet, Preparation
from vaegan.data.dataset import image_file
from vaegan.data.permutation import Permutation
from vaegan.data.sources.base import Item, Refused
from vaegan.data.writer import Writer

COUNT, BLOCK = 400_000, 10_000
BATCH, BATCHES, TURNS = 64, 150, 3
PREPARATION = Preparation((64, 64))

Gather = Callable[[NDArray[np.int64]], NDArray[np.uint8]]


def make(folder: Path) -> ImageSet:
    """A set of random pixels, which repeat; and how fast it was written."""
    block = np.random.default_rng(0).integers(0, 256, (BLOCK, *PREPARATION.shape), dtype=np.uint8)
    plan = {"made_from": {"source": "cold.py"}, "preparation": PREPARATION.as_dict()}
    start = time.perf_counter()
    with Writer(folder, plan, PREPARATION.shape, ()) as writer:
        for first in range(0, COUNT, BLOCK):
            writer.add([Item(f"{n}", Refused("simulated")) for n in range(first, first + BLOCK)], block, [""] * BLOCK)
        writer.finish(None, [])
    print(f"writing, with checksums: {COUNT / (time.perf_counter() - start):,.0f} images/s")
    return ImageSet.open(folder)


def plain(images: ImageSet) -> Gather:
    """Gather from memory maps as numpy opens them."""
    per_file = images.manifest["images_per_file"]
    shards = [np.load(images.folder / image_file(n), mmap_mode="r") for n in range(-(-COUNT // per_file))]
    return lambda numbers: np.stack([shards[n // per_file][n % per_file] for n in numbers])


def main(folder: Path) -> None:
    """Print images a second of each way in each turn."""
    made = Path(tempfile.mkdtemp(prefix="vaegan-cold-", dir=folder))
    try:
        images = make(made / "set")
        ways: dict[str, Gather] = {"plain memory map": plain(images), "vaegan": lambda numbers: images.images[numbers]}
        for turn in range(TURNS):
            for place, (name, gather) in enumerate(ways.items()):
                order = Permutation(COUNT, [turn, place])
                batches = [np.sort(order[n * BATCH : (n + 1) * BATCH]) for n in range(BATCHES)]
                subprocess.run(["sync"], check=True)  # noqa: S607
                Path("/proc/sys/vm/drop_caches").write_text("3", encoding="utf-8")
                start = time.perf_counter()
                for numbers in batches:
                    gather(numbers)
                print(f"{name:20}{BATCH * BATCHES / (time.perf_counter() - start):12,.0f} images/s", flush=True)
    finally:
        shutil.rmtree(made)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How fast shuffled images come from a disk.")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on which disk (default: %(default)s)")
    main(parser.parse_args().folder)
