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
    """Draw new images from the prior.

    Parameters
    ----------
    run
        The folder of a run or a model.
    out
        The picture to write. The default is RUN/samples.png.
    count
        The number of images.
    seed
        The random seed. Another seed gives other images.
    values
        For a conditional model: the attribute values of the samples, for example Smiling=1 Eyeglasses=0. The values have the same scale as
        in the training set. Attributes that are left out count as unknown.
    prior
        Where codes come from. fitted is the Gaussian mixture that vaegan train fits to codes of training images (see vaegan fit-prior).
        standard is N(0, I). The default is 'fitted' if the run has a fitted prior, and 'standard' if not.
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

    Reconstructions are decoded from posterior means, not from posterior samples.

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, folders of images, or archives of images (zip, tar).
    out
        The picture to write. The default is RUN/reconstructions.png.
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
    wrote(grid.save(grid.sheet([("images above their reconstructions", pairs)], columns), path))


def convergence(run: Path, /, *, out: Path | None = None, fps: float = 8.0) -> None:
    """Make a video of the pictures that were made during training.

    Each frame shows how the model drew the same images and the same codes at one step of the training.

    Parameters
    ----------
    run
        The folder of a run.
    out
        The video to write, as .gif or .mp4. The default is RUN/convergence.gif.
    fps
        The number of pictures per second.
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
    """Write report.html, one page about a run.

    The page shows the pictures of the training, the curves and the recipe. It is one file and works offline.

    Parameters
    ----------
    run
        The folder of a run.
    out
        The page to write. The default is RUN/report.html.
    """
    from ..report import report as write

    wrote(write(run, out))


def _columns(count: int) -> int:
    """Columns of a sheet that is wider than high, and without a gap in its last row if that can be."""
    wanted = round((1.6 * count) ** 0.5)
    even = [columns for columns in range(wanted, min(2 * wanted, 16) + 1) if count % columns == 0]
    return count if count <= 6 else even[0] if even else min(16, wanted)
