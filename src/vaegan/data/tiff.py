"""TIFF files: what Pillow can read of them, what needs tifffile, and what libtiff says of damage."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .samples import MOST_CHANNELS, Samples, Unreadable, both_bytes, upright

ONE_AT_A_TIME = threading.RLock()
"""Held while standard error leads elsewhere, or two threads would not find it again."""
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""What a file begins with: little and big endian, and the same of BigTIFF."""
BITS, PHOTOMETRIC, DESCRIPTION, ORIENTATION, SAMPLES, HIGHEST, PLANES, EXTRA, FORMAT = 258, 262, 270, 274, 277, 281, 284, 338, 339
"""Numbers of tags."""
WHITE_IS_ZERO, PALETTE, CMYK, SEPARATE, SIGNED = 0, 3, 5, 2, 2
PLAIN = (0, 1, 2, 4, CMYK)
"""How colours are stored: grey, red, green and blue, a mask, or CMYK."""
PREMULTIPLIED, ALPHA = 1, (1, 2)
NEEDS_TIFFFILE = "Pillow cannot read this kind of TIFF: install tifffile with: pip install 'vaegan[tiff]'"
SAID = re.compile(r"(?P<where>[\w.]+): (?P<what>\S.*)")
"""What libtiff prints: the function, and what is wrong. A warning begins with the word "Warning"."""
OF_TAGS = "TIFFFetchNormalTag"
"""Says that it does not know a tag: pixels do not depend on those."""
UNSUPPORTED = re.compile(r"(\w+) compression support is not configured|<COMPRESSION\.(\w+): \d+> not supported")
AXES = re.compile(rb"channels=[2-9]|<OME")
"""In the description of a file by ImageJ, or by OME: its pages may be channels."""

for _library in ("PIL", "tifffile"):  # else they print on standard error what they log
    logging.getLogger(_library).addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Tiff:
    """A TIFF file that Pillow does not know."""

    file: str | BinaryIO

    def __enter__(self) -> Tiff:
        return self

    def __exit__(self, *_: object) -> None:
        """It is opened only for reading."""

    def samples(self, channels: int) -> Samples:
        """Its pixels; see `_read`."""
        return _read(self.file, channels)


def samples_of(image: Image.Image, channels: int) -> Samples | None:
    """The pixels of a TIFF that Pillow has opened, or None where Pillow's 8 bits are all of it.

    Raises:
        Unreadable: it is damaged; or it needs tifffile, which is not installed, or cannot read it either.
    """
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    bits, formats = max(tags.get(BITS, (1,))), set(tags.get(FORMAT, (1,)))
    bands = channels in (2, *range(4, MOST_CHANNELS + 1))
    pages = AXES.search(str(tags.get(DESCRIPTION, "")).encode()) is not None or bands
    if pages and getattr(image, "n_frames", 1) > 1:
        return _read(_stream(image), channels)
    if bits <= 8 and not formats & {SIGNED, 3}:
        there, known = int(tags.get(SAMPLES, 1)), image.mode in ("RGBA", "LA", "PA")
        lost = not known and (there > 4 or (there in (2, 4) and there == channels))  # one band more is opacity that is not said to be
        return _read(_stream(image), channels) if lost else None
    highest = _highest(bits, tags.get(HIGHEST))
    if image.mode.startswith("I") or image.mode == "F":
        values = _loaded(image)
        if bits == 32 and formats == {1}:
            values = values.view(np.uint32)
        return Samples(_positive(values, tags.get(PHOTOMETRIC), bits)[..., None], highest)
    order = str(image.tile[0][3][0]) if image.tile else ""  # type: ignore[attr-defined]
    if bits == 16 and formats == {1} and tags.get(PLANES, 1) != SEPARATE and order[:-1] in ("RGB;16", "RGBA;16"):
        return Samples(both_bytes(_stream(image).read(), load), highest, image.mode == "RGBA")
    return _read(_stream(image), channels)


def load(image: Image.Image) -> None:
    """Have Pillow decode an image, and hear what libtiff says meanwhile.

    Raises:
        Unreadable: libtiff says that it is damaged.
        OSError: Pillow says so.
    """
    with decoder_errors() as errors:
        try:
            image.load()
        except OSError as error:
            if errors():
                raise _reason(errors()[0]) from error
            raise
        if errors():
            raise _reason(errors()[0])


def _reason(text: str) -> Unreadable:
    """What a library says of a file it cannot read."""
    if match := UNSUPPORTED.search(text):
        return Unreadable(f"its compression, {match[1] or match[2]}, cannot be read: save the image with another compression")
    return Unreadable(f"damaged: {text}")


@contextmanager
def decoder_errors() -> Iterator[Callable[[], list[str]]]:
    """Within, nothing that a library of C prints on standard error is seen; gives a function that tells the errors among it.

    Pillow's libtiff decodes on where a row is damaged, and only prints that it is.
    """
    with ONE_AT_A_TIME, tempfile.TemporaryFile() as file:
        try:
            before = os.dup(2)
        except OSError:  # nobody hears it anyway
            yield list
            return

        def errors() -> list[str]:
            file.seek(0)
            lines = file.read().decode("utf-8", "replace").splitlines()
            found = [match for line in lines if (match := SAID.fullmatch(line))]
            bad = [match for match in found if not match["what"].startswith("Warning") and match["where"] != OF_TAGS]
            return [(match["what"] if "." in match["where"] else match[0]).rstrip(".") for match in bad]

        os.dup2(file.fileno(), 2)
        try:
            yield errors
        finally:
            os.dup2(before, 2)
            os.close(before)
            with suppress(OSError):
                _pass_on(file)


def _pass_on(file: BinaryIO) -> None:
    """Print what is not libtiff's: another thread of this process may have had something to say."""
    file.seek(0)
    rest = b"".join(line for line in file if not SAID.fullmatch(line.decode("utf-8", "replace").rstrip("\r\n")))
    if rest:
        os.write(2, rest)


def _loaded(image: Image.Image) -> NDArray[Any]:
    load(image)
    return np.asarray(image)


def _stream(image: Image.Image) -> BinaryIO:
    stream: Any = image.fp  # type: ignore[attr-defined]
    stream.seek(0)
    return stream


def _highest(bits: int, stated: Any) -> float | None:
    """The highest value that a file states: by its bits, if they fill no whole number of bytes, or by a tag of it."""
    if bits < 8:
        return None
    if bits % 8 or bits == 24:
        return float((1 << bits) - 1)
    value = max(stated) if isinstance(stated, tuple) else stated
    return float(value) if value and value < (1 << bits) - 1 else None


def _positive(values: NDArray[Any], photometric: int | None, bits: int) -> NDArray[Any]:
    """With white as the highest value, where a file has it as 0."""
    if photometric == WHITE_IS_ZERO and values.dtype.kind == "u":
        return values.dtype.type((1 << max(bits, 8)) - 1) - values
    return values


class _Errors(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.lines.append(record.getMessage())


def _read(file: str | BinaryIO, channels: int) -> Samples:
    """The pixels of the first page by tifffile; or of all pages, if they are channels.

    Pages are channels where the file says so (ImageJ and OME do), or where more than three, or two, are asked for and there are as many.

    Raises:
        Unreadable: tifffile is not installed, or cannot read the file.
    """
    _check_whole(file)
    try:
        import tifffile
    except ImportError:
        raise Unreadable(NEEDS_TIFFFILE) from None
    logger, heard = logging.getLogger("tifffile"), _Errors()
    logger.addHandler(heard)
    try:
        with tifffile.TiffFile(file) as opened:
            page: Any = opened.pages[0]
            tags = page.tags
            _check_colours(page, channels)
            bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
            values, axes = (_packed(page, bits), "YXS") if bits % 8 or bits == 24 else _array(opened, page, channels)
            opacity = ([0, *np.atleast_1d(tags.valueof(EXTRA) or 0)])[-1]
            alpha = "S" in axes and opacity in ALPHA and values.shape[-1] in (2, 4)
            values = _positive(values, page.photometric, bits)
            if alpha and opacity == PREMULTIPLIED:
                values = _straight(values)
            samples = Samples(upright(values, tags.valueof(ORIENTATION)), _highest(bits, tags.valueof(HIGHEST)), alpha)
    except (Unreadable, Image.DecompressionBombError):
        raise
    except Exception as error:  # on damaged files tifffile raises all kinds
        text = str(error)
        if "imagecodecs" in text or isinstance(error, ImportError):
            kind = getattr(getattr(page, "compression", None), "name", "unknown")
            raise Unreadable(f"its compression, {kind}, needs imagecodecs: install it with: pip install imagecodecs") from error
        raise _reason(text.splitlines()[0] if text else type(error).__name__) from error
    finally:
        logger.removeHandler(heard)
    if heard.lines:
        raise Unreadable(f"damaged: {heard.lines[0]}")
    return samples


def _check_colours(page: Any, channels: int) -> None:
    """See that an image is not much larger than it can be, and that its channels are what they seem.

    Raises:
        Unreadable: its values are places in a palette, or colours of another kind.
        Image.DecompressionBombError: it is too large.
    """
    if Image.MAX_IMAGE_PIXELS and page.imagewidth * page.imagelength > 2 * Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError
    if page.photometric not in PLAIN or (page.photometric == CMYK and channels in (1, 3)):
        name = getattr(page.photometric, "name", page.photometric)
        raise Unreadable(f"its colours are stored as {name}: convert the image to RGB")


def _packed(page: Any, bits: int) -> NDArray[Any]:
    """H x W x C of numbers that fill no whole number of bytes, or three, which tifffile reads only with imagecodecs.

    Below 8 bits, they are scaled to 255.

    Raises:
        NotImplementedError: it is compressed, or stored in tiles.
    """
    if page.compression != 1 or page.is_tiled or page.predictor != 1 or page.fillorder != 1 or page.sampleformat != 1:
        raise NotImplementedError("imagecodecs")
    planes = page.samplesperpixel if page.planarconfig == SEPARATE else 1
    height, samples = page.imagelength, page.imagewidth * page.samplesperpixel // planes
    handle, strips = page.parent.filehandle, []
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        handle.seek(offset)
        strips.append(np.frombuffer(handle.read(count), np.uint8))
    row = -(-samples * bits // 8)
    content = np.concatenate(strips)[: planes * height * row].reshape(planes * height, row)
    if bits == 24 and page.parent.byteorder == "<":
        content = content.reshape(-1, samples, 3)[..., ::-1].reshape(planes * height, row)
    each = np.unpackbits(content, axis=1)[:, : samples * bits].reshape(planes * height, samples, bits)
    values = (each @ (1 << np.arange(bits, dtype=np.uint32)[::-1])).astype(np.uint32 if bits > 16 else np.uint16)
    if bits < 8:
        values = np.rint(values.astype(np.float64) * (255 / ((1 << bits) - 1))).astype(np.uint8)
    if planes > 1:
        return np.moveaxis(values.reshape(planes, height, samples), 0, -1)
    return values.reshape(height, page.imagewidth, -1)


def _straight(values: NDArray[Any]) -> NDArray[Any]:
    """Colours that were multiplied by opacity, the last channel, without that."""
    top = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1.0
    opacity = values[..., -1:].astype(np.float64)
    colours = np.clip(values[..., :-1].astype(np.float64) * (top / np.where(opacity > 0, opacity, top)), 0, top)
    return np.concatenate([colours.astype(values.dtype), values[..., -1:]], axis=-1)


def _check_whole(file: str | BinaryIO) -> None:
    """See that the list of pages, which is often the last thing in a file, is there.

    Raises:
        Unreadable: it is not.
    """
    with Path(file).open("rb") if isinstance(file, str) else nullcontext(file) as stream:
        length = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        head = stream.read(16)
        stream.seek(0)
    order: Literal["little", "big"] = "little" if head.startswith(b"II") else "big"
    first = head[8:16] if b"+" in head[2:4] else head[4:8]
    if not 8 <= int.from_bytes(first, order) < length:
        raise Unreadable("damaged: it ends before the list of its pages")


def _array(opened: Any, page: Any, channels: int) -> tuple[NDArray[Any], str]:
    """H x W x C, and the axes as tifffile names them: S for samples of a pixel, C for channels, Y and X."""
    series = opened.series[0]
    axes, shape = series.axes, series.shape
    if axes.replace("C", "", 1) == "YX" and len(axes) == 3:
        values = series.asarray()
    elif set(page.axes) == set("YX") and channels not in (1, 3) and len(opened.pages) == channels:
        values, axes = np.stack([each.asarray() for each in opened.pages]), "CYX"
    else:
        values, axes, shape = page.asarray(), page.axes, page.shape
    if "C" in axes or "S" in axes:
        first = axes.find("C") if "C" in axes else axes.find("S")
        values, axes = np.moveaxis(values, first, -1), axes.replace(axes[first], "") + axes[first]
    else:
        values = values[..., None]
    if values.ndim != 3:
        raise Unreadable(f"its first page is not an image: its shape is {' x '.join(map(str, shape))}")
    return values, axes
