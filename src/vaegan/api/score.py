"""How unusual images are: score."""

from __future__ import annotations

import csv
import math
import os
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL.Image import Image
from rich.table import Table
from rich.text import Text

from ..data import ImageSet, Indices
from ..data.any_images import AnyImages, any_images, source_of
from ..data.batches import ImageRange, Images, to_tensor
from ..data.read_images import read_images, reason_of
from ..data.shard import Shard
from ..data.sources.arrays import holds_many
from ..data.sources.files import is_archive
from ..errors import UserError
from ..files import replacing
from ..latent.anomaly import HELD_OUT, OtherWeightsError, Scorer, Scores, joined
from ..latent.measurements import PART as MEASURED_AT_ONCE
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..result import PYTHON_ONLY, Result
from ..run import Run
from ..viz.channels import view
from ..viz.grid import to_uint8
from ..viz.tiles import Tile, heat, tiled
from ..words import command
from .notices import ShowProgress, Skipped, Talk
from .shared import ModelInMemory, Subject, open_run, open_set

GROUPS = 4
"""Of the most unusual images, in a row of the picture."""
MOST_TIMES = 10
"""Error, as a multiple of the limit, from which on a map is white."""


class _Part(NamedTuple):
    """Some of what was named."""

    names: list[str]
    images: Images
    skipped: list[Skipped]
    order: Sequence[str] = ()
    """The names of both, as a person gave them."""


@dataclass(frozen=True)
class ScoredImage:
    """How unusual an image is, or why it could not be read."""

    name: str
    """The image, as it was named."""
    p: float | None = None
    """How often a normal image is as unusual or more so; None if the image could not be read, as the other values are."""
    combined: float | None = None
    """By how many standard deviations it is more unusual than the median normal image."""
    over: bool | None = None
    """Whether p is at most `false_positive_rate`."""
    measurements: dict[str, float] = field(default_factory=dict)
    """Each measurement by its name; see docs/score.md."""
    error: str | None = None
    """Why it could not be read."""


@dataclass(frozen=True, repr=False, eq=False)
class ScoredImages(Result):
    """How unusual images are for a model."""

    rows: list[ScoredImage]
    """For each image: name; p, the p-value; combined, the score; over, whether p is at most false_positive_rate; measurements, by their
    names; and error, the reason, for a file that could not be read. An image has no error, and a file with an error has no other values."""
    false_positive_rate: float
    """The share of normal images that may be called unusual by mistake."""
    expected: float
    """How many images would have p <= false_positive_rate if all images were normal."""
    calibrated_on: str
    """The normal images."""
    normal_images: int
    """How many of them p-values are ranks among."""
    notes: list[str]
    """Sentences on how to read the scores."""
    scores: Scores = field(metadata=PYTHON_ONLY)
    """The numbers of the images that could be read."""
    scorer: Scorer = field(metadata=PYTHON_ONLY)
    count: int = field(metadata=PYTHON_ONLY)
    """How many images table and picture show, the most unusual ones first."""
    parts: list[_Part] = field(metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    @property
    def names(self) -> list[str]:
        """Of the images that could be read."""
        return [row.name for row in self.rows if row.error is None]

    @property
    def errors(self) -> list[ScoredImage]:
        """The rows of files that could not be read."""
        return [row for row in self.rows if row.error is not None]

    def table(self) -> Table:
        """The most unusual images."""
        caption = (
            "each measurement as a multiple of its median among normal images\n"
            "code and features: Mahalanobis distance from the codes and the features of normal images\n"
            "map: the largest value of the anomaly map, which is the error of features divided by the limit for normal images"
        )
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True, caption=caption, caption_justify="left")
        table.add_column("most unusual", no_wrap=True, overflow="ellipsis", min_width=12, ratio=1)
        scores, names = self.scores, self.names
        folder = _folder_of(names)
        for name in ("p", "combined", *scores.measurements):
            table.add_column(name, no_wrap=True, justify="right", min_width=len(name))
        for at in scores.strangest(self.count).tolist():
            times = [f"{values[at] / self.scorer.calibration.usual[one]:.2f}" for one, values in scores.measurements.items()]
            table.add_row(Text(names[at].removeprefix(folder)), f"{scores.p[at]:.2g}", f"{scores.combined[at]:.1f}", *times)
        return table

    def lines(self) -> list[str]:
        """How many are over the threshold."""
        over = sum(row.over or False for row in self.rows)
        chance = f"{self.expected:,.3g} would be expected"
        return [
            f"{over:,} of {len(self.scores):,} images have p <= {self.false_positive_rate:g}; if all images were normal, about {chance}"
        ]

    def figure(self) -> Image:
        """Each of the most unusual images, its reconstruction, and where its features are not what is usual."""
        scores, names = self.scores, self.names
        ends = np.cumsum([len(part.names) for part in self.parts])
        tiles: list[Tile | None] = []
        for at in scores.strangest(self.count).tolist():
            part = int(np.searchsorted(ends, at, "right"))
            inside = at - int(ends[part]) + len(self.parts[part].names)
            image = to_tensor(self.parts[part].images[np.array([inside])])
            reconstruction, times = self.scorer.maps(image)
            shown = [to_tensor(to_uint8(pixels)) for pixels in (image, reconstruction)]
            shown.append(heat(times.clamp(min=1).log() / math.log(MOST_TIMES)))
            tiles.append(Tile(torch.cat(shown), (Path(names[at]).name, f"p {scores.p[at]:.2g}, combined {scores.combined[at]:.1f}")))
        shown_as = f"image, reconstruction{view(self.scorer.model.architecture.channels)}, feature error"
        heading = f"{shown_as}: black is the limit for 99% of normal images, white is {MOST_TIMES} times the limit"
        return tiled(heading, [tiles[start : start + GROUPS] for start in range(0, len(tiles), GROUPS)])

    def write_csv(self, path: str | Path) -> Path:
        """Write a line for each row."""
        path = Path(path)
        measurements = list(self.scores.measurements)
        with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("name", *measurements, "combined", "p", "over", "error"))
            for row in self.rows:
                values = [*(row.measurements.get(name) for name in measurements), row.combined, row.p]
                over = "" if row.over is None else int(row.over)
                writer.writerow((row.name, *("" if value is None else f"{value:.6g}" for value in values), over, row.error or ""))
        return path


def score(
    run: Subject,
    images: AnyImages,
    *,
    calibrate: AnyImages | None = None,
    false_positive_rate: float = 0.01,
    count: int = 12,
    shard: str | None = None,
    on_row: Callable[[ScoredImage], object] | None = None,
    progress: ShowProgress = None,
) -> ScoredImages:
    """Give each image a score: how unusual it is for a model.

    The calibration is stored in RUN/score.safetensors.

    Args:
        run: a run, a model, or the path of either.
        images: see `vaegan.data.any_images.AnyImages`. Paths may also be what `vaegan train --data` takes: sets of any size.
        calibrate: normal images that the model was not trained on; by default the set of the last time, or the run's held-out images.
        false_positive_rate: the share of normal images that may be called unusual by mistake.
        count: how many images table and picture show.
        shard: only one of several parts of the images, as 3/16; the run needs a calibration before.
        on_row: called with each of `rows` as soon as it is made.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no readable image; the model lacks a network; or there are too few normal images, or fewer images than
            parts.
    """
    talk = Talk(progress)
    rate = false_positive_rate
    if not 0 < rate < 1:
        raise UserError(f"--false-positive-rate must be above 0 and below 1, not {rate}")
    if count < 1:
        raise UserError(f"--count must be above 0, not {count}")
    wanted = Shard.parse(shard) if shard is not None else None
    opened = open_run(run)
    one_for_all = "all shards need the same calibration: calibrate first, with"
    if wanted and calibrate is not None:
        source = calibrate if isinstance(calibrate, (str, Path)) else "SET"
        first = command("score", opened.argument, "IMAGE", "--calibrate", source)
        raise UserError(f"{one_for_all}: {first}; then run this command again without --calibrate")
    if wanted and not opened.score_file.is_file():
        on = [] if opened.is_run else ["--calibrate", "SET"]
        raise UserError(f"{one_for_all}: {command('score', opened.argument, 'IMAGE', *on)}")
    model = opened.model()
    model.require("encoder")  # before anything is said of the images, which cannot help
    model.require("discriminator")
    parts = list(_parts(opened, images, talk))
    if not any(part.names for part in parts):
        raise UserError(f"no image can be read from {', '.join(dict.fromkeys(one.name for part in parts for one in part.skipped))}")
    if wanted:
        parts = list(_within(parts, wanted))
    scorer = _scorer(opened, model, calibrate, talk, again=wanted is None)
    if len(scorer.ranked) < 1 / rate - 1:
        least = f"{1 / (len(scorer.ranked) + 1):.2g}"
        talk.note(
            f"note: with only {len(scorer.ranked)} normal images, every p-value is at least {least}, so no image counts as unusual at "
            f"--false-positive-rate {rate:g}: calibrate on more normal images with --calibrate SET, or give a higher rate"
        )
    rows: list[ScoredImage] = []
    found: list[Scores] = []
    with talk.bar() as bar:
        for part in parts:
            for row in _rows(part, scorer, rate, found, bar):
                rows.append(row)
                if on_row:
                    on_row(row)
    scores = joined(found)
    about = (rate, rate * len(scores), scorer.source, len(scorer.ranked), talk.notes)
    return ScoredImages(rows, *about, scores, scorer, count, [part for part in parts if part.names])


def _folder_of(names: Sequence[str]) -> str:
    """The folder that all of several files are in, as their names begin; a table leaves it out."""
    folders = [os.path.dirname(name) for name in names]  # noqa: PTH120 (as the user wrote it)
    try:
        folder = os.path.commonpath(folders)
    except ValueError:  # some are in folders of the current one, and some are not
        return ""
    return os.path.join(folder, "") if folder else ""  # noqa: PTH118 (as above)


def _rows(part: _Part, scorer: Scorer, rate: float, found: list[Scores], progress: Progress) -> Iterator[ScoredImage]:
    """A row for each image and each file that gave none: files in the order in which they were named, and what is in a set in its order."""
    errors = {one.name: ScoredImage(one.name, error=one.error) for one in part.skipped}
    scored = _scored(part, scorer, rate, found, progress)
    for name in part.order:
        yield errors[name] if name in errors else next(scored)
    yield from scored
    if not part.order:
        yield from errors.values()


def _scored(part: _Part, scorer: Scorer, rate: float, found: list[Scores], progress: Progress) -> Iterator[ScoredImage]:
    """A row for each image, as it is scored; its scores are added to those that were found."""
    names = iter(part.names)
    for scores in scorer.parts(part.images, progress=progress) if part.names else ():
        found.append(scores)
        over = scores.over(rate).tolist()
        for number in range(len(scores)):
            measurements = {key: float(values[number]) for key, values in scores.measurements.items()}
            yield ScoredImage(next(names), float(scores.p[number]), float(scores.combined[number]), over[number], measurements)


def _parts(run: Run, named: AnyImages, talk: Talk) -> Iterator[_Part]:
    """What was named: files that follow each other together, and each set by itself."""
    listed = list(named) if isinstance(named, (list, tuple)) else [named]
    if not all(isinstance(one, (str, Path)) for one in listed):
        names, pixels = any_images(named, run.preparation)
        yield _Part(names, pixels, [])
        return
    files: list[Path] = []
    for one in [*map(str, listed), None]:
        single = one is not None and Path(one).is_file() and not is_archive(Path(one))
        if one is not None and single and not holds_many(Path(one)):
            files.append(Path(one))
            continue
        if files:
            yield _files(files, run, talk)
            files = []
        if one is not None:
            try:
                part = _set(one, run, talk)
            except UserError as error:
                if len(listed) == 1 or not Path(one).is_file():
                    raise
                reason = reason_of(error, one)
                talk.skip(one, reason)
                part = _Part([], np.empty((0, *run.preparation.shape), np.uint8), [Skipped(one, reason)])
            yield part


def _files(files: Sequence[Path], run: Run, talk: Talk) -> _Part:
    names: list[str] = []
    skipped: list[Skipped] = []

    def skip(name: str, error: str) -> None:
        skipped.append(Skipped(name, error))
        talk.skip(name, error)

    try:
        names, pixels = read_images(files, run.preparation, skip, talk.left_out)
    except UserError:
        if not skipped:
            raise
        pixels = np.empty((0, *run.preparation.shape), np.uint8)
    return _Part(names, pixels, skipped, list(map(str, files)))


def _set(name: str, run: Run, talk: Talk) -> _Part:
    """A folder, an archive, or another set. What is in the first two is named by a path from where the user is."""
    images = open_set(run, name, "--data", talk)
    before = len(talk.skipped)
    talk.not_read_of(images)
    inside = Path(name).exists() and not ImageSet.is_set(Path(name))
    path = (lambda item: os.path.join(name, item)) if inside else str  # noqa: PTH118 (as the user wrote it: ./a stays ./a)
    return _Part(
        [path(item) for item in images.names], images.images, [Skipped(path(one.name), one.error) for one in talk.skipped[before:]]
    )


def _within(parts: Sequence[_Part], shard: Shard) -> Iterator[_Part]:
    """Of all that was named, one after the other, what is in a shard. A file that gave no image is where the image before it is."""
    wanted, start = shard.of(sum(len(part.names) for part in parts), MEASURED_AT_ONCE), 0
    for part in parts:
        here = range(max(wanted.start - start, 0), min(wanted.stop - start, len(part.names)))
        bad = {one.name for one in part.skipped}
        read = [place for place, name in enumerate(part.order) if name not in bad]  # a file may be named twice
        missed = [place for place, name in enumerate(part.order) if name in bad] or [0] * len(part.skipped)
        ends = [start + (bisect(read, place) if part.order else len(part.names)) for place in missed]
        missing = [number for number, end in enumerate(ends) if (wanted.start or -1) < end <= wanted.stop]
        if here or missing:
            positions = sorted(read[here.start : here.stop] + [missed[number] for number in missing]) if part.order else []
            skipped = [part.skipped[number] for number in missing]
            order = [part.order[place] for place in positions]
            yield _Part(part.names[here.start : here.stop], ImageRange(part.images, here), skipped, order)
        start += len(part.names)


def _scorer(run: Run, model: VAEGAN, calibrate: AnyImages | None, talk: Talk, *, again: bool) -> Scorer:
    """The calibration that is asked for, or that of the last time, or that by the run's held-out images; made `again` for a new model."""
    file = run.score_file
    if calibrate is None and file.is_file():
        try:
            scorer = Scorer.load(file, model)
        except OtherWeightsError as error:
            if error.source != HELD_OUT or not again:
                raise
            talk.say("the model has changed since it was calibrated: calibrating again")
        else:
            other = "" if scorer.source == HELD_OUT else f"; remove {file} to calibrate on {HELD_OUT} instead"
            talk.say(f"{_calibrated(scorer)}{other}")
            return scorer
    fitted_on: Indices | None = None
    source = source_of(calibrate)
    if calibrate is None or isinstance(calibrate, (str, Path, ImageSet)):
        normal = open_set(run, calibrate, "--calibrate", talk)
        images: Images = normal.images
    else:
        images = any_images(calibrate, run.preparation, talk.skip, talk.left_out).pixels
    indices: Indices = np.arange(images.shape[0])
    if calibrate is None:
        source = HELD_OUT
        fitted_on, indices = run.split(normal)
        if not len(indices):
            raise UserError("the run has no held-out images to calibrate on: give a folder of normal images with --calibrate FOLDER")
    with talk.bar() as bar:
        name = "RUN" if isinstance(run, ModelInMemory) else run.argument
        scorer = Scorer.calibrate(model, images, indices, fitted_on=fitted_on, source=source, run=name, progress=bar)
    saved = ""
    if not isinstance(run, ModelInMemory):
        scorer.save(file)
        saved = f"; the calibration is saved in {file}"
    talk.say(f"{_calibrated(scorer)}{saved}")
    return scorer


def _calibrated(scorer: Scorer) -> str:
    """What a score was calibrated on, in words."""
    return f"the anomaly score was calibrated on {scorer.source} ({len(scorer.ranked):,} images, taken as normal)"
