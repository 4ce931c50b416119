"""Looking at a run: sample, reconstruct, convergence, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from rich.table import Table
from rich.text import Text
from torch import Tensor

from ..data.any_images import AnyImages, any_images
from ..data.batches import to_tensor
from ..data.samples import ValueRange
from ..errors import UserError
from ..files import replacing
from ..models.vaegan import PART
from ..report import report as write_report
from ..result import PYTHON_ONLY, Result
from ..run import Run
from ..settings import PriorKind
from ..viz import grid
from .film import Film
from .notices import ShowProgress, Skipped, Talk
from .shared import Subject, check_fps, check_seed, columns_of, note_on_prior, open_run, save_each

LAST_SHOWN = 2.0
"""Seconds that a film of a training stays at its end."""


@dataclass(frozen=True, repr=False, eq=False)
class SampledImages(Result):
    """New images."""

    images: Tensor = field(metadata=PYTHON_ONLY)
    """N x C x H x W in [-1, 1]."""
    count: int
    """The number of images."""
    seed: int
    """The random seed."""
    prior: str
    """What the codes were drawn from, in words."""
    values: dict[str, float]
    """The attribute values of the samples of a conditional model."""
    notes: list[str]
    """Why the codes come from N(0, I), if the run has no fitted prior yet."""
    range: ValueRange | None = field(metadata=PYTHON_ONLY)
    """The values that the model's images had at -1 and 1, if they had more than 8 bits."""
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def figure(self) -> Image:
        """All images in one picture."""
        words = ", ".join([f"samples of {self.prior}, seed {self.seed}", *(f"{name}={value:g}" for name, value in self.values.items())])
        return grid.sheet([(words, self.images)], columns_of(self.count))

    def lines(self) -> list[str]:
        """What they are."""
        return [f"{self.count:,} samples of {self.prior}, seed {self.seed}"]

    def pictures(self) -> list[Image]:
        """Each image as a PIL image of its own size."""
        return grid.to_pil(self.images)

    def array(self) -> NDArray[np.uint8 | np.float32]:
        """N x H x W x C: uint8, or float32 in the `range` of values that the images had."""
        if self.range is None:
            return grid.to_array(self.images)
        low, high = self.range
        values = (self.images.float().clamp(-1, 1).permute(0, 2, 3, 1).cpu().numpy() + 1) / 2
        return (low + values * (high - low)).astype(np.float32)

    def save(self, path: str | Path) -> Path:
        """Write the array as a file for numpy."""
        path = Path(path)
        with replacing(path) as temporary, temporary.open("wb") as file:  # by a path, numpy would change the name
            np.save(file, self.array())
        return path

    def save_each(self, folder: str | Path) -> list[Path]:
        """Write each image as a PNG of its own size, named by the seed and its number."""
        width = len(str(self.count - 1))
        names = [f"sample-{self.seed}-{number:0{width}d}" for number in range(self.count)]
        return save_each(names, self.images, folder)


def sample(
    run: Subject,
    count: int = 64,
    *,
    seed: int = 0,
    values: Mapping[str, float] | None = None,
    prior: PriorKind | None = None,
    progress: ShowProgress = None,
) -> SampledImages:
    """Draw new images from the prior.

    Args:
        run: a run, a model, or the path of either.
        count: how many images.
        seed: another seed gives other images.
        values: of a conditional model, attribute values by name. Those that are left out count as unknown.
        prior: fitted or standard; by default the fitted prior if there is one. See `VAEGAN.find_prior`.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: a number is out of range, or an attribute is unknown.
    """
    if count < 1:
        raise UserError(f"--count must be above 0, not {count}")
    check_seed(seed)
    opened, talk = open_run(run), Talk(progress)
    model = opened.model()
    note_on_prior(opened, model, prior, talk)
    values = dict(values or {})
    attributes = model.attributes(values).expand(count, -1) if values else None
    images = model.sample(count, seed, attributes, prior).cpu()
    return SampledImages(images, count, seed, model.name_prior(prior), values, talk.notes, model.preparation.range)


@dataclass(frozen=True)
class ReconstructedImage:
    """How near a reconstruction is to its image."""

    name: str
    """The image, as it was named."""
    pixel_error: float
    """The mean squared error, for pixels in [-1, 1]."""


@dataclass(frozen=True, repr=False, eq=False)
class Reconstructions(Result):
    """Images and their reconstructions."""

    originals: Tensor = field(metadata=PYTHON_ONLY)
    """N x C x H x W in [-1, 1], as the model takes them."""
    images: Tensor = field(metadata=PYTHON_ONLY)
    """N x C x H x W in [-1, 1]: their reconstructions."""
    rows: list[ReconstructedImage]
    """For each image: name, and pixel_error, the mean squared error, for pixels in [-1, 1]."""
    skipped: list[Skipped]
    """Files that gave no image: name and error, the reason."""
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def table(self) -> Table:
        """The pixel error of each image."""
        table = Table("image", box=None, pad_edge=False, header_style="dim")
        table.add_column("pixel error", justify="right")
        for row in self.rows:
            table.add_row(Text(row.name), f"{row.pixel_error:.4g}")
        return table

    def figure(self) -> Image:
        """Images above their reconstructions."""
        columns = columns_of(len(self.originals))
        return grid.sheet([("images above their reconstructions", grid.pair_rows(self.originals, self.images, columns))], columns)

    def pictures(self) -> list[Image]:
        """Each reconstruction as a PIL image of its own size."""
        return grid.to_pil(self.images)

    def save_each(self, folder: str | Path) -> list[Path]:
        """Write each reconstruction as a PNG of its own size, named after its image."""
        return save_each([row.name for row in self.rows], self.images, folder)


def reconstruct(
    run: Subject, images: AnyImages, *, on_row: Callable[[ReconstructedImage], object] | None = None, progress: ShowProgress = None
) -> Reconstructions:
    """Reconstruct images.

    Args:
        run: a run, a model, or the path of either.
        images: see `vaegan.data.any_images.AnyImages`.
        on_row: called with each of `rows` as soon as it is made.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no readable image; or the model has no encoder.
    """
    talk = Talk(progress)
    model = open_run(run).model()
    names, pixels = any_images(images, model.preparation, talk.skip, talk.left_out)
    originals = to_tensor(pixels)
    rows: list[ReconstructedImage] = []
    found = []
    for start in range(0, len(originals), PART):
        part = originals[start : start + PART]
        found.append(model.reconstruct(part, check=False).cpu().float())
        for error in (found[-1] - part).square().flatten(1).mean(1).tolist():
            rows.append(ReconstructedImage(names[len(rows)], error))
            if on_row:
                on_row(rows[-1])
    return Reconstructions(originals, torch.cat(found), rows, talk.skipped)


def convergence(run: Run | str | Path, *, fps: float = 8.0, progress: ShowProgress = None) -> Film:
    """A film of the pictures that were made during training.

    Each frame shows the model at one step of the training: reconstructions of the same images, and samples from the same random numbers.

    Args:
        run: a run, or its folder.
        fps: the number of pictures per second.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: the run has no pictures, or one of them is damaged.
    """
    check_fps(fps)
    opened = run if isinstance(run, Run) else Run.find(run)
    drawn = list(opened.pictures.values())
    if not drawn:
        raise UserError(
            f"{opened.argument} has no pictures that were saved during training: give the folder of a run that has such pictures"
        )

    def picture(path: Path) -> Image:
        if found := grid.open_picture(path):
            return found
        raise UserError(f"{path} is damaged: remove this picture, then run the same command again to make the video without it")

    size = picture(drawn[-1]).size

    def frame(number: int) -> NDArray[np.uint8]:
        return np.asarray(picture(drawn[min(number, len(drawn) - 1)]).resize(size))

    return Film(frame, len(drawn) + round(LAST_SHOWN * fps), fps, progress)


@dataclass(frozen=True, repr=False)
class Report(Result):
    """The page on a run."""

    run: Path
    """The folder of the run."""
    files: list[Path]
    """The page."""

    def __fspath__(self) -> str:
        return str(self.files[0])

    def lines(self) -> list[str]:
        """Where the page is."""
        return [f"the report on {self.run} is {self.files[0]}"]

    def figure(self) -> Image | None:
        """The newest picture of the run."""
        return next((found for path in reversed(Run(self.run).pictures.values()) if (found := grid.open_picture(path))), None)


def report(run: Run | str | Path, out: str | Path | None = None, *, progress: ShowProgress = None) -> Report:  # noqa: ARG001 (it is quick)
    """Write report.html, one page about a run.

    Args:
        run: a run, or its folder.
        out: the page to write; by default RUN/report.html.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no such run.
    """
    opened = run if isinstance(run, Run) else Run.open(run)
    return Report(opened.folder, [write_report(opened, None if out is None else Path(out))])
