"""Image files where people have them: in a folder and its subfolders, in a zip, in a tar."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Protocol, cast

from ...errors import UserError
from ...files import missing
from ..formats import (
    ARCHIVE,
    CLOSED,
    HEAD,
    IMAGE,
    NO_FILE,
    PACKED,
    RUN,
    WITHIN,
    Kind,
    formats_in_words,
    is_hidden,
    kind_by_content,
    kind_by_name,
)
from ..images import Picture
from ..left_out import LeftOut
from .base import LARGEST, Encoded, File, Fingerprint, Item, Refused, Source, ZipMember, printable

RUN_MARKS = {"recipe.yaml", "stats.jsonl"}  # as in run.py, which is above data
"""Files that a run folder has."""
SET_MARKS = {"manifest.json", "images-00000.npy"}
"""Files that a packed set has."""
JOINED_MARKS = {"manifest.json", "parts.json"}
"""Files that a joined set has."""
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class Listing(Protocol):
    """Named pictures in a fixed order. Hidden files and folders are left out."""

    left_out: LeftOut
    """What is no image that is read; of a tar, what the last pass over it met."""

    @property
    def count(self) -> int | None:
        """How many there are, if that is known before they are read."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Of the files that they are in."""

    def __iter__(self) -> Iterator[tuple[str, Picture]]:
        """Each picture under the path it has inside."""


def listing(path: Path) -> Listing:
    """The image files in a folder, a zip or a tar.

    Raises:
        UserError: it is none of these, or has no image files in it.
    """
    if path.is_dir():
        found: Listing = Folder(path)
    elif not path.exists():
        raise missing(path)
    elif not is_archive(path):
        raise UserError(f"{path} is not a folder, a .zip or a .tar archive")
    else:
        found = Zip(path) if _is_zip(path) else Tar(path)
    if found.count == 0:
        there = f'"{path.name}" {found.left_out.in_all()}'
        raise UserError(f"there are no images in {path} or its subfolders: vaegan reads {formats_in_words()} files, and {there}")
    return found


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or a tar: by the ending of its name, or by its content where the ending says nothing."""
    if path.name.lower().endswith((".zip", *TARS)):
        return True
    return path.is_file() and kind_by_name(path.name) is None and kind_by_content(_head(path)) == ARCHIVE


def _is_zip(path: Path) -> bool:
    ending = path.name.lower()
    return ending.endswith(".zip") or (not ending.endswith(TARS) and _head(path).startswith(b"PK"))


class Folder:
    """A folder and its subfolders, in the order of their paths.

    Links to other folders are entered, but not those that would lead to a file twice, or round in a circle. Run folders and packed sets
    are not entered: their pictures are no data.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._closed: dict[str, str] = {}  # folders that cannot be read, and why
        self._looked_into: dict[str, Kind] = {}  # files whose names do not say what they are
        self.fingerprint = Fingerprint()
        self.left_out = LeftOut(root)
        self.count = 0
        for name in self._walk(self.left_out):
            self.fingerprint.add(name, root / name)
            self.count += 1

    def __iter__(self) -> Iterator[tuple[str, Picture]]:
        for name in self._walk(LeftOut()):
            yield printable(name), Refused(self._closed[name]) if name in self._closed else File(f"{self.root}/{name}")

    def _walk(self, left_out: LeftOut) -> Iterator[str]:
        """Paths of image files under the root; no more than one folder's at a time is held in memory."""
        return self._inside("", left_out, Entered(self.root))

    def _inside(self, inside: str, left_out: LeftOut, entered: Entered) -> Iterator[str]:
        try:
            with os.scandir(self.root / inside) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not inside:
                raise
            self._closed[inside] = error.strerror or "cannot be read"
            yield inside
            return
        names = {entry.name for entry in found}
        if any(names >= marks for marks in (RUN_MARKS, SET_MARKS, JOINED_MARKS)):
            kind = RUN if names >= RUN_MARKS else PACKED
            if not inside:
                raise UserError(f"{self.root} is {kind}, not a folder of image files: give the image files themselves")
            left_out.add(printable(inside), kind, "folder")
            return
        for entry in found:
            if is_hidden(entry.name):
                continue
            path = f"{inside}/{entry.name}" if inside else entry.name
            if _is_folder(entry):
                if entry.is_symlink() and not entered.add(entry.path):
                    left_out.add(printable(path), WITHIN, "folder")
                else:
                    left_out.folders += 1
                    yield from self._inside(path, left_out, entered)
                continue
            kind = kind_by_name(entry.name) or self._looked_into.get(path) or self._look_into(path, entry)
            if kind is IMAGE:
                yield path
            else:
                left_out.add(printable(path), kind)

    def _look_into(self, path: str, entry: os.DirEntry[str]) -> Kind:
        try:
            self._looked_into[path] = kind_by_content(_head(Path(entry.path))) if entry.is_file() else NO_FILE
        except OSError as error:
            reason = error.strerror or "cannot be read"
            self._looked_into[path] = Kind(reason, reason)
        return self._looked_into[path]


class Entered:
    """The folders that a walk has begun in: its root, and folders that are entered by links."""

    def __init__(self, root: Path) -> None:
        self._folders: set[str] = set()
        self._above: set[str] = set()
        self.add(str(root))

    def add(self, link: str) -> bool:
        """Enter a folder, unless that is in one that was entered, or one that was entered is in it."""
        place = Path(os.path.realpath(link))
        above = set(map(str, place.parents))
        if str(place) in self._folders or str(place) in self._above or not self._folders.isdisjoint(above):
            return False
        self._folders.add(str(place))
        self._above |= above
        return True


class Zip:
    """A zip archive, read where it is: nothing is unpacked onto the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fingerprint = Fingerprint()
        self.fingerprint.add(path.name, path)
        self.left_out = LeftOut()
        members: list[tuple[str, int]] = []
        try:
            with zipfile.ZipFile(path) as archive:
                for index, member in enumerate(archive.infolist()):
                    name = _name(member)
                    if name.endswith("/") or is_hidden(name):
                        continue
                    kind = kind_by_name(name) or _of_member(archive, member)
                    if kind is IMAGE:
                        members.append((name, index))
                    else:
                        self.left_out.add(printable(name), kind)
        except PermissionError:
            raise
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise UserError(f"{path} is damaged, or is not a zip archive") from error
        self._members = sorted(members, key=lambda member: (member[0].split("/"), member[1]))  # as a folder is walked
        self.count = len(members)

    def __iter__(self) -> Iterator[tuple[str, Picture]]:
        for name, index in self._members:
            yield printable(name), _guarded(name) or ZipMember(str(self.path), index)


class Tar:
    """A tar archive, compressed or not, in the order of its members; read from front to end, nothing is unpacked onto the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count: int | None = None  # known only at its end
        self.fingerprint = Fingerprint()
        self.fingerprint.add(path.name, path)
        self.left_out = LeftOut()
        if next(iter(self), None) is None:
            self.count = 0

    def __iter__(self) -> Iterator[tuple[str, Picture]]:
        self.left_out.clear()
        try:
            with _opened(self.path) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=Strict) as archive:
                for member in archive:
                    name = member.name.removeprefix("./")
                    if member.isdir() or is_hidden(name.replace("\\", "/")):
                        continue
                    head, kind = b"", kind_by_name(name)
                    file = archive.extractfile(member) if member.isfile() else None
                    if kind is None:
                        head = file.read(HEAD) if file else b""
                        kind = kind_by_content(head) if file else NO_FILE
                    if kind is IMAGE:
                        yield printable(name), _guarded(name) or _content(member, head, file)
                    else:
                        self.left_out.add(printable(name), kind)
                while stream.read(1 << 20):  # to its end: a compressed file has its checksum there
                    pass
        except PermissionError:
            raise
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise UserError(f"{self.path} is damaged, or is not a tar archive") from error


class Strict(tarfile.TarInfo):
    """The head of a member. A damaged one is an error, where tarfile would take it for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Strict:
        """See `tarfile.TarInfo.frombuf`."""
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _opened(path: Path) -> BinaryIO:
    """The content of a file that may be compressed; tarfile's own streams do not check their checksums."""
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(path))
    if head.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(path))
    if head.startswith(b"\xfd7zXZ"):
        return cast(BinaryIO, lzma.open(path))
    return path.open("rb")


def _content(member: tarfile.TarInfo, head: bytes, rest: IO[bytes] | None) -> Picture:
    """A member of a tar, of which `head` has been read."""
    if rest is None:
        return Refused("a link, not a file")
    if member.size > LARGEST:
        return Refused(f"too large: {member.size:,} bytes")
    return Encoded(head + rest.read())


def _guarded(name: str) -> Picture | None:
    """A refusal of names that lead out of an archive. Nothing is written by these names, but whoever made them meant no good."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return Refused("its path is outside the archive")
    return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a folder that may not be read
        return False


def _name(member: zipfile.ZipInfo) -> str:
    """The path of a member of a zip. Some programs write backslashes on Windows; others write UTF-8, and do not say so."""
    name = member.filename
    if not member.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Kind:
    try:
        with archive.open(member) as file:
            return kind_by_content(file.read(HEAD))
    except Exception:  # encrypted, damaged, or compressed in an unknown way
        return CLOSED


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def source(path: Path) -> Source:
    """All image files in a folder with its subfolders, a zip or a tar.

    Raises:
        UserError: there are none.
    """
    files = listing(path)

    def items() -> Iterator[Item]:
        for name, picture in files:
            yield Item(name, picture)

    name = f"folder {printable(path.resolve().name)}"
    return Source(name, items, files.count, left_out=files.left_out, **files.fingerprint.hashes)
