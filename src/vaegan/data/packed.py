"""The packed set: one uint8 array of prepared images on disk, with names and attributes, opened by memory map.

A packed set is a folder that anyone can read with numpy alone:

    images.npy       N x H x W x C, uint8
    names.txt        one line an image: a file's path inside the source, or an avatar's number
    attributes.csv   only where they are known: a header of names, then 0 or 1 for each image
    skipped.txt      only where some were: files that gave no image, and why
    manifest.json    what it was made from; written last, so a folder without it is not a set
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

FORMAT = 1
MANIFEST = "manifest.json"

Chunk = tuple[NDArray[np.uint8], list[str], NDArray[np.bool_] | None]
"""Some images N x H x W x C, their names and, where known, their attributes N x A."""


@dataclass(frozen=True)
class ImageSet:
    """An opened packed set."""

    folder: Path
    images: NDArray[np.uint8]
    """N x H x W x C, on disk until read."""
    names: list[str]
    attribute_names: tuple[str, ...]
    attributes: NDArray[np.bool_] | None
    """N x len(attribute_names)."""
    skipped: list[str]
    """A line for each file that gave no image: its path and why."""
    manifest: dict[str, Any]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def identity(self) -> str:
        """A hash of which images these are: their names and shape, wherever the set lies."""
        return hashlib.sha256("\n".join([str(self.images.shape), *self.names]).encode()).hexdigest()

    @staticmethod
    def is_set(folder: Path) -> bool:
        """Whether a folder is a packed set, whole."""
        return (folder / MANIFEST).is_file()

    @staticmethod
    def open(folder: Path) -> ImageSet:
        """Open a packed set.

        Raises:
            UserError: it is damaged, or of another version.
        """
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if manifest["format"] != FORMAT:
                raise UserError(f"{folder} has set format {manifest['format']}; this version of vaegan reads {FORMAT}")
            images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
            names = _lines(folder / "names.txt")
            attribute_names: tuple[str, ...] = ()
            attributes = None
            if (folder / "attributes.csv").is_file():
                header, *rows = _lines(folder / "attributes.csv")
                attribute_names = tuple(header.split(","))
                attributes = np.array([row.split(",") for row in rows]) == "1"
            skipped = _lines(folder / "skipped.txt") if (folder / "skipped.txt").is_file() else []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"the packed set {folder} is damaged: make it again") from error
        if list(images.shape) != manifest["shape"] or images.dtype != np.uint8 or len(names) != len(images):
            raise UserError(f"the packed set {folder} is damaged, its files do not agree: make it again")
        return ImageSet(folder, images, names, attribute_names, attributes, skipped, manifest)


def write(
    folder: Path,
    shape: tuple[int, int, int],
    chunks: Iterable[Chunk],
    *,
    attribute_names: tuple[str, ...] = (),
    skipped: Callable[[], list[str]] = list,
    made_from: dict[str, Any],
) -> ImageSet:
    """Write a packed set of images of `shape` H x W x C. It appears under its name only once it is whole.

    `skipped` is asked once all chunks have been read.
    """
    temporary = folder.with_name(f"{folder.name}.partial-{uuid4().hex}")  # two runs may pack the same set at once
    temporary.mkdir(parents=True)
    try:
        names: list[str] = []
        rows: list[NDArray[np.bool_]] = []
        with (temporary / "images.npy").open("wb") as file:
            _write_header(file, (0, *shape))
            for images, chunk_names, attributes in chunks:
                file.write(np.ascontiguousarray(images).data)
                names += chunk_names
                if attributes is not None:
                    rows.append(attributes)
            file.seek(0)
            _write_header(file, (len(names), *shape))
        _write_lines(temporary / "names.txt", names)
        if rows:
            table = np.concatenate(rows).astype(int)
            _write_lines(temporary / "attributes.csv", [",".join(attribute_names), *(",".join(map(str, row)) for row in table)])
        if lines := skipped():
            _write_lines(temporary / "skipped.txt", lines)
        manifest = {"format": FORMAT, "shape": [len(names), *shape], "made_from": made_from}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if not ImageSet.is_set(folder):  # nobody was faster
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return ImageSet.open(folder)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _write_header(file: Any, shape: tuple[int, ...]) -> None:
    """The .npy header; numpy leaves room in it for the first number to grow, so it can be written again over itself."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
