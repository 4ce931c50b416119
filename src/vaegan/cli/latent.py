"""The latent space: attributes, encode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ..errors import UserError
from ..recipe import RECIPE, Data, Recipe
from .app import app, err, out, wrote

if TYPE_CHECKING:
    from ..data import ImageSet, Numbers
    from ..latent.directions import Directions
    from ..model import VAEGAN

DIRECTIONS = "attributes.safetensors"


@app.command
def attributes(run: Path, /, *, data: str | None = None, image: Path | None = None) -> None:
    """Learn a direction for every attribute of the training images, say how well it tells held-out ones apart, and show what it does.

    Writes RUN/attributes.safetensors, which vaegan edit uses, and the picture RUN/attributes.png.

    Parameters
    ----------
    run
        A run folder, or a model folder with --data.
    data
        Another set with attributes, in place of that the run was trained on: see vaegan prepare --attributes.
    image
        The picture to show the attributes on; by default held-out images without them.
    """
    from .. import pictures
    from ..data.given import read_given
    from ..latent.sheets import attribute_sheet
    from ..model import load

    model = load(run)
    given = read_given([image], model.preparation)[1] if image else None
    images, settings = _set_of(run, model, data)
    directions, (_, held_out) = _learn(run, model, images, settings)
    _show(directions)
    wrote(run / DIRECTIONS)
    numbers = held_out if len(held_out) else _split(images, settings)[0]
    wrote(pictures.save(attribute_sheet(model, directions, images, numbers, given), run / "attributes.png"))
    some = directions.names[0]
    err.print(f"Use them: vaegan edit {run} IMAGE --add {some}=1", soft_wrap=True)


@app.command
def encode(run: Path, source: str, /, *, out: Path | None = None) -> None:
    """Write the codes of a set of images as a file for numpy: mean, logvar, names, labels, attributes, attribute_names.

    Parameters
    ----------
    run
        A run folder or a model folder.
    source
        Images: a folder or archive, a packed set, a known set such as celeba:PATH, or avatars.
    out
        The file to write; RUN/codes.npz by default.
    """
    import numpy as np

    from ..files import replacing
    from ..latent.codes import encode as encode_images
    from ..model import load
    from ..progress import progress_bar

    path = out or run / "codes.npz"
    if path.suffix != ".npz":
        raise UserError(f"cannot write codes as {path}: give --out a name that ends in .npz")
    model = load(run)
    images, _ = _set_of(run, model, source)
    with progress_bar(err) as progress:
        codes = encode_images(model, images.images, progress=progress)
    known: dict[str, Any] = {"names": np.array(images.names), "labels": np.array(images.labels)}
    if images.attribute_names:
        known |= {"attributes": images.attributes, "attribute_names": np.array(images.attribute_names)}
    with replacing(path) as temporary, temporary.open("wb") as file:  # by a path, numpy would change the name
        np.savez(file, mean=codes.mean.numpy(), logvar=codes.logvar.numpy(), **known)
    wrote(path)


def _set_of(run: Path, model: VAEGAN, source: str | None) -> tuple[ImageSet, Data]:
    """The images of a source, or those that a run was trained on, as the model takes them; and which of them are held out.

    Raises:
        UserError: there is no such source, or nothing says what the model was trained on.
    """
    from ..data import open_images
    from ..progress import progress_bar

    settings = Recipe.load(run / RECIPE).data if (run / RECIPE).is_file() else Data()
    if source is None and not (run / RECIPE).is_file():
        raise UserError(f"{run} has no {RECIPE} that says what it was trained on: name a set by --data")
    with progress_bar(err) as progress:
        images = open_images(source or settings.source, model.preparation, count=settings.avatars, progress=progress)
    return images, settings


def _split(images: ImageSet, settings: Data) -> tuple[Numbers, Numbers]:
    """Numbers of the images to learn from, and of the held-out ones."""
    from ..data import split

    train_on = settings.train_on if all(name in images.splits for name in settings.train_on.split("+")) else Data().train_on
    return split(images, settings.held_out, train_on)


def _learn(run: Path, model: VAEGAN, images: ImageSet, settings: Data) -> tuple[Directions, tuple[Numbers, Numbers]]:
    """Learn the directions of a set's attributes, and keep them in the run."""
    from ..latent.attributes import learn_from
    from ..progress import progress_bar

    parts = _split(images, settings)
    with progress_bar(err) as progress:
        directions, notes = learn_from(model, images, *parts, progress)
    for note in notes:
        err.print(note, soft_wrap=True)
    directions.save(run / DIRECTIONS)
    return directions, parts


def _show(directions: Directions) -> None:
    """Print how well the attributes of held-out images are told apart, best first."""
    about = directions.about
    table = Table("attribute", box=None, header_style="bold", title_justify="left")
    for column in ("with it", "without", "probe: right", "AUC", "mean: right", "AUC"):
        table.add_column(column, justify="right")
    rows = list(zip(directions.names, about["counts"], about["probe"], about["mean"], strict=True))
    for name, (yes, no), probe, mean in sorted(rows, key=lambda row: -(row[2][1] or 0)):
        numbers = ("-" if value is None else f"{value:.3f}" for value in (*probe, *mean))
        table.add_row(name, f"{yes:,}", f"{no:,}", *numbers)
    out.print(table)
    out.print(
        f"learned from {about['learned_from']:,} images and tried on {about['tried_on']:,} held-out ones; right: the mean of the shares of"
        " yeses and of noes that are right; 0.5 is guessing",
        soft_wrap=True,
        markup=False,
    )
