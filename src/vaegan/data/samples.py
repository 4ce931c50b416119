"""Pixels as a file holds them, where 8 bits and three channels are not all of it, and how they become 8 bits by one rule."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ValueRange = tuple[float, float]
"""The lowest and the highest value of a set: they become 0 and 255."""
FULL: ValueRange = (0.0, 65535.0)
"""The range of all 16 bits."""
MOST_CHANNELS = 8
DARK = 4096
"""Below this, all values of a 16-bit image are in the darkest sixteenth: it holds fewer bits, and nobody said how many."""
KINDS = "bool, integers or floating-point numbers"


class Unreadable(Exception):  # noqa: N818 (it is said of a picture)
    """A picture that gives no image, and why."""


class DeepPixelsError(Exception):
    """A picture has more than 8 bits, and no range of values has been decided yet."""


@dataclass(frozen=True, eq=False)
class Samples:
    """A picture as an array, upright.

    Raises:
        Unreadable: its values are no numbers that can be scaled, or some are NaN or infinite.
    """

    values: NDArray[Any]
    """H x W x C, of any kind of real number."""
    highest: float | None = None
    """The highest value that there can be, where the file says so and it is less than its numbers could hold."""
    alpha: bool = False
    """Whether the last channel is opacity, over the whole range of its kind of number."""

    def __post_init__(self) -> None:
        values = self.values
        if values.dtype == bool:
            values = values.astype(np.uint8) * np.uint8(255)
        if values.dtype.kind not in "iuf":
            raise Unreadable(f"its values are of the type {values.dtype}, not {KINDS}")
        if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
            raise Unreadable(f"{values.size - np.count_nonzero(finite):,} of its {values.size:,} values are NaN or infinite")
        if values.dtype == np.int8:
            values = values.astype(np.int16)
        object.__setattr__(self, "values", values.astype(values.dtype.newbyteorder("="), copy=False))

    def __enter__(self) -> Samples:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    @property
    def deep(self) -> bool:
        """Whether its values need a range to become 8 bits."""
        return self.values.dtype != np.uint8

    @property
    def colours(self) -> NDArray[Any]:
        """The values of all channels but opacity."""
        return self.values[..., :-1] if self.alpha else self.values

    def extent(self) -> ValueRange:
        """The range that its file states, or else its lowest and highest value. A statement that its values exceed does not count."""
        low, high = float(self.colours.min()), float(self.colours.max())
        return (0.0, self.highest) if self.highest is not None and low >= 0 and high <= self.highest else (low, high)

    def in_8_bits(self, value_range: ValueRange | None) -> NDArray[np.uint8]:
        """H x W x C, uint8: LOW becomes 0, HIGH becomes 255, and what is beyond is clipped.

        Without a range, 16 bits lose their lower 8, as in sets of earlier versions; so many as a file states count as all.

        Raises:
            Unreadable: there is no range, and its values do not fill 16 bits.
        """
        if not self.deep:
            return self.values
        colours = _without_range(self) if value_range is None else scaled(self.colours, value_range)
        if not self.alpha:
            return colours
        opacity = self.values[..., -1:]
        top = np.iinfo(opacity.dtype).max if opacity.dtype.kind in "iu" else 1.0
        if self.highest is not None and opacity.max() <= self.highest:
            top = self.highest
        return np.concatenate([colours, scaled(opacity, (0.0, float(top)))], axis=-1)


def scaled(values: NDArray[Any], value_range: ValueRange) -> NDArray[np.uint8]:
    """Any real numbers as uint8: LOW becomes 0, HIGH becomes 255, what is between is rounded, and what is beyond is clipped."""
    low, high = value_range
    if values.dtype.kind in "iu" and values.dtype.itemsize == 2:  # a table is ten times as fast
        every = np.arange(1 << 16, dtype=np.uint16).view(values.dtype).astype(np.int64)
        return scaled(every, value_range)[values.view(np.uint16)]
    steps = values.astype(np.float64)
    steps -= low
    steps *= 255 / (high - low)
    np.clip(steps, 0, 255, out=steps)
    return np.rint(steps, out=steps).astype(np.uint8)


def _without_range(samples: Samples) -> NDArray[np.uint8]:
    values = samples.colours
    low, high = values.min(), values.max()
    if values.dtype.kind != "f" and low >= 0 and high <= FULL[1]:
        if samples.highest is not None and high <= samples.highest:
            return (np.rint(values / samples.highest * FULL[1]).astype(np.int64) >> 8).astype(np.uint8)
        if high >= DARK:
            return (values >> 8).astype(np.uint8)
    reach = f"its values are from {shown(low)} to {shown(high)}"
    raise Unreadable(
        f"{reach}, and the image does not say which values are black and white: convert it to 8 bits, or scale its values to 0 to 65535"
    )


def whole(value: float) -> int | float:
    """A value of a range as JSON and people write it: 4095 for 4095.0."""
    return int(value) if float(value).is_integer() else float(value)


def shown(value: float) -> str:
    """The same as text."""
    return str(whole(value))


def check_range(value_range: ValueRange) -> bool:
    """Whether a range is finite, and its lower end is below its higher one."""
    low, high = value_range
    return bool(np.isfinite(value_range).all() and low < high)


def upright(values: NDArray[Any], orientation: int | None) -> NDArray[Any]:
    """H x W x C as EXIF and TIFF say: 2, 4, 5 and 7 are mirrored, and from 5 on height and width are exchanged."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


def both_bytes(content: bytes, load: Callable[[Image.Image], object]) -> NDArray[np.uint16]:
    """H x W x C of a PNG or TIFF in colours of 16 bits. Pillow gives the higher 8 of them; told the other order of bytes, the lower 8.

    Args:
        content: the file.
        load: decodes it.

    Raises:
        Unreadable, or anything that Pillow raises: it is damaged.
    """
    high, low = (Image.open(io.BytesIO(content), formats=("PNG", "TIFF")) for _ in range(2))
    low.tile = [_swapped(tile) for tile in low.tile]
    for image in (high, low):
        load(image)
    return (np.asarray(high).astype(np.uint16) << 8) | np.asarray(low)


def _swapped(tile: Any) -> Any:
    """How Pillow decodes a part of a file, with the other byte of each number taken for the higher one."""
    *rest, args = tile
    native = ("16L", "16B") if sys.byteorder == "little" else ("16B", "16L")
    other = {"16B": "16L", "16L": "16B", "16N": native[1]}
    mode = args if isinstance(args, str) else args[0]
    swapped = f"{mode[:-3]}{other[mode[-3:]]}"
    args = swapped if isinstance(args, str) else (swapped, *args[1:])
    return tile._replace(args=args) if hasattr(tile, "_replace") else (*rest, args)
