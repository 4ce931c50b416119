"""MNIST, Fashion-MNIST, EMNIST and others in the IDX format of MNIST (LeCun, Cortes and Burges), gzipped or not.

train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, with or without something before the name.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ..images import LARGEST_SIDE
from .base import Fingerprint, Item, Pixels, Source

IMAGES, LABELS = 0x00000803, 0x00000801
"""What a file begins with: unsigned bytes in three dimensions or one."""


def source(path: Path) -> Source:
    """The splits train and test (t10k), labelled where there are labels.

    Raises:
        UserError: there are no such files, or one is damaged.
    """
    files = sorted(file for file in path.glob("*images*idx3*ubyte*") if file.suffix in ("", ".gz") or file.suffix.endswith("ubyte"))
    if not files:
        raise UserError(f"{path} is not a set in the format of MNIST: it has no file such as train-images-idx3-ubyte.gz")
    files = [file for file in files if file.suffix != ".gz" or file.with_suffix("") not in files]  # unpacked beside the archive
    files.sort(key=lambda file: _split(file) != "train")
    if len({_split(file) for file in files}) < len(files):
        raise UserError(f"{path} holds several sets: {', '.join(file.name for file in files)}; put each into a folder of its own")
    heads = {file: _head(file) for file in files}
    if len({head[1:] for head in heads.values()}) > 1:
        names = ", ".join(file.name for file in files)
        raise UserError(f"the files {names} in {path} have images of different sizes: put each set into its own folder")
    labels = {file: _labels(file, heads[file][0]) for file in files}
    fingerprint = Fingerprint()
    for file in sorted(path.glob("*ubyte*")):
        fingerprint.add(file.name, file)

    def items() -> Iterator[Item]:
        for file in files:
            for number, pixels in enumerate(_images(file)):
                label = labels[file]
                yield Item(f"{_split(file)}-{number:06d}", Pixels(pixels), _split(file), str(label[number]) if label is not None else "")

    height, width = next(iter(heads.values()))[1:]
    total = sum(count for count, *_ in heads.values())
    return Source(f"mnist {path.resolve().name}", items, total, size=(height, width), channels=1, **fingerprint.hashes)


def _split(file: Path) -> str:
    return "train" if "train" in file.name else "test"


def _open(file: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file)) if file.suffix == ".gz" else file.open("rb")


def _numbers(file: Path, stream: BinaryIO, kind: int, count: int) -> tuple[int, ...]:
    content = stream.read(4 + 4 * count)
    head = np.frombuffer(content[: len(content) // 4 * 4], ">u4")
    if len(head) != 1 + count or head[0] != kind:
        raise UserError(f"{file} is not an IDX file of {'images' if kind == IMAGES else 'labels'}")
    return tuple(int(number) for number in head[1:])


def _head(file: Path) -> tuple[int, int, int]:
    """How many images, their height and width."""
    try:
        with _open(file) as stream:
            count, height, width = _numbers(file, stream, IMAGES, 3)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file} is damaged") from error
    if not (count and 0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
        raise UserError(f"{file} is damaged: its header says that it holds {count:,} images of {height}x{width}")
    return count, height, width


def _images(file: Path) -> Iterator[NDArray[np.uint8]]:
    try:
        with _open(file) as stream:
            count, height, width = _numbers(file, stream, IMAGES, 3)
            for number in range(count):
                pixels = stream.read(height * width)
                if len(pixels) < height * width:
                    raise UserError(f"{file} is damaged: it should hold {count:,} images, and ends inside image {number + 1:,}")
                yield np.frombuffer(pixels, np.uint8).reshape(height, width)
            if stream.read(1):
                raise UserError(f"{file} is damaged: it should hold {count:,} images, and holds more")
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file} is damaged") from error


def _labels(images: Path, count: int) -> NDArray[np.uint8] | None:
    file = images.with_name(re.sub("idx3", "idx1", images.name.replace("images", "labels")))
    if not file.is_file():
        return None
    try:
        with _open(file) as stream:
            (announced,) = _numbers(file, stream, LABELS, 1)
            labels = np.frombuffer(stream.read(), np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file} is damaged") from error
    if announced != count or len(labels) != count:
        raise UserError(f"{file} does not fit {images.name}: it has {len(labels):,} labels for {count:,} images")
    return labels
