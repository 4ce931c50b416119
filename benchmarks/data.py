"""How fast images are read and batches are made, beside other ways, on one core.

    python benchmarks/data.py [--quick]

prints two tables. The first is of reading JPEGs of CelebA's size, 178x218 pixels and about 9 KB, and making them 64x64: packing does that
once for each image, and the best-known implementation in every epoch. Its loader is written out here with scikit-image twice: as it runs
today, and with the resizing of the scikit-image of its time, which was many times faster. That loader ends with floats, the package's with
uint8, which become floats on the device.

The second is of shuffled batches of such images, once they are packed, from a file that is in memory already.

All contenders of a table take turns, a moment each, several times over, since the speed of a machine drifts. Printed is the median of the
rounds; a ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # numpy and torch look at it when they are imported

import argparse
import importlib.util
import io
import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vaegan.data import ImageSet, split
from vaegan.data.batches import Batches
from vaegan.data.dataset import image_file
from vaegan.data.images import CELEBA_BOX, CELEBA_SHAPE, Preparation, read
from vaegan.data.sources.base import File, Item, Pixels, Source
from vaegan.data.writer import pack
from vaegan.training.device import keep_freed_memory

JPEGS, IMAGES = 2_000, 50_000
ROUNDS, SECONDS = 7, 0.5
SIZE = (64, 64)
BATCH = 64

TODAY, ITS_TIME = "best-known loader, scikit-image of today", "best-known loader, scikit-image of its time"
PER_ITEM = f"torch DataLoader, an image at a time, uint8, {BATCH}"

ReadCounts = Iterator[int]
"""Reads images without end, and says each time how many it has just read."""


def measure(contenders: Mapping[str, ReadCounts], rounds: int, seconds: float) -> dict[str, NDArray[np.float64]]:
    """Images per second of each contender in each round."""
    measured = {name: np.empty(rounds) for name in contenders}
    for run in contenders.values():
        next(run)  # the first time, more is done than to read images
    for turn in range(rounds):
        for name, run in contenders.items():
            images, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < seconds:
                images += next(run)
            measured[name][turn] = images / elapsed
    return measured


def print_table(title: str, measured: Mapping[str, NDArray[np.float64]], baselines: Mapping[str, str]) -> None:
    """A row for each contender; `baselines` has a heading for each contender that the others are compared with."""
    there = {heading: measured[name] for heading, name in baselines.items() if name in measured}
    print(f"\n{title:54}{'images/s':>10}" + "".join(f"{heading:>22}" for heading in there))
    for name, rates in measured.items():
        ratios = (np.median(rates / baseline) for baseline in there.values())
        print(f"  {name:52}{np.median(rates):10,.0f}" + "".join(f"{ratio:22.2f}" for ratio in ratios), flush=True)


def installed(module: str) -> bool:
    """Whether a library is there; says how to get it if it is not."""
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"left out what needs {module}, which is not installed: pip install 'vaegan[bench]'")
    return found


def make_jpegs(folder: Path, count: int) -> list[str]:
    """Pictures of CelebA's size, in pixels and about in bytes: blurred colours, no two alike."""
    random = np.random.default_rng(0)
    height, width = CELEBA_SHAPE
    paths = [str(folder / f"{number:06}.jpg") for number in range(count)]
    for path in paths:
        colours = Image.fromarray(random.integers(0, 256, (24, 20, 3), dtype=np.uint8))
        colours.resize((width, height), Image.Resampling.BICUBIC).save(path, quality=80)
    return paths


def read_each(paths: Iterable[str], reader: Callable[[str], Sized]) -> ReadCounts:
    """Files one after another."""
    for path in itertools.cycle(paths):
        reader(path)
        yield 1


def packages_reader(preparation: Preparation) -> Callable[[str], NDArray[np.uint8]]:
    """The way of this package to read a file: H x W x C, uint8."""
    return lambda path: read(File(path), preparation)


def best_known_loader(path: str, resize: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float32]:
    """What the best-known implementation does to a file: C x H x W in [-1, 1]."""
    from skimage.filters import gaussian

    left, top, right, bottom = CELEBA_BOX
    with Image.open(path) as file:
        image = np.asarray(file.convert("RGB"))[top:bottom, left:right]
    blurred = gaussian(image, sigma=math.sqrt(image.shape[0] / SIZE[0]) / 2, channel_axis=-1)
    small = (resize(blurred) * 255).astype(np.uint8)
    return small.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1


def resize_today(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the call that the best-known implementation makes. From scikit-image 0.19 on it goes through scipy, and is slow."""
    from skimage.transform import resize

    return resize(image, (*SIZE, 3), order=3, mode="constant")


def resize_of_its_time(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """What that call came to when that implementation was written: a warp, and no second blur before it."""
    from skimage.transform import AffineTransform, warp

    down, across = image.shape[0] / SIZE[0], image.shape[1] / SIZE[1]
    places = AffineTransform(scale=(across, down), translation=(across / 2 - 0.5, down / 2 - 0.5))
    return warp(image, places, output_shape=(*SIZE, 3), order=3, mode="constant")


def readers(paths: Sequence[str]) -> dict[str, ReadCounts]:
    """The contenders of the first table."""
    contenders = {
        "vaegan, resampling fast": read_each(paths, packages_reader(Preparation(SIZE, 3, "celeba"))),
        "vaegan, resampling bicubic": read_each(paths, packages_reader(Preparation(SIZE, 3, "celeba", resampling="bicubic"))),
        "vaegan, blur": read_each(paths, packages_reader(Preparation(SIZE, 3, "celeba", blur=True))),
    }
    if installed("skimage"):
        contenders[TODAY] = read_each(paths, lambda path: best_known_loader(path, resize_today))
        contenders[ITS_TIME] = read_each(paths, lambda path: best_known_loader(path, resize_of_its_time))
    return contenders


def make_set(folder: Path, pictures: NDArray[np.uint8], count: int) -> ImageSet:
    """A packed set of so many images, which are those of M x H x W x C again and again."""

    def items() -> Iterator[Item]:
        return (Item(f"{number:06}", Pixels(pictures[number % len(pictures)])) for number in range(count))

    source = Source("benchmark", items, count, listing="", state="")
    return pack(source, Preparation(SIZE, 3, "none"), folder, workers=1, progress=lambda *_: None)


def batch_each(batch_of: Callable[[int], Sized]) -> ReadCounts:
    """One step's batch after another."""
    for step in itertools.count():
        yield len(batch_of(step))


class PerItem(Dataset[Tensor]):
    """The same file of images in the way that torch's tutorials have it: H x W x C, uint8, or C x H x W in [-1, 1]."""

    def __init__(self, path: Path, *, floats: bool) -> None:
        self.images, self.floats = np.asarray(np.load(path, mmap_mode="r")), floats
        self.images.max()  # as for the others, every page has been seen once

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> Tensor:
        image = torch.from_numpy(self.images[number].copy())
        return image.permute(2, 0, 1).float().div_(127.5).sub_(1) if self.floats else image


def load_per_item(path: Path, *, floats: bool) -> ReadCounts:
    """Batches of such images, epoch after epoch."""
    loader = DataLoader(PerItem(path, floats=floats), batch_size=BATCH, shuffle=True, num_workers=0)
    while True:
        yield from map(len, loader)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """A picture H x W x C as the content of a PNG file."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


def load_hugging_face(folder: Path, pictures: NDArray[np.uint8], count: int, *, png: bool) -> ReadCounts:
    """Batches N x H x W x C, uint8, epoch after epoch, out of a Hugging Face dataset on disk: a column of PNG images or of plain bytes."""
    import datasets

    datasets.disable_progress_bars()
    column = datasets.Image() if png else datasets.Value("binary")
    cells = [as_png(picture) if png else picture.tobytes() for picture in pictures]
    repeated = [{"bytes": cell, "path": None} if png else cell for cell in itertools.islice(itertools.cycle(cells), count)]
    datasets.Dataset.from_dict({"image": repeated}, features=datasets.Features({"image": column})).save_to_disk(folder)
    del repeated
    images, random = datasets.load_from_disk(folder), np.random.default_rng(0)
    while True:
        order = random.permutation(count)
        for start in range(0, count - BATCH + 1, BATCH):
            rows = images[order[start : start + BATCH].tolist()]["image"]
            if png:
                pixels = np.stack([np.asarray(row) for row in rows])
            else:
                pixels = np.frombuffer(b"".join(rows), np.uint8).reshape(BATCH, *pictures.shape[1:])
            yield len(pixels)


def batchers(folder: Path, pictures: NDArray[np.uint8], count: int) -> dict[str, ReadCounts]:
    """The contenders of the second table."""
    images = make_set(folder / "packed", pictures, count)
    numbers, _ = split(images, held_out=0)
    small, large = (Batches(images.images, numbers, size, seed=0) for size in (BATCH, 4 * BATCH))
    for step in range(small.steps_per_epoch):
        small.pixels(step)  # so that every page has been seen once
    contenders = {
        f"vaegan, uint8, {small.batch}": batch_each(small.pixels),
        f"vaegan, floats, {small.batch}": batch_each(small),
        f"vaegan, uint8, {large.batch}": batch_each(large.pixels),
        f"vaegan, floats, {large.batch}": batch_each(large),
        PER_ITEM: load_per_item(images.folder / image_file(0), floats=False),
        f"torch DataLoader, an image at a time, floats, {BATCH}": load_per_item(images.folder / image_file(0), floats=True),
    }
    if installed("datasets"):
        for name, png in (("plain bytes", False), ("PNG", True)):
            contenders[f"Hugging Face datasets, {name}, {BATCH}"] = load_hugging_face(folder / name, pictures, count, png=png)
    return contenders


def main(*, quick: bool) -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as training does
    if hasattr(os, "sched_setaffinity"):  # pyarrow, for one, has threads of its own
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    parts, rounds, seconds = (10, 3, 0.2) if quick else (1, ROUNDS, SECONDS)
    with tempfile.TemporaryDirectory(prefix="vaegan-benchmark-") as name:
        folder = Path(name)
        paths = make_jpegs(folder, JPEGS // parts)
        size = np.mean([Path(path).stat().st_size for path in paths]) / 1000
        title = f"{len(paths):,} JPEGs of {size:.1f} KB to {SIZE[0]}x{SIZE[1]}"
        print_table(title, measure(readers(paths), rounds, seconds), {"times today's": TODAY, "times its time's": ITS_TIME})
        pictures = np.stack([read(File(path), Preparation(SIZE, 3, "celeba")) for path in paths])
        count = IMAGES // parts
        title = f"shuffled batches of {count:,} images {SIZE[0]}x{SIZE[1]}"
        print_table(title, measure(batchers(folder, pictures, count), rounds, seconds), {"times DataLoader": PER_ITEM})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How fast images are read and batches are made, beside other ways, on one core.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the images and less time for each: rougher")
    main(quick=parser.parse_args().quick)
