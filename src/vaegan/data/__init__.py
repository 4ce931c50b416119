"""From a source of images to a packed set, made once and kept in a cache, and from that to batches."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import avatars
from .folder import FolderReader, find, fingerprint, printable
from .images import Preparation
from .packed import FORMAT, Chunk, ImageSet, write

__all__ = ["AVATARS", "ImageSet", "cache_folder", "open_images", "split"]

AVATARS = "avatars"

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def cache_folder() -> Path:
    """Where packed sets are kept: $VAEGAN_CACHE, else vaegan in the user's cache folder."""
    if configured := os.environ.get("VAEGAN_CACHE"):
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vaegan"


def open_images(source: str, preparation: Preparation, *, count: int, progress: Progress, workers: int | None = None) -> ImageSet:
    """The prepared images of a source, packed on first use.

    Args:
        source: a folder of images, a packed set, or `avatars`.
        preparation: size, channels and crop.
        count: how many avatars; of a folder, all images are taken.
        progress: called as the work goes on.
        workers: processes or threads; all cores by default.

    Raises:
        UserError: there is no such folder, or no usable image in it.
    """
    workers = workers or _cores()
    if source == AVATARS:
        return _avatars(preparation, count, progress, workers)
    if not source:
        raise UserError("cannot take images from a folder without a name: give --data a folder, or avatars")
    folder = Path(source).expanduser()
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise UserError(f"cannot take images from {source}: {what}")
    if ImageSet.is_set(folder):
        return _matching(ImageSet.open(folder), preparation)
    return _folder(folder, preparation, progress, workers)


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _avatars(preparation: Preparation, count: int, progress: Progress, workers: int) -> ImageSet:
    if preparation.channels != 3:
        raise UserError(f"avatars have 3 channels, not {preparation.channels}: set networks.channels to 3")
    made_from = {"source": AVATARS, "version": avatars.VERSION, "count": count, "size": list(preparation.size)}

    def chunks() -> Iterator[Chunk]:
        done = 0
        for images, attributes in avatars.draw(count, preparation.size, seed=0, workers=workers):
            yield images, [f"avatar {number}" for number in range(done, done + len(images))], attributes
            done += len(images)
            progress("drawing avatars", done, count)

    return _cached(made_from, preparation, chunks(), attribute_names=avatars.ATTRIBUTES)


def _folder(folder: Path, preparation: Preparation, progress: Progress, workers: int) -> ImageSet:
    paths = find(folder)
    if not paths:
        raise UserError(f"there are no images in {folder}: looked for JPEG, PNG, WebP, BMP, GIF and TIFF files in it and its subfolders")
    made_from = {
        "source": printable(folder.resolve()),
        "listing": fingerprint(paths, folder),
        "size": list(preparation.size),
        "channels": preparation.channels,
        "crop": preparation.crop,
    }
    reader = FolderReader(folder, paths, preparation, workers)

    def chunks() -> Iterator[Chunk]:
        for chunk in reader:
            yield chunk
            progress("reading images", reader.done, len(paths))
        if len(reader.skipped) == len(paths):
            raise UserError(f"none of the {len(paths)} image files in {folder} could be read; the first: {reader.skipped[0]}")

    return _cached(made_from, preparation, chunks(), skipped=lambda: reader.skipped)


def _cached(made_from: dict[str, Any], preparation: Preparation, chunks: Iterable[Chunk], **more: Any) -> ImageSet:
    """The packed set in the cache that was made from just this; made now if there is none."""
    key = hashlib.sha256(json.dumps([FORMAT, made_from], sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folder() / f"{Path(made_from['source']).name}-{key}"
    if ImageSet.is_set(folder):
        try:
            return ImageSet.open(folder)
        except UserError:  # damaged: made anew
            shutil.rmtree(folder)
    return write(folder, (*preparation.size, preparation.channels), chunks, made_from=made_from, **more)


def _matching(images: ImageSet, preparation: Preparation) -> ImageSet:
    shape = (*preparation.size, preparation.channels)
    if images.images.shape[1:] != shape:
        there, wanted = (" x ".join(map(str, s)) for s in (images.images.shape[1:], shape))
        raise UserError(f"the packed set {images.folder} holds images of {there}, not {wanted}: set networks.size and networks.channels")
    return images


def split(count: int, held_out: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the images to train on and of the held-out ones; a share above 0 holds out at least one. Always the same for a set."""
    order = np.random.default_rng(0).permutation(count)
    held = min(count - 1, max(1, round(count * held_out))) if held_out else 0
    return np.sort(order[held:]), np.sort(order[:held])
