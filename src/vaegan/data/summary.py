"""What is in a packed set, to read and to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..evenly_spaced import evenly_spaced
from ..viz import grid
from ..words import plain
from .batches import to_tensor
from .dataset import ImageSet

LOOKED_AT = 20_000
"""So many images, evenly spread, are looked at for the mean."""
PART = 512
SHOWN = 96
COLUMNS = 12
MOST_CLASSES = 20


def mean_image(images: ImageSet) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The mean image H x W x C, and mean and standard deviation of each channel, from 0 to 255, over up to `LOOKED_AT` images."""
    numbers = evenly_spaced(len(images), LOOKED_AT)
    total = np.zeros(images.images.shape[1:])
    squares = np.zeros(images.images.shape[3])
    for start in range(0, len(numbers), PART):
        pixels = images.images[numbers[start : start + PART]].astype(np.float64)
        total += pixels.sum(0)
        squares += (pixels**2).sum((0, 1, 2))
    mean = total / len(numbers)
    channels = mean.mean((0, 1))
    return mean, channels, np.sqrt(squares / (len(numbers) * mean[..., 0].size) - channels**2)


def describe(images: ImageSet) -> Iterator[str]:
    """What is in a set, line by line: how many images, how they were made, splits, classes, attributes and how common each is."""
    count, height, width, channels = images.images.shape
    files = images.manifest["files"]
    size = sum(file["bytes"] for file in files.values())
    kind = {1: "in grey", 3: "in colour"}.get(channels, f"of {channels} channels")
    yield f"{count:,} images of {height}x{width} {kind}, {size / 1e6:,.1f} MB in {images.folder}"
    choices = {key: value for key, value in images.preparation.as_dict().items() if _tells(value) and key not in ("size", "channels")}
    how = ", ".join(f"{key} {plain(value, yes='yes')}" for key, value in choices.items())
    part = f"part {images.shard} of " if images.shard else ""
    yield f"made from {part}{images.manifest['made_from']['source']} with {how}"
    if images.parts:
        yield f"joined from {len(images.parts)} parts: {images.parts[0].folder} to {images.parts[-1].folder}"
    if images.splits:
        yield "splits: " + ", ".join(f"{name} {size:,}" for name, size in images.splits.items())
        if rest := count - sum(images.splits.values()):
            yield f"not in any split: {rest:,}"
    if images.classes:
        common = Counter(label for label in images.labels if label)
        some = ", ".join(f"{name} {size:,}" for name, size in common.most_common(MOST_CLASSES))
        yield f"{len(common):,} classes: {some}" + (", ..." if len(common) > MOST_CLASSES else "")
    yield from _attributes(images)
    numbers = min(count, LOOKED_AT)
    _, mean, deviation = mean_image(images)
    of = "all images" if numbers == count else f"{numbers:,} images"
    yield f"values of the channels in {of}: mean {_values(mean)}; standard deviation {_values(deviation)}"
    if images.skipped:
        yield f"skipped: {len(images.skipped):,}, listed in {images.folder / 'skipped.txt'}; the first: {images.skipped[0]}"
    yield from (f"note: {note}" for note in images.notes())


def _attributes(images: ImageSet) -> Iterator[str]:
    if not images.attribute_names:
        return
    values = images.attributes
    yield f"{len(images.attribute_names)} attributes, with the share of images that have each one:"
    for column, name in sorted(enumerate(images.attribute_names), key=lambda pair: pair[1]):
        known = values[:, column][~np.isnan(values[:, column])]
        unknown = f"  ({len(values) - len(known):,} unknown)" if len(known) < len(values) else ""
        ranges = "" if set(np.unique(known)) <= {0.0, 1.0} else f"  ({known.min():.3g} to {known.max():.3g})"
        yield f"  {name:24} {(known > 0).mean() if len(known) else 0:6.1%}{unknown}{ranges}"


def contact_sheet(images: ImageSet) -> Image.Image:
    """Images spread evenly over the set, and their mean."""
    mean, _, _ = mean_image(images)
    shown = images.images[evenly_spaced(len(images), SHOWN)]
    parts = [
        (f"{len(shown)} of {len(images):,} images", to_tensor(shown)),
        ("the mean image", to_tensor(mean.round().astype(np.uint8)[None])),
    ]
    return grid.sheet(parts, min(COLUMNS, len(shown)))


def _tells(value: object) -> bool:
    return bool(any(value) if isinstance(value, list) else value)


def _values(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.1f}" for value in values)
