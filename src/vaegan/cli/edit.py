"""Changing images by their codes: attributes, edit, arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from ..errors import UserError
from ..words import command
from .console import err, out, wrote
from .inputs import MOST_ROWS, encode_pictures, open_set, say_how_many

if TYPE_CHECKING:
    from ..data import ImageSet, Indices
    from ..latent.directions import Directions
    from ..models.vaegan import VAEGAN
    from ..run import Run

How = Literal["probe", "mean"]  # as in latent/directions.py, without waiting for torch
STRIP = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
SIGNS = {"+": 1, "-": -1}


def attributes(run: Path, /, *, data: str | None = None, image: Path | None = None) -> None:
    """Learn a direction in the latent space for each attribute.

    Directions are learned from the posterior means of training images. The command measures how well each direction separates held-out
    images with the attribute from those without it. A picture shows what each direction does.

    It writes RUN/attributes.safetensors, which vaegan edit uses, and the picture RUN/attributes.png.

    Parameters
    ----------
    run
        The folder of a run. The folder of a model also works, together with --data.
    data
        Another set with attributes (see vaegan prepare --attributes). The default is the set that the run was trained on.
    image
        The image to show the attributes on. The default is a different held-out image for each attribute, one that does not have it.
    """
    import numpy as np

    from ..data.read_images import read_images
    from ..latent.figures import attribute_sheet
    from ..run import Run
    from ..viz import grid

    opened = Run.open(run)
    model = opened.model()
    pixels = read_images([image], model.preparation)[1] if image else None
    images = open_set(opened, data)
    directions, (training, held_out) = _learn(opened, model, images)
    _show(directions)
    wrote(opened.attributes_file)
    indices = np.concatenate([held_out[:], training[:]])  # of few that are held out, all may have an attribute
    wrote(grid.save(attribute_sheet(model, directions, images, indices, pixels), opened.attributes_picture_file))
    best, *_ = _by_auc(directions)
    err.print(f"Use them: {command('edit', run, 'IMAGE', '--add', f'{best[0]}=1')}", soft_wrap=True)


def edit(
    run: Path,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    add: Annotated[list[str], Parameter(negative="", consume_multiple=True)],
    how: How = "probe",
    strip: Annotated[bool, Parameter(negative="")] = False,
    project: int = 0,
    out: Path | None = None,
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
        one with it. Strength -1 does the reverse.
    how
        How codes change. probe keeps the other attributes as they are, and moves each image only as far as is needed to get the attribute.
        mean adds the mean code of images with the attribute, minus the mean code of images without it, as the paper does.
    strip
        Show one attribute at strengths from -1 to 2.
    project
        First improve the codes with this number of steps of vaegan project. Edits are then closer to the images.
    out
        The picture to write. The default is RUN/edits.png.
    """
    from ..latent.figures import edits
    from ..latent.project import project as better_codes
    from ..progress import progress_bar
    from ..run import Run
    from ..viz import grid

    strengths = _strengths(add)
    if strip and len(strengths) > 1:
        raise UserError(f"--strip shows one attribute, not {len(strengths)}: leave out the others")
    if project < 0:
        raise UserError(f"--project must be a number of steps, not {project}")
    opened = Run.open(run)
    path = out or opened.folder / "edits.png"
    grid.kind_of(path)  # now, and not after minutes of work
    model = opened.model()
    _, originals, codes = encode_pictures(model, images)
    directions = _directions(opened, model)
    for name in strengths:
        directions.index(name)
    if project:
        with progress_bar(err) as progress:
            codes = better_codes(model, originals, project, progress=progress).codes
    steps = [{name: strength} for name in strengths for strength in STRIP] if strip else [strengths]
    say_how_many(len(originals))
    wrote(grid.save(edits(model, directions, originals[:MOST_ROWS], codes[:MOST_ROWS], steps=steps, how=how), path))


def arithmetic(
    run: Path, expression: Annotated[list[str], Parameter(negative="", allow_leading_hyphen=True)], /, *, out: Path | None = None
) -> None:
    """Add and subtract the codes of images.

    Codes are posterior means. For example: vaegan arithmetic RUN glasses.png - plain.png + another.png

    Parameters
    ----------
    run
        The folder of a run or a model.
    expression
        Image files with + and - between them. Put a space before and after each sign. For several images without a sign between them, the
        mean of their codes is used.
    out
        The picture to write. The default is RUN/arithmetic.png.
    """
    from ..latent.figures import Summand, sum_of
    from ..run import Run
    from ..viz import grid

    opened = Run.open(run)
    path = out or opened.folder / "arithmetic.png"
    grid.kind_of(path)
    signs, groups = _parse_sum(expression)
    model = opened.model()
    found = []
    for sign, group in zip(signs, groups, strict=True):
        names, originals, codes = encode_pictures(model, group)
        found.append(Summand(sign, [Path(name).name for name in names], originals, codes))
    wrote(grid.save(sum_of(model, found), path))


def _strengths(texts: list[str]) -> dict[str, float]:
    """Attributes and strengths out of NAME=STRENGTH, or of NAME alone for strength 1.

    Raises:
        UserError: a strength is no number, or an attribute is given twice.
    """
    strengths: dict[str, float] = {}
    for text in texts:
        name, _, strength = text.rpartition("=") if "=" in text else (text, "", "1")
        if name in strengths:
            raise UserError(f"--add {name} was given twice")
        try:
            strengths[name] = float(strength)
        except ValueError:
            raise UserError(f"--add must be NAME=STRENGTH, such as Eyeglasses=1, not {text}") from None
    return strengths


def _parse_sum(words: list[str]) -> tuple[list[int], list[list[Path]]]:
    """The signs and the groups of images of a sum.

    Raises:
        UserError: there is a sign without an image after it, or nothing to add.
    """
    signs, groups = [1], [[]]  # type: tuple[list[int], list[list[Path]]]
    for place, word in enumerate(words):
        if word in SIGNS and (place == 0 or groups[-1]):
            if place:
                groups.append([])
                signs.append(SIGNS[word])
            else:
                signs[0] = SIGNS[word]
        elif word in SIGNS:
            raise UserError(f"there are two signs in a row before {' '.join(words[place:])}: leave out one")
        else:
            groups[-1].append(Path(word))
    if not groups[-1]:
        raise UserError(f"there is no image after {words[-1]}" if words else "there are no images to add")
    if len(groups) < 2:
        raise UserError("a sum needs + or - between images, with spaces around it, as in a.png - b.png + c.png")
    return signs, groups


def _directions(run: Run, model: VAEGAN) -> Directions:
    """Those that were learned for this run, or new ones where there are none for its weights."""
    from ..latent.directions import Directions
    from ..models.fingerprint import fingerprint

    path = run.attributes_file
    if path.is_file():
        known = Directions.load(path)
        if known.about.get("weights") == fingerprint(model):
            return known
    way_out = command("attributes", run.folder, "--data", "SET")
    if not run.is_run:
        raise UserError(f"a model folder does not say which images the model was trained on: first learn the attributes with: {way_out}")
    what = f"the model has changed since {path} was learned: learning the directions of attributes again"
    if not path.is_file():
        what = f"learning the directions of attributes first; they are saved in {path}"
    err.print(what, soft_wrap=True)
    return _learn(run, model, open_set(run, flag=way_out))[0]


def _learn(run: Run, model: VAEGAN, images: ImageSet) -> tuple[Directions, tuple[Indices, Indices]]:
    """Learn the directions of a set's attributes, and keep them in the run."""
    from ..latent.learn_directions import learn_from
    from ..progress import progress_bar

    parts = run.split(images)
    with progress_bar(err) as progress:
        directions, notes = learn_from(model, images, *parts, progress)
    for note in notes:
        err.print(note, soft_wrap=True)
    directions.save(run.attributes_file)
    return directions, parts


def _by_auc(directions: Directions) -> list[tuple[str, list[int], list[float | None], list[float | None]]]:
    """Each attribute with its counts and the accuracies of probe and mean; that which is told apart best is the first."""
    about = directions.about
    rows = zip(directions.names, about["counts"], about["probe"], about["mean"], strict=True)
    return sorted(rows, key=lambda row: -(row[2][1] or 0))


def _show(directions: Directions) -> None:
    """Print how well the attributes of held-out images are told apart, best first."""
    about = directions.about
    table = Table("\nattribute", box=None, header_style="bold", title_justify="left")
    for column in ("\nwith it", "\nwithout it", "probe:\naccuracy", "probe:\nAUC", "mean:\naccuracy", "mean:\nAUC"):
        table.add_column(column, justify="right")
    for name, (yes, no), probe, mean in _by_auc(directions):
        cells = ("-" if value is None else f"{value:.3f}" for value in (*probe, *mean))
        table.add_row(name, f"{yes:,}", f"{no:,}", *cells)
    out.print(table)
    out.print(
        f"The directions were learned from {about['learned_from']:,} images and tested on {about['tried_on']:,} held-out images. "
        "Accuracy is the mean of the accuracy for images with the attribute and for images without it. For accuracy and AUC, 0.5 is "
        "guessing.",
        soft_wrap=True,
        markup=False,
    )
