"""From a source of images to a packed set, made once, and from that to batches."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import NoCacheError, OnlyInProgramError, UserError
from ..files import from_home
from ..progress import Progress
from ..settings import Crop, Resampling
from ..signals import Stopped, StopSignal
from ..this_process import cores
from ..words import command, plain
from .dataset import FORMAT, ImageSet
from .images import Preparation
from .samples import FULL, MOST_CHANNELS, DeepPixelsError, ValueRange
from .scan import WHOLE, Scan, ScanStopped, check_percentiles, find_range
from .shard import Shard
from .sources import AVATARS, HUB, NO_CHOICES, ColumnChoices, avatars, find_source, is_hub, note_unused_table, recognized
from .sources.base import Source, called, first, stretch
from .sources.leave_out import read_list, without
from .sources.memory import memory_source
from .sources.tables import read_table, with_table
from .writer import Unfinished, is_unfinished, pack

LOADER = "DataLoader"
"""What a recipe has for its source if a program gave the batches."""
MEMORY = re.compile("memory-[0-9a-f]{16}")
"""How a packed set is named whose images a program gave."""
DEFAULT_SIZE = (64, 64)
SET_CACHE = "set the environment variable VAEGAN_CACHE to a folder that you can write to"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
COUNTED = 100  # pictures between two moves of the bar, where they are only counted
AS_8_BITS = "as 8 bits"
"""Deep images, read for a model of 8-bit images."""


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
        raise NoCacheError(f"there is no home folder to save packed images in: {SET_CACHE}") from None


def packed_folder(source: str) -> Path | None:
    """The folder of a source that is a packed set already, or None where it is none.

    Raises:
        UserError: it is one that is not finished.
    """
    folder = from_home(source)
    if source and is_unfinished(folder):
        raise UserError(f"the packed set {folder} is not finished: run the same vaegan prepare command again to continue")
    return folder if source and ImageSet.is_set(folder) else None


def open_images(
    source: str,
    preparation: Preparation,
    *,
    count: int,
    progress: Progress,
    workers: int | None = None,
    percentiles: ValueRange = WHOLE,
    finds_range: bool = True,
) -> ImageSet:
    """The prepared images of a source, packed on first use.

    Args:
        source: a packed set, `avatars`, or anything that `vaegan.data.sources.find_source` takes.
        preparation: size, channels, crop and so on; a packed set must have been prepared in just this way.
        count: how many avatars; of other sources, all images are taken.
        progress: called as the work goes on.
        workers: processes; all cores by default.
        percentiles: those of the range of values that is found if the preparation has none and images have more than 8 bits.
        finds_range: if not, a preparation without a range is that of a model of 8-bit images, and deeper ones are read as its own were.

    Raises:
        UserError: there is no such source, or no usable image in it.
    """
    _require_openable(source)
    check_percentiles(percentiles)
    _check_channels(preparation)
    if folder := packed_folder(source):
        return matching(ImageSet.open(folder), preparation)
    found = avatar_source(count, preparation) if source == AVATARS else find_source(source)
    if not any(map(ImageSet.is_set, _folders_in_cache(found, preparation, percentiles))):
        note_unused_table(source, found)
    return _cached(found, preparation, progress, workers or cores(), percentiles=percentiles, finds_range=finds_range)


def open_packed(source: str, preparation: Preparation, *, count: int, percentiles: ValueRange = WHOLE) -> ImageSet | None:
    """What `open_images` opens, or None where it would have to be packed first, or to be fetched.

    Raises:
        UserError: the source is gone, or its packed set is damaged.
    """
    _require_openable(source)
    if folder := packed_folder(source):
        return matching(ImageSet.open(folder), preparation)
    if source.startswith(tuple(f"{kind}:" for kind in HUB)):
        return None
    found = avatar_source(count, preparation) if source == AVATARS else find_source(source)
    return _in_cache(found, preparation, percentiles)


def _require_openable(source: str) -> None:
    """Refuse images that only a program can give.

    Raises:
        OnlyInProgramError: they came from a DataLoader; or from another object of a program, and their packed copy is gone.
    """
    if source == LOADER:
        raise OnlyInProgramError("the images came from a DataLoader of a Python program, which a command cannot open")
    if MEMORY.fullmatch(Path(source).name) and not Path(source).exists():
        raise OnlyInProgramError(f"the images came from a Python program, and their packed copy {source} does not exist any more")


def pack_memory(
    data: Any, preparation: Preparation, *, progress: Progress, percentiles: ValueRange | None = None, workers: int | None = None
) -> Path:
    """Pack images that a program has into a set in the cache, which is named by its content: the same images are there once.

    Args:
        data: see `vaegan.data.sources.memory.memory_source`.
        preparation: how they are made ready; of arrays, as of image files.
        progress: called as the work goes on.
        percentiles: of the range that is found, if the preparation has none and images have more than 8 bits; by default none is found.
        workers: processes; all cores by default.

    Raises:
        UserError: they are no images, or the cache cannot be written to.
    """
    found = memory_source(data)
    with _cache_errors():
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="packing-", dir=cache_folder(), ignore_cleanup_errors=True) as scratch:
            more: dict[str, Any] = {"percentiles": percentiles if preparation.range is None else None}
            images = pack(found, preparation, Path(scratch) / "set", workers=workers or cores(), progress=progress, **more)
            content = json.dumps([images.annotated_identity, images.preparation.as_dict()], sort_keys=True)
            folder = cache_folder() / f"memory-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
            if not ImageSet.is_set(folder):
                with suppress(OSError):  # of another process that was faster
                    images.folder.replace(folder)
    return folder


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
    value_range: ValueRange | None = None,
    percentiles: ValueRange | None = None,
    fractions: Mapping[str, float] | None = None,
    attributes: Path | None = None,
    label: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    numeric: Sequence[str] = (),
    unknown: Sequence[str] = (),
    leave_out: Path | None = None,
    count: int | None = None,
    shard: str | None = None,
    workers: int | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> ImageSet:
    """Pack a source into a folder of its own; or go on where that was stopped, or open it where that is done.

    Args:
        source: as for `open_images`.
        out: the folder to make.
        progress: called as the work goes on.
        size: height and width; by default those of the source if all its images have the same, in multiples of 8, else 64x64.
        channels: 1 for grey, 3 for colour, or up to 8; by default those of the source.
        crop: see `vaegan.settings.Data`; by default what is usual for the source, `celeba` for CelebA and `centre` for others.
        box, blur, resampling: see `vaegan.settings.Data`.
        value_range: the values that become 0 and 255, where images have more than 8 bits; by default found in a first pass.
        percentiles: of the range that is found; see `vaegan.data.scan.find_range`.
        fractions: how large a part of the images goes into each split, at random; they add up to 1.
        attributes: a table of attributes; see `vaegan.data.sources.tables.read_table`.
        label, thresholds, numeric, unknown: what its columns mean, or those of a set of the Hugging Face hub where there is no table; see
            `vaegan.data.sources.ColumnChoices`.
        leave_out: a CSV file that names pictures to leave out; see `vaegan.data.sources.leave_out.read_list`.
        count: only so many pictures.
        shard: which part of them, such as "3/16"; `join` makes one set of all parts. Random splits are drawn there.
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
        raise UserError(f"{alone[0]} needs a table of attributes: give the table with --attributes")
    parts = {name: value for name, value in (fractions or {}).items() if value}
    if fractions and not (all(value > 0 for value in parts.values()) and abs(sum(parts.values()) - 1) < 1e-6):
        raise UserError(f"--splits must be shares that add up to 1, such as 0.8 0.1 0.1, not {' '.join(map(str, fractions.values()))}")
    if value_range and percentiles:
        raise UserError("--range and --range-percentiles were both given: leave out one")
    check_percentiles(percentiles or WHOLE)
    part = Shard.parse(shard) if shard is not None else None
    one_range = (
        "with --shard, images of more than 8 bits need --range, the same for all parts: "
        f"find the range with: {command('prepare', source, '--scan')}"
    )
    if part and percentiles:
        raise UserError(one_range)
    asked = Preparation(size or DEFAULT_SIZE, 3 if channels is None else channels, crop or "centre", box, blur, resampling, value_range)
    usual: dict[str, Any] = {"size": size, "channels": channels, "crop": crop, "count": count}
    found, asked = _source(source, asked, NO_CHOICES if attributes else choices, **usual)
    if not attributes and source != AVATARS and not ImageSet.is_set(out):
        note_unused_table(recognized(source), found)
    found = _with_files(found, attributes, choices, leave_out)
    for sentence in found.notes if not ImageSet.is_set(out) else ():
        note(sentence)
    more: dict[str, Any] = {"workers": workers or cores(), "progress": progress, "fractions": parts or None}
    with _stopping(found) as stop:
        if part is None:
            return pack(found, asked, out, stop=stop, percentiles=percentiles or WHOLE, **more)
        found = stretch(found, part.of(_count(found, progress, stop)), last=part.number == part.parts)
        try:
            return pack(found, asked, out, stop=stop, shard=part, strict=True, **more)
        except DeepPixelsError:
            raise UserError(one_range) from None


def scan(
    source: str,
    *,
    progress: Progress,
    channels: int | None = None,
    percentiles: ValueRange | None = None,
    count: int | None = None,
    workers: int | None = None,
) -> Scan:
    """How many images of a source have more than 8 bits, and the range of their values; nothing is packed.

    Args:
        source, progress, channels, percentiles, count, workers: as for `prepare`.

    Raises:
        UserError, Stopped: as for `prepare`; or no image can be read.
    """
    if packed_folder(source):
        raise UserError(f"{source} is a packed set already: its images have 8 bits, so there is no range to find")
    check_percentiles(percentiles or WHOLE)
    asked = Preparation(DEFAULT_SIZE, 3 if channels is None else channels)
    found, asked = _source(source, asked, NO_CHOICES, size=None, channels=channels, crop=None, count=count)
    with _stopping(found) as stop:
        scanned = find_range(found, asked, percentiles or WHOLE, workers=workers or cores(), progress=progress, stop=stop)
    if not scanned.images:
        way_out = f"to see why, prepare the images with: {command('prepare', source, 'OUT')}"
        raise UserError(f"no image in {called(found.name)} can be read: {way_out}")
    return scanned


@contextmanager
def _stopping(source: Source) -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether an interrupt or SIGTERM has come.

    Raises:
        Stopped: one has, and the work has ended.
    """
    with StopSignal("stopping: writing the images that were read ...") as signals:
        try:
            yield lambda: signals.received is not None
        except Unfinished as unfinished:
            total = f" of {source.count:,}" if source.count else ""
            sentence = f"stopped after {unfinished.seen:,}{total} images; run the same command again to continue"
            raise Stopped(sentence, signals.received) from None
        except ScanStopped:
            raise Stopped("stopped before the range of values was found; run the same command again to find it", signals.received) from None


def _source(
    source: str,
    asked: Preparation,
    choices: ColumnChoices,
    *,
    size: tuple[int, int] | None,
    channels: int | None,
    crop: Crop | None,
    count: int | None,
) -> tuple[Source, Preparation]:
    """The source of a name, and how its images are made ready: as is asked for, and else as is usual for it.

    Raises:
        UserError: there is no such source.
    """
    _check_channels(asked)
    if source == AVATARS:
        return avatar_source(count or 16_000, asked), asked
    found = find_source(recognized(source), choices)
    height, width = (-(-side // 8) * 8 for side in found.size or DEFAULT_SIZE)  # as the networks take them
    usual = replace(asked, size=size or (height, width), channels=found.channels if channels is None else channels, crop=crop or found.crop)
    return first(found, count) if count else found, usual


def _with_files(source: Source, attributes: Path | None, choices: ColumnChoices, leave_out: Path | None) -> Source:
    """A source with the attributes of a table, and without the pictures that a list names.

    Raises:
        UserError: one of these files is not as it should be.
    """
    if attributes:
        source = with_table(source, read_table(attributes, [item.name for item in source.items()], choices))
    if leave_out:
        source = without(source, read_list(leave_out), leave_out.name)
        if source.left_out.root:
            source.left_out.use(leave_out)
    return source


def _check_channels(preparation: Preparation) -> None:
    if not 0 < preparation.channels <= MOST_CHANNELS:
        raise UserError(f"images must have 1 to {MOST_CHANNELS} channels, not {preparation.channels}")


def _count(source: Source, progress: Progress, stop: Callable[[], bool]) -> int:
    """How many pictures a source has. If it does not say, as a tar, it is read once to count them.

    Raises:
        Unfinished: `stop` said so.
    """
    if source.count is not None:
        return source.count
    count = 0
    for count, _ in enumerate(source.items(), 1):
        if stop():
            raise Unfinished(0)
        if count % COUNTED == 0:
            progress(f"counting the images of {source.name}", count, None)
    return count


def avatar_source(count: int, preparation: Preparation) -> Source:
    """The built-in faces.

    Raises:
        UserError: they are asked for in grey.
    """
    if preparation.channels != 3:
        raise UserError(f"avatars have 3 channels, not {preparation.channels}: leave out the number of channels")
    return avatars.source(count, preparation.size)


def _cached(
    source: Source, preparation: Preparation, progress: Progress, workers: int, *, percentiles: ValueRange, finds_range: bool
) -> ImageSet:
    """The packed set in the cache that was made from just this; made now if there is none.

    Raises:
        UserError: the cache cannot be written to, or the source has no usable image.
    """
    looks_for = percentiles if finds_range and preparation.range is None else None
    if looks_for is None:
        with suppress(UserError):  # damaged
            if images := _in_cache(source, preparation, percentiles):
                return images
    folder = _cache_of(source, preparation, looks_for)
    make = partial(pack, source, preparation, workers=workers, progress=progress)
    with _cache_errors():
        there = _opened(folder)
        if looks_for is not None or preparation.range:
            return there or make(folder, percentiles=looks_for)
        if there is None:  # else its range was found
            with suppress(DeepPixelsError):
                return make(folder, strict=True)
        return make(_cache_of(source, preparation, (AS_8_BITS,)))


@contextmanager
def _cache_errors() -> Iterator[None]:
    """What the system refuses in the cache becomes a sentence.

    Raises:
        NoCacheError: the cache cannot be written to.
    """
    try:
        yield
    except OSError as error:
        cache, place = cache_folder(), Path(error.filename or "")
        if error.errno in DISK_FULL or not error.filename or not (cache.is_relative_to(place) or place.is_relative_to(cache)):
            raise
        raise NoCacheError(f"cannot save packed images in {cache} ({error.strerror}): {SET_CACHE}") from error


def _opened(folder: Path) -> ImageSet | None:
    """The packed set in a folder of the cache. One that is damaged is removed."""
    if ImageSet.is_set(folder):
        try:
            return ImageSet.open(folder)
        except UserError:
            shutil.rmtree(folder)
    return None


def _in_cache(source: Source, preparation: Preparation, percentiles: ValueRange = WHOLE) -> ImageSet | None:
    """The packed set in the cache that was made with just this range, or without one, whether that was asked for or found.

    Raises:
        UserError: it is damaged.
    """
    there = (ImageSet.open(folder) for folder in _folders_in_cache(source, preparation, percentiles) if ImageSet.is_set(folder))
    return next((images for images in there if images.preparation == preparation), None)


def _folders_in_cache(source: Source, preparation: Preparation, percentiles: ValueRange) -> list[Path]:
    """Where a set with just this range may be, or one without, whether that was asked for or found."""
    without = replace(preparation, range=None)
    asked = [_cache_of(source, preparation), _cache_of(source, without, percentiles), _cache_of(source, preparation, (AS_8_BITS,))]
    return list(dict.fromkeys(asked))


def _cache_of(source: Source, preparation: Preparation, how: tuple[object, ...] | None = None) -> Path:
    """The folder in the cache for what is made from just this; `how` says how a range is found, unless that is as usual."""
    made_from = [FORMAT, source.name, source.state, source.attribute_names, preparation.as_dict()]
    made_from += [how] if how not in (None, WHOLE) else []
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]
    kind, _, name = source.name.partition(" ")
    return cache_folder() / f"{Path(name).name[:64] or kind}-{key}"


def matching(images: ImageSet, wanted: Preparation) -> ImageSet:
    """A packed set, if its images were made ready in just the way that is wanted; no range is the same as that of all 16 bits.

    Raises:
        UserError: they were not.
    """
    there = images.preparation
    if replace(there, range=there.range or FULL) != replace(wanted, range=wanted.range or FULL):
        choices = [preparation.as_dict() for preparation in (there, wanted)]
        differing = [key for key in choices[0] | choices[1] if choices[0].get(key) != choices[1].get(key)]
        was, asked = (
            ", ".join(f"{key} {plain(one.get(key, 'none'), between='x' if key == 'size' else ' ')}" for key in differing) for one in choices
        )
        found = f"the packed set {images.folder} was prepared with {was}, but {asked} is needed"
        needed = wanted if there.range is None else replace(wanted, range=wanted.range or FULL)
        raise UserError(f"{found}: prepare the images again with: {needed.command()}")
    return images
