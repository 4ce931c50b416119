"""Looking through a set: search."""

from __future__ import annotations

import csv as csv_files
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ..errors import UserError
from ..files import replacing
from ..settings import PriorKind
from .console import err, wrote
from .inputs import MOST_ROWS, open_set, read_pictures, say_skipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from ..latent.search import Search
    from ..run import Run

ACROSS = 10
"""Neighbours in a row of the picture."""


def search(
    run: Path,
    images: Annotated[list[Path] | None, Parameter(negative="", json_list=False)] = None,
    /,
    *,
    within: Annotated[str | None, Parameter(name="--in")] = None,
    by: Literal["code", "similarity"] = "code",
    count: int = 10,
    samples: int = 0,
    seed: int = 0,
    prior: PriorKind | None = None,
    out: Path | None = None,
    csv: Path | None = None,
) -> None:
    """Find the images of a set that are nearest to your images.

    With --samples, it finds the training images that are nearest to samples. This shows whether samples are copies.

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, folders of images, or archives of images (zip, tar).
    within
        The set to search, as for vaegan train --data. The default is the set that the run was trained on.
    by
        What is compared. code compares posterior means. similarity compares features of the discriminator, and takes longer.
    count
        The number of neighbours of each image.
    samples
        Draw this number of samples and use them in place of IMAGES. The search is then among the training images of the run.
    seed
        The random seed. Another seed gives other samples.
    prior
        Where the codes of samples come from. fitted is the Gaussian mixture that vaegan train fits to codes of training images (see vaegan
        fit-prior). standard is N(0, I). The default is 'fitted' if the run has a fitted prior, and 'standard' if not.
    out
        The picture to write. The default is RUN/neighbours.png.
    csv
        A CSV file to write, with the columns query, rank, name, number and distance.
    """
    from ..data.batches import to_tensor
    from ..latent.search import Search
    from ..progress import progress_bar
    from ..run import Run
    from ..viz import grid

    for name, value, least in (("--count", count, 1), ("--samples", samples, 0), ("--seed", seed, 0)):
        if not least <= value < 2**63:
            raise UserError(f"{name} must be at least {least} and below 2^63, not {value}")
    if bool(images) == bool(samples):
        raise UserError("name images to search for, or ask for samples with --samples 8")
    if samples and within:
        raise UserError("--samples searches the images that the run was trained on: leave out --in")
    opened = Run.open(run)
    if samples and not opened.is_run:
        raise UserError(
            "--samples needs the images that the run was trained on, and a model folder does not name them: name the run folder"
        )
    drawn = out or opened.folder / "neighbours.png"
    grid.kind_of(drawn)  # now, and not after minutes of work
    model = opened.model()
    if images:
        names, pixels = read_pictures(images, model.preparation)
        queries = to_tensor(pixels)
    images_of_set = open_set(opened, within, "" if samples else "--in")  # samples do not go with --in
    if within:
        say_skipped(images_of_set)
    with progress_bar(err) as progress:
        looking = Search(model, images_of_set, by, progress=progress)
        if samples:
            names, queries, indices, distances = _of_samples(looking, opened, samples, seed, count, prior=prior)
        else:
            indices, distances = looking(queries, count)
    found = images_of_set.names
    if csv:
        with replacing(csv) as path, path.open("w", encoding="utf-8", newline="") as file:
            writer = csv_files.writer(file)
            writer.writerow(("query", "rank", "name", "number", "distance"))
            for name, row, far in zip(names, indices.tolist(), distances.tolist(), strict=True):
                writer.writerows((name, rank, found[n], n, f"{d:.6g}") for rank, (n, d) in enumerate(zip(row, far, strict=True), 1))
        wrote(csv)
    if len(queries) > MOST_ROWS:
        err.print(
            f"the picture shows the first {MOST_ROWS} of {len(queries):,} images; --csv FILE lists the neighbours of all of them",
            soft_wrap=True,
        )
    picture = _neighbours(looking, names[:MOST_ROWS], queries, indices=indices, distances=distances, found=found)
    wrote(grid.save(picture, drawn))


def _of_samples(
    looking: Search, run: Run, samples: int, seed: int, count: int, *, prior: PriorKind | None
) -> tuple[list[str], Tensor, NDArray[np.int64], NDArray[np.float64]]:
    """Samples with names, and their neighbours among the training images; says whether they are nearer than held-out images are."""
    import numpy as np
    import torch

    from ..latent.search import copying

    if looking.by == "code" and "encoder" in looking.model.untrained:
        raise UserError("this model has no encoder, so it has no codes of images: compare images with --by similarity")
    training, held_out = run.split(looking.images)
    with torch.inference_mode():
        queries = looking.model.sample(samples, seed, prior=prior)
    indices, distances = looking(queries, count, among=training)
    if len(held_out):
        compared = copying(looking, training, held_out, seed, prior)
        print(f"median distance to the nearest of {len(training):,} training images, by {looking.by}:")
        print(f"  {np.median(compared.samples):8.3f}  of {len(compared.samples)} samples of {looking.model.name_prior(prior)}")
        print(f"  {np.median(compared.held_out):8.3f}  of {len(compared.held_out)} held-out images")
        share = f"{compared.share:.0%} of the samples are nearer to a training image than the median held-out image is"
        print(f"{share}; if the samples were copies, nearly all of them would be")
    else:
        err.print("the run holds out no images, so there is nothing to compare these distances to", soft_wrap=True)
    return [f"sample {number}" for number in range(samples)], queries, indices, distances


def _neighbours(
    looking: Search,
    names: Sequence[str],
    queries: Tensor,
    *,
    indices: NDArray[np.int64],
    distances: NDArray[np.float64],
    found: Sequence[str],
) -> Image:
    """The picture: each query, and its neighbours beside it."""
    from ..data.batches import to_tensor
    from ..viz.tiles import Tile, tiled

    images = looking.images.images
    rows: list[list[Tile | None]] = []
    for place, name in enumerate(names):
        neighbours = [
            Tile(to_tensor(images[indices[place, rank : rank + 1]]), (found[indices[place, rank]], f"{distances[place, rank]:.2f}"))
            for rank in range(indices.shape[1])
        ]
        first: Tile | None = Tile(queries[place : place + 1], (Path(name).name, "query"))
        for start in range(0, len(neighbours), ACROSS):
            rows.append([first, *neighbours[start : start + ACROSS]])
            first = None
    return tiled(f"each query with its nearest images by {looking.by}, and their distances", rows)
