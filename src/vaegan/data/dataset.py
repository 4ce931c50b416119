"""The packed set: prepared images as uint8 arrays on disk, opened by memory map, with what is known of each beside them.

A packed set is a folder that anyone can read with numpy alone:

    manifest.json       what it was made from and how, its shape, splits and classes, and a checksum of every other file
    images-00000.npy    n x H x W x C, uint8; at most 2 GiB a file, and all but the last are equally long
    items-00000.csv     for the same images: name, label, and attributes, if there are any (above 0: has it; empty: not known)
    split-train.npy     indices of the images of a split, int64 and rising, if there are splits; one file each
    skipped.txt         pictures that gave no image, and files that were left out, and why, if there were any

manifest.json is written last, so a folder without it is no set.

A set that was joined from parts has no files of images and of items. In place of them it has `parts.json`, a list of the packed sets that
hold them, in order. All else is as in the set that is packed at once, byte for byte. A part is a packed set, too; its manifest says which.
"""

from __future__ import annotations

import csv
import hashlib
import json
import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError, unknown_name
from ..files import sha256
from ..words import command, spelt_as
from .images import Preparation
from .left_out import LISTED, is_left_out
from .shard import Shard

FORMAT = 2
MANIFEST = "manifest.json"
PARTS = "parts.json"
LARGEST_SHARD = 2 << 30
LONGEST_NAME = 100
HEADER = 128  # bytes of a .npy file of images before its first one


def capacity(shape: tuple[int, int, int]) -> int:
    """How many images of a shape H x W x C go into one file."""
    return max(1, (LARGEST_SHARD - HEADER) // int(np.prod(shape)))


def image_file(shard: int) -> str:
    """The name of a file of images."""
    return f"images-{shard:05d}.npy"


def item_file(shard: int) -> str:
    """The name of the file that goes with it."""
    return f"items-{shard:05d}.csv"


def split_file(split: str) -> str:
    """The name of the file of a split; a split may be called anything."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_+") else "_" for c in split)
    if safe != split or len(safe) > LONGEST_NAME:
        safe = f"{safe[:LONGEST_NAME]}-{hashlib.sha256(split.encode()).hexdigest()[:8]}"
    return f"split-{safe}.npy"


class PackedImages:
    """The images of a set by their indices, over all its files. Nothing is read before it is asked for."""

    def __init__(self, files: Sequence[tuple[Path, int]], shape: tuple[int, int, int, int], folder: Path | None = None) -> None:
        """Take the files in order, and how many images are in each; together they have the shape n x H x W x C. `folder` is the set's."""
        self.files, self.shape, self.folder = files, shape, folder
        self._ends = np.cumsum([count for _, count in files], dtype=np.int64)
        self._starts = np.concatenate([[0], self._ends[:-1]])
        self._mapped: dict[int, tuple[NDArray[np.uint8], memoryview]] = {}
        self._asked = 0  # images so far; after as many as there are, the set is in memory if it fits
        self._beyond_memory = int(np.prod(shape)) > physical_memory() // 2

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: int | slice | NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Copies of some images, by numbers or by a mask of all images: n x H x W x C, or H x W x C for a single number.

        Raises:
            IndexError: there is no such number, or the mask has another length.
        """
        if isinstance(indices, slice):
            indices = np.arange(*indices.indices(len(self)))
        asked = np.asarray(indices)
        if asked.dtype == bool:
            if asked.shape != (len(self),):
                raise IndexError(f"a mask must have the shape ({len(self)},), with a value for each image, not {asked.shape}")
            asked = np.flatnonzero(asked)
        wanted = np.atleast_1d(np.asarray(asked, np.int64))
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(f"the number of an image must be from 0 to {len(self) - 1}")
        files = np.searchsorted(self._ends, wanted, side="right")
        rows = wanted - self._starts[files]
        if self._beyond_memory or self._asked < len(self):  # most of it may still be on the disk
            self._ask_for(files, rows)
        shape = (len(wanted), *self.shape[1:])
        if len(wanted) and files.min() == files.max():
            pixels = np.empty(shape, np.uint8)
            np.take(self._file(int(files[0]))[0], rows, axis=0, out=pixels, mode="clip")  # other modes copy twice
        else:  # to gather bytes is faster than numpy is with a few images of each of many files
            size = int(np.prod(shape[1:]))
            contents = {file: self._file(file)[1] for file in set(files.tolist())}
            starts = zip(files.tolist(), (rows * size).tolist(), strict=True)
            copies = bytearray().join([contents[file][start : start + size] for file, start in starts])
            pixels = np.frombuffer(copies, np.uint8).reshape(shape)
        return pixels if np.ndim(indices) else pixels[0]

    def _file(self, file: int) -> tuple[NDArray[np.uint8], memoryview]:
        """All images of a file: as an array, and as bytes."""
        if file not in self._mapped:
            if len(self._mapped) % 100 == 99:
                _allow_open_files(len(self._mapped) + 200)
            images = _map(self.files[file][0])
            _advise(images, "MADV_RANDOM")
            self._mapped[file] = images, memoryview(images.reshape(-1))
        return self._mapped[file]

    def _ask_for(self, files: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Have the system fetch some rows of files, all at once: they are about to be read."""
        self._asked += len(rows)
        size = int(np.prod(self.shape[1:]))
        for file, row in zip(files.tolist(), rows.tolist(), strict=True):
            start = (HEADER + row * size) // mmap.PAGESIZE * mmap.PAGESIZE
            _advise(self._file(file)[0], "MADV_WILLNEED", start, HEADER + (row + 1) * size - start)


def _map(path: Path) -> Any:
    """A .npy file as an array that is read where it is.

    Raises:
        UserError: it is damaged.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # of a damaged head, numpy raises what its parser raises
        raise UserError(f"{path} is damaged: pack the set again, or restore the file from a backup") from error


def _advise(images: NDArray[np.uint8], advice: str, *part: int) -> None:
    """Tell the system how a memory map, or some bytes of it, will be read, where the system listens.

    By default it waits for each missing page in turn and reads 128 KB around it. Asked beforehand for all images of a batch, and for no
    more, it had them from the disk about ten times as fast (docs/measured.md).
    """
    if hasattr(mmap, advice) and isinstance(images.base, mmap.mmap):
        images.base.madvise(getattr(mmap, advice), *part)


def physical_memory() -> int:
    """Bytes of memory of this machine; a huge number where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 1 << 62


def _allow_open_files(count: int) -> None:
    """Each mapped file counts as an open one, of which systems allow a process few unless it asks for more."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count if most == resource.RLIM_INFINITY else min(count, most), most))


@dataclass(frozen=True)
class ItemTable:
    """What is known of the images of one file, in their order."""

    names: list[str]
    labels: list[str]
    attributes: NDArray[np.float32]
    """n x A; above 0 where the image has it, NaN where that is not known."""


@dataclass(frozen=True)
class ImageSet:
    """An opened packed set. Opening reads the manifest alone, however many images there are."""

    folder: Path
    manifest: dict[str, Any]
    images: PackedImages
    preparation: Preparation
    """How its images were made from pictures."""
    parts: tuple[ImageSet, ...] = ()
    """The sets that it was joined from, in order, if it was."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shard(self) -> Shard | None:
        """Which part of a larger set it is, if it is one."""
        text = self.manifest["made_from"].get("shard")
        return Shard.parse(text) if text else None

    @property
    def files(self) -> dict[Path, dict[str, Any]]:
        """Every file that the set is made of, with its length and its checksum."""
        own = {self.folder / name: file for name, file in self.manifest["files"].items() if not (self.parts and is_of_images(name))}
        return own | {path: file for part in self.parts for path, file in part.files.items()}

    @property
    def identity(self) -> str:
        """A hash of which images these are, in which order, wherever the set lies."""
        files = self.manifest["files"]
        parts = [str(self.images.shape), *(files[name]["sha256"] for name in sorted(files) if name.startswith(("images-", "split-")))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def annotated_identity(self) -> str:
        """A hash of the images and of what is known of them: their names, labels and attributes."""
        files = self.manifest["files"]
        known = (files[name]["sha256"] for name in sorted(files) if name.startswith("items-"))
        return hashlib.sha256("\n".join([self.identity, *self.attribute_names, *known]).encode()).hexdigest()

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """What the columns of `attributes` are."""
        return tuple(self.manifest["attributes"])

    @property
    def classes(self) -> list[str]:
        """All labels that occur."""
        return list(self.manifest["classes"])

    @property
    def splits(self) -> dict[str, int]:
        """How many images each split has; empty if the set has no splits."""
        return dict(self.manifest["splits"])

    def split(self, name: str) -> NDArray[np.int64]:
        """The indices of a split's images, rising; on disk until read.

        Raises:
            UserError: there is no such split.
        """
        if name not in self.splits:
            raise unknown_name("split", name, self.splits, inside=f" in the set {self.folder}")
        indices: NDArray[np.int64] = _map(self.folder / split_file(name))
        return indices

    @property
    def names(self) -> list[str]:
        """The name of every image."""
        return [name for table in self._tables() for name in table.names]

    @property
    def labels(self) -> list[str]:
        """The label of every image, empty where it has none."""
        return [label for table in self._tables() for label in table.labels]

    @property
    def attributes(self) -> NDArray[np.float32]:
        """The attributes of every image: N x A, above 0 where it has one, NaN where that is not known."""
        return np.concatenate([table.attributes for table in self._tables()])

    def attributes_named(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Some columns of `attributes`, in this order.

        Raises:
            UserError: there is none of that name.
        """
        names = [spelt_as(self.attribute_names, name) for name in names]
        if unknown := [name for name in names if name not in self.attribute_names]:
            raise unknown_name("attribute", unknown[0], self.attribute_names, inside=f" in the set {self.folder}")
        return self.attributes[:, [self.attribute_names.index(name) for name in names]]

    def notes(self, listing: Path | None = None) -> list[str]:
        """What the owner of the set should know, a sentence each; `listing` is where all is named that was not read."""
        listed = f"listed in {listing or self.folder / 'skipped.txt'}"
        return [note.replace(LISTED, listed) for note in self.manifest["notes"]]

    @property
    def skipped(self) -> list[str]:
        """A line for each picture that gave no image: its name and why."""
        return [line for line in self.not_read if not is_left_out(line)]

    @cached_property
    def not_read(self) -> list[str]:
        """The lines of `skipped`, and those for files, and parts of files, that were left out."""
        path = self.folder / "skipped.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []

    def _tables(self) -> Iterator[ItemTable]:
        return (read_table(path, len(self.attribute_names)) for path in self.item_files)

    @property
    def item_files(self) -> list[Path]:
        """The files that say what is known of its images, in order."""
        if self.parts:
            return [path for part in self.parts for path in part.item_files]
        return [self.folder / item_file(shard) for shard in range(sum(name.startswith("items-") for name in self.manifest["files"]))]

    @staticmethod
    def is_set(folder: str | Path) -> bool:
        """Whether a folder is a packed set, whole."""
        folder = Path(folder)
        return (folder / MANIFEST).is_file() and any((folder / name).is_file() for name in (image_file(0), item_file(0), PARTS))

    @staticmethod
    def open(folder: str | Path) -> ImageSet:
        """Open a packed set. Only the sizes of its files are checked; `verify` checks what is in them.

        Raises:
            UserError: it is damaged, of another version, or a part in which no picture could be read.
        """
        images = ImageSet.open_part(Path(folder))
        if not len(images):
            what = f"{folder} has no images, because no file of this part ({images.shard}) could be read"
            raise UserError(f"{what}: join all parts of the set, and use the joined set")
        return images

    @staticmethod
    def open_part(folder: Path) -> ImageSet:
        """Open a packed set that may be a part without images."""
        manifest = read_manifest(folder)
        parts = _open_parts(folder, manifest) if (folder / PARTS).is_file() else ()
        for name, file in manifest["files"].items():
            path = folder / name
            if not (parts and is_of_images(name)) and (not path.is_file() or path.stat().st_size != file["bytes"]):
                what = "has the wrong length" if path.is_file() else "is missing"
                raise UserError(f"the packed set {folder} is damaged: {name} {what}; pack it again, or restore it from a backup")
        count, *shape = manifest["shape"]
        most = manifest["images_per_file"]
        files = [(folder / image_file(start // most), min(most, count - start)) for start in range(0, count, most)]
        images = PackedImages([file for part in parts for file in part.images.files] if parts else files, (count, *shape), folder)
        return ImageSet(folder, manifest, images, Preparation.from_dict(manifest["preparation"]), parts)

    def verify(self) -> Iterator[tuple[str, int, bool]]:
        """Check every file against its checksum: its name, how many bytes it has, and whether all is well."""
        for path, file in self.files.items():
            name = path.relative_to(self.folder) if path.parent == self.folder else path
            yield str(name), file["bytes"], sha256(path) == file["sha256"]


def is_of_images(name: str) -> bool:
    """Whether a file of a set has images or what is known of them: a joined set has these in its parts."""
    return name.startswith(("images-", "items-"))


def _open_parts(folder: Path, manifest: dict[str, Any]) -> tuple[ImageSet, ...]:
    """The parts of a joined set.

    Raises:
        UserError: one is not there, is damaged, or is another one than it should be.
    """
    damaged = f"the packed set {folder} is damaged"
    again = f"join its parts again with: {command('join', folder, 'PART', 'PART')}"
    anew = f"if a part was packed again, join the parts into a new folder with: {command('join', 'FOLDER', 'PART', 'PART')}"
    try:
        folders = [Path(os.path.normpath(folder.resolve() / place)) for place in json.loads((folder / PARTS).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{damaged}: its {PARTS} cannot be read; {again}") from error
    parts = []
    for number, place in enumerate(folders, 1):
        shard = Shard(number, len(folders))
        if not ImageSet.is_set(place):
            raise UserError(f"{damaged}: its part {shard} is not in {place}; {again}")
        part = ImageSet.open_part(place)
        wanted = manifest["made_from"] | {"shard": str(shard)}
        if part.manifest["made_from"] != wanted or part.manifest["preparation"] != manifest["preparation"]:
            raise UserError(f"{damaged}: its part {shard} is no longer in {place}, which is now another set, or was packed again; {anew}")
        parts.append(part)
    if sum(map(len, parts)) != manifest["shape"][0]:
        raise UserError(f"{damaged}: its parts have {sum(map(len, parts)):,} images, not {manifest['shape'][0]:,}; {anew}")
    return tuple(parts)


def report_skipped(images: ImageSet, listing: Path | None = None) -> list[str]:
    """A sentence on the pictures that gave no image, if there were any; `listing` is where they are all named."""
    skipped = images.skipped
    if not skipped:
        return []
    some = "; ".join(skipped[:3]) + ("; ..." if len(skipped) > 3 else "")
    total = len(skipped) + len(images)
    return [f"skipped {len(skipped):,} of {total:,} image files, listed in {listing or images.folder / 'skipped.txt'}: {some}"]


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a packed set says of itself.

    Raises:
        UserError: it is damaged, or of another version.
    """
    damaged = UserError(f"the packed set {folder} is damaged: its {MANIFEST} cannot be read, or its values disagree; pack it again")
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        version = manifest["format"]
        consistent = version != FORMAT or _is_consistent(manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise damaged from error
    if version != FORMAT:
        raise UserError(f"{folder} is a packed set of format {version}, but this version of vaegan reads format {FORMAT}: pack it again")
    if not consistent:
        raise damaged
    return manifest


def _is_consistent(manifest: dict[str, Any]) -> bool:
    """Whether a manifest has all it should, and names the files that its images must be in.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, UserError: it has not.
    """
    count, *shape = manifest["shape"]
    per_file, files, splits = manifest["images_per_file"], manifest["files"], manifest["splits"]
    if tuple(shape) != Preparation.from_dict(manifest["preparation"]).shape or per_file < 1:
        return False
    made_from = manifest["made_from"]
    Shard.parse(made_from.get("shard", "1/1"))
    if count < ("shard" not in made_from):  # a part may have no image
        return False
    for key, kind in (("attributes", list), ("classes", list), ("notes", list), ("made_from", dict)):
        if not isinstance(manifest[key], kind):
            return False
    if any(Path(name).name != name or not isinstance(file["bytes"], int) or len(file["sha256"]) != 64 for name, file in files.items()):
        return False
    for shard in range(-(-count // per_file)):
        size = HEADER + min(per_file, count - shard * per_file) * int(np.prod(shape))
        if files[image_file(shard)]["bytes"] != size or item_file(shard) not in files:
            return False
    return all(split_file(split) in files and size <= count for split, size in splits.items())


def read_table(path: Path, attributes: int) -> ItemTable:
    """What is known of the images of one file.

    Raises:
        UserError: it is damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))[1:]
        values = np.array([[float(cell) if cell else np.nan for cell in row[2:]] for row in rows], np.float32)
        return ItemTable([row[0] for row in rows], [row[1] for row in rows], values.reshape(len(rows), attributes))
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise UserError(f"{path} is damaged: pack the set again, or restore the file from a backup") from error
