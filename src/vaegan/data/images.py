"""One picture to one array: any mode, depth and orientation, cropped and resized to what a network takes."""

from __future__ import annotations

import dataclasses
import errno
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from ..errors import UserError, unknown_name
from ..settings import Crop, Resampling
from ..words import command
from . import tiff
from .deep import ORIENTATION, Opened, samples_of
from .left_out import rest_of
from .samples import MOST_CHANNELS, DeepPixelsError, Samples, Unreadable, ValueRange, check_range, whole

NOT_ITS_FAULT = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN}
"""What says nothing about one picture: the disk, the network or the system failed."""
LARGEST_SIDE = 8192  # pixels; beyond it a single image takes hundreds of megabytes
SMALLEST = 8  # pixels a side; below it there is nothing to learn from

CELEBA_SHAPE = (218, 178)
CELEBA_BOX = (15, 40, 163, 188)  # left, top, right, bottom: columns 15:163 and rows 40:188, as the authors and the reference crop

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

FILTERS = {
    "fast": Image.Resampling.BICUBIC,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Preparation:
    """How any picture becomes a network's input.

    Kept with a packed set and with a model's weights, so that what is shown to a model is cut as what it was trained on.
    `crop`, `box`, `blur` and `resampling` are explained in `vaegan.settings.Data`.

    Raises:
        UserError: the choices do not go together.
    """

    size: tuple[int, int] = (64, 64)
    """Height and width."""
    channels: int = 3
    """1 for grey, 3 for colour, 4 for colour and opacity, or up to 8 of any meaning."""
    crop: Crop = "centre"
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    blur: bool = False
    resampling: Resampling = "fast"
    range: ValueRange | None = None
    """The values that become 0 and 255, where pictures have more than 8 bits; None where they have not."""

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if self.crop not in get_args(Crop):
            raise unknown_name("crop", self.crop, get_args(Crop))
        if self.resampling not in FILTERS:
            raise unknown_name("resampling", self.resampling, FILTERS)
        if self.crop == "box" and not any(self.box):
            raise UserError("crop=box needs a box: give its left, top, right and bottom edge in pixels, such as 15 40 163 188")
        if self.crop == "box" and not (0 <= left < right and 0 <= top < bottom):
            raise UserError(
                "a box must be LEFT TOP RIGHT BOTTOM in pixels, with 0 <= LEFT < RIGHT and 0 <= TOP < BOTTOM, such as 15 40 163 188, "
                f"not {' '.join(map(str, self.box))}"
            )
        if self.crop != "box" and any(self.box):
            raise UserError(f"a box is used only with crop=box, and crop is {self.crop}: set crop=box, or leave out the box")
        if self.blur and self.resampling != "fast":
            raise UserError(f"blur needs resampling=fast, not {self.resampling}")
        if self.range is not None and not check_range(self.range):
            raise UserError(f"a range must be finite, with LOWEST < HIGHEST, such as 0 4095, not {' '.join(map(str, self.range))}")
        if min(self.size) < 1:
            raise UserError(f"an image must have at least 1 pixel a side, not {self.size[0]}x{self.size[1]}")
        if max(self.size) > LARGEST_SIDE:
            raise UserError(f"an image must have at most {LARGEST_SIDE} pixels a side, not {self.size[0]}x{self.size[1]}")

    @property
    def flags(self) -> list[object]:
        """The flags of `vaegan prepare` that pack images in this way."""
        flags: list[object] = ["--size", f"{self.size[0]}x{self.size[1]}", "--crop", self.crop]
        flags += ["--box", *self.box] if self.crop == "box" else []
        flags += [flag for flag, wanted in (("--blur", self.blur), ("--grey", self.channels == 1)) if wanted]
        flags += ["--channels", self.channels] if self.channels not in (1, 3) else []
        flags += ["--resampling", self.resampling] if self.resampling != "fast" else []
        return flags + (["--range", *map(whole, self.range)] if self.range else [])

    def command(self, *more: object) -> str:
        """The command that packs images in this way, with some flags more."""
        return command("prepare", "IMAGES", "SET", *more, *self.flags)

    @property
    def shape(self) -> tuple[int, int, int]:
        """H, W, C of a prepared image."""
        return (*self.size, self.channels)

    def as_dict(self) -> dict[str, Any]:
        """All choices by name, as JSON has them; what `from_dict` reads. There is no range where there is none."""
        choices = {name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()}
        value_range = choices.pop("range")
        return choices | ({"range": list(map(whole, value_range))} if value_range else {})

    @staticmethod
    def from_dict(choices: dict[str, Any]) -> Preparation:
        """What `as_dict` gave.

        Raises:
            TypeError, ValueError: it did not give this.
        """
        size, box = (tuple(map(int, choices[name])) for name in ("size", "box"))
        low_and_high = {"range": tuple(map(float, choices["range"]))} if "range" in choices else {}
        preparation = Preparation(**{**choices, "size": size, "box": box, **low_and_high})
        if len(size) != 2 or len(box) != 4:
            raise ValueError("the size must be two numbers, and the box four")
        return preparation


class Picture(Protocol):
    """Where one picture can be had from. It can be sent to another process."""

    def open(self) -> Opened:
        """The picture, perhaps decoded only when its pixels are asked for.

        Raises:
            Unreadable, or anything that Pillow raises.
        """


def read(
    picture: Picture, preparation: Preparation, *, strict: bool = False, say_rest: Callable[[str], object] = lambda _: None
) -> NDArray[np.uint8]:
    """A picture as H x W x C, uint8.

    Any format that `vaegan.data.formats.readable` names, the first frame or page of each, and arrays of numpy; grey, palette and CMYK; of
    more than 8 bits by `preparation.range`; transparency over white, unless it is one of the channels; turned upright as EXIF says.

    Args:
        picture: where it can be had from.
        preparation: how it is made ready.
        strict: refuse a picture of more than 8 bits where there is no range.
        say_rest: told what more there is in the file, if anything is.

    Raises:
        Unreadable: it is empty, damaged, no image, too small, so large that it looks like a decompression bomb, or has other channels.
        DeepPixelsError: see `strict`.
        UserError: the disk or the network failed, which is not the picture's fault.
    """
    with reasons(), picture.open() as opened:
        pixels = prepare(opened, preparation, strict=strict)
        if rest := rest_of(opened):
            say_rest(rest)
        return pixels


class ReadingTask(NamedTuple):
    """Some pictures for a worker."""

    pictures: list[Picture]
    preparation: Preparation
    strict: bool = False
    """See `read`."""


def prepare_all(task: ReadingTask) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """The images of a task that could be read, n x H x W x C; and for each picture why it gave none, and what more is in its file.

    Both are empty texts where there is nothing to say.

    Raises:
        DeepPixelsError: see `read`.
    """
    images: list[NDArray[np.uint8]] = []
    reasons, rests = [""] * len(task.pictures), [""] * len(task.pictures)
    for index, picture in enumerate(task.pictures):
        try:
            images.append(read(picture, task.preparation, strict=task.strict, say_rest=partial(rests.__setitem__, index)))
        except Unreadable as reason:
            reasons[index] = str(reason)
    return np.array(images, np.uint8).reshape(len(images), *task.preparation.shape), reasons, rests


@contextmanager
def reasons() -> Iterator[None]:
    """Within, whatever a decoder raises becomes a reason why a picture gives no image.

    Raises:
        Unreadable, DeepPixelsError, UserError: see `read`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of odd but readable files
            yield
    except (Unreadable, DeepPixelsError, UserError):
        raise
    except UnidentifiedImageError as error:
        raise Unreadable("not an image") from error
    except Image.DecompressionBombError as error:
        raise Unreadable("too large: it has more pixels than Pillow allows") from error
    except MemoryError as error:
        raise Unreadable("too large for the memory of this machine") from error
    except OSError as error:
        if error.errno in NOT_ITS_FAULT or (error.filename and not Path(error.filename).parent.exists()):
            where = error.filename or "the images"
            raise UserError(f"cannot read {where}: {error.strerror}; when this is fixed, run the same command again") from error
        reason = error.strerror if error.strerror and error.filename else f"damaged: {_first_line(error)}"
        raise Unreadable(reason) from error
    except Exception as error:  # on damaged files decoders raise all kinds
        raise Unreadable(f"damaged: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def prepare(opened: Opened, preparation: Preparation, *, strict: bool = False) -> NDArray[np.uint8]:
    """Crop, resize and convert one opened picture; H x W x C, uint8; see `read`."""
    if isinstance(opened, Image.Image):
        _check_size(opened.width, opened.height)
    samples = samples_of(opened, preparation.channels)
    if samples is not None:
        return _prepare_samples(samples, preparation, strict=strict)
    assert isinstance(opened, Image.Image)
    image = opened
    if image.format == "TIFF":
        tiff.load(image)  # which turns it upright, and takes the orientation away
    turned = image.getexif().get(ORIENTATION, 1)
    if turned not in range(1, 9):  # no orientation that there is
        turned = 1
    size = image.size[::-1] if turned >= 5 else image.size
    box = _box(size, preparation)
    inner = _inner_size(size, preparation)
    if preparation.resampling == "fast" and not preparation.blur:
        box = _decode_small(image, box, inner, turned >= 5)
    upright = ImageOps.exif_transpose(image) if turned != 1 else image
    return _resized([_flat(upright, preparation.channels)], box, inner, preparation)


def _prepare_samples(samples: Samples, preparation: Preparation, *, strict: bool) -> NDArray[np.uint8]:
    """The same for a picture as an array: first it gets 8 bits, then it is like any other."""
    mode = check(samples, preparation)
    if samples.deep and preparation.range is None and strict:
        raise DeepPixelsError
    height, width, there = samples.values.shape
    box, inner = _box((width, height), preparation), _inner_size((width, height), preparation)
    pixels = samples.in_8_bits(preparation.range)
    if mode is None:
        planes = [Image.fromarray(np.ascontiguousarray(pixels[..., channel])) for channel in range(there)]
        return _resized(planes, box, inner, preparation)
    image = Image.frombytes(mode, (width, height), np.ascontiguousarray(pixels).tobytes())
    return _resized([_flat(image, preparation.channels)], box, inner, preparation)


def check(samples: Samples, preparation: Preparation) -> str | None:
    """What a picture as an array is to Pillow: a mode, or None where each of its channels is an image by itself.

    Raises:
        Unreadable: it is too small, or has other channels than are wanted.
    """
    height, width, there = samples.values.shape
    wanted = preparation.channels
    _check_size(width, height)
    if there == wanted and there not in (1, 3) and not samples.alpha:
        return None
    mode = {1: "L", 3: "RGB"}.get(there) or ({2: "LA", 4: "RGBA"}.get(there) if samples.alpha else None)
    if mode is None or wanted not in (1, 3, len(mode)):
        raise _other_channels(there, wanted)
    return mode


def _check_size(width: int, height: int) -> None:
    if min(width, height) < SMALLEST:
        raise Unreadable(f"only {width}x{height} pixels, and each side needs at least {SMALLEST}")


def _other_channels(there: int, wanted: int) -> Unreadable:
    way_out = f": to use all of them, add --channels {there}" if there <= MOST_CHANNELS else ""
    return Unreadable(f"it has {there} channels, not {wanted}{way_out}")


def _resized(images: list[Image.Image], box: Box, inner: tuple[int, int], preparation: Preparation) -> NDArray[np.uint8]:
    """Images of 8 bits, cropped, resized and padded: H x W x C with the channels of all of them."""
    height, width = inner
    kernel = FILTERS[preparation.resampling]
    resized = [_blurred(image, box, inner) if preparation.blur else image.resize((width, height), kernel, box=box) for image in images]
    return _padded(np.concatenate([np.asarray(image).reshape(height, width, -1) for image in resized], axis=-1), preparation.size)


def _inner_size(size: tuple[int, int], preparation: Preparation) -> tuple[int, int]:
    """Height and width that a picture of this (width, height) takes in the prepared image: all of it, but for `pad`."""
    if preparation.crop != "pad":
        return preparation.size
    scale = min(preparation.size[0] / size[1], preparation.size[1] / size[0])
    return max(1, round(size[1] * scale)), max(1, round(size[0] * scale))


def _padded(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels in the middle of an image of this height and width; the rest has the median colour of the two edges that it borders on."""
    height, width, _ = pixels.shape
    if (height, width) == size:
        return pixels
    edges = pixels[[0, -1]] if height < size[0] else pixels[:, [0, -1]]
    padded = np.empty((*size, pixels.shape[2]), pixels.dtype)
    padded[:] = np.median(edges, axis=(0, 1)).astype(pixels.dtype)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    padded[top : top + height, left : left + width] = pixels
    return padded


def _decode_small(image: Image.Image, box: Box, size: tuple[int, int], on_its_side: bool) -> Box:
    """Have a JPEG decoded at a half, quarter or eighth of its size where that is still enough; returns the box in it."""
    spare = min((box[2] - box[0]) / size[1], (box[3] - box[1]) / size[0])
    if image.format not in ("JPEG", "MPO") or spare < 2:
        return box
    before = image.size
    image.draft(None, (before[0] // int(spare), before[1] // int(spare)))
    factor = next((f for f in (8, 4, 2) if math.ceil(before[0] / f) == image.size[0]), 1)
    width, height = image.size[::-1] if on_its_side else image.size
    return (box[0] / factor, box[1] / factor, min(box[2] / factor, width), min(box[3] / factor, height))


def _blurred(image: Image.Image, box: Box, size: tuple[int, int]) -> Image.Image:
    """Shrink as the authors do: a Gaussian of sigma sqrt(scale) / 2 source pixels, then bicubic values at points."""
    part = image.crop((math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])))
    scale = part.height / size[0]
    if scale > 1:
        part = part.filter(ImageFilter.GaussianBlur(math.sqrt(scale) / 2))
    steps = (part.width / size[1], 0, 0, 0, scale, 0)
    # Pillow cuts off what is behind the point, so that images are half a step of 255 darker. So does the authors' astype(uint8).
    return part.transform((size[1], size[0]), Image.Transform.AFFINE, steps, Image.Resampling.BICUBIC)


def _flat(image: Image.Image, channels: int) -> Image.Image:
    """As grey, RGB, grey and opacity, or RGBA of 8 bits; without opacity, what is transparent is white."""
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}.get(channels)
    image = image.convert("LA") if image.mode == "La" else image  # the only thing that Pillow makes of it
    if mode is None or (mode == "LA" and image.mode not in ("LA", "PA")):
        raise _other_channels(4 if image.has_transparency_data else len(image.getbands()), channels)
    if image.has_transparency_data and channels in (1, 3):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def _box(size: tuple[int, int], preparation: Preparation) -> Box:
    """The part of an image of this (width, height) to keep."""
    width, height = size
    if preparation.crop in ("none", "pad"):
        return (0, 0, width, height)
    if preparation.crop == "box":
        if preparation.box[2] > width or preparation.box[3] > height:
            raise Unreadable(f"the box {' '.join(map(str, preparation.box))} does not fit into {width}x{height} pixels")
        return preparation.box
    ratio = height / CELEBA_SHAPE[0]
    if preparation.crop == "celeba" and abs(width - CELEBA_SHAPE[1] * ratio) <= 1:
        left, top, right, bottom = (edge * ratio for edge in CELEBA_BOX)
        return (left, top, right, bottom)
    wanted_height, wanted_width = preparation.size
    scale = min(height / wanted_height, width / wanted_width)
    crop_width, crop_height = wanted_width * scale, wanted_height * scale
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    return (left, top, left + crop_width, top + crop_height)
