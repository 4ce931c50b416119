"""One pass over the pictures of a source: of each, a few hundred bytes that tell what it shows, and how it was stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..data import AVATARS, ImageSet, Preparation, packed_folder
from ..data.deep import Opened
from ..data.images import Picture, ReadingTask, read
from ..data.left_out import name_and_reason
from ..data.prepare import avatar_source
from ..data.samples import DeepPixelsError, Samples, Unreadable
from ..data.scan import find_range
from ..data.sources import find_source
from ..data.sources.base import Item, Pixels, Source, called
from ..data.workers import in_order
from ..data.writer import tasks
from ..errors import unknown_name
from ..progress import Progress
from ..recipe import Recipe
from ..viz.channels import three_channels

VIEW, THUMBNAIL = 64, 16
"""Pixels a side of what is looked at, and of what is kept of it."""
BLOCK = 512
"""Images of a packed set that are read at a time."""
UNIFORM, SAME, ALONG = 12, 6, 0.6
"""A line of pixels is uniform if its values differ by no more; its mean may differ so much from that of the outermost line. What is beyond
a border differs from it along this share of a line."""
RECORD = np.dtype(
    [
        ("width", np.int32),  # of the picture; 0 where that is not known
        ("height", np.int32),
        ("bytes", np.int64),  # of the file; 0 where there is none
        ("digest", np.uint64, 2),  # of the file, or else of the pixels
        ("thumbnail", np.uint8, (THUMBNAIL, THUMBNAIL, 3)),
        ("dark", np.uint8),  # 1% of the picture are darker, in the channel where that is least
        ("light", np.uint8),  # 1% are lighter, in the channel where that is most
        ("contrast", np.uint8),  # between these, in the channel where it is largest
        ("border", np.uint8, 4),  # uniform lines at top, bottom, left and right, of `VIEW`
    ]
)
Records = NDArray[Any]
"""N of `RECORD`."""


@dataclass(frozen=True)
class Examined:
    """What the pictures of a source are like. It splits as a packed set does: see `vaegan.data.split`."""

    source: Source
    packed: ImageSet | None
    """Where the source is a packed set: of its pictures, only the prepared pixels are known."""
    preparation: Preparation
    """How they were cut, and the range of their values, if they have more than 8 bits."""
    names: list[str]
    positions: NDArray[np.int64]
    """The place of each picture among the items of the source: pictures that cannot be read have no record."""
    records: Records
    split_names: list[str]
    """The split that each picture is in, empty where it is in none."""
    attributes: NDArray[np.float32]
    """N x A, above 0 where the picture has it, NaN where that is not known."""
    broken: list[tuple[str, str]]
    """Names of the pictures that cannot be read, and why."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def splits(self) -> dict[str, int]:
        """How many pictures each split has; empty if the source has no splits."""
        if self.packed:
            return self.packed.splits
        return {name: self.split_names.count(name) for name in dict.fromkeys(self.split_names) if name}

    def split(self, name: str) -> NDArray[np.int64]:
        """The indices of a split's pictures, rising.

        Raises:
            UserError: there is no such split.
        """
        if self.packed:
            return self.packed.split(name)
        if name not in self.splits:
            raise unknown_name("split", name, self.splits, inside=f" in {called(self.source.name)}")
        return np.array([index for index, split in enumerate(self.split_names) if split == name], np.int64)

    def pictures(self, indices: set[int]) -> Iterator[tuple[int, Picture]]:
        """Some of the pictures again, by their indices, in the order of the source."""
        if self.packed:
            for index in sorted(indices):
                yield index, Pixels(three_channels(self.packed.images[index]))
            return
        wanted = {int(self.positions[index]): index for index in indices}
        last = max(wanted, default=-1)
        for position, item in enumerate(self.source.items()):
            if position in wanted:
                yield wanted[position], item.picture
            if position >= last:
                return


def examine(recipe: Recipe, *, progress: Progress, workers: int) -> Examined:
    """Look at all pictures that a recipe names, each cut as it says.

    Args:
        recipe: names the source, and how its pictures are cut.
        progress: called as the work goes on.
        workers: processes that read pictures.

    Raises:
        UserError: there is no such source.
    """
    folder = packed_folder(recipe.data.source)
    packed = ImageSet.open(folder) if folder else None
    preparation = recipe.preparation
    if packed:
        source, preparation = _of_packed(packed), Preparation((VIEW, VIEW), 3, "none")
    else:
        source = avatar_source(recipe.data.avatars, preparation) if recipe.data.source == AVATARS else find_source(recipe.data.source)
        channels = 3 if preparation.channels == 1 else preparation.channels
        preparation = replace(preparation, size=(VIEW, VIEW), channels=channels, blur=False, resampling="fast")
        if preparation.crop == "pad":  # whose bars are none of the pictures'
            preparation = replace(preparation, crop="none")
    try:
        return _examine(source, packed, preparation, progress, workers)
    except DeepPixelsError:
        found = find_range(source, preparation, recipe.data.range_percentiles, workers=workers, progress=progress)
        return _examine(source, packed, replace(preparation, range=found.range), progress, workers)


def _examine(source: Source, packed: ImageSet | None, preparation: Preparation, progress: Progress, workers: int) -> Examined:
    """Look at all pictures of a source.

    Raises:
        DeepPixelsError: one has more than 8 bits, and the preparation has no range.
    """
    names: list[str] = []
    splits: list[str] = []
    attributes: list[tuple[float, ...]] = []
    positions: list[int] = []
    broken = [name_and_reason(line) for line in packed.skipped] if packed else []
    parts: list[Records] = [np.empty(0, RECORD)]
    seen = 0
    unknown = (np.nan,) * len(source.attribute_names)
    for items, (records, reasons) in in_order(examine_all, tasks(source.items(), preparation, strict=True), workers):
        parts.append(records)
        for position, (item, reason) in enumerate(zip(items, reasons, strict=True), seen):
            if reason:
                broken.append((item.name, reason))
                continue
            names.append(item.name)
            splits.append(item.split)
            attributes.append(item.attributes or unknown)
            positions.append(position)
        seen += len(items)
        progress(f"examining {source.name}", seen, source.count)
    known = packed.attributes if packed else np.array(attributes, np.float32).reshape(len(names), len(source.attribute_names))
    return Examined(source, packed, preparation, names, np.array(positions, np.int64), np.concatenate(parts), splits, known, broken)


def examine_all(task: ReadingTask) -> tuple[Records, list[str]]:
    """The records of a task's pictures that can be read; and for each picture the reason why it cannot, or an empty text.

    Raises:
        DeepPixelsError: see `read`.
    """
    views, reasons, found = [], [], []
    for picture in task.pictures:
        noted = _Noted(picture)
        try:
            view = three_channels(read(noted, task.preparation, strict=task.strict))
            digest = noted.digest or _digest(view.tobytes())
            found.append((*noted.size, noted.bytes, np.frombuffer(digest, np.uint64)))
            views.append(view)
            reasons.append("")
        except Unreadable as reason:
            reasons.append(str(reason))
    records = np.zeros(len(views), RECORD)
    for record, values in zip(records, found, strict=True):
        record["width"], record["height"], record["bytes"], record["digest"] = values
    if views:
        _look(np.stack(views), records)
    return records, reasons


def _look(views: NDArray[np.uint8], records: Records) -> None:
    """Fill in what is seen on n x `VIEW` x `VIEW` x 3 pixels."""
    channels = np.ascontiguousarray(views.transpose(3, 0, 1, 2))  # numpy is slow along short axes
    step = VIEW // THUMBNAIL
    rows = np.stack([channels[:, :, start::step] for start in range(step)]).sum(0, dtype=np.uint16)
    cells = np.stack([rows[..., start::step] for start in range(step)]).sum(0, dtype=np.uint16)
    records["thumbnail"] = np.round(cells / step**2).transpose(1, 2, 3, 0)
    values = channels.reshape(3, len(views), -1)
    at = values.shape[2] // 100
    ranked = np.partition(values, (at, -1 - at), axis=2)
    dark, light = ranked[..., at], ranked[..., -1 - at]
    records["dark"], records["light"], records["contrast"] = dark.min(0), light.max(0), (light - dark).max(0)
    sides = [_border(side) for axis in (2, 3) for side in _from_both_ends(channels, axis)]
    records["border"] = np.stack(sides, 1)


def _from_both_ends(channels: NDArray[np.uint8], axis: int) -> Iterator[NDArray[np.uint8]]:
    """The lines of 3 x n x H x W pixels as 3 x n x lines x pixels: from one side, then from the other."""
    lines = channels if axis == 2 else np.ascontiguousarray(channels.swapaxes(2, 3))
    yield lines
    yield lines[:, :, ::-1]


def _border(lines: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many lines the border has at the first line, n: uniform lines of one colour, and then, all along, something else.

    A plain background has uniform lines, too, but what comes after them differs from them in a part of the line only.
    """
    spread = (lines.max(3) - lines.min(3)).max(0)
    mean = lines.mean(3, dtype=np.float32)
    uniform = (spread <= UNIFORM) & (np.abs(mean - mean[..., :1]).max(0) <= SAME)
    count = np.cumprod(uniform, axis=1).sum(1)
    inside = np.minimum(count + 1, VIEW - 1)  # resizing mixes the line before
    beyond = lines[:, np.arange(len(inside)), inside] - mean[..., :1]
    other = (np.abs(beyond).max(0) > UNIFORM).mean(1)
    return np.asarray(np.where(other >= ALONG, count, 0))


class _Noted:
    """A picture that notes how it is stored when it is opened."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.size, self.bytes, self.digest = (0, 0), 0, b""

    def open(self) -> Opened:
        """See `Picture`."""
        image = self.picture.open()
        if isinstance(image, Samples):
            self.digest = _digest(f"{image.values.dtype} {image.values.shape}".encode() + image.values.tobytes())
            self.size = image.values.shape[1::-1]
        if not isinstance(image, Image.Image):  # what is no file of Pillow's tells less
            return image
        file = getattr(image, "fp", None)
        if file is None:
            content = f"{image.mode} {image.size}".encode() + image.tobytes()
        else:
            place = file.tell()
            file.seek(0)
            content = file.read()
            file.seek(place)
            self.bytes = len(content)
        self.digest = _digest(content)
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # which may close the file
        self.size = (image.height, image.width) if turned else image.size
        return image


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _of_packed(images: ImageSet) -> Source:
    """The images of a packed set as pictures."""
    names = images.names

    def items() -> Iterator[Item]:
        for start in range(0, len(images), BLOCK):
            for index, pixels in enumerate(images.images[start : start + BLOCK], start):
                yield Item(names[index], Pixels(three_channels(pixels)))

    return Source(f"the set {Path(images.folder).name}", items, len(images), "", "", images.attribute_names)
