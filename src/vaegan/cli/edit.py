"""Changing images by their codes: attributes, edit, arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import UserError
from ..words import command
from .completion import RunFolder, completed, strengths
from .console import Json, err, name_and_number, picture_file, print_row, save_picture, show

How = Literal["probe", "mean"]  # as in latent/directions.py, without waiting for torch


def attributes(
    run: RunFolder,
    /,
    *,
    data: str | None = None,
    with_images: Annotated[str | None, Parameter(name="--with")] = None,
    without_images: Annotated[str | None, Parameter(name="--without")] = None,
    name: str | None = None,
    image: Path | None = None,
    json: Json = False,
    jsonl: Json = False,
) -> None:
    """Learn how codes must change so that images get an attribute.

    This change is called a direction; vaegan edit uses it. The command learns one for each attribute of the set, from the posterior means
    of training images. It measures how well each direction separates held-out images with the attribute from those without it. A picture
    shows what each direction does.

    If you have no table of attributes, you can learn one direction from two sets of images: use --with, --without and --name. If the images
    of the run have no attributes, the command shows principal directions, along which codes differ most: direction-1, direction-2 and so
    on.

    It writes RUN/attributes.safetensors, which vaegan edit uses, and a picture: RUN/attributes.png, RUN/attributes-NAME.png for a direction
    of two sets, or RUN/directions.png for the principal directions.

    Parameters
    ----------
    run
        The folder of a run. The folder of a model also works, if you give --data, or --with and --without.
    data
        Another set with attributes (see vaegan prepare --attributes). The default is the set that the run was trained on.
    with_images
        Images that have something, for example glasses: a folder or archive of images, or anything else that vaegan train --data takes.
    without_images
        Images that do not have it.
    name
        A name for the direction that --with and --without learn, for example Glasses.
    image
        The image to show the directions on. The default is a different held-out image for each attribute: an image without the attribute.
    json
        Print one JSON object and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each attribute (see docs/json.md).
    """
    from ..api import attributes as api
    from ..pretrained.find import result_file
    from ..run import Run

    wanted: dict[str, Any] = {"with_images": with_images, "without_images": without_images, "name": name, "image": image}
    found = api.attributes(run, data, **wanted, on_row=print_row if jsonl else None, progress=err)
    if found.directions.names:
        found.files.append(Run.find(run).attributes_file)
    picture = f"attributes-{name}" if name else "attributes" if found.learned_from else "directions"
    save_picture(found, result_file(run, f"{picture}.png"))
    show(found, json=json, jsonl=jsonl)
    example = f"{found.rows[0].name}=1" if found.rows else f"{found.principal[0].name}=2"
    err.print(f"Use them: {command('edit', run, 'IMAGE', '--add', example)}", soft_wrap=True)


def edit(
    run: RunFolder,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    add: Annotated[list[str], completed(strengths, negative="", consume_multiple=True)],
    how: How = "probe",
    strip: Annotated[bool, Parameter(negative="")] = False,
    project: int = 0,
    out: Path | None = None,
    outdir: Path | None = None,
    json: Json = False,
) -> None:
    """Add or remove attributes of images.

    If the run has no directions of attributes yet, they are learned first (see vaegan attributes).

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, folders of images, or archives of images (zip, tar).
    add
        Attributes and their strengths, for example Eyeglasses=1 Smiling=-0.5. Strength 1 turns a typical image without the attribute into
        one with it. Strength -1 does the reverse. Without a number, the strength is 1. Principal directions also work, for example
        direction-1=2: they need no attributes. Their strength is in standard deviations of the codes.
    how
        How codes change. With --how probe, a simple classifier of codes (a linear probe) measures how much of the attribute each image
        has. Strength 1 moves a code until the image has as much of it as a typical image with the attribute. If an image already has this
        much, it does not change. Other attributes stay, except those that cannot occur together with the new one, for example another
        colour of hair: they are removed. With --how mean, the same step is added to each code, as in the paper. This step is the mean
        code of images with the attribute, minus the mean code of images without it.
    strip
        Show one attribute at strengths from -1 to 2. Give only its name, for example --add Smiling.
    project
        First improve the codes with this number of steps of vaegan project. Edits are then closer to the images.
    out
        The picture to write. The default is RUN/edits.png.
    outdir
        A folder for single files: each edit by itself, at the image size of the model, named after its image.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import edit as api
    from ..pretrained.find import result_file

    path = picture_file(out or result_file(run, "edits.png"))
    found = api.edit(run, images, _strengths(add), how=how, strip=strip, project=project, progress=err)
    save_picture(found, path, outdir)
    show(found, json=json, table=False, outdir=outdir)


def arithmetic(
    run: RunFolder,
    expression: Annotated[list[str], Parameter(negative="", allow_leading_hyphen=True)],
    /,
    *,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Add and subtract the codes of images.

    Codes are posterior means. For example: vaegan arithmetic RUN glasses.png - plain.png + another.png

    Parameters
    ----------
    run
        The folder of a run or a model.
    expression
        Image files with + and - between them. Put a space before and after each sign. Images without a sign between them count
        as one image: the mean of their codes.
    out
        The picture to write. The default is RUN/arithmetic.png.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import edit as api
    from ..pretrained.find import result_file

    path = picture_file(out or result_file(run, "arithmetic.png"))
    found = api.arithmetic(run, expression, progress=err)
    save_picture(found, path)
    show(found, json=json, table=False)


def _strengths(texts: list[str]) -> dict[str, float]:
    """Attributes and strengths out of NAME=STRENGTH, or of NAME alone for strength 1.

    Raises:
        UserError: a strength is no number, or an attribute is given twice.
    """
    strengths: dict[str, float] = {}
    for text in texts:
        name, strength = name_and_number(text, "--add must be NAME=NUMBER, such as Eyeglasses=1") if "=" in text else (text, 1.0)
        if name in strengths:
            raise UserError(f'--add "{name}" was given twice: leave out one')
        strengths[name] = strength
    return strengths
