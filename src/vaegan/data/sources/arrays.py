"""Images that lie in an array of numpy: a .npy file, N x H x W or N x H x W x C, or a .npz file with such arrays. Nothing is unpickled."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ..deep import Opened, read_npy
from ..images import Picture
from ..samples import MOST_CHANNELS, Unreadable
from .base import Fingerprint, Item, Pixels, Source, printable

ENDINGS = (".npy", ".npz")
NAMED = re.compile(r"(?:.*_)?(?:images?|x|data)(?:_.*)?", re.IGNORECASE)
"""What an array of images is called, where a file holds several arrays."""
LABELS = (("images", "labels"), ("image", "label"), ("x", "y"), ("X", "y"), ("data", "labels"))
"""From the name of images to that of their labels, as in x_train and y_train, or train_images and train_labels."""
SPLITS = {"train": "train", "val": "validation", "test": "test"}


class ImageArray(NamedTuple):
    """An array of images in a file."""

    name: str
    """Empty for the only one of a .npy file."""
    shape: tuple[int, int, int, int]
    """N, H, W, C."""
    dtype: np.dtype[Any]
    fortran: bool


@dataclass(frozen=True)
class Row:
    """One image of a .npy file."""

    path: str
    index: int

    def open(self) -> Opened:
        """See `Picture`."""
        status = Path(self.path).stat()
        return Pixels(_mapped(self.path, (status.st_ino, status.st_mtime_ns, status.st_size))[self.index]).open()


@lru_cache(maxsize=4)
def _mapped(path: str, _state: tuple[int, ...]) -> NDArray[Any]:
    """The array of a file, by memory map; another one where the file was replaced."""
    return read_npy(path)


def holds_many(path: Path) -> bool:
    """Whether a file holds an array of many images, and not a picture. Only its head is read.

    A damaged .npy file counts as a picture: when that is read, the reason is known.
    """
    if path.suffix.lower() == ".npz":
        return True
    if path.suffix.lower() != ".npy":
        return False
    try:
        shape = _npy(path).shape
    except (UserError, OSError):
        return False
    return len(shape) == 4 or (len(shape) == 3 and shape[-1] > MOST_CHANNELS)


def source(path: Path) -> Source:
    """The images of a .npy or .npz file.

    Of a .npz file with several arrays, those that are called images, x or data are taken, with `train`, `val` or `test` in the name as
    their split, and labels beside them.

    Raises:
        UserError: it holds no images, or is damaged.
    """
    fingerprint = Fingerprint()
    fingerprint.add(path.name, path)
    if path.suffix.lower() == ".npy":
        values = _npy(path)
        arrays = [ImageArray("", _shape(values.shape, str(path)), values.dtype, fortran=False)]
        labels: dict[str, list[str]] = {}
        notes: list[str] = []
    else:
        arrays, labels, notes = _members(path)

    def items() -> Iterator[Item]:
        for array in arrays:
            split = next((split for part, split in SPLITS.items() if part in array.name.lower()), "")
            of_array = labels.get(array.name)
            pictures: Iterable[Picture] = _rows(path, array) if array.name else (Row(str(path), number) for number in range(array.shape[0]))
            for number, picture in enumerate(pictures):
                name = f"{printable(array.name)}-{number:06d}" if array.name else f"{number:06d}"
                yield Item(name, picture, split, of_array[number] if of_array else "")

    _, height, width, channels = arrays[0].shape
    same = len({array.shape[1:3] for array in arrays}) == 1
    total = sum(array.shape[0] for array in arrays)
    size = (height, width) if same else None
    name = f"array {printable(path.resolve().name)}"
    return Source(name, items, total, size=size, channels=channels, notes=notes, **fingerprint.hashes)


def _npy(path: Path) -> NDArray[Any]:
    try:
        return read_npy(str(path))
    except Unreadable as reason:
        raise UserError(f"cannot read {path}: {reason}") from None
    except PermissionError:
        raise
    except Exception as error:  # of a damaged head, numpy raises what its parser raises
        raise UserError(f"{path} is damaged, or is not a NumPy array") from error


def _shape(shape: tuple[int, ...], what: str) -> tuple[int, int, int, int]:
    """N, H, W, C.

    Raises:
        UserError: these are not many images.
    """
    said = f"{what} holds an array of {' x '.join(map(str, shape)) or 'one number'}"
    if len(shape) == 2:
        raise UserError(
            f"{said}, and images need N x H x W: if this is one image, give the folder that the file is in; "
            "if each row is an image, reshape the array"
        )
    if len(shape) == 3 and shape[-1] < MOST_CHANNELS:
        raise UserError(f"{said}: this is one image, not a set; give the folder that the file is in")
    if len(shape) == 4 and shape[-1] > MOST_CHANNELS and shape[1] <= MOST_CHANNELS:
        raise UserError(f"{said}: put the channels last, as N x H x W x C")
    if not (len(shape) == 3 or (len(shape) == 4 and 0 < shape[-1] <= MOST_CHANNELS)):
        raise UserError(f"{said}, but images must be N x H x W, or N x H x W x C with at most {MOST_CHANNELS} channels")
    if not shape[0]:
        raise UserError(f"there are no images in {what}")
    return (*shape[:3], shape[3] if len(shape) == 4 else 1)


def _members(path: Path) -> tuple[list[ImageArray], dict[str, list[str]], list[str]]:
    """The arrays of images of a .npz file, the labels of those that have some, and what there is to say of others."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            heads = {}
            for name in names:
                with archive.open(f"{name}.npy") as stream:
                    heads[name] = _head(stream)
            large = [name for name in names if len(heads[name][0]) in (3, 4) and heads[name][2].kind in "biuf"]
            wanted = large if len(large) == 1 else [name for name in large if NAMED.fullmatch(name)]
            if not wanted:
                shapes = {name: ", ".join(map(str, heads[name][0])) for name in names}
                there = ", ".join(f'"{name}" of shape ({shape})' for name, shape in shapes.items()) or "no array"
                if not large:
                    raise UserError(f"{path} has no array with the shape of images, N x H x W or N x H x W x C: it holds {there}")
                raise UserError(f"{path} holds {there}, and it is not clear which of them holds the images: name the right one 'images'")
            arrays = [ImageArray(name, _shape(heads[name][0], f"{path}: {name}"), heads[name][2], heads[name][1]) for name in wanted]
            notes: list[str] = []
            labels = {array.name: found for array in arrays if (found := _labels(archive, array, heads, notes))}
            return arrays, labels, list(dict.fromkeys(notes))
    except (UserError, PermissionError):
        raise
    except Exception as error:  # of damaged archives and heads, all kinds
        raise UserError(f"{path} is damaged, or is not a file of NumPy arrays") from error


def _head(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and kind of numbers."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return shape, fortran, dtype


def _labels(archive: zipfile.ZipFile, array: ImageArray, heads: dict[str, Any], notes: list[str]) -> list[str] | None:
    """The label of each image of an array, where there are some: whole numbers or texts. Of others, `notes` get a sentence."""
    for images, labels in LABELS:
        name = array.name.replace(images, labels)
        if name == array.name or name not in heads:
            continue
        shape, _, dtype = heads[name]
        if shape not in ((array.shape[0],), (array.shape[0], 1)):
            there = " x ".join(map(str, shape)) or "one value"
            notes.append(f"left out {name}: it holds {there}, not a label for each of {array.shape[0]:,} images")
        elif dtype.kind not in "iuUb":
            what = "Python objects, which can run code" if dtype.hasobject else f"values of the type {dtype}"
            notes.append(f"left out {name}: it holds {what}; save the labels as whole numbers or texts")
        else:
            with archive.open(f"{name}.npy") as stream:
                values = np.lib.format.read_array(stream, allow_pickle=False)
            return [printable(str(label)) for label in values.reshape(-1)]
    return None


def _rows(path: Path, array: ImageArray) -> Iterator[Pixels]:
    """The images of an array in a .npz file, one after another: the array may be larger than the memory."""
    count, *shape = array.shape
    size = int(np.prod(shape)) * array.dtype.itemsize
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{array.name}.npy") as stream:
            if array.fortran:  # the first numbers of all images are at its beginning
                yield from map(Pixels, np.lib.format.read_array(stream, allow_pickle=False).reshape(array.shape))
                return
            _head(stream)
            for number in range(count):
                content = stream.read(size)
                if len(content) < size:
                    raise UserError(f'{path} is damaged: its array "{array.name}" ends inside image {number + 1:,} of {count:,}')
                yield Pixels(np.frombuffer(content, array.dtype).reshape(shape))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged") from error
