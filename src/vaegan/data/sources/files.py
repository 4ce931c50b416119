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
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, cast

from ...errors import UserError
from ..images import SUFFIXES, Picture
from .base import LARGEST, Encoded, File, Fingerprint, Item, Refused, Source, ZipMember, printable

RUN_MARKS = {"recipe.yaml", "stats.jsonl"}  # as in run.py, which is above data
"""Files that a run folder has."""
SET_MARKS = {"manifest.json", "images-00000.npy"}
"""Files that a packed set has."""
JOINED_MARKS = {"manifest.json", "parts.json"}
"""Files that a joined set has."""
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ENDINGS = "JPEG, PNG, WebP, BMP, GIF, TIFF and PPM files"


class Listing(Protocol):
    """Named pictures in a fixed order, by their names' endings; hidden files and folders are passed over."""

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
        raise UserError(f"{path} does not exist")
    elif path.name.lower().endswith(TARS):
        found = Tar(path)
    elif path.suffix.lower() == ".zip":
        found = Zip(path)
    else:
        raise UserError(f"{path} is not a folder, a .zip or a .tar archive")
    if found.count == 0:
        raise UserError(f"there are no images in {path} or its subfolders: images are {ENDINGS}")
    return found


class Folder:
    """A folder and its subfolders, in the order of their paths.

    Folders that are links are not entered, and neither are run folders and packed sets: their pictures are no data.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._closed: dict[str, str] = {}  # folders that cannot be read, and why
        self.fingerprint = Fingerprint()
        self.count = 0
        for name in self._walk():
            self.fingerprint.add(name, root / name)
            self.count += 1

    def __iter__(self) -> Iterator[tuple[str, Picture]]:
        for name in self._walk():
            yield printable(name), Refused(self._closed[name]) if name in self._closed else File(f"{self.root}/{name}")

    def _walk(self, inside: str = "") -> Iterator[str]:
        """Paths of image files under the root; no more than one folder's at a time is held in memory."""
        try:
            with os.scandir(self.root / inside) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not inside:
                raise
            self._closed[inside] = error.strerror or "cannot be read"
            yield inside
            return
        marks = {entry.name for entry in found}
        if any(marks >= those for those in (RUN_MARKS, SET_MARKS, JOINED_MARKS)):
            return
        for entry in found:
            path = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    yield from self._walk(path)
            elif _is_image(entry.name) and not (entry.is_symlink() and Path(entry.path).is_dir()):
                yield path


class Zip:
    """A zip archive, read where it is: nothing is unpacked onto the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fingerprint = Fingerprint()
        self.fingerprint.add(path.name, path)
        try:
            with zipfile.ZipFile(path) as archive:
                members = [(m.filename, index) for index, m in enumerate(archive.infolist()) if not m.is_dir() and _is_image(m.filename)]
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
        if next(iter(self), None) is None:
            self.count = 0

    def __iter__(self) -> Iterator[tuple[str, Picture]]:
        try:
            with _opened(self.path) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=Strict) as archive:
                for member in archive:
                    name = member.name.removeprefix("./")
                    if not member.isdir() and _is_image(name):
                        yield printable(name), _guarded(name) or _content(archive, member)
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


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Picture:
    if not member.isfile():
        return Refused("a link, not a file")
    if member.size > LARGEST:
        return Refused(f"too large: {member.size:,} bytes")
    file = archive.extractfile(member)
    assert file is not None
    return Encoded(file.read())


def _guarded(name: str) -> Picture | None:
    """A refusal of names that lead out of an archive. Nothing is written by these names, but whoever made them meant no good."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return Refused("its path is outside the archive")
    return None


def _is_image(name: str) -> bool:
    if name[name.rfind(".") :].lower() not in SUFFIXES:
        return False
    return not any(part.startswith(".") and part not in (".", "..") for part in name.replace("\\", "/").split("/"))


def source(path: Path) -> Source:
    """All image files in a folder with its subfolders, a zip or a tar.

    Raises:
        UserError: there are none.
    """
    files = listing(path)

    def items() -> Iterator[Item]:
        for name, picture in files:
            yield Item(name, picture)

    return Source(f"folder {printable(path.resolve().name)}", items, files.count, **files.fingerprint.hashes)
