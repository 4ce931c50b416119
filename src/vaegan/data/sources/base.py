"""What a source of images is: pictures in a fixed order, each with its name and what is known of it."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ...errors import UserError
from ...files import read_text
from ...settings import Crop
from ..deep import Opened, image_of, open_image
from ..formats import HEAD, IMAGE, kind_by_content, readable
from ..images import Picture
from ..left_out import LeftOut
from ..samples import Samples, Unreadable

LARGEST = 1 << 29  # bytes of one picture in an archive: more is no picture


@dataclass(frozen=True)
class Item:
    """One picture of a source, not yet read, and what is known of it."""

    name: str
    """In one line, and different from all others of the source: a path inside it, most often."""
    picture: Picture
    split: str = ""
    """`train`, `validation`, `test` or another; empty where the source has no splits."""
    label: str = ""
    """The name of its class; empty where that is not known."""
    attributes: tuple[float, ...] = ()
    """As many as the source's `attribute_names`, above 0 where the image has it, or NaN where that is not known; or none at all."""


@dataclass
class Source:
    """Pictures in a fixed order. Everything that is packed comes through this."""

    name: str
    """What kind it is and which, such as "folder photos"."""
    items: Callable[[], Iterable[Item]]
    """The pictures, the same ones in the same order each time."""
    count: int | None
    """How many items there are, if that is known before they are read."""
    listing: str
    """A hash of the names and sizes of what is in it, the same wherever it lies."""
    state: str
    """A hash that changes when its files are touched or moved, too."""
    attribute_names: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    """Height and width that its images have, where they all have the same."""
    channels: int = 3
    crop: Crop = "centre"
    """How its images are usually cut."""
    notes: list[str] = field(default_factory=list)
    """What its owner should know, a sentence each, such as how many rows of a table have no image."""
    left_out: LeftOut = field(default_factory=LeftOut)
    """What it holds beside its pictures; known once they were gone through."""


SHOWN_AS = {"folder": "folder", "classes": "folder", "mnist": "folder", "array": "array", "hf": "data set"}
"""What a sentence calls the kinds of sources whose names begin with them."""


def called(name: str) -> str:
    """The name of a source in a sentence: `folder photos` is the folder "photos"."""
    kind, _, which = name.partition(" ")
    if kind in SHOWN_AS and which and not which.startswith("of "):
        return f'the {SHOWN_AS[kind]} "{which}"'
    return name if kind == "the" else f"the {name}" if " of " in name else f"the set {name}"


def none_readable(count: int, place: str, first: str) -> UserError:
    """The mistake of images none of which can be read.

    Args:
        count: how many there are.
        place: where they are, in a sentence.
        first: the name of the first one and why it cannot be read; empty if there is none.
    """
    if count < 2:
        return UserError(f"the only image in {place} cannot be read: {first}" if count else f"there are no images in {place}")
    return UserError(f"none of the {count:,} images in {place} can be read: the first is {first}")


def names_of_others(listed_in: object, listed: Iterable[str], source: Source) -> UserError:
    """The mistake of a list none of whose names is that of an image of a source."""
    theirs = min(listed, default="")
    if not theirs:
        return UserError(f"{listed_in} lists no images")
    ours = next((item.name for item in source.items()), "nothing")
    return UserError(f"{listed_in} lists names such as {theirs}, but the images have names such as {ours}")


@dataclass(frozen=True)
class File:
    """An image file."""

    path: str

    def open(self) -> Opened:
        """See `Picture`."""
        if stat.S_ISFIFO(Path(self.path).stat().st_mode):
            raise Unreadable("a pipe, not a file")  # nobody may ever write to it
        try:
            return open_image(self.path, readable())
        except UnidentifiedImageError:
            with Path(self.path).open("rb") as file:
                raise _unidentified(file.read(HEAD)) from None


@dataclass(frozen=True)
class Encoded:
    """The content of an image file."""

    content: bytes

    def open(self) -> Opened:
        """See `Picture`."""
        try:
            return open_image(io.BytesIO(self.content), readable())
        except UnidentifiedImageError:
            raise _unidentified(self.content[:HEAD]) from None


def _unidentified(head: bytes) -> Unreadable:
    """Why Pillow finds no image in a file that begins in this way."""
    kind = kind_by_content(head)
    return Unreadable("damaged, or in an image format that is not supported" if kind is IMAGE else str(kind))


@dataclass(frozen=True)
class ZipMember:
    """An image file in a zip archive, by its place there."""

    archive: str
    index: int

    def open(self) -> Opened:
        """See `Picture`."""
        status = Path(self.archive).stat()
        archive = _zip(self.archive, (status.st_ino, status.st_mtime_ns, status.st_size))
        member = archive.infolist()[self.index]
        if member.flag_bits & 1:
            raise Unreadable("encrypted")
        if member.file_size > LARGEST:
            raise Unreadable(f"too large: {member.file_size:,} bytes")
        return Encoded(archive.read(member)).open()


@lru_cache(maxsize=4)
def _zip(path: str, _state: tuple[int, ...]) -> zipfile.ZipFile:
    """The opened archive; another one where the file was replaced."""
    return zipfile.ZipFile(path)


@dataclass(frozen=True)
class Pixels:
    """Pixels as they are: H x W or H x W x C, uint8, or any other kind of number."""

    values: NDArray[Any]

    def open(self) -> Opened:
        """See `Picture`."""
        if self.values.dtype == np.uint8 and self.values.shape[2:] in ((), (3,)):
            return Image.fromarray(np.ascontiguousarray(self.values))
        return Samples(image_of(self.values))


@dataclass(frozen=True)
class Record:
    """Pixels at a place in a binary file, stored with their axes in the order of `shape` and to be turned by `axes` into H, W, C."""

    path: str
    offset: int
    shape: tuple[int, int, int]
    axes: tuple[int, int, int]

    def open(self) -> Opened:
        """See `Picture`."""
        values = np.fromfile(self.path, np.uint8, count=int(np.prod(self.shape)), offset=self.offset)
        return Pixels(values.reshape(self.shape).transpose(self.axes)).open()


@dataclass(frozen=True)
class Refused:
    """A picture that is not opened at all, and why."""

    reason: str

    def open(self) -> Opened:
        """Say why."""
        raise Unreadable(self.reason)


class Fingerprint:
    """The two hashes of a `Source`, over the files that it is made of."""

    def __init__(self) -> None:
        self._listing, self._state = hashlib.sha256(), hashlib.sha256()

    def add(self, name: str, path: str | Path) -> None:
        """Take in one file, by its name in the source and by where it is."""
        path = Path(path)
        try:
            status = path.stat()
            size, touched = str(status.st_size), str(status.st_mtime_ns)
        except OSError:  # a link to nowhere, say: reading it will tell
            size = touched = "unreadable"
        self._listing.update(f"{name}\n{size}\n".encode("utf-8", "surrogateescape"))
        self._state.update(f"{path.absolute()}\n{size}\n{touched}\n".encode("utf-8", "surrogateescape"))

    def add_text(self, text: str) -> None:
        """Take in what a source depends on beside files."""
        for digest in (self._listing, self._state):
            digest.update(f"{text}\n".encode("utf-8", "surrogateescape"))

    @property
    def hashes(self) -> dict[str, Any]:
        """As `Source` takes them."""
        return {"listing": self._listing.hexdigest(), "state": self._state.hexdigest()}


def first(source: Source, count: int) -> Source:
    """The first so many pictures of a source."""
    known = count if source.count is None else min(count, source.count)
    listing, state = (hashlib.sha256(f"{text} first {count}".encode()).hexdigest() for text in (source.listing, source.state))
    return replace(source, items=lambda: islice(source.items(), count), count=known, listing=listing, state=state)


def stretch(source: Source, wanted: range, *, last: bool) -> Source:
    """The pictures of a source at some consecutive places; with the `last` ones come all that follow, should its count be wrong."""
    stop = None if last else wanted.stop
    return replace(source, items=lambda: islice(source.items(), wanted.start, stop), count=len(wanted))


def groups(items: Iterable[Item], most: int, most_bytes: int) -> Iterator[list[Item]]:
    """Items in groups of at most so many, of which no more than the last one goes over so many bytes that are in memory already."""
    group: list[Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += len(item.picture.content) if isinstance(item.picture, Encoded) else 0
        if len(group) == most or size >= most_bytes:
            yield group
            group, size = [], 0
    if group:
        yield group


def printable(text: str) -> str:
    """A name as one line of text, whatever bytes are in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few of some names, and dots if there are more."""
    iterator: Iterator[str] = iter(names)
    first = [name for name, _ in zip(iterator, range(most), strict=False)]
    return ", ".join(chain(first, ["..."] if len(first) == most and next(iterator, None) is not None else []))


def locate(path: Path, kind: str, *names: str) -> Path:
    """The folder that holds some files: this one, or a folder in it.

    Raises:
        UserError: there is none.
    """
    folders = (path, *(p for p in sorted(path.glob("*")) if p.is_dir()))
    missing = {folder: [name for name in names if not (folder / name).is_file()] for folder in folders}
    nearest = min(folders, key=lambda folder: len(missing[folder]))
    if not missing[nearest]:
        return nearest
    what = "it is a file; unpack it first" if path.is_file() else f"it has no {missing[nearest][0]}"
    raise UserError(f"{path} is not the binary version of {kind}: {what}")


def records(path: Path, size: int) -> int:
    """How many records of so many bytes a file holds.

    Raises:
        UserError: not a whole number.
    """
    count, rest = divmod(path.stat().st_size, size)
    if rest or not count:
        raise UserError(f"{path} is damaged: its length must be a multiple of {size:,} bytes, not {path.stat().st_size:,}")
    return count


def lines(path: Path) -> list[str]:
    """The names in a text file, one a line."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]
