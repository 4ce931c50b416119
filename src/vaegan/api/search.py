"""Looking through a set: search."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from rich.table import Table
from rich.text import Text
from torch import Tensor

from ..data import ImageSet, Indices
from ..data.any_images import AnyImages, any_images
from ..data.batches import to_tensor
from ..errors import UserError
from ..files import replacing
from ..latent.search import By, Search, copying
from ..metrics.memorization import NOTHING_NEW
from ..result import PYTHON_ONLY, Result
from ..settings import PriorKind
from ..viz.tiles import Tile, tiled
from .notices import MOST_ROWS, ShowProgress, Skipped, Talk
from .shared import Subject, open_run, open_set

ACROSS = 10
"""Neighbours in a row of the picture."""


@dataclass(frozen=True)
class Neighbour:
    """An image that is near to another one."""

    query: str
    rank: int
    """1 for the nearest one."""
    name: str
    number: int
    """Its number in the set."""
    distance: float


@dataclass(frozen=True)
class CopiesCompared:
    """Whether samples are nearer to training images than held-out images are, and whether more of them are near one alone."""

    training_images: int
    samples: int
    samples_median: float
    """The median distance of samples to the nearest training image."""
    held_out: int
    held_out_median: float
    """The same for held-out images."""
    share_nearer: float
    """The share of the samples whose distance is below `held_out_median`."""
    share_near_one: float
    """The share of the samples that are much nearer to one training image than to the fifth nearest."""
    share_by_chance: float
    """The share of new images that are, on average: 0.01, or more if there are few held-out images; 1 if no held-out image is new, so
    that nothing is known."""

    @property
    def tested(self) -> bool:
        """Whether any held-out image is new, so that there was something to compare with."""
        return self.share_by_chance < 1


@dataclass(frozen=True, repr=False, eq=False)
class Neighbours(Result):
    """The images of a set that are nearest to some images, the queries."""

    rows: list[Neighbour]
    """For each neighbour of each query: query, the name; rank, 1 for the nearest; name; number, its number in the set; distance."""
    by: By
    """What was compared: code or similarity."""
    prior: str | None
    """What samples were drawn from, in words; null without samples."""
    copies: CopiesCompared | None
    """Of samples: training_images, samples and held_out, how many were compared; samples_median and held_out_median, the median
    distances to the nearest training image; share_nearer, the share of samples whose distance is below held_out_median;
    share_near_one, the share of samples that are much nearer to one training image than to the fifth nearest; share_by_chance,
    the share of new images that are (1 if all held-out images that were compared are training images). Else null."""
    skipped: list[Skipped]
    """Files that gave no image: name and error, the reason."""
    notes: list[str]
    """Sentences on how to read the distances."""
    queries: Tensor = field(metadata=PYTHON_ONLY)
    """Q x C x H x W in [-1, 1]."""
    names: list[str] = field(metadata=PYTHON_ONLY)
    """Of the queries."""
    indices: NDArray[np.int64] = field(metadata=PYTHON_ONLY)
    """Q x count: the numbers of the neighbours, nearest first."""
    distances: NDArray[np.float64] = field(metadata=PYTHON_ONLY)
    """Q x count."""
    images: ImageSet = field(metadata=PYTHON_ONLY)
    """The set that was searched."""
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def table(self) -> Table:
        """The nearest neighbour of each of the first queries."""
        table = Table("query", "nearest image", box=None, pad_edge=False, header_style="dim")
        table.add_column("distance", justify="right")
        for row in [row for row in self.rows if row.rank == 1][:MOST_ROWS]:
            table.add_row(Text(row.query), Text(row.name), f"{row.distance:.3f}")
        return table

    def lines(self) -> list[str]:
        """Whether samples are copies."""
        if self.copies is None:
            return []
        found = self.copies
        if not found.tested:
            return [f"vaegan cannot check whether samples are copies: {NOTHING_NEW}"]
        return [
            f"median distance to the nearest of {found.training_images:,} training images, by {self.by}:",
            f"  {found.samples_median:8.3f}  of {found.samples} samples of {self.prior}",
            f"  {found.held_out_median:8.3f}  of {found.held_out} held-out images",
            f"{found.share_near_one:.0%} of the samples are much nearer to one training image than to the fifth nearest. Of new images, "
            f"about {found.share_by_chance:.0%} are. If the samples were copies, this would be nearly 100%.",
        ]

    def figure(self) -> Image:
        """Each of the first queries, and its neighbours beside it."""
        images, found = self.images.images, self.images.names
        rows: list[list[Tile | None]] = []
        for number, name in enumerate(self.names[:MOST_ROWS]):
            neighbours = [
                Tile(
                    to_tensor(images[self.indices[number, rank : rank + 1]]),
                    (found[self.indices[number, rank]], f"{self.distances[number, rank]:.2f}"),
                )
                for rank in range(self.indices.shape[1])
            ]
            first: Tile | None = Tile(self.queries[number : number + 1], (Path(name).name, "query"))
            for start in range(0, len(neighbours), ACROSS):
                rows.append([first, *neighbours[start : start + ACROSS]])
                first = None
        return tiled(f"each query, then its nearest images (by {self.by}) with their distances", rows)

    def write_csv(self, path: str | Path) -> Path:
        """Write a line for each row."""
        path = Path(path)
        with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("query", "rank", "name", "number", "distance"))
            writer.writerows((row.query, row.rank, row.name, row.number, f"{row.distance:.6g}") for row in self.rows)
        return path


def search(
    run: Subject,
    images: AnyImages | None = None,
    *,
    within: AnyImages | None = None,
    by: By = "code",
    count: int = 10,
    samples: int = 0,
    seed: int = 0,
    prior: PriorKind | None = None,
    on_row: Callable[[Neighbour], object] | None = None,
    progress: ShowProgress = None,
) -> Neighbours:
    """Find the images of a set that are nearest to images, or to samples.

    Args:
        run: a run, a model, or the path of either. A model needs `within`.
        images: see `vaegan.data.any_images.AnyImages`.
        within: the set to search; by default the set that the run was trained on.
        by: code compares posterior means; similarity compares features of the discriminator.
        count: neighbours of each image.
        samples: draw this number of samples in place of `images`, and search the training images of the run.
        seed: of the samples.
        prior: of the samples; by default the fitted prior if there is one.
        on_row: called with each of `rows` as soon as it is made.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: a number is out of range, there is nothing to search for, or there is no set.
    """
    talk = Talk(progress)
    for name, value, least in (("--count", count, 1), ("--samples", samples, 0), ("--seed", seed, 0)):
        if not least <= value < 2**63:
            raise UserError(f"{name} must be at least {least} and below 2^63, not {value}")
    named = images is not None and not (isinstance(images, (list, tuple)) and not images)
    if named == bool(samples):
        neither = "search needs images: give image files, or draw samples with --samples 8"
        raise UserError("images and --samples were both given: leave out one" if samples else neither)
    if samples and within is not None:
        raise UserError("with --samples, search looks in the training images of the run: leave out --in")
    opened = open_run(run)
    if samples and not opened.is_run:
        raise UserError("--samples needs the training images, and a model folder does not say where they are: give the run folder")
    model = opened.model()
    if images is not None and named:
        names, pixels = any_images(images, model.preparation, talk.skip, talk.left_out)
        queries = to_tensor(pixels)
    searched = open_set(opened, within, "" if samples else "--in", talk)  # samples do not go with --in
    if within is not None:
        talk.not_read_of(searched)
    copies = None
    with talk.bar() as bar:
        looking = Search(model, searched, by, progress=bar)
        if samples:
            if by == "code" and "encoder" in model.untrained:
                raise UserError("this model has no encoder, so it has no codes of images: compare images with --by similarity")
            training, held_out = opened.split(searched)
            names = [f"sample {number}" for number in range(samples)]
            queries = model.sample(samples, seed, prior=prior)
            rows, indices, distances = _rows(looking, (names, queries), count, training, on_row)
            if len(held_out):
                found = copying(looking, training, held_out, seed, prior)
                of_samples, of_held_out = found.medians
                near_one = found.near_one
                copies = CopiesCompared(
                    len(training),
                    len(found.samples),
                    of_samples,
                    len(found.held_out),
                    of_held_out,
                    found.share_nearer,
                    near_one.share,
                    near_one.by_chance,
                )
            else:
                talk.note("the run has no held-out images, so vaegan cannot check whether samples are too near to training images")
        else:
            rows, indices, distances = _rows(looking, (names, queries), count, None, on_row)
    drawn_from = model.name_prior(prior) if samples else None
    return Neighbours(rows, by, drawn_from, copies, talk.skipped, talk.notes, queries.cpu(), names, indices, distances, searched)


def _rows(
    looking: Search,
    queries: tuple[list[str], Tensor],
    count: int,
    among: Indices | None,
    on_row: Callable[[Neighbour], object] | None,
) -> tuple[list[Neighbour], NDArray[np.int64], NDArray[np.float64]]:
    """The neighbours of queries, by rows and as arrays."""
    there, names = looking.images.names, iter(queries[0])
    rows, found = [], []
    for indices, distances in looking.parts(queries[1], count, among):
        found.append((indices, distances))
        for row, far in zip(indices.tolist(), distances.tolist(), strict=True):
            name = next(names)
            for rank, (number, distance) in enumerate(zip(row, far, strict=True), 1):
                rows.append(Neighbour(name, rank, there[number], number, distance))
                if on_row:
                    on_row(rows[-1])
    return rows, np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])
