"""From a source of images to a packed set, made once, and from that to batches."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import UserError
from ..files import from_home
from ..progress import Progress
from ..settings import Crop, Resampling
from ..signals import Stopped, StopSignal
from ..this_process import cores
from ..words import command, plain
from .dataset import FORMAT, ImageSet
from .images import Preparation
from .sources import HUB, NO_CHOICES, ColumnChoices, avatars, find_source, is_hub, note_unused_table, recognized
from .sources.base import Source, first
from .sources.leave_out import read_list, without
from .sources.tables import read_table, with_table
from .writer import Unfinished, is_unfinished, pack

AVATARS = "avatars"
DEFAULT_SIZE = (64, 64)
SET_CACHE = "set the environment variable VAEGAN_CACHE to a folder that you can write to"
FULL = (errno.ENOSPC, errno.EDQUOT)


def cache_folder() -> Path:
    """Where sets are kept that are packed by the way: $VAEGAN_CACHE, else vaegan in the user's cache folder.

    Raises:
        UserError: the user has no home folder.
    """
    if configured := os.environ.get("VAEGAN_CACHE"):
        return Path(configured)
    if configured := os.environ.get("XDG_CACHE_HOME"):
        return Path(configured) / "vaegan"
    try:
        return Path.home() / ".cache" / "vaegan"
    except RuntimeError:
        raise UserError(f"there is no home folder to save packed images in: {SET_CACHE}") from None


def packed_folder(source: str) -> Path | None:
    """The folder of a source that is a packed set already, or None where it is none.

    Raises:
        UserError: it is one that is not finished.
    """
    folder = from_home(source)
    if source and is_unfinished(folder):
        raise UserError(f"the packed set {folder} is not finished: run the same vaegan prepare command again to continue")
    return folder if source and ImageSet.is_set(folder) else None


def open_images(source: str, preparation: Preparation, *, count: int, progress: Progress, workers: int | None = None) -> ImageSet:
    """The prepared images of a source, packed on first use.

    Args:
        source: a packed set, `avatars`, or anything that `vaegan.data.sources.find_source` takes.
        preparation: size, channels, crop and so on; a packed set must have been prepared in just this way.
        count: how many avatars; of other sources, all images are taken.
        progress: called as the work goes on.
        workers: processes; all cores by default.

    Raises:
        UserError: there is no such source, or no usable image in it.
    """
    if folder := packed_folder(source):
        return _matching(ImageSet.open(folder), preparation)
    found = avatar_source(count, preparation) if source == AVATARS else find_source(source)
    if not ImageSet.is_set(_cache_of(found, preparation)):
        note_unused_table(source, found)
    return _cached(found, preparation, progress, workers or cores())


def open_packed(source: str, preparation: Preparation, *, count: int) -> ImageSet | None:
    """What `open_images` opens, or None where it would have to be packed first, or to be fetched.

    Raises:
        UserError: the source is gone, or its packed set is damaged.
    """
    if folder := packed_folder(source):
        return _matching(ImageSet.open(folder), preparation)
    if source.startswith(tuple(f"{kind}:" for kind in HUB)):
        return None
    found = avatar_source(count, preparation) if source == AVATARS else find_source(source)
    folder = _cache_of(found, preparation)
    return ImageSet.open(folder) if ImageSet.is_set(folder) else None


def prepare(
    source: str,
    out: Path,
    *,
    progress: Progress,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    crop: Crop | None = None,
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
    blur: bool = False,
    resampling: Resampling = "fast",
    fractions: Mapping[str, float] | None = None,
    attributes: Path | None = None,
    label: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    numeric: Sequence[str] = (),
    unknown: Sequence[str] = (),
    leave_out: Path | None = None,
    count: int | None = None,
    workers: int | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> ImageSet:
    """Pack a source into a folder of its own; or go on where that was stopped, or open it where that is done.

    Args:
        source: as for `open_images`.
        out: the folder to make.
        progress: called as the work goes on.
        size: height and width; by default those of the source if all its images have the same, in multiples of 8, else 64x64.
        channels: 1 for grey, 3 for colour; by default those of the source.
        crop: see `vaegan.settings.Data`; by default what is usual for the source, `celeba` for CelebA and `centre` for others.
        box, blur, resampling: see `vaegan.settings.Data`.
        fractions: how large a part of the images goes into each split, at random; they add up to 1.
        attributes: a table of attributes; see `vaegan.data.sources.tables.read_table`.
        label, thresholds, numeric, unknown: what its columns mean, or those of a set of the Hugging Face hub where there is no table; see
            `vaegan.data.sources.ColumnChoices`.
        leave_out: a CSV file that names pictures to leave out; see `vaegan.data.sources.leave_out.read_list`.
        count: only so many pictures.
        workers: processes; all cores by default.
        note: called before packing with each sentence of what there is to know; these are in the manifest, too.

    Raises:
        UserError: something in what was asked for is wrong; or the disk is full, and what was done is kept.
        Stopped: an interrupt or SIGTERM came; what was done is kept.
    """
    if packed_folder(source):
        raise UserError(f"{source} is a packed set already: train on it with: {command('train', '--data', source)}")
    for name, value in {"--count": count, "--workers": workers}.items():
        if value is not None and value < 1:
            raise UserError(f"{name} must be above 0, not {value}")
    choices = ColumnChoices(label, dict(thresholds or {}), tuple(numeric), tuple(unknown))
    flags = {"--label": label, "--threshold": thresholds, "--numeric": numeric, "--unknown": unknown}
    if not attributes and not is_hub(source) and (alone := [flag for flag, value in flags.items() if value]):
        raise UserError(f"{alone[0]} needs --attributes: it is about the columns of that file")
    parts = {name: value for name, value in (fractions or {}).items() if value}
    if fractions and not (all(value > 0 for value in parts.values()) and abs(sum(parts.values()) - 1) < 1e-6):
        raise UserError(f"--splits must be shares that add up to 1, such as 0.8 0.1 0.1, not {' '.join(map(str, fractions.values()))}")
    asked = Preparation(size or DEFAULT_SIZE, channels or 3, crop or "centre", box, blur, resampling)
    if source == AVATARS:
        found = avatar_source(count or 16_000, asked)
    else:
        found = find_source(recognized(source), NO_CHOICES if attributes else choices)
        height, width = (-(-side // 8) * 8 for side in found.size or DEFAULT_SIZE)  # as the networks take them
        asked = replace(asked, size=size or (height, width), channels=channels or found.channels, crop=crop or found.crop)
        found = first(found, count) if count else found
    if attributes:
        found = with_table(found, read_table(attributes, [item.name for item in found.items()], choices))
    elif source != AVATARS and not ImageSet.is_set(out):
        note_unused_table(recognized(source), found)
    if leave_out:
        found = without(found, read_list(leave_out), leave_out.name)
    for sentence in found.notes if not ImageSet.is_set(out) else ():
        note(sentence)
    with StopSignal("stopping: writing the images that were read ...") as signals:
        try:
            stop = lambda: signals.received is not None  # noqa: E731
            return pack(found, asked, out, workers=workers or cores(), progress=progress, fractions=parts or None, stop=stop)
        except Unfinished as unfinished:
            total = f" of {found.count:,}" if found.count else ""
            sentence = f"stopped after {unfinished.seen:,}{total} images; run the same command again to continue"
            raise Stopped(sentence, signals.received) from None


def avatar_source(count: int, preparation: Preparation) -> Source:
    """The built-in faces.

    Raises:
        UserError: they are asked for in grey.
    """
    if preparation.channels != 3:
        raise UserError(f"avatars have 3 channels, not {preparation.channels}: leave out --grey, or set networks.channels to 3")
    return avatars.source(count, preparation.size)


def _cached(source: Source, preparation: Preparation, progress: Progress, workers: int) -> ImageSet:
    """The packed set in the cache that was made from just this; made now if there is none.

    Raises:
        UserError: the cache cannot be written to, or the source has no usable image.
    """
    folder = _cache_of(source, preparation)
    if ImageSet.is_set(folder):
        try:
            return ImageSet.open(folder)
        except UserError:  # damaged: made anew
            shutil.rmtree(folder)
    try:
        return pack(source, preparation, folder, workers=workers, progress=progress)
    except OSError as error:
        cache, place = cache_folder(), Path(error.filename or "")
        if error.errno in FULL or not error.filename or not (cache.is_relative_to(place) or place.is_relative_to(cache)):
            raise
        raise UserError(f"cannot save packed images in {cache} ({error.strerror}): {SET_CACHE}") from error


def _cache_of(source: Source, preparation: Preparation) -> Path:
    """The folder in the cache for what is made from just this."""
    made_from = [FORMAT, source.name, source.state, source.attribute_names, preparation.as_dict()]
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]
    kind, _, name = source.name.partition(" ")
    return cache_folder() / f"{Path(name).name[:64] or kind}-{key}"


def _matching(images: ImageSet, wanted: Preparation) -> ImageSet:
    there = images.preparation
    if there != wanted:
        differing = [key for key, value in wanted.as_dict().items() if there.as_dict()[key] != value]
        was, asked = (", ".join(f"{key} {plain(p.as_dict()[key], between='x')}" for key in differing) for p in (there, wanted))
        found = f"the packed set {images.folder} was prepared with {was}, but {asked} is needed"
        raise UserError(f"{found}: prepare the images again with: {wanted.command()}")
    return images
