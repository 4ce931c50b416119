"""Sets of images: prepare, scan, join, data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import ImageSet, open_images, packed_folder
from ..data import join as join_parts
from ..data import prepare as pack
from ..data.prepare import scan as scan_source
from ..data.samples import ValueRange, whole
from ..data.sources import recognized
from ..errors import UserError
from ..recipe import DEFAULT_RECIPE, Recipe
from ..result import PYTHON_ONLY, Result
from ..run import Run
from ..settings import Crop, Resampling
from ..words import command
from .notices import ShowProgress, Skipped, Talk

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, repr=False, eq=False)
class SetSummary(Result):
    """A packed set of images."""

    folder: Path
    """Where it is."""
    images: int
    """The number of images."""
    size: tuple[int, int]
    """Height and width."""
    channels: int
    """1 for grey, 3 for colour, or up to 8."""
    bytes: int
    """The size of its files."""
    source: str
    """What it was made from."""
    preparation: dict[str, Any]
    """How images were cropped and resized."""
    shard: str | None
    """Which part of a larger set it is, as 3/16; None if it is none."""
    splits: dict[str, int]
    """The number of images in each split."""
    classes: dict[str, int]
    """The number of images in each class, the largest first."""
    attributes: dict[str, float | None]
    """The share of images that have each attribute, of those for which that is known."""
    skipped: list[Skipped]
    """Files that gave no image: name and error, the reason."""
    notes: list[str]
    """Other sentences on the set."""
    verified: bool
    """Whether every file was checked against its checksum."""
    set: ImageSet = field(metadata=PYTHON_ONLY)
    """The images."""
    home: Path = field(metadata=PYTHON_ONLY)
    """The folder for a picture of the set."""
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def lines(self) -> list[str]:
        """What is in the set."""
        if self.verified:
            return [f"{self.folder} is not damaged: {len(self.set.files)} files, {self.bytes:,} bytes"]
        from ..data.summary import describe

        return list(describe(self.set))

    def figure(self) -> Image:
        """Some of the images, and the mean image."""
        from ..data.summary import contact_sheet

        return contact_sheet(self.set)

    @classmethod
    def of(cls, images: ImageSet, home: Path, notes: list[str], *, verified: bool = False) -> SetSummary:
        """What is in a set."""
        _, height, width, channels = images.images.shape
        shares: dict[str, float | None] = {}
        columns = images.attributes.T if images.attribute_names else ()  # asked for once: each time, all tables are read
        for name, values in zip(images.attribute_names, columns, strict=True):
            known = values[~np.isnan(values)]
            shares[name] = float((known > 0).mean()) if len(known) else None
        skipped = [Skipped.of(line) for line in images.skipped]
        return cls(
            images.folder,
            len(images),
            (height, width),
            channels,
            sum(file["bytes"] for file in images.files.values()),
            images.manifest["made_from"]["source"],
            images.preparation.as_dict(),
            str(images.shard) if images.shard else None,
            dict(images.splits),
            dict(Counter(label for label in images.labels if label).most_common()),
            shares,
            skipped,
            notes,
            verified,
            images,
            home,
        )


def prepare(
    source: str | Path,
    out: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    crop: Crop | None = None,
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
    blur: bool = False,
    resampling: Resampling = "fast",
    grey: bool = False,
    channels: int | None = None,
    value_range: ValueRange | None = None,
    range_percentiles: ValueRange | None = None,
    splits: tuple[float, float, float] | None = None,
    attributes: str | Path | None = None,
    label: str | None = None,
    threshold: Mapping[str, float] | None = None,
    numeric: Sequence[str] = (),
    unknown: Sequence[str] = (),
    leave_out: str | Path | None = None,
    count: int | None = None,
    shard: str | None = None,
    workers: int | None = None,
    progress: ShowProgress = None,
) -> SetSummary:
    """Pack images into a set that is ready for training. Call it again to continue where it was interrupted.

    Args:
        source: what `vaegan prepare` takes; see docs/data.md.
        out: the folder to make.
        size: the side of square images, or height and width.
        crop, box, blur, resampling: see `vaegan.settings.Data`.
        grey: whether images become grey: one channel.
        channels: 1 for grey, 3 for colour, or up to 8; by default those of the source.
        value_range: the values that become 0 and 255, where images have more than 8 bits; by default found in a first pass.
        range_percentiles: those of the range that is found; by default 0 and 100.
        splits: the shares of training, validation and test; by default the source's own splits.
        attributes: a CSV file with a line for each image.
        label: its column that names the class.
        threshold, numeric, unknown: what its columns mean; see docs/data.md.
        leave_out: a CSV file that names images to leave out, such as the one of `vaegan.doctor`.
        count: only so many images.
        shard: only one of several parts, as 3/16; `join` makes a set of all of them.
        workers: the number of processes that read images.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there are no images, or choices do not go together; nothing has been overwritten.
        Stopped: an interrupt came; what is done stays.
    """
    talk = Talk(progress)
    channels = _channels(channels, grey=grey)
    packed_before = ImageSet.is_set(Path(out))
    with talk.bar() as bar:
        images = pack(
            str(source),
            Path(out),
            size=(size, size) if isinstance(size, int) else size,
            channels=channels,
            crop=crop,
            box=box,
            blur=blur,
            resampling=resampling,
            value_range=value_range,
            percentiles=range_percentiles,
            fractions=dict(zip(("train", "validation", "test"), splits, strict=True)) if splits else None,
            attributes=None if attributes is None else Path(attributes),
            label=label,
            thresholds=dict(threshold or {}),
            numeric=numeric,
            unknown=unknown,
            leave_out=None if leave_out is None else Path(leave_out),
            count=count,
            shard=shard,
            workers=workers,
            progress=bar,
            note=talk.note,
        )
    if packed_before:
        same = f"nothing was packed, because {out} holds these images already (the files have the same names and sizes)"
        talk.note(f"{same}: if they have changed, remove {out} and run the command again")
    return _made(out, images, talk)


@dataclass(frozen=True, repr=False, eq=False)
class ScannedImages(Result):
    """What a pass over images found."""

    images: int
    """How many could be opened."""
    deep: int
    """Of these, how many have more than 8 bits."""
    range: ValueRange | None
    """The values that become 0 and 255; None where no image has more than 8 bits."""

    def lines(self) -> list[str]:
        """The same in words."""
        found = [f"{self.deep:,} of {self.images:,} images have more than 8 bits"]
        return found + ([f"range {' '.join(str(whole(value)) for value in self.range)}"] if self.range else [])


def scan(
    source: str | Path,
    *,
    grey: bool = False,
    channels: int | None = None,
    range_percentiles: ValueRange | None = None,
    count: int | None = None,
    workers: int | None = None,
    progress: ShowProgress = None,
) -> ScannedImages:
    """Find out how many images have more than 8 bits, and the range of their values. Nothing is packed.

    Args:
        source, grey, channels, range_percentiles, count, workers, progress: as for `prepare`.

    Raises:
        UserError: there are no images, or choices do not go together.
        Stopped: an interrupt came.
    """
    more: dict[str, Any] = {"channels": _channels(channels, grey=grey), "percentiles": range_percentiles}
    with Talk(progress).bar() as bar:
        found = scan_source(str(source), progress=bar, count=count, workers=workers, **more)
    return ScannedImages(found.images, found.deep, found.range)


def _channels(channels: int | None, *, grey: bool) -> int | None:
    if grey and channels not in (None, 1):
        raise UserError("--grey and --channels were both given: leave out one")
    return 1 if grey else channels


def join(out: str | Path, parts: Sequence[str | Path], *, progress: ShowProgress = None) -> SetSummary:
    """Make one set of the parts that `prepare` packed with `shard`. No image is copied: the set has a list of the folders of its parts.

    Args:
        out: the folder to make. Parts may lie in it.
        parts: the folders of all parts, in any order.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: a part is missing, is not whole, or does not belong to the others; or `out` holds something else.
    """
    talk = Talk(progress)
    with talk.bar() as bar:
        images = join_parts(Path(out), list(map(Path, parts)), progress=bar)
    return _made(out, images, talk)


def _made(out: str | Path, images: ImageSet, talk: Talk) -> SetSummary:
    """What is in a set that was made just now; notes that were made before are not made again."""
    what = f"{len(images):,} images of {images.images.shape[1]}x{images.images.shape[2]}"
    part = f", part {images.shard}" if images.shard else ""
    splits = ", ".join(f"{name} {count:,}" for name, count in images.splits.items())
    talk.say(f"{out} holds {what}{part}" + (f": {splits}" if splits else ""))
    talk.skipped_of(images)
    for note in images.notes():
        if note not in talk.notes:
            talk.note(note)
    if rest := len(images) - sum(images.splits.values()) if images.splits else 0:
        talk.note(f"images that are in no split, so neither for training nor held out: {rest:,}")
    return SetSummary.of(images, images.folder, talk.notes)


def data(
    source: Run | ImageSet | str | Path, recipe: Recipe | None = None, *, verify: bool = False, progress: ShowProgress = None
) -> SetSummary:
    """Find out what is in a set of images. Images that are not packed yet are packed first, as `vaegan.train` does.

    Args:
        source: a run or its folder, a packed set, or anything that `data.source` takes.
        recipe: says how images are prepared; by default the quick recipe, or the run's own.
        verify: whether to check every file of the set against its checksum.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no such set, or it is damaged.
    """
    talk = Talk(progress)
    images, home = _set_of(source, recipe, talk)
    if verify:
        total, done, bad = sum(file["bytes"] for file in images.files.values()), 0, []
        with talk.bar() as bar:
            for name, size, good in images.verify():
                done += size
                bad += [] if good else [name]
                bar("checking bytes", done, total)
        if bad:
            way = f"restore {'this file' if len(bad) == 1 else 'these files'} from a backup, or pack the images into another folder"
            raise UserError(f"{images.folder} is damaged: {', '.join(bad)} changed after packing; {way}")
    return SetSummary.of(images, home, images.notes(), verified=verify)


def _set_of(source: Run | ImageSet | str | Path, recipe: Recipe | None, talk: Talk) -> tuple[ImageSet, Path]:
    """The images of a run, of a packed set or of any source, and the folder for a picture of them: the source may not get one."""
    if isinstance(source, ImageSet):
        return source, source.folder
    run = source if isinstance(source, Run) else Run(source)
    if run.is_run:
        if recipe is not None:
            raise UserError(f"{run.folder} is a run, and its recipe says how to prepare the images: leave out other recipes and settings")
        with talk.bar() as bar:
            return run.images(flag=command("data", "SOURCE"), progress=bar), run.folder
    packed = packed_folder(str(source))
    if packed and recipe is None:  # of any size, also one that no networks take
        return ImageSet.open(packed), packed
    recipe = recipe or Recipe.load(DEFAULT_RECIPE, {"data.source": recognized(str(source))})
    with talk.bar() as bar:
        settings, preparation = recipe.data, recipe.preparation
        percentiles = settings.range_percentiles
        images = open_images(settings.source, preparation, count=settings.avatars, progress=bar, percentiles=percentiles)
    return images, packed or Path()
