"""A folder of image files as a source of prepared images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .images import SUFFIXES, Preparation, Unreadable, read
from .packed import Chunk

CHUNK = 256
RUN_MARKS = {"recipe.yaml", "stats.jsonl"}
"""Files that a run folder has."""


def find(folder: Path) -> list[Path]:
    """All image files in a folder and its subfolders, by their names' endings, in the order of their paths.

    Folders that are links are not entered, and neither are run folders: the pictures of a run are no data.
    """
    paths: list[Path] = []

    def note(error: OSError) -> None:
        paths.append(Path(error.filename))  # a folder that cannot be entered: reading it will tell why

    for parent, subfolders, names in os.walk(folder, onerror=note):
        if set(names) >= RUN_MARKS:
            subfolders.clear()
            continue
        paths += (Path(parent, name) for name in names if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES)
    return sorted(paths)


def fingerprint(paths: list[Path], folder: Path) -> str:
    """A hash that changes when a file is added, removed or changed."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = path.stat()
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:  # a link to nowhere, say: reading it will tell
            state = "unreadable"
        digest.update(os.fsencode(path.relative_to(folder)) + f" {state}\n".encode())
    return digest.hexdigest()


def printable(path: Path) -> str:
    """A path as one line of text, whatever bytes are in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


class FolderReader:
    """Reads a folder's images in parallel, in order; what gives no image is passed over and named in `skipped`."""

    def __init__(self, folder: Path, paths: list[Path], preparation: Preparation, workers: int) -> None:
        self.folder, self.paths, self.preparation, self.workers = folder, paths, preparation, workers
        self.skipped: list[str] = []
        """A line for each file that gave no image: its path and why."""
        self.done = 0
        """Files looked at so far."""

    def _read(self, path: Path) -> NDArray[np.uint8] | Unreadable:
        try:
            return read(path, self.preparation)
        except Unreadable as reason:
            return reason

    def __iter__(self) -> Iterator[Chunk]:
        with ThreadPoolExecutor(self.workers) as pool:  # threads do: Pillow decodes and resizes outside the interpreter's lock
            for start in range(0, len(self.paths), CHUNK):
                paths = self.paths[start : start + CHUNK]
                images, names = [], []
                for path, image in zip(paths, pool.map(self._read, paths), strict=True):
                    name = printable(path.relative_to(self.folder))
                    if isinstance(image, Unreadable):
                        self.skipped.append(f"{name}: {image}")
                    else:
                        images.append(image)
                        names.append(name)
                self.done += len(paths)
                shape = (len(images), *self.preparation.size, self.preparation.channels)
                yield np.array(images, np.uint8).reshape(shape), names, None
