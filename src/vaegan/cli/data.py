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
    leave_out: Path | None = None,
    count: int | None = None,
    workers: int | None = None,
) -> None:
    """Pack images into a set that is ready for training.

    If it is interrupted, run the same command again to continue.

    Parameters
    ----------
    source
        The images, in one of these forms. A folder, zip file or tar file. KIND:PATH for a public data set as it is published, where KIND is
        celeba, lfw, stl10, cifar10, cifar100 or mnist. classes:PATH for a folder with one subfolder for each class. hf:NAME or
        hf-stream:NAME for a data set of the Hugging Face hub. avatars for the built-in drawings.
    out
        The folder to make for the packed set.
    size
        The side of the square images in pixels, or HEIGHTxWIDTH, for example 96x64. The default is the size of the source images, rounded
        up to multiples of 8, if the source has a fixed size. Otherwise the default is 64.
    crop
        How images are cropped. centre: the largest central part that has the shape of --size. none: the whole image, squeezed into the
        shape of --size. celeba: a fixed part of 148x148 pixels around the face in CelebA's aligned images. box: the part that --box
        describes. The default is celeba for CelebA and centre for all other images.
    box
        For --crop box: the left, top, right and bottom edge of the part, in pixels.
    blur
        Blur images before they are shrunk, as the paper's authors do.
    resampling
        How images are resized. fast is bicubic, and decodes large JPEG files at a smaller size.
    grey
        Make the images grey.
    splits
        The shares of the images for training, validation and test, for example 0.8 0.1 0.1. Images are assigned at random. The default is
        the source's own splits.
    attributes
        A CSV file with a line for each image. One column has the file names. Columns named label and split are optional. Every other column
        is an attribute.
    label
        The column of the CSV file that names the class of each image. The default is the column named label or class.
    leave_out
        A CSV file that names images to leave out, such as the one that vaegan doctor writes. One column has the file names. If there is a
        column named leave_out, only the images with 1 in it are left out.
    count
        Use only the first COUNT images. For avatars, COUNT is the number to draw.
    workers
        The number of processes that read images. The default is one for each CPU core.
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
                leave_out=leave_out,
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

    It prints counts, splits and attributes, and draws a sheet of images. If the images are not packed yet, it packs them first, as vaegan
    train does.

    Parameters
    ----------
    source
        The folder of a run, or any images that vaegan train --data takes: a folder or archive of images, a packed set (see vaegan prepare),
        a public data set (for example celeba:PATH), or avatars for the built-in drawings.
    verify
        Check every file of the packed set against its checksum, and do nothing else.
    out
        The picture to write. The default is contact-sheet.png in the folder of the run or of the packed set. For other images, the default
        is contact-sheet.png in the current folder.
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
