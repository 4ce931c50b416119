"""A source of images that show their own number, packed quietly."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaegan.data import ImageSet, Preparation, writer
from vaegan.data.sources.base import Item, Pixels, Refused, Source

SMALL = Preparation((16, 16))


def quiet(_what: str, _done: int, _total: int | None) -> None:
    pass


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
    return writer.pack(source, Preparation((8, 8), crop="none"), folder, **defaults)
