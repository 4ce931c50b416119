"""STL-10 in its binary form: train_X.bin, train_y.bin, test_X.bin, test_y.bin, unlabeled_X.bin, class_names.txt.

Coates, Lee and Ng, "An analysis of single-layer networks in unsupervised feature learning" (2011). 96x96 pixels; an image is three planes,
red, green and blue, each stored column after column.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import UserError
from .base import Fingerprint, Item, Record, Source, lines, locate, records

SIDE = 96
BYTES = 3 * SIDE * SIDE


def source(path: Path) -> Source:
    """The splits train and test, labelled, and unlabeled.

    Raises:
        UserError: there is no such set, or a file of it is damaged.
    """
    folder = locate(path, "STL-10", "train_X.bin")
    classes = lines(folder / "class_names.txt") if (folder / "class_names.txt").is_file() else [str(n) for n in range(1, 11)]
    splits = [split for split in ("train", "test", "unlabeled") if (folder / f"{split}_X.bin").is_file()]
    counts = {split: records(folder / f"{split}_X.bin", BYTES) for split in splits}
    labels = {split: _labels(folder / f"{split}_y.bin", counts[split], classes) for split in splits}
    fingerprint = Fingerprint()
    fingerprint.add_text(" ".join(classes))
    for file in sorted(folder.glob("*_[Xy].bin")):
        fingerprint.add(file.name, file)

    def items() -> Iterator[Item]:
        for split in splits:
            for number in range(counts[split]):
                # The stored order is plane, column, row.
                picture = Record(str(folder / f"{split}_X.bin"), number * BYTES, (3, SIDE, SIDE), (2, 1, 0))
                yield Item(f"{split}-{number:06d}", picture, split, labels[split][number] if labels[split] else "")

    return Source("stl10", items, sum(counts.values()), size=(SIDE, SIDE), **fingerprint.hashes)


def _labels(path: Path, count: int, classes: list[str]) -> list[str]:
    if not path.is_file():
        return []
    numbers = np.fromfile(path, np.uint8)
    if len(numbers) != count or not (numbers.min() >= 1 and numbers.max() <= len(classes)):
        raise UserError(f"{path} is damaged: it must have one number from 1 to {len(classes)} for each image, {count:,} in all")
    return [classes[number - 1] for number in numbers]
