"""Looking at a run: sample, reconstruct, convergence, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import UserError
from ..settings import PriorKind
from .console import check_fps, err, wrote
from .inputs import check_seed, read_pictures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

LAST_SHOWN = 2.0
"""Seconds that a film of a training stays at its end."""


def sample(
    run: Path,
    /,
    *,
    out: Path | None = None,
    count: int = 64,
    seed: int = 0,
    values: Annotated[list[str] | None, Parameter(name="--set", negative="", consume_multiple=True)] = None,
    prior: PriorKind | None = None,
) -> None:
    """Draw images from the prior.

    Parameters
    ----------
    run
        A run folder or a model folder.
    out
        The picture to write; RUN/samples.png by default.
    count
        How many images.
    seed
        Another seed, other images.
    values
        Attribute values for the samples of a conditional model, as in Smiling=1 Eyeglasses=0, on the scale of the set. Attributes that are
        left out count as unknown.
    prior
        Where the codes come from. fitted is the density that vaegan train fits to codes of training images (see vaegan fit-prior);
        standard is N(0, I). By default fitted, if the run has one.
    """
    import torch

    from ..run import Run
    from ..viz import grid

    if count < 1:
        raise UserError(f"--count must be above 0, not {count}")
    check_seed(seed)
    opened = Run.open(run)
    path = out or opened.folder / "samples.png"
    grid.kind_of(path)  # now, and not after minutes of work
    model = opened.model()
    attributes = None if values is None else model.attributes(dict(map(_setting, values))).expand(count, -1)
    with torch.inference_mode():
        images = model.sample(count, seed, attributes, prior)
    caption = ", ".join([f"samples of {model.name_prior(prior)}, seed {seed}", *(values or [])])
    wrote(grid.save(grid.sheet([(caption, images)], _columns(count)), path))


def _setting(text: str) -> tuple[str, float]:
    """A name and a number out of "Smiling=1"."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise UserError(f"--set must be NAME=NUMBER, such as Smiling=1, not {text}") from None


def reconstruct(run: Path, images: Annotated[list[Path], Parameter(negative="", json_list=False)], /, *, out: Path | None = None) -> None:
    """Show images above their reconstructions.

    Parameters
    ----------
    run
        A run folder or a model folder.
    images
        Image files, or folders or archives of them.
    out
        The picture to write; RUN/reconstructions.png by default.
    """
    import torch

    from ..data.batches import to_tensor
    from ..run import Run
    from ..viz import grid

    opened = Run.open(run)
    path = out or opened.folder / "reconstructions.png"
    grid.kind_of(path)
    model = opened.model()
    _, pixels = read_pictures(images, model.preparation)
    originals = to_tensor(pixels)
    with torch.inference_mode():
        reconstructions = model.reconstruct(originals)
    columns = _columns(len(originals))
    pairs = grid.pair_rows(originals, reconstructions, columns)
    wrote(grid.save(grid.sheet([("each above its reconstruction", pairs)], columns), path))


def convergence(run: Path, /, *, out: Path | None = None, fps: float = 8.0) -> None:
    """Film the pictures that training drew.

    Each frame shows the same images and the same codes, from the first picture to the last.

    Parameters
    ----------
    run
        A run folder.
    out
        The film to write, a .gif or an .mp4; RUN/convergence.gif by default.
    fps
        Pictures a second.
    """
    import numpy as np

    from ..progress import progress_bar
    from ..run import Run
    from ..viz import grid, video

    check_fps(fps)
    opened = Run(run)
    drawn = list(opened.pictures.values())
    if not drawn:
        raise UserError(f"{run} has no pictures of its training: name the folder of a run that has drawn pictures")

    def picture(path: Path) -> Image:
        if found := grid.open_picture(path):
            return found
        raise UserError(f"{path} is damaged: remove it, and run the same command again to leave it out of the film")

    size = picture(drawn[-1]).size

    def frame(number: int) -> NDArray[np.uint8]:
        return np.asarray(picture(drawn[min(number, len(drawn) - 1)]).resize(size))

    with progress_bar(err) as progress:
        count = len(drawn) + round(LAST_SHOWN * fps)
        wrote(video.save(frame, count, out or opened.folder / "convergence.gif", fps, progress))


def report(run: Path, /, *, out: Path | None = None) -> None:
    """Write report.html, one page on a run.

    The page has the pictures of training, the curves and the recipe. It is one file, which works offline.

    Parameters
    ----------
    run
        A run folder.
    out
        The page to write; RUN/report.html by default.
    """
    from ..report import report as write

    wrote(write(run, out))


def _columns(count: int) -> int:
    """Columns of a sheet that is wider than high, and without a gap in its last row if that can be."""
    wanted = round((1.6 * count) ** 0.5)
    even = [columns for columns in range(wanted, min(2 * wanted, 16) + 1) if count % columns == 0]
    return count if count <= 6 else even[0] if even else min(16, wanted)
