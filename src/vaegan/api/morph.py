"""From image to image: interpolate, walk."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torch import Tensor

from ..data.any_images import AnyImages
from ..errors import UserError
from ..latent import interpolate as paths
from ..latent.encode import decode
from ..latent.figures import enlarged
from ..latent.interpolate import Course
from ..models.prior import Mixture
from ..models.vaegan import VAEGAN
from ..result import PYTHON_ONLY, Result
from ..settings import PriorKind
from ..viz import grid
from .film import Film
from .notices import ShowProgress, Talk
from .shared import Subject, check_fps, check_seed, encode_pictures, note_on_prior, open_run

STRIP_STEPS, FILM_STEPS = 9, 40
"""Images from one image to the next."""
MOST_STEPS = 1_000
SECONDS_PER_PERIOD = 4.0
"""Of a walk: the more, the slower."""


@dataclass(frozen=True, repr=False, eq=False)
class Interpolation(Result):
    """The way from one image to the next.

    A strip shows it, and `film` is a film of it.
    """

    names: list[str]
    """The images, as they were named."""
    how: Course
    """The path between two codes: spherical or linear."""
    steps: int | None
    """The number of images from one image to the next; null stands for the default, 9 of a strip and 40 of a film."""
    stops: Tensor = field(metadata=PYTHON_ONLY)
    """N x latent: the codes of the images."""
    mixture: Mixture | None = field(metadata=PYTHON_ONLY)
    """The prior of the path; None for N(0, I)."""
    model: VAEGAN = field(metadata=PYTHON_ONLY)
    progress: ShowProgress = field(default=None, metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    @property
    def images(self) -> Tensor:
        """((N - 1) x steps) x C x H x W in [-1, 1]: the strips, one after the other."""
        return torch.cat(self._strips())

    def lines(self) -> list[str]:
        """What it is."""
        return [f"{self.how} from {' to '.join(Path(name).name for name in self.names)}"]

    def figure(self) -> Image:
        """A strip from each image to the next."""
        words = [f"{Path(a).name} to {Path(b).name}, {self.how}" for a, b in pairwise(self.names)]
        return grid.sheet(list(zip(words, self._strips(), strict=True)), self.steps or STRIP_STEPS)

    def pictures(self) -> list[Image]:
        """Each of `images` as a PIL image of its own size."""
        return grid.to_pil(self.images)

    def film(self, fps: float = 25.0) -> Film:
        """A film that goes forward and back.

        Raises:
            UserError: `fps` is not from 1 to 50.
        """
        check_fps(fps)
        with torch.inference_mode():
            there = paths.through(self.stops, self.steps or FILM_STEPS, self.how, self.mixture)
        codes = torch.cat([there, there[1:-1].flip(0)])

        @torch.inference_mode()
        def frame(number: int) -> NDArray[np.uint8]:
            return enlarged(self.model.decode(codes[number : number + 1]), 1)

        return Film(frame, len(codes), fps, self.progress)

    def _strips(self) -> list[Tensor]:
        count = self.steps or STRIP_STEPS
        with torch.inference_mode():
            legs = [paths.between(start, end, count, self.how, self.mixture) for start, end in pairwise(self.stops)]
            return [decode(self.model, leg) for leg in legs]


def interpolate(
    run: Subject,
    images: AnyImages,
    *,
    how: Course = "spherical",
    steps: int | None = None,
    prior: PriorKind | None = None,
    progress: ShowProgress = None,
) -> Interpolation:
    """Morph one image into another.

    Args:
        run: a run, a model, or the path of either.
        images: two or more; see `vaegan.data.any_images.AnyImages`.
        how: the path between two codes; see `vaegan.latent.interpolate`.
        steps: the number of images from one to the next; by default 9 of a strip and 40 of a film.
        prior: the prior of the spherical path; by default the fitted prior if there is one.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there are too few images, or one cannot be read; or a number is out of range.
    """
    talk = Talk(progress)
    if steps is not None and not 2 <= steps <= MOST_STEPS:
        raise UserError(f"--steps must be from 2 to {MOST_STEPS:,}, not {steps}")
    model = open_run(run).model()
    mixture = model.find_prior(prior)
    names, _, stops = encode_pictures(model, images, talk)
    if len(stops) < 2:
        raise UserError("interpolate needs at least two images")
    return Interpolation(names, how, steps, stops, mixture, model, progress)


def walk(
    run: Subject,
    *,
    seconds: float = 8.0,
    fps: float = 20.0,
    tiles: tuple[int, int] = (4, 4),
    seed: int = 0,
    prior: PriorKind | None = None,
    progress: ShowProgress = None,
) -> Film:
    """A film of samples that change slowly, side by side. It ends where it begins.

    Args:
        run: a run, a model, or the path of either.
        seconds: its length.
        fps: frames per second.
        tiles: rows and columns of walks.
        seed: another seed gives other walks.
        prior: by default the fitted prior if there is one.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: a number is out of range.
    """
    rows, columns = tiles
    if min(rows, columns) < 1 or rows * columns > 400:
        raise UserError(f"--tiles must be at least 1x1, with at most 400 tiles in all, but it is {rows}x{columns}")
    check_fps(fps)
    frames = round(seconds * fps) if 0 < seconds <= 600 else 0
    if frames < 2:
        raise UserError(f"--seconds must be long enough for two frames, and at most 600, but it is {seconds}")
    check_seed(seed)
    opened = open_run(run)
    model = opened.model()
    note_on_prior(opened, model, prior, Talk(progress))
    periods = max(1, round(seconds / SECONDS_PER_PERIOD))
    codes = paths.walk(rows * columns, model.architecture.latent, frames, periods, seed, prior=model.find_prior(prior))

    @torch.inference_mode()
    def frame(number: int) -> NDArray[np.uint8]:
        return enlarged(model.decode(codes[number]), columns)

    return Film(frame, frames, fps, progress)
