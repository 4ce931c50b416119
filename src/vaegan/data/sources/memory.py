"""Images that a program has: arrays, tensors, lists, data sets of torch and of Hugging Face. They are packed once, like files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import UserError
from ..images import Picture
from ..samples import MOST_CHANNELS
from . import huggingface
from .base import Item, Pixels, Source, printable

LAYOUT = "N x H x W x C or N x C x H x W"
USUAL = (1, 3)
"""How many channels images have, where nothing speaks for another number up to `MOST_CHANNELS`."""
IMAGE_KEYS, LABEL_KEYS = ("image", "img", "pixel_values"), ("label", "labels")
"""Under what names items of a data set have their image and its class."""
NOT_SCALED = (
    "all values of these float images are in [0, 1], and [-1, 1] is expected. They are not changed. If 0 is black, pass images * 2 - 1"
)
MOST = 1.001
"""Of a float value: rounding may go over 1."""


@dataclass(frozen=True)
class OpenPicture:
    """A picture that is open already."""

    image: Image.Image

    def open(self) -> Image.Image:
        """See `Picture`."""
        return self.image.copy()


def memory_source(data: Any) -> Source:
    """Images of a program as a source. Its listing and state are empty: what it holds is known when it is packed.

    Args:
        data: an array or a tensor, N x H x W x C or N x C x H x W, uint8 or float in [-1, 1]; or a list, a data set of torch, or anything
            else that gives one image after the other: an array, a tensor or a PIL image, alone, as the first of a tuple whose second
            is the label, or under the name `image` beside `label`; or a data set of Hugging Face.

    Raises:
        UserError: it is nothing of that.
    """
    if type(data).__module__.partition(".")[0] == "datasets":
        splits = dict(data) if isinstance(data, Mapping) else {"": data}
        return huggingface.of_splits("data", "", "", splits, streaming=True)
    values = ValueRange()
    if is_array(data):
        pixels = to_pixels(data, values)
        about = f"array of {' x '.join(map(str, pixels.shape))}"
        return _source(about, lambda: (Item(f"{number:07d}", Pixels(_flat(one))) for number, one in enumerate(pixels)), len(pixels), values)
    if isinstance(data, (str, bytes, Mapping)) or not (isinstance(data, Iterable) or hasattr(data, "__getitem__")):
        raise UserError(f"data must be a path, an array, a tensor, a list, a data set or a DataLoader, not {type(data).__name__}")
    count = len(data) if hasattr(data, "__len__") else None
    what = type(data).__name__
    data = Once(data) if isinstance(data, Iterator) else data
    return _source(
        what,
        lambda: (_item(number, one, values) for number, one in enumerate(each(data, count))),
        count,
        values,
        name=f"{what} of a program",
    )


class Once:
    """The items of an iterator, which gives each of them once."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items: Iterator[Any] | None = items

    def __iter__(self) -> Iterator[Any]:
        """The items.

        Raises:
            UserError: they were asked for before.
        """
        items, self._items = self._items, None
        if items is None:
            raise UserError("a Python generator can be read only once, but images of more than 8 bits must be read twice: pass a list")
        return items


class ValueRange:
    """Watches float values go by: images in [0, 1] look like those in [-1, 1], but are not what networks expect."""

    lowest = np.inf

    def __call__(self, low: float) -> None:
        """Take note of the lowest value of some float images."""
        self.lowest = min(self.lowest, low)

    @property
    def notes(self) -> list[str]:
        """What is to be said of them all."""
        return [NOT_SCALED] if 0 <= self.lowest < np.inf else []


def _source(what: str, items: Callable[[], Iterator[Item]], count: int | None, values: ValueRange, *, name: str = "") -> Source:
    if count == 0:
        raise UserError(f"there are no images: the {what} is empty")
    source = Source(name or what, lambda: chain(items(), noted()), count, listing="", state="")

    def noted() -> Iterator[Item]:
        """No more items: by now all values were seen."""
        source.notes += values.notes
        return iter(())

    return source


def each(data: Any, count: int | None) -> Iterator[Any]:
    """The items one by one; torch's data sets with a length need not end by themselves."""
    return iter(data) if count is None or isinstance(data, Sequence) else (data[number] for number in range(count))


def image_of(item: Any) -> Any:
    """The image of an item, or of a batch, that may have other parts.

    Raises:
        UserError: it has none.
    """
    if isinstance(item, Mapping):
        key = next((key for key in IMAGE_KEYS if key in item), None)
        if key is None:
            keys, name = ", ".join(map(repr, map(str, item))), IMAGE_KEYS[0]
            raise UserError(
                f"an item of the images has no key named {name!r} (its keys: {keys}): each item needs its image under the key {name!r}"
            )
        return item[key]
    return item[0] if isinstance(item, (tuple, list)) and item else item


def _item(number: int, item: Any, values: ValueRange) -> Item:
    name = f"{number:07d}"
    image: Any = image_of(item)
    label: Any = None
    if isinstance(item, Mapping):
        label = next((item[key] for key in LABEL_KEYS if key in item), None)
    elif isinstance(item, (tuple, list)) and len(item) > 1:
        label = item[1]
    if getattr(label, "ndim", 1) == 0:  # a number of numpy or torch
        label = label.item()
    text = printable(str(label)) if isinstance(label, (int, str)) and not isinstance(label, bool) else ""
    return Item(name, _picture(image, name, values), label=text)


def _picture(image: Any, name: str, values: ValueRange) -> Picture:
    if isinstance(image, Image.Image):
        return OpenPicture(image)
    if not is_array(image):
        raise UserError(f"image {name} of the data must be an array, a tensor or a PIL image, not {type(image).__name__}")
    return Pixels(_flat(to_pixels(as_numpy(image)[None], values)[0]))


def _flat(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H x W x C, or H x W of grey images, as Pillow takes them."""
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def to_pixels(images: Any, values: ValueRange) -> NDArray[np.uint8]:
    """Images in memory to N x H x W x C, uint8. Float values are rounded to the nearest of 256, and noted in `values`.

    Raises:
        UserError: they have another shape, type or range.
    """
    array = channels_last(as_numpy(images))
    if array.dtype == np.uint8:
        return array
    values(check_range(array))
    return ((np.asarray(array, np.float32) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)


def check_range(array: NDArray[Any]) -> float:
    """See that values are those of images; returns the lowest one, and -1 for uint8, which stands for it.

    Raises:
        UserError: they are neither uint8 nor float in [-1, 1], or there are none.
    """
    if not array.size:
        raise UserError(f"there are no images in an array of {' x '.join(map(str, array.shape))}")
    if array.dtype == np.uint8:
        return -1.0
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"images must be uint8, or float in [-1, 1], not {array.dtype}")
    low, high = float(array.min()), float(array.max())
    require_range(low, high)
    return low


def require_range(low: float, high: float) -> None:
    """See that the lowest and the highest of some float values are those of images.

    Raises:
        UserError: they are not.
    """
    if not (low >= -MOST and high <= MOST):  # also if one is NaN
        raise UserError(f"float images must be in [-1, 1], and these have values from {low:.4g} to {high:.4g}: scale them, or pass uint8")


def channels_last(array: NDArray[Any]) -> NDArray[Any]:
    """N x H x W x C of images in any layout; N x H x W is grey.

    Raises:
        UserError: it is none, or could be two.
    """
    shape = " x ".join(map(str, array.shape))
    if array.ndim == 3:
        return array[..., None]
    if array.ndim != 4:
        raise UserError(f"images must be {LAYOUT}, not {shape}")
    first, last = (0 < array.shape[side] <= MOST_CHANNELS for side in (1, 3))
    if first and last:
        first, last = (array.shape[side] in USUAL for side in (1, 3))
    if first == last:
        if min(array.shape[1], array.shape[3]) <= MOST_CHANNELS:
            raise UserError(f"an array of {shape} could be {LAYOUT}, and it is not clear which: save the images as files instead")
        channels = " or ".join(dict.fromkeys(str(array.shape[side]) for side in (1, 3)))
        raise UserError(f"an array of {shape} would have {channels} channels, and images have 1 to {MOST_CHANNELS}: pass {LAYOUT}")
    return array.transpose(0, 2, 3, 1) if first else array


def is_array(data: Any) -> bool:
    """Whether it is an array of numpy or a tensor of torch, without loading torch."""
    return isinstance(data, np.ndarray) or (type(data).__module__.partition(".")[0] == "torch" and hasattr(data, "detach"))


def as_numpy(data: Any) -> NDArray[Any]:
    """An array of numpy, or of a tensor; floats of any size as float32."""
    if isinstance(data, np.ndarray):
        return data
    tensor = data.detach().cpu()
    array: NDArray[Any] = tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()
    return array
