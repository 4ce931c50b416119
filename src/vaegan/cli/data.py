"""Images: prepare, data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..data.dataset import report_skipped
from ..errors import UserError
from ..recipe import Recipe
from ..settings import Crop, Resampling
from ..words import command
from .console import err, parse_size, wrote
from .flags import DEFAULT_RECIPE, DataFlags, Settings
from .inputs import open_set

if TYPE_CHECKING:
    from ..data import ImageSet


def prepare(
    source: str,
    out: Path,
    /,
    *,
    size: str | None = None,
    crop: Crop | None = None,
    box: Annotated[tuple[int, int, int, int], Parameter(negative="", show_default=False)] = (0, 0, 0, 0),
    blur: Annotated[bool, Parameter(negative="")] = False,
    resampling: Resampling = "fast",
    grey: Annotated[bool, Parameter(negative="")] = False,
    splits: Annotated[tuple[float, float, float] | None, Parameter(negative="")] = None,
    attributes: Path | None = None,
    label: str | None = None,
    count: int | None = None,
    workers: int | None = None,
) -> None:
    """Pack images into a set that opens at once.

    If it is interrupted, run the same command again to continue.

    Parameters
    ----------
    source
        A folder, zip or tar of images; a known set in its published layout: celeba:PATH, lfw:PATH, stl10:PATH, cifar10:PATH,
        cifar100:PATH, mnist:PATH, classes:PATH (a folder a class); hf:NAME or hf-stream:NAME (Hugging Face); or avatars.
    out
        The folder to make for the packed set.
    size
        Side of the square images in pixels, or height x width such as 96x64; by default that of the source if it has one, in multiples
        of 8, else 64.
    crop
        centre (the largest centred part of the right shape), none (squeeze the whole image), celeba (148x148 around the face), box; by
        default celeba for CelebA and centre for all others.
    box
        Left, top, right and bottom of what to keep, in pixels, for crop box.
    blur
        Blur before shrinking, as the paper's authors do.
    resampling
        fast (bicubic, JPEGs decoded small), bicubic, lanczos, bilinear or nearest.
    grey
        Make grey images.
    splits
        Shares of the images for training, validation and test, drawn at random, such as 0.8 0.1 0.1; by default the source's own splits.
    attributes
        A CSV file with a column of file names (and perhaps label and split); its other columns are attributes.
    label
        The column of that file that names each image's class.
    count
        Take only so many images, the first ones; of avatars, how many to draw.
    workers
        Processes that read images; all cores by default.
    """
    from ..data import ImageSet
    from ..data import prepare as pack
    from ..progress import progress_bar
    from ..signals import Stopped

    packed_before = ImageSet.is_set(out)
    try:
        with progress_bar(err) as progress:
            images = pack(
                source,
                out,
                size=parse_size(size) if size is not None else None,
                channels=1 if grey else None,
                crop=crop,
                box=box,
                blur=blur,
                resampling=resampling,
                fractions=dict(zip(("train", "validation", "test"), splits, strict=True)) if splits else None,
                attributes=attributes,
                label=label,
                count=count,
                workers=workers,
                progress=progress,
            )
    except Stopped as stopped:
        err.print(str(stopped), soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    what = f"{len(images):,} images of {images.images.shape[1]}x{images.images.shape[2]}"
    parts = ", ".join(f"{name} {count:,}" for name, count in images.splits.items())
    err.print(f"{out} holds {what}" + (f": {parts}" if parts else ""), soft_wrap=True)
    if packed_before:
        err.print(
            f"{out} is packed already, from files with the same names and sizes; remove it to pack it again",
            soft_wrap=True,
        )
    for line in [*report_skipped(images), *images.manifest["notes"]]:
        err.print(line, soft_wrap=True)
    if rest := len(images) - sum(images.splits.values()) if images.splits else 0:
        err.print(f"{rest:,} images are in no split, so they are never used", soft_wrap=True)
    look = f"Look at it: {command('data', out)}"
    try:
        replace(Recipe.load(DEFAULT_RECIPE).networks, size=images.preparation.size)
        look += f"\nTrain on it: {command('train', '--data', out)}"
    except UserError as error:
        err.print(f"{error}; to train on these images, prepare them again with a --size that is possible", soft_wrap=True)
    err.print(look, soft_wrap=True)


def data(
    source: str,
    /,
    *settings: Settings,
    flags: DataFlags = DataFlags(),
    verify: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
) -> None:
    """Show what is in a set of images.

    Counts, splits and attributes, and a sheet of images. Images that are not packed yet are packed first, as vaegan train does it.

    Parameters
    ----------
    source
        A run folder, or whatever vaegan train takes as --data: a folder or archive of images, a packed set, a known set, or avatars.
    verify
        Check every file of the packed set against its checksum, instead.
    out
        The picture to write; by default contact-sheet.png in the run or packed set, or else in the current folder.
    """
    from ..data.summary import contact_sheet, describe
    from ..progress import progress_bar
    from ..viz import grid

    images, folder = _set_of(source, flags, settings)
    if verify:
        total, done, bad = sum(file["bytes"] for file in images.manifest["files"].values()), 0, []
        with progress_bar(err) as progress:
            for name, size, good in images.verify():
                done += size
                bad += [] if good else [name]
                progress("checking bytes", done, total)
        if bad:
            raise UserError(f"{images.folder} is damaged: {', '.join(bad)} changed since it was packed; pack it again, or restore a copy")
        print(f"{images.folder} is not damaged: {len(images.manifest['files'])} files, {total:,} bytes")
        return
    for line in describe(images):
        print(line)
    wrote(grid.save(contact_sheet(images), out or folder / "contact-sheet.png"))


def _set_of(source: str, flags: DataFlags, settings: Sequence[str]) -> tuple[ImageSet, Path]:
    """The images of a run, of a packed set or of any source, and the folder for a picture of them: the source may not get one."""
    from ..data import ImageSet, open_images, packed_folder
    from ..progress import progress_bar
    from ..run import Run

    run, changed = Run(source), bool(settings) or flags != DataFlags()
    if run.is_run:
        if changed:
            raise UserError(f"{run.folder} is a run, and its recipe says how its images are prepared: leave out all settings")
        return open_set(run, flag=command("data", "SOURCE")), run.folder
    packed = packed_folder(source)
    if packed and not changed:  # of any size, also one that no networks take
        return ImageSet.open(packed), packed
    recipe = flags.load_recipe([*settings, f"--data.source={source}"])
    with progress_bar(err) as progress:
        images = open_images(recipe.data.source, recipe.preparation, count=recipe.data.avatars, progress=progress)
    return images, packed or Path()
