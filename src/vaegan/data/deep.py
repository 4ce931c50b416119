"""Pictures of more than 8 bits: PNG and PNM here, TIFF in `tiff.py`; and what else is not Pillow's to open."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from . import tiff
from .formats import EMPTY, HEAD, OTHER, kind_by_content
from .samples import MOST_CHANNELS, Samples, Unreadable, both_bytes, upright

ORIENTATION = 0x0112
"""Of EXIF."""
NPY = b"\x93NUMPY"
PICKLE = b"\x80"
"""The first byte of a pickle, since Python 2.3."""
OBJECTS = "it holds Python objects, which can run code; save an array of numbers"
Opened = Image.Image | Samples | tiff.Tiff


def open_image(file: str | BinaryIO, formats: tuple[str, ...]) -> Opened:
    """A file, or the content of one, perhaps decoded only when its pixels are asked for.

    Raises:
        UnidentifiedImageError: it is no image.
        Unreadable: it is an array of numpy that is no image.
    """
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError:
        head = _head(file)
        if head.startswith(NPY) or (isinstance(file, str) and file.lower().endswith(".npy")):
            return Samples(image_of(read_npy(file)))
        if head.startswith(tiff.MAGIC):
            return tiff.Tiff(file)
        raise


def samples_of(opened: Opened, channels: int) -> Samples | None:
    """The pixels of a picture that has more than 8 bits, or other channels than Pillow knows; None of one that Pillow can make ready.

    Args:
        opened: what `open_image` gives.
        channels: how many are wanted, which decides whether pages of a TIFF are channels.

    Raises:
        Unreadable, or anything that Pillow raises: it is damaged, or cannot be read.
    """
    if isinstance(opened, Samples):
        return opened
    if isinstance(opened, tiff.Tiff):
        return opened.samples(channels)
    if opened.format == "TIFF":
        return tiff.samples_of(opened, channels)
    found = _png(opened) if opened.format == "PNG" else _pnm(opened) if opened.format == "PPM" else None
    if found is None and (opened.mode.startswith("I") or opened.mode == "F"):
        found = Samples(upright(np.asarray(opened)[..., None], opened.getexif().get(ORIENTATION)))
    return found


def image_of(values: NDArray[Any]) -> NDArray[Any]:
    """H x W x C of an array that holds one image.

    Raises:
        Unreadable: it does not.
    """
    if values.ndim == 2:
        return values[..., None]
    if values.ndim == 3 and values.shape[-1] <= MOST_CHANNELS:
        return values
    shape = " x ".join(map(str, values.shape)) or "a number"
    if values.ndim == 3 and values.shape[0] <= MOST_CHANNELS:
        raise Unreadable(f"an array of {shape}: put the channels last, as in H x W x C")
    raise Unreadable(f"an array of {shape}: one image must be H x W or H x W x C")


def read_npy(file: str | BinaryIO) -> NDArray[Any]:
    """An array of numpy; from a path, it is read only where it is looked at. Nothing is unpickled.

    Raises:
        Unreadable: it holds Python objects, or is no array of numpy.
        ValueError, OSError: it is damaged.
    """
    head = _head(file)
    if not head.startswith(NPY):
        raise _no_array(head)
    try:
        if isinstance(file, str):
            found: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        else:
            file.seek(0)
            found = np.load(file, allow_pickle=False)
    except ValueError as error:
        if "object" in str(error).lower():
            raise Unreadable(OBJECTS) from error
        raise
    return found


def _no_array(head: bytes) -> Unreadable:
    """What a file is that begins in this way, and that is called an array of numpy."""
    if head.startswith(PICKLE):
        return Unreadable(OBJECTS)
    kind = kind_by_content(head)
    if kind is EMPTY:
        return Unreadable(kind.one)
    what = kind.one if kind is not OTHER else "text" if _is_text(head) else ""
    return Unreadable(f"it is {what}, not a NumPy array" if what else "it is not a NumPy array")


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # which lets the last letter be cut off
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _head(file: str | BinaryIO) -> bytes:
    if isinstance(file, str):
        with Path(file).open("rb") as opened:
            return opened.read(HEAD)
    file.seek(0)
    return file.read(HEAD)


def _png(image: Image.Image) -> Samples | None:
    """A PNG of 16 bits, whose sBIT says how many of them are significant; Pillow does not keep that."""
    tile = next(iter(image.tile), None)  # type: ignore[attr-defined]
    mode = str(tile[3]) if tile else ""
    if not mode.endswith(";16B"):
        return None
    stream: Any = image.fp  # type: ignore[attr-defined]
    stream.seek(0)
    content = stream.read()
    turned = None
    if b"eXIf" in content or b"Raw profile type" in content:  # Pillow decodes all pixels to look for it
        turned = Image.open(io.BytesIO(content), formats=("PNG",)).getexif().get(ORIENTATION)
    if mode.startswith("I"):
        values = _decoded(content)[..., None]
    elif mode.startswith("LA"):  # as four bytes a pixel, which they are
        values = _decoded(content, "RGBA").view(">u2")
    else:
        values = both_bytes(content, Image.Image.load)
    bits = _significant_bits(content)
    return Samples(upright(values, turned), float((1 << bits) - 1) if bits and bits < 16 else None, values.shape[-1] in (2, 4))


def _decoded(content: bytes, mode: str = "") -> NDArray[Any]:
    image: Any = Image.open(io.BytesIO(content), formats=("PNG",))
    if mode:
        image.tile = [(*tile[:3], mode) for tile in image.tile]
    return np.asarray(image)


def _significant_bits(content: bytes) -> int | None:
    """The largest number in the chunk sBIT, which stands before the pixels."""
    place = 8
    while place + 8 <= len(content):
        length, name = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
        if name == b"sBIT":
            return max(content[place + 8 : place + 8 + length], default=None)
        if name == b"IDAT":
            break
        place += 12 + length
    return None


def _pnm(image: Image.Image) -> Samples | None:
    """A PGM or PPM whose highest value is above 255: Pillow scales it to 65535, or to 255."""
    tile = next(iter(image.tile), None)  # type: ignore[attr-defined]
    if not tile or image.mode not in ("I", "RGB"):
        return None
    decoder, _, offset, args = tile
    highest = 65535 if args == "I;16B" else args[1] if isinstance(args, tuple) and decoder.startswith("ppm") else 255
    if not isinstance(highest, int) or highest < 256:
        return None
    stream: Any = image.fp  # type: ignore[attr-defined]
    stream.seek(offset)
    content = stream.read()
    count = image.width * image.height * (3 if image.mode == "RGB" else 1)
    if decoder == "ppm_plain":
        numbers = np.array(re.sub(rb"#[^\n\r]*", b"", content).split()[:count], np.int64)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() <= 65535:
            raise Unreadable("damaged: a value is not between 0 and 65535")
        values = numbers.astype(np.uint16)
    else:
        values = np.frombuffer(content[: 2 * count], ">u2")
    if len(values) < count:
        raise Unreadable(f"damaged: it ends after {len(values):,} of {count:,} values")
    return Samples(values.reshape(image.height, image.width, -1), float(highest) if highest < 65535 else None)
