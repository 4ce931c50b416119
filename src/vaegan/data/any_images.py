"""Images as people have them, in whatever form, to one array of a model's size. Those to train on are packed: `sources/memory.py`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sized
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UserError
from .dataset import ImageSet, PackedImages
from .images import Picture, Preparation, read
from .prepare import cache_folder, matching
from .read_images import read_images
from .samples import Unreadable
from .sources.base import Pixels
from .sources.base import called as name_of_source
from .sources.memory import NOT_SCALED, OpenPicture, as_numpy, each, image_of, is_array, require_range

if TYPE_CHECKING:
    from torch import Tensor

AnyImages: TypeAlias = "str | Path | Image.Image | NDArray[Any] | Tensor | ImageSet | Iterable[Any]"
"""Images, in one of these forms:

- the path of an image file, or of a folder or archive of them
- a PIL image
- an array or a tensor: N x H x W x C, N x C x H x W, or one image without N; uint8, or float in [-1, 1]
- a packed set
- a list of paths, PIL images, arrays or tensors
- a torch Dataset or a data set of Hugging Face; of an item with several parts, the image is the first part, or is named image
"""


IN_MEMORY = "images of a program"
"""What images are called that have no path."""


class NamedImages(NamedTuple):
    """Images as a model takes them, and what each is called."""

    names: list[str]
    pixels: NDArray[Any]
    """N x H x W x C: uint8, or float32 in [-1, 1]."""


def any_images(
    images: AnyImages,
    preparation: Preparation,
    skipped: Callable[[str, str], None] = lambda *_: None,
    left_out: Callable[[str, str], None] = lambda *_: None,
) -> NamedImages:
    """Images in any form, as the model takes them.

    Files, PIL images and uint8 arrays of another size are cropped and resized as the model's training images were. Float images must have
    the model's size.

    Args:
        images: see `AnyImages`.
        preparation: how they are made ready; a model has it as `model.preparation`.
        skipped: called with the name of a file that gives no image, and the reason.
        left_out: called with what else is not read, such as more frames of a file, and the reason.

    Raises:
        UserError: there is nothing there, or no image in it; or the values, shapes or types are none that images have.
    """
    if isinstance(images, ImageSet):
        return NamedImages(matching(images, preparation).names, images.images[:])
    if isinstance(images, (str, Path, Image.Image)):
        images = [images]
    if is_array(images):
        pixels = _of_array(as_numpy(images), preparation)
        return NamedImages([f"image {number}" for number in range(len(pixels))], pixels)
    if not isinstance(images, Iterable) and not hasattr(images, "__getitem__"):
        raise UserError(f"images cannot be of type {type(images).__name__}: pass a path, PIL images, an array, a tensor or a data set")
    items = list(map(image_of, each(images, len(images) if isinstance(images, Sized) else None)))
    if items and all(isinstance(item, (str, Path)) for item in items):
        return NamedImages(*read_images([Path(item) for item in items], preparation, skipped, left_out))
    names: list[str] = []
    found: list[NDArray[Any]] = []
    for number, item in enumerate(items):
        more, pixels = _of_item(item, number, preparation, skipped, left_out)
        names += more
        found.append(pixels)
    if not found:
        raise UserError("there are no images: the list is empty")
    if len({pixels.dtype for pixels in found}) > 1:
        found = [pixels if pixels.dtype == np.float32 else pixels.astype(np.float32) / 127.5 - 1 for pixels in found]
    return NamedImages(names, np.concatenate(found))


def source_of(images: object) -> str:
    """Where images are: their path, the folder of a packed set, or else that a program has them."""
    path = images.folder if isinstance(images, (ImageSet, PackedImages)) else images
    return str(path) if isinstance(path, (str, Path)) else IN_MEMORY


def called(images: ImageSet) -> str:
    """What a person calls a set: its folder; or what it was made from, such as the folder "photos", where it is in the cache."""
    with suppress(UserError):  # there is no home folder, and so no cache
        if cache_folder() in images.folder.parents:
            return name_of_source(images.manifest["made_from"]["source"])
    return f"the set {images.folder}"


def check_values(low: float, high: float) -> None:
    """See that float images are in [-1, 1]. Those within [0, 1] get a note, once.

    Args:
        low: the lowest value of all images.
        high: the highest one.

    Raises:
        UserError: they are not.
    """
    require_range(low, high)
    if low >= 0:
        warnings.warn(NOT_SCALED, stacklevel=2)


def _of_item(
    item: Any, number: int, preparation: Preparation, skipped: Callable[[str, str], None], left_out: Callable[[str, str], None]
) -> tuple[list[str], NDArray[Any]]:
    """Names and pixels of one item: N x H x W x C, of which N is 1 but for folders and batches."""
    if isinstance(item, (str, Path)):
        return read_images([Path(item)], preparation, skipped, left_out)
    name = f"image {number}"
    if isinstance(item, Image.Image):
        return [str(getattr(item, "filename", "") or name)], _prepared(OpenPicture(item), name, preparation)[None]
    if is_array(item):
        pixels = _of_array(as_numpy(item), preparation)
        return [name] if len(pixels) == 1 else [f"{name}.{part}" for part in range(len(pixels))], pixels
    raise UserError(f"{name} is of type {type(item).__name__}: pass paths, PIL images, arrays or tensors")


def _prepared(picture: Picture, name: str, preparation: Preparation) -> NDArray[np.uint8]:
    try:
        return read(picture, preparation)
    except Unreadable as reason:
        raise UserError(f"cannot read {name}: {reason}") from reason


def _of_array(array: NDArray[Any], preparation: Preparation) -> NDArray[Any]:
    """N x H x W x C of the model's size, uint8 or float32 in [-1, 1]."""
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"images must be uint8, or float in [-1, 1], not {array.dtype}")
    if not array.size:
        raise UserError(f"there are no images in an array of {_shape(array)}")
    real = array.dtype != np.uint8
    array = _channels_last(array, preparation)
    if real:
        check_values(float(array.min()), float(array.max()))
        if array.shape[1:] != preparation.shape:
            height, width, channels = preparation.shape
            raise UserError(
                f"the float images are {array.shape[1]}x{array.shape[2]} with {array.shape[3]} channels, but the model takes "
                f"{height}x{width} with {channels} channels: resize them first, or pass uint8 or PIL images, which vaegan resizes"
            )
        return np.ascontiguousarray(array, np.float32)
    if array.shape[1:] == preparation.shape:
        return np.ascontiguousarray(array)
    if array.shape[3] == preparation.channels and array.shape[3] not in (1, 3, 4):
        return np.stack([_prepared(Pixels(pixels), f"image {number}", preparation) for number, pixels in enumerate(array)])
    if array.shape[3] not in (1, 3, 4):
        raise UserError(f"images with {array.shape[3]} channels do not fit the model, which takes {preparation.channels}")
    pictures = (Image.fromarray(np.ascontiguousarray(pixels[..., 0] if array.shape[3] == 1 else pixels)) for pixels in array)
    return np.stack([_prepared(OpenPicture(picture), f"image {number}", preparation) for number, picture in enumerate(pictures)])


def _channels_last(array: NDArray[Any], preparation: Preparation) -> NDArray[Any]:
    """N x H x W x C of any of the layouts that images have.

    Raises:
        UserError: it is none of these, or could be two of them.
    """
    if array.ndim not in (2, 3, 4):
        raise UserError(f"images must be N x H x W x C or N x C x H x W, or a single image without N, not {_shape(array)}")
    counts = {preparation.channels} if np.issubdtype(array.dtype, np.floating) else {preparation.channels, 1, 3, 4}
    if array.ndim == 2:
        return array[None, :, :, None]
    first, last = array.shape[-3] in counts, array.shape[-1] in counts
    if array.ndim == 3 and not first and not last:  # grey images without C
        return array[..., None]
    if first and last:  # the size of the model's images decides
        size = preparation.size
        first, last = array.shape[-2:] == size, array.shape[-3:-1] == size
    if first == last:
        way = (
            "pass PIL images"
            if preparation.channels in (1, 3)
            else f"pass N x {preparation.size[0]} x {preparation.size[1]} x {preparation.channels}"
        )
        raise UserError(f"it is not clear which dimension of {_shape(array)} holds the channels: {way}")
    many = array if array.ndim == 4 else array[None]
    return many.transpose(0, 2, 3, 1) if first else many


def _shape(array: NDArray[Any]) -> str:
    return " x ".join(map(str, array.shape))
