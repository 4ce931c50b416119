"""Sets of the Hugging Face hub, or folders that its library can read; an optional extra.

`hf:NAME` fetches the whole set first, `hf-stream:NAME` nothing but what it reads. Of a set in several configurations one is named as in
`hf:NAME:CONFIGURATION`. No code of a set is run.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import UserError
from ..deep import Opened
from ..images import Picture
from .base import Encoded, File, Fingerprint, Item, Refused, Source, printable, some
from .tables import SPLITS

EXTRA = "images of the Hugging Face hub need one more package: pip install 'datasets>=3'"
NUMBERS = ("bool", "int", "uint", "float")


def source(name: str, *, streaming: bool = False) -> Source:
    """All splits of a set: its first column of images, its classes as labels, its columns of numbers and truth values as attributes.

    Raises:
        UserError: the library is missing, there is no such set, or it has no images.
    """
    try:
        import datasets
    except ImportError:
        raise UserError(EXTRA) from None
    if not name:
        raise UserError("name a set after hf:, such as hf:nielsr/CelebA-faces")
    path, _, configuration = name.partition(":")
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)  # what goes wrong is said here, in one sentence
    try:
        splits: dict[str, Any] = dict(datasets.load_dataset(path, configuration or None, streaming=streaming))
    except Exception as error:  # the library raises all kinds for a set that it cannot find, reach or read
        raise UserError(f"cannot read hf:{name}: {' '.join(str(error).split('. ')[0].split())}") from error
    features = next(iter(splits.values())).features or {}
    column = next((key for key, feature in features.items() if isinstance(feature, datasets.Image)), None)
    if column is None:
        raise UserError(f"hf:{name} has no column of images: its columns are {some(features, 10) or 'not declared'}")
    classes = next((key for key, feature in features.items() if isinstance(feature, datasets.ClassLabel)), None)
    numbers = [key for key, feature in features.items() if isinstance(feature, datasets.Value) and feature.dtype.startswith(NUMBERS)]
    splits = {key: split.cast_column(column, datasets.Image(decode=False)) for key, split in splits.items()}
    counts = [
        split.info.splits[key].num_examples if split.info.splits and key in split.info.splits else None for key, split in splits.items()
    ]
    fingerprint = Fingerprint()
    fingerprint.add_text(repr((path, configuration, list(splits), counts, str(features))))
    hashes = fingerprint.hashes
    if not streaming:
        hashes["state"] = repr([split._fingerprint for split in splits.values()])

    labels = range(features[classes].num_classes) if classes else ()

    def items() -> Iterator[Item]:
        for key, split in splits.items():
            for number, row in enumerate(_complaining(split, name)):
                label = features[classes].int2str(row[classes]) if classes and row[classes] in labels else ""
                values = tuple(float(row[key]) if row[key] is not None and math.isfinite(row[key]) else math.nan for key in numbers)
                yield Item(f"{key}-{number:07d}", _picture(row[column]), SPLITS.get(key, key), printable(label), values)

    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) else None
    notes = []
    if left := [key for key in features if key not in (column, classes, *numbers)]:
        notes.append(f"left out columns that are neither numbers nor true or false: {some(left)}")
    return Source(f"hf {name}", items, total, attribute_names=tuple(map(printable, numbers)), notes=notes, **hashes)


def _complaining(rows: Iterable[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    """Rows, and one sentence where they cannot be read on."""
    iterator = iter(rows)
    while True:
        try:
            row = next(iterator)
        except StopIteration:
            return
        except Exception as error:  # of the library, of the network, or of what reads the file's format
            raise UserError(f"cannot read hf:{name}: {' '.join(str(error).split())}") from error
        yield row


def _picture(cell: dict[str, Any] | None) -> Picture:
    if cell and cell.get("bytes"):
        return Encoded(cell["bytes"])
    if cell and cell.get("path"):
        return Remote(cell["path"]) if "://" in cell["path"] else File(cell["path"])
    return Refused("no image in this row")


@dataclass(frozen=True)
class Remote:
    """An image file behind an address."""

    address: str

    def open(self) -> Opened:
        """See `Picture`."""
        import fsspec

        try:
            with fsspec.open(self.address) as file:
                content = file.read()
        except Exception as error:  # of the network, and of whatever is behind the address
            raise UserError(f"cannot read {self.address}: {' '.join(str(error).split())}; run the same command again") from error
        return Encoded(content).open()
