"""The latent space: attributes, edit, encode, interpolate, walk, arithmetic, project."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from cyclopts import Parameter
from rich.table import Table

from ..data.dataset import report_skipped
from ..errors import UserError
from ..recipe import Data, Recipe
from .app import app, check_fps, err, out, parse_size, wrote
from .sets import open_set, recipe_of

if TYPE_CHECKING:
    from torch import Tensor

    from ..data import ImageSet, Numbers
    from ..latent.directions import Directions
    from ..models.vaegan import VAEGAN

DIRECTIONS = "attributes.safetensors"
How = Literal["probe", "mean"]  # as in latent/directions.py and latent/paths.py, without waiting for torch
Course = Literal["spherical", "linear"]
STRIP = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
SIGNS = {"+": 1, "-": -1}
SHOWN = 50
"""Rows of a picture."""
MOST_STEPS = 1_000
"""From one image to the next."""
SECONDS_A_TURN = 4.0
"""Of a walk: the more, the slower."""


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
    import numpy as np

    from ..data.given import read_given
    from ..latent.figures import attribute_sheet
    from ..models.vaegan import load
    from ..viz import grid

    model = load(run)
    given = read_given([image], model.preparation)[1] if image else None
    recipe = recipe_of(run)
    images = open_set(data, model.preparation, recipe)
    settings = (recipe or Recipe()).data
    directions, (training, held_out) = _learn(run, model, images, settings)
    _show(directions)
    wrote(run / DIRECTIONS)
    numbers = np.concatenate([held_out[:], training[:]])  # of few that are held out, all may have an attribute
    wrote(grid.save(attribute_sheet(model, directions, images, numbers, given), run / "attributes.png"))
    some = directions.names[0]
    err.print(f"Use them: vaegan edit {run} IMAGE --add {some}=1", soft_wrap=True)


@app.command
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
    """Show images with attributes added or taken away. The directions are learned first if the run has none yet (see vaegan attributes).

    Parameters
    ----------
    run
        A run folder or a model folder.
    images
        Image files, or folders or archives of them.
    add
        Attributes and strengths, such as Eyeglasses=1 Smiling=-0.5: 1 makes of a typical image without it one with it, -1 the reverse.
    how
        probe leaves alone what only goes together with the attribute, and goes as far as each image needs; mean adds the difference of
        means, as the paper does.
    strip
        Show one attribute at strengths from -1 to 2.
    project
        So many steps of vaegan project first, for codes that are nearer to the images.
    out
        The picture to write; RUN/edits.png by default.
    """
    from ..latent.figures import edits
    from ..latent.project import project as better_codes
    from ..models.vaegan import load
    from ..progress import progress_bar
    from ..viz import grid

    strengths = _strengths(add)
    if strip and len(strengths) > 1:
        raise UserError(f"--strip shows one attribute, not {len(strengths)}: leave out the others")
    if project < 0:
        raise UserError(f"--project must be a number of steps, not {project}")
    path = out or run / "edits.png"
    grid.kind_of(path)  # now, and not after minutes of work
    model = load(run)
    _, originals, codes = _given(model, images)
    directions = _directions(run, model)
    for name in strengths:
        directions.index(name)
    if project:
        with progress_bar(err) as progress:
            codes = better_codes(model, originals, project, level=(recipe_of(run) or Recipe()).objective.level, progress=progress).codes
    steps = [{name: strength} for name in strengths for strength in STRIP] if strip else [strengths]
    _say_how_many(len(originals))
    wrote(grid.save(edits(model, directions, originals[:SHOWN], codes[:SHOWN], steps=steps, how=how), path))


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
    from ..latent.encode import encode as encode_images
    from ..models.vaegan import load
    from ..progress import progress_bar

    path = out or run / "codes.npz"
    if path.suffix != ".npz":
        raise UserError(f"cannot write codes as {path}: give --out a name that ends in .npz")
    model = load(run)
    images = open_set(source, model.preparation, recipe_of(run))
    for line in report_skipped(images):
        err.print(line, soft_wrap=True)
    with progress_bar(err) as progress:
        codes = encode_images(model, images.images, progress=progress)
    known: dict[str, Any] = {"names": np.array(images.names), "labels": np.array(images.labels)}
    if images.attribute_names:
        known |= {"attributes": images.attributes, "attribute_names": np.array(images.attribute_names)}
    with replacing(path) as temporary, temporary.open("wb") as file:  # by a path, numpy would change the name
        np.savez(file, mean=codes.mean.numpy(), logvar=codes.logvar.numpy(), **known)
    wrote(path)


@app.command
def interpolate(
    run: Path,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    how: Course = "spherical",
    steps: int | None = None,
    fps: float = 25.0,
    out: Path | None = None,
) -> None:
    """Morph from image to image: a strip as a picture, or a video there and back.

    Parameters
    ----------
    run
        A run folder or a model folder.
    images
        Two image files or more.
    how
        spherical keeps to codes as likely as those at both ends; linear takes the straight line.
    steps
        From one image to the next: images of a strip, 9 by default, or frames of a video, 40 by default.
    fps
        Frames a second of a video.
    out
        What to write, as .png, .gif or .mp4; RUN/interpolation.png by default.
    """
    import torch

    from ..latent import interpolate
    from ..latent.encode import decode
    from ..latent.figures import enlarged
    from ..models.vaegan import load
    from ..progress import progress_bar
    from ..viz import grid, video

    path = out or run / "interpolation.png"
    moves = path.suffix.lower() in video.KINDS
    count = steps if steps is not None else 40 if moves else 9
    if not 2 <= count <= MOST_STEPS:
        raise UserError(f"--steps must be from 2 to {MOST_STEPS:,}, not {count}")
    if not moves:
        grid.kind_of(path)
    check_fps(fps)
    model = load(run)
    names, _, stops = _given(model, images)
    if len(stops) < 2:
        raise UserError("one image is no way to go: name two or more")
    with torch.inference_mode():
        if not moves:
            legs = [interpolate.between(start, end, count, how) for start, end in pairwise(stops)]
            parts = [
                (f"{Path(a).name} to {Path(b).name}, {how}", decode(model, leg)) for (a, b), leg in zip(pairwise(names), legs, strict=True)
            ]
            wrote(grid.save(grid.sheet(parts, count), path))
            return
        there = interpolate.through(stops, count, how)
        codes = torch.cat([there, there[1:-1].flip(0)])
        with progress_bar(err) as progress:
            frame = lambda number: enlarged(model.decode(codes[number : number + 1]), 1)  # noqa: E731
            wrote(video.save(frame, len(codes), path, fps, progress))


@app.command
def walk(
    run: Path,
    /,
    *,
    seconds: float = 8.0,
    fps: float = 20.0,
    tiles: str = "4x4",
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Film random walks through the prior, side by side; the video ends where it began.

    Parameters
    ----------
    run
        A run folder or a model folder.
    seconds
        How long.
    fps
        Frames a second.
    tiles
        Rows x columns of walks.
    seed
        Another seed, other walks.
    out
        What to write, as .gif or .mp4; RUN/walk.gif by default.
    """
    import torch

    from ..latent import interpolate
    from ..latent.figures import enlarged
    from ..models.vaegan import load
    from ..progress import progress_bar
    from ..viz import video

    rows, columns = parse_size(tiles, "--tiles", "rows x columns such as 4x4")
    if min(rows, columns) < 1 or rows * columns > 400:
        raise UserError(f"--tiles must be from 1x1 to 20x20, not {tiles}")
    check_fps(fps)
    frames = round(seconds * fps) if 0 < seconds <= 600 else 0
    if frames < 2:
        raise UserError(f"--seconds must be above 0 and at most 600, and be two frames or more, not {seconds}")
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed must be at least 0 and below 2^63, not {seed}")
    model = load(run)
    codes = interpolate.walk(rows * columns, model.architecture.latent, frames, max(1, round(seconds / SECONDS_A_TURN)), seed)
    with torch.inference_mode(), progress_bar(err) as progress:
        frame = lambda number: enlarged(model.decode(codes[number]), columns)  # noqa: E731
        wrote(video.save(frame, frames, out or run / "walk.gif", fps, progress))


@app.command
def arithmetic(
    run: Path, terms: Annotated[list[str], Parameter(negative="", allow_leading_hyphen=True)], /, *, out: Path | None = None
) -> None:
    """Add and subtract images as codes, as in: vaegan arithmetic RUN glasses.png - plain.png + another.png

    Parameters
    ----------
    run
        A run folder or a model folder.
    terms
        Image files with + and - between them, each a word of its own; of several images without a sign between them, the mean is taken.
    out
        The picture to write; RUN/arithmetic.png by default.
    """
    from ..latent.figures import Term, sum_of
    from ..models.vaegan import load
    from ..viz import grid

    path = out or run / "arithmetic.png"
    grid.kind_of(path)
    signs, groups = _terms(terms)
    model = load(run)
    found = []
    for sign, group in zip(signs, groups, strict=True):
        names, originals, codes = _given(model, group)
        found.append(Term(sign, [Path(name).name for name in names], originals, codes))
    wrote(grid.save(sum_of(model, found), path))


@app.command
def project(
    run: Path,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    steps: int = 200,
    lr: float = 0.05,
    prior: float = 1.0,
    out: Path | None = None,
) -> None:
    """Find better codes for images than the encoder does, by gradient descent on the learned similarity.

    Parameters
    ----------
    run
        A run folder or a model folder.
    images
        Image files, or folders or archives of them.
    steps
        How many; each decodes the images once and goes back.
    lr
        Learning rate of Adam.
    prior
        Weight of the prior, which keeps codes among those that samples have; 0 for none.
    out
        The picture to write; RUN/projections.png by default.
    """
    from ..latent import project
    from ..latent.figures import projections
    from ..models.vaegan import load
    from ..progress import progress_bar
    from ..viz import grid

    path = out or run / "projections.png"
    grid.kind_of(path)
    model = load(run)
    names, originals, _ = _given(model, images)
    shown = sorted({0, steps // 20, steps // 5, steps // 2, steps})
    with progress_bar(err) as progress:
        found = project.project(
            model, originals, steps, lr=lr, level=(recipe_of(run) or Recipe()).objective.level, prior=prior, shown=shown, progress=progress
        )
    for name, similarity, pixel in zip(names, found.similarity.T.tolist(), found.pixel.T.tolist(), strict=True):
        print(f"{name}: similarity error {similarity[0]:.4g} -> {similarity[-1]:.4g}, pixel error {pixel[0]:.4g} -> {pixel[-1]:.4g}")
    _say_how_many(len(originals))
    wrote(grid.save(projections(model, originals[:SHOWN], found, shown), path))


def _say_how_many(images: int) -> None:
    """Where a picture has a row for each image, and there are too many."""
    if images > SHOWN:
        err.print(f"the picture shows the first {SHOWN} of {images:,} images", soft_wrap=True)


class Given(NamedTuple):
    """Pictures that a person names."""

    names: list[str]
    images: Tensor
    """N x C x H x W in [-1, 1], as the model takes them."""
    codes: Tensor
    """N x latent: their posterior means."""


def _given(model: VAEGAN, images: list[Path]) -> Given:
    """The pictures that a person names, and their codes.

    Raises:
        UserError: a picture is not there, or gives no image; or the model has no encoder.
    """
    from ..data.batches import to_tensor
    from ..data.given import read_given
    from ..latent.encode import encode
    from ..progress import progress_bar

    def skip(name: str, reason: str) -> None:
        if Path(name) in images:  # named by itself, it is missed
            raise UserError(f"cannot read {name}: {reason}")
        err.print(f"skipped {name}: {reason}", soft_wrap=True)

    names, pixels = read_given(images, model.preparation, skip)
    with progress_bar(err) as progress:
        return Given(names, to_tensor(pixels), encode(model, pixels, progress=progress).mean)


def _strengths(given: list[str]) -> dict[str, float]:
    """Attributes and strengths out of NAME=STRENGTH, or of NAME alone for strength 1.

    Raises:
        UserError: a strength is no number, or an attribute is given twice.
    """
    strengths: dict[str, float] = {}
    for text in given:
        name, _, strength = text.rpartition("=") if "=" in text else (text, "", "1")
        if name in strengths:
            raise UserError(f"--add {name} is given twice")
        try:
            strengths[name] = float(strength)
        except ValueError:
            raise UserError(f"--add takes NAME=STRENGTH such as Eyeglasses=1, not {text}") from None
    return strengths


def _terms(words: list[str]) -> tuple[list[int], list[list[Path]]]:
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
            raise UserError(f"there are two signs in a row before {' '.join(words[place:])}")
        else:
            groups[-1].append(Path(word))
    if not groups[-1]:
        raise UserError(f"there is no image after {words[-1]}" if words else "there is nothing to add")
    if len(groups) < 2:
        raise UserError("a sum needs + or - between images, with spaces around it, as in a.png - b.png + c.png")
    return signs, groups


def _directions(run: Path, model: VAEGAN) -> Directions:
    """Those that were learned for this run, or new ones where there are none for its weights."""
    from ..latent.directions import Directions
    from ..models.fingerprint import fingerprint

    path = run / DIRECTIONS
    if path.is_file():
        known = Directions.load(path)
        if known.about.get("weights") == fingerprint(model):
            return known
    recipe = recipe_of(run)
    if not recipe:
        way_out = f"learn the attributes first, by: vaegan attributes {run} --data SET"
        raise UserError(f"a model folder does not say what it was trained on: {way_out}")
    what = f"{path} was learned from other weights: learning it anew"
    if not path.is_file():
        what = f"the directions of attributes are learned first, and kept in {path}"
    err.print(what, soft_wrap=True)
    return _learn(run, model, open_set(None, model.preparation, recipe), recipe.data)[0]


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
