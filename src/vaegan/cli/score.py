"""How unusual images are: score."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import UserError
from ..files import replacing
from .console import err, wrote
from .console import out as stdout
from .inputs import open_set, read_pictures, say_skipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from ..data import Indices
    from ..data.batches import Images
    from ..latent.anomaly import Scorer, Scores
    from ..models.vaegan import VAEGAN
    from ..run import Run

    NamedImages = tuple[Sequence[str], Images]

GROUPS = 4
"""Of the strangest, in a row of the picture."""
MOST_TIMES = 10
"""Error, as a multiple of the limit, from which on a map is white."""
HELD_OUT = "the run's held-out images"


def score(
    run: Path,
    images: Annotated[list[str], Parameter(negative="", json_list=False)],
    /,
    *,
    calibrate: str | None = None,
    false_positive_rate: float = 0.01,
    count: int = 12,
    out: Path | None = None,
) -> None:
    """Give each image a score: how unusual it is for a model.

    Each image gets measurements, and a p-value that compares it with normal images. Images are encoded as posterior means, not as posterior
    samples. A picture shows the most unusual images.

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, or any images that vaegan train --data takes: folders or archives of any size, packed sets, or public data sets.
    calibrate
        A set of normal images that the model was not trained on. The default is the set that was given last, or the held-out images
        of the run if none was given. The calibration is stored in RUN/score.safetensors.
    false_positive_rate
        The share of normal images that may be called unusual by mistake. The share is counted on the held-out images, or on the set that
        --calibrate names. An image is unusual if its p-value is at most this number.
    count
        How many images to show, the most unusual ones first.
    out
        The CSV file to write, with a line for each image. The default is RUN/scores.csv. The picture is stored beside it.
    """
    from ..run import Run
    from ..viz import grid

    rate = false_positive_rate
    if not 0 < rate < 1:
        raise UserError(f"--false-positive-rate must be above 0 and below 1, not {rate}")
    if count < 1:
        raise UserError(f"--count must be above 0, not {count}")
    opened = Run.open(run)
    table = out or opened.folder / "scores.csv"
    if table.suffix.lower() != ".csv":
        raise UserError(f"cannot write numbers as {table}: give it a name that ends in .csv")
    model = opened.model()
    model.require("encoder")  # before anything is said of the images, which cannot help
    model.require("discriminator")
    parts = _parts(opened, images)
    scorer = _scorer(opened, model, calibrate)
    if len(scorer.ranked) < 1 / rate - 1:
        least = f"{1 / (len(scorer.ranked) + 1):.2g}"
        note = f"note: with {len(scorer.ranked)} normal images p is at least {least}, so no image can reach --false-positive-rate {rate:g}"
        err.print(note, soft_wrap=True)
    scores = _score(scorer, parts)
    names = [name for part, _ in parts for name in part]
    strangest = scores.strangest(count)
    _write_scores(table, names, scores, rate)
    _print_strangest(scorer, names, scores, strangest)
    over = int(scores.over(rate).sum())
    chance = f"{rate * len(scores):,.3g} would be expected"
    print(f"{over:,} of {len(scores):,} images have p <= {rate:g}; if all images were normal, about {chance}")
    wrote(table)
    wrote(grid.save(_strangest(scorer, parts, names, scores, strangest), table.with_suffix(".png")))


def _parts(run: Run, named: Sequence[str]) -> list[NamedImages]:
    """What was named: pictures one by one together, and each set by itself."""
    from ..data.sources.files import is_archive

    files = [Path(name) for name in named if Path(name).is_file() and not is_archive(Path(name))]
    parts: list[NamedImages] = []
    if files:
        parts.append(read_pictures(files, run.preparation))
    for name in named:
        if Path(name) not in files:
            images = open_set(run, name)
            say_skipped(images)
            parts.append((images.names, images.images))
    return parts


def _scorer(run: Run, model: VAEGAN, calibrate: str | None) -> Scorer:
    """The calibration that is asked for, or the one that was kept, or that by the run's held-out images."""
    import numpy as np

    from ..latent.anomaly import OtherWeightsError, Scorer
    from ..progress import progress_bar

    file = run.score_file
    if calibrate is None and file.is_file():
        try:
            scorer = Scorer.load(file, model)
        except OtherWeightsError as error:
            if error.source != HELD_OUT:
                raise
            err.print("the model has changed since it was calibrated: calibrating again", soft_wrap=True)
        else:
            again = "" if scorer.source == HELD_OUT else f" (remove {file} to calibrate on {HELD_OUT} instead)"
            err.print(f"calibrated on {scorer.source}: {len(scorer.ranked):,} normal images{again}", soft_wrap=True)
            return scorer
    images = open_set(run, calibrate, "--calibrate")
    indices: Indices = np.arange(len(images))
    fitted_on = None
    if calibrate is None:
        fitted_on, indices = run.split(images)
        if not len(indices):
            raise UserError("the run holds out no images to calibrate on: name normal images with --calibrate")
    with progress_bar(err) as progress:
        source = calibrate or HELD_OUT
        scorer = Scorer.calibrate(model, images.images, indices, fitted_on=fitted_on, source=source, progress=progress)
    scorer.save(file)
    err.print(f"calibrated on {source}: {len(scorer.ranked):,} normal images; saved in {file}", soft_wrap=True)
    return scorer


def _score(scorer: Scorer, parts: Sequence[NamedImages]) -> Scores:
    """The scores of all that was named, in order."""
    from ..latent.anomaly import joined
    from ..progress import progress_bar

    with progress_bar(err) as progress:
        return joined([scorer.score(images, progress=progress) for _, images in parts])


def _write_scores(path: Path, names: Sequence[str], scores: Scores, rate: float) -> None:
    """A line an image."""
    columns = [*scores.measurements.values(), scores.combined, scores.p]
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", *scores.measurements, "combined", "p", "over"))
        for name, over, *values in zip(names, scores.over(rate), *columns, strict=True):
            writer.writerow((name, *(f"{value:.6g}" for value in values), int(over)))


def _print_strangest(scorer: Scorer, names: Sequence[str], scores: Scores, strangest: NDArray[np.int64]) -> None:
    """A table of the strangest: each measurement as a multiple of what is usual."""
    from rich.table import Table
    from rich.text import Text

    caption = (
        "each measurement as a multiple of its median among normal images\n"
        "code and features: Mahalanobis distance from the codes and the features of normal images\n"
        "map: the largest value of the anomaly map, which is the error of features divided by the limit for normal images"
    )
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True, caption=caption, caption_justify="left")
    table.add_column("most unusual", no_wrap=True, overflow="ellipsis", min_width=12, ratio=1)
    for name in ("p", "combined", *scores.measurements):
        table.add_column(name, no_wrap=True, justify="right", min_width=len(name))
    for index in strangest.tolist():
        times = [f"{values[index] / scorer.calibration.usual[measurement]:.2f}" for measurement, values in scores.measurements.items()]
        table.add_row(Text(names[index]), f"{scores.p[index]:.2g}", f"{scores.combined[index]:.1f}", *times)
    stdout.print(table)


def _strangest(scorer: Scorer, parts: Sequence[NamedImages], names: Sequence[str], scores: Scores, strangest: NDArray[np.int64]) -> Image:
    """The picture: each of the strangest images, its reconstruction, and where its features are not what is usual."""
    import math

    import numpy as np
    import torch

    from ..data.batches import to_tensor
    from ..metrics.extractors.base import in_colour
    from ..viz.tiles import Tile, heat, tiled

    ends = np.cumsum([len(part) for part, _ in parts])
    tiles: list[Tile | None] = []
    for place in strangest.tolist():
        part = int(np.searchsorted(ends, place, "right"))
        inside = place - int(ends[part]) + len(parts[part][0])
        image = to_tensor(parts[part][1][np.array([inside])])
        reconstruction, times = scorer.maps(image)
        shown = [in_colour(pixels) for pixels in (image, reconstruction)]
        shown.append(heat(times.clamp(min=1).log() / math.log(MOST_TIMES)))
        tiles.append(Tile(torch.cat(shown), (Path(names[place]).name, f"p {scores.p[place]:.2g}, combined {scores.combined[place]:.1f}")))
    heading = f"image, reconstruction, feature error: black is the limit for 99% of normal images, white is {MOST_TIMES} times the limit"
    return tiled(heading, [tiles[start : start + GROUPS] for start in range(0, len(tiles), GROUPS)])
