"""CIFAR-10 and CIFAR-100 in their binary form.

Krizhevsky, "Learning multiple layers of features from tiny images" (2009). 32x32 pixels; a record is one label (CIFAR-100: a coarse and a
fine one), then red, green and blue planes, row after row.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import UserError
from .base import Fingerprint, Item, Record, Source, lines, locate, records

SIDE = 32
PIXELS = 3 * SIDE * SIDE


def cifar10(path: Path) -> Source:
    """The splits train (data_batch_1.bin to data_batch_5.bin) and test (test_batch.bin).

    Raises:
        UserError: there is no such set, or a file of it is damaged.
    """
    files = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
    return _source("CIFAR-10", path, files, "batches.meta.txt", labels=1)


def cifar100(path: Path) -> Source:
    """The splits train (train.bin) and test (test.bin), labelled with the fine labels.

    Raises:
        UserError: there is no such set, or a file of it is damaged.
    """
    return _source("CIFAR-100", path, {"train": ["train.bin"], "test": ["test.bin"]}, "fine_label_names.txt", labels=2)


def _source(kind: str, path: Path, files: dict[str, list[str]], meta: str, labels: int) -> Source:
    folder = locate(path, kind, *(name for split in files.values() for name in split))
    classes = lines(folder / meta) if (folder / meta).is_file() else [str(number) for number in range(10 if labels == 1 else 100)]
    size = labels + PIXELS
    fingerprint = Fingerprint()
    fingerprint.add_text(" ".join(classes))
    parts = []
    for split, names in files.items():
        start = 0
        for name in names:
            file = folder / name
            count = records(file, size)
            numbers = np.memmap(file, np.uint8, "r").reshape(count, size)[:, labels - 1].copy()  # the last label is the finest
            if numbers.max() >= len(classes):
                raise UserError(f"{file} is damaged: it has the label {numbers.max()}, and labels go from 0 to {len(classes) - 1}")
            parts.append((split, file, start, numbers))
            start += count
            fingerprint.add(name, file)

    def items() -> Iterator[Item]:
        for split, file, start, numbers in parts:
            for index, label in enumerate(numbers):
                picture = Record(str(file), index * size + labels, (3, SIDE, SIDE), (1, 2, 0))
                yield Item(f"{split}-{start + index:05d}", picture, split, classes[label])

    total = sum(len(numbers) for *_, numbers in parts)
    return Source(kind.lower().replace("-", ""), items, total, size=(SIDE, SIDE), **fingerprint.hashes)
