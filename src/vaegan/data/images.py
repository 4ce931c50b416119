"""One image file to one array: any mode, depth and orientation, cropped and resized to what a network takes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # and no other: some of what Pillow reads starts programs
SMALLEST = 8  # pixels a side; below it there is nothing to learn from

CELEBA_SHAPE = (218, 178)
CELEBA_BOX = (15, 40, 163, 188)  # left, top, right, bottom: columns 15:163 and rows 40:188, as the authors and the reference crop


class Preparation(Protocol):
    """How to make a network's input: see `vaegan.model.Preparation`."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""

    @property
    def crop(self) -> str:
        """See `vaegan.recipe.Data.crop`."""


class Unreadable(Exception):  # noqa: N818 (it is said of a file)
    """A file that gives no image, and why."""


def read(path: Path, preparation: Preparation) -> NDArray[np.uint8]:
    """The image of a file as H x W x C, uint8.

    JPEG, PNG, WebP, BMP, TIFF and the first frame of a GIF; grey, palette, CMYK and 16-bit images; transparency over white; turned
    upright as EXIF says.

    Raises:
        Unreadable: it is empty, truncated, no image, too small, or so large that it looks like a decompression bomb.
    """
    try:
        if path.stat().st_size == 0:
            raise Unreadable("empty file")
        with Image.open(path, formats=FORMATS) as image:
            return prepare(image, preparation)
    except UnidentifiedImageError as error:
        raise Unreadable("not an image") from error
    except Image.DecompressionBombError as error:
        raise Unreadable("too large: it looks like a decompression bomb") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:  # what Pillow raises on damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Unreadable(f"damaged: {reason}") from error


def prepare(image: Image.Image, preparation: Preparation) -> NDArray[np.uint8]:
    """Crop, resize and convert one opened image; H x W x C, uint8."""
    if min(image.size) < SMALLEST:
        raise Unreadable(f"too small: {image.width}x{image.height} pixels")
    height, width = preparation.size
    # A JPEG far larger than needed is decoded at a half, quarter or eighth, twice the wanted size or more, whichever way it is turned.
    spare = min(image.size) // (2 * max(height, width))
    if image.format == "JPEG" and spare >= 2:
        image.draft(None, (image.width // spare, image.height // spare))
    upright = ImageOps.exif_transpose(image)
    flat = _flat(upright, preparation.channels)
    box = _box(flat.size, preparation)
    resized = flat.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return np.asarray(resized).reshape(height, width, preparation.channels)


def _flat(image: Image.Image, channels: int) -> Image.Image:
    """As RGB or grey of 8 bits, without transparency."""
    mode = {1: "L", 3: "RGB"}.get(channels)
    if mode is None:
        raise Unreadable(f"image files have 1 or 3 channels, not {channels}")
    if image.mode.startswith("I"):  # 16 bits a pixel, as PNG and TIFF may have
        return Image.fromarray((np.asarray(image).astype(np.uint32).clip(0, 65535) >> 8).astype(np.uint8)).convert(mode)
    if image.mode == "F":
        raise Unreadable("floating-point pixels: convert it to 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert(mode)


def _box(size: tuple[int, int], preparation: Preparation) -> tuple[float, float, float, float]:
    """The part of an image of this (width, height) to keep: left, top, right, bottom."""
    width, height = size
    if preparation.crop == "none":
        return (0, 0, width, height)
    ratio = height / CELEBA_SHAPE[0]
    if preparation.crop == "celeba" and abs(width - CELEBA_SHAPE[1] * ratio) <= 1:
        left, top, right, bottom = (edge * ratio for edge in CELEBA_BOX)
        return (left, top, right, bottom)
    wanted_height, wanted_width = preparation.size
    scale = min(height / wanted_height, width / wanted_width)
    kept_width, kept_height = wanted_width * scale, wanted_height * scale
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    return (left, top, left + kept_width, top + kept_height)
