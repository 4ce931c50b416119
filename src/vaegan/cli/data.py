"""Images: prepare, data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UserError
from ..recipe import DEFAULT_RECIPE, Recipe
from ..settings import Crop, Resampling
from ..words import command
from .console import Json, err, name_and_number, parse_size, show
from .flags import DataFlags, Settings

if TYPE_CHECKING:
    from ..api.data import SetSummary


def prepare(
    source: str,
    out: Path | None = None,
    /,
    *,
    size: str | None = None,
    crop: Crop | None = None,
    box: Annotated[tuple[int, int, int, int], Parameter(negative="", show_default=False)] = (0, 0, 0, 0),
    blur: Annotated[bool, Parameter(negative="")] = False,
    resampling: Resampling = "fast",
    grey: Annotated[bool, Parameter(negative="")] = False,
    channels: int | None = None,
    value_range: Annotated[tuple[float, float] | None, Parameter(name="--range", negative="")] = None,
    range_percentiles: Annotated[tuple[float, float] | None, Parameter(negative="")] = None,
    scan: Annotated[bool, Parameter(negative="")] = False,
    splits: Annotated[tuple[float, float, float] | None, Parameter(negative="")] = None,
    attributes: Path | None = None,
    label: str | None = None,
    threshold: Annotated[list[str] | None, Parameter(negative="", json_list=False)] = None,
    numeric: Annotated[list[str] | None, Parameter(negative="", json_list=False)] = None,
    unknown: Annotated[list[str] | None, Parameter(negative="", json_list=False, allow_leading_hyphen=True)] = None,
    leave_out: Path | None = None,
    count: int | None = None,
    shard: str | None = None,
    workers: int | None = None,
    json: Json = False,
) -> None:
    """Pack images into a set that is ready for training.

    If it is interrupted, run the same command again to continue.

    Parameters
    ----------
    source
        The images, in one of these forms. A folder, zip file or tar file. KIND:PATH for a public data set as it is published, where KIND
        is celeba, lfw, stl10, cifar10, cifar100 or mnist. classes:PATH for a folder with one subfolder for each class. hf:NAME for a data
        set of the Hugging Face hub (hf-stream:NAME reads it without a download). A .npy or .npz file of images. avatars, the built-in
        drawn faces.
    out
        The folder to make for the packed set. Leave it out with --scan.
    size
        The side of the square images in pixels, or HEIGHTxWIDTH, for example 96x64. For arrays of one size, and for stl10, cifar10,
        cifar100 and mnist, the default is the size of the images, rounded up to multiples of 8. For all other images, the default is 64.
    crop
        How images are cropped. centre: the largest central part with the proportions of --size. pad: the whole image, with bars of the
        colour of its edges. none: the whole image, squeezed into the shape of --size. celeba: a fixed part of 148x148 pixels around the
        face in CelebA's aligned images. box: the part that --box describes. The default is celeba for CelebA and centre for all other
        images.
    box
        For --crop box: the left, top, right and bottom edge of the part, in pixels.
    blur
        Blur images before they are made smaller, as the paper's authors do.
    resampling
        How images are resized. With --resampling fast, it is bicubic, and large JPEG files are decoded at a smaller size, which saves time.
    grey
        Make the images grey: one channel.
    channels
        The number of channels, from 1 to 8. 4 is colour and opacity, or four bands. The default is 3. For an array, the default is the
        number of its channels.
    value_range
        Two values, for images of more than 8 bits: the first becomes 0 and the second becomes 255. The default is the lowest and the
        highest value of all images. To find them, vaegan reads all images once.
    range_percentiles
        Use two percentiles of all values as the range, for example 0.1 99.9, so that a few extreme values do not count.
    scan
        Print the range of values and how many images have more than 8 bits, and pack nothing.
    splits
        The shares of the images for training, validation and test, for example 0.8 0.1 0.1. Images are assigned at random. The default is
        the source's own splits. A plain folder has no splits: vaegan train then holds out 5% of the images.
    attributes
        A table with a row for each image: a CSV file, a file of JSON lines, or a list like CelebA's. One column has the file names. Columns
        named label and split are optional. All remaining columns that hold yes and no (or 1 and 0, or 1 and -1) are attributes.
    label
        The column of the table with the class of each image. The default is the column named label or class.
    threshold
        Turn a column of numbers into an attribute, with NAME=NUMBER, for example age=40. An image has the attribute if its value is above
        NUMBER. Repeat the flag for more columns.
    numeric
        Use a column of numbers as an attribute. The numbers are scaled to mean 0 and standard deviation 1. Where a yes or no is needed, an
        image has the attribute if its number is above the mean. Repeat the flag for more columns.
    unknown
        A value that means "not known", for example -1. Without this flag, -1 means "no". Empty cells, NA and NaN always mean "not known".
        Repeat the flag for more values.
    leave_out
        A CSV file with the images to leave out, such as the one that vaegan doctor writes. One column has the file names. If there is a
        column named leave_out, only the images with 1 in it are left out.
    count
        Use only the first COUNT images. For avatars, COUNT is the number to draw.
    shard
        Pack only part K of N parts, given as K/N, for example 3/16. Pack each part into a folder of its own, on as many machines as you
        like, with the same options. Then make one set of all parts with vaegan join.
    workers
        The number of processes that read images. The default is one for each CPU core.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import data as api
    from ..signals import Stopped

    if scan:
        _scan(source, grey=grey, channels=channels, range_percentiles=range_percentiles, count=count, workers=workers, json=json)
        return
    if out is None:
        raise UserError(
            "vaegan prepare needs OUT, the folder for the packed set: give it as the second argument; "
            "or, to find only the range of the values, add --scan"
        )
    try:
        found = api.prepare(
            source,
            out,
            size=parse_size(size) if size is not None else None,
            crop=crop,
            box=box,
            blur=blur,
            resampling=resampling,
            grey=grey,
            channels=channels,
            value_range=value_range,
            range_percentiles=range_percentiles,
            splits=splits,
            attributes=attributes,
            label=label,
            threshold=dict(name_and_number(text, "--threshold must be NAME=NUMBER, such as age=40") for text in threshold or ()),
            numeric=numeric or (),
            unknown=unknown or (),
            leave_out=leave_out,
            count=count,
            shard=shard,
            workers=workers,
            progress=err,
        )
    except Stopped as stopped:
        err.print(str(stopped), soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    _say_next(out, found)
    if json:
        show(found, json=True)


def _scan(source: str, *, json: bool, **choices: Any) -> None:
    """Print what a pass over a source finds."""
    from ..api import data as api
    from ..data.samples import whole
    from ..signals import Stopped

    try:
        found = api.scan(source, progress=err, **choices)
    except Stopped as stopped:
        err.print(str(stopped), soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    show(found, json=json)
    if found.range:
        channels = 1 if choices["grey"] else choices["channels"]
        flags = ["--channels", channels] if channels not in (None, 3) else []
        err.print(f"Prepare them with: {command('prepare', source, 'OUT', *flags, '--range', *map(whole, found.range))}", soft_wrap=True)


def join(out: Path, parts: Annotated[list[Path], Parameter(negative="", json_list=False)], /, *, json: Json = False) -> None:
    """Make one set from parts that were packed on several machines.

    Each part was packed by vaegan prepare --shard. No image is copied: the set has a list of the folders of its parts. The images, their
    order and the splits are the same as if one command had packed everything. If you move the parts, run this command again.

    Parameters
    ----------
    out
        The folder to make for the set.
    parts
        The folders of all parts, in any order.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import data as api

    found = api.join(out, parts, progress=err)
    _say_next(out, found)
    if json:
        show(found, json=True)


def _say_next(out: Path, found: SetSummary) -> None:
    """What can be done with a set that was made just now."""
    look = f"Look at it: {command('data', out)}"
    if shard := found.set.shard:
        how = f"join them into a new folder OUT (PARTS are the folders of the other parts) with: {command('join', 'OUT', out, 'PARTS')}"
        err.print(f"{look}\nWhen all {shard.parts} parts are packed, {how}", soft_wrap=True)
        return
    try:
        replace(Recipe.load(DEFAULT_RECIPE).networks, size=found.size)
        look += f"\nTrain on it: {command('train', '--data', out)}"
    except UserError as error:
        err.print(f"{error}; to train on these images, prepare them again with another --size", soft_wrap=True)
    err.print(look, soft_wrap=True)


def data(
    source: str,
    /,
    *settings: Settings,
    flags: DataFlags = DataFlags(),
    verify: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Show what is in a set of images.

    It prints counts, splits and attributes, and draws a sheet of images. If the images are not packed yet, it packs them first, as vaegan
    train does.

    Parameters
    ----------
    source
        The folder of a run, or any images that vaegan train --data takes: a folder or archive of images, a packed set (see vaegan prepare),
        a public data set (for example celeba:PATH), or avatars (the built-in drawn faces).
    verify
        Check every file of the packed set against its checksum, and do nothing else.
    out
        The picture to write. The default is contact-sheet.png in the folder of the run or of the packed set. For other images, the default
        is contact-sheet.png in the current folder.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import data as api
    from ..data.sources import recognized
    from ..run import Run
    from .console import save_picture

    recipe = None
    if settings or flags != DataFlags():
        recipe = Recipe() if Run(source).is_run else flags.load_recipe([*settings, f"--data.source={recognized(source)}"])
    found = api.data(source, recipe, verify=verify, progress=err)
    if not verify:
        save_picture(found, out or found.home / "contact-sheet.png")
    show(found, json=json)
