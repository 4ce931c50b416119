"""Which method makes the best pictures in the same time: contenders train for equally many processor seconds on one thread.

    python benchmarks/pictures.py SET --out results/pictures [--size 48] [--crop celeba] [--seconds 200] [--seeds 0 1 2] [--jobs 2]

SET is anything that `vaegan train --data` takes: `avatars`, `celeba:PATH`, a folder of photographs, a packed set. What counts is the whole
command, from its start to its end: importing, training, drawing pictures, fitting the prior, the report. Packing the images does not
count; it is done once, before. Without --seconds, all get what the first contender takes for the length that its recipe names. With
--images, all see equally many images, however long that takes.

Prints a table, and writes it as OUT/table.md and OUT/results.json, with OUT/sheet.png, the pictures of the first seed. Docs and an example
are in docs/pictures.md. An interrupted benchmark continues when the same command is run again: what is finished is not done again.

Contenders are named by --contenders: those of benchmarks/contest/contenders.py, any recipe or its file, or FILE.py:FUNCTION.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import torch
from contest.contenders import CONTENDERS, Contender, find_contender, installed
from contest.job import parts_of, write_json
from contest.measure import Ruler
from contest.results import Row, draw, table
from contest.trainings import Failed, Trainings, at_a_time
from rich.console import Console

from vaegan import UserError
from vaegan.bench.benchmark import processor
from vaegan.data import AVATARS, ImageSet, Preparation, open_images, packed_folder
from vaegan.data.batches import to_tensor
from vaegan.data.sources import find_source
from vaegan.metrics.context import FEWEST
from vaegan.metrics.extractors.registry import ExtractorName, choose
from vaegan.progress import progress_bar
from vaegan.settings import Crop
from vaegan.training.device import has_bf16
from vaegan.viz.grid import save

EXTRACTORS = ["efficientnet", "mobilenet"]
MOST = 2_000


def main() -> None:
    """Train, measure, print."""
    given = arguments()
    try:
        benchmark(given)
    except UserError as error:
        print(f"pictures: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("pictures: interrupted; run the same command again to continue", file=sys.stderr)
        raise SystemExit(130) from None


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", nargs="?", help="the images; avatars by default")
    parser.add_argument("--data", help="the same, as in vaegan train")
    parser.add_argument("--out", type=Path, default=Path("results/pictures"), help="where everything is kept")
    parser.add_argument("--size", type=int, default=48, help="height and width in pixels; a packed set has its own")
    parser.add_argument("--crop", choices=get_args(Crop), help="by default what is usual for the set")
    parser.add_argument("--avatars", type=int, default=16_000, help="how many avatars, where they are the set")
    parser.add_argument("--contenders", nargs="+", help="by default all that are installed")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="processor seconds of each training")
    length.add_argument("--images", type=int, help="images that each training sees, in place of seconds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, each on a core of its own")
    parser.add_argument("--extractors", nargs="+", help=f"by default {' and '.join(EXTRACTORS)}, as far as they are installed")
    parser.add_argument("--most", type=int, default=MOST, help="images on each side of a comparison, at most")
    return parser.parse_args()


def benchmark(given: argparse.Namespace) -> None:
    """All of it.

    Raises:
        UserError: something in what was asked for is wrong.
    """
    torch.set_num_threads(1)
    contenders = [find_contender(name) for name in given.contenders or installed()]
    if len({contender.name for contender in contenders}) < len(contenders):
        raise UserError("two contenders have the same name: rename the file of one recipe")
    if given.contenders is None and (missing := [one.name for one in CONTENDERS if one.missing()]):
        say(f"left out, because a package is not installed: {', '.join(missing)}")
    images = open_set(given)
    training, held_out = parts_of(images)
    count = min(given.most, len(training), len(held_out))
    if count < FEWEST:
        raise UserError(f"there are only {count} images to measure on, and at least {FEWEST} are needed")
    extractors = extractors_of(given, images)
    ruler = Ruler(images, count, extractors)
    floor = ruler.floor()  # the features of real images are in the cache from now on
    trainings = Trainings(given.out, images, count, extractors, say)
    length, steps = length_of(given, trainings, contenders)
    rows, folders = compete(trainings, list(zip(contenders, steps, strict=True)), given.seeds, given.jobs)
    lead = lead_of(images, count, length, given.seeds)
    text = table(rows, floor, lead)
    sheet = draw(to_tensor(images.images[ruler.shown]), [(row, folder) for row, folder in zip(rows, folders, strict=True) if folder])
    write_json(given.out / "results.json", {"lead": lead, "floor": floor, "contenders": {row.name: row.found for row in rows}})
    (given.out / "table.md").write_text(text, encoding="utf-8")
    print(text)
    print(f"The pictures are {save(sheet, given.out / 'sheet.png')}")


def length_of(given: argparse.Namespace, trainings: Trainings, contenders: Sequence[Contender]) -> tuple[str, list[int | Failed]]:
    """What is equal, in words, and how many steps that is for each contender.

    Raises:
        UserError: the first contender says how long, and cannot.
    """
    first, folder = contenders[0], str(trainings.images.folder)
    if given.images is not None:
        return f"{given.images:,} images", [max(1, round(given.images / contender.batch(folder))) for contender in contenders]
    seconds = given.seconds
    if seconds is None:
        try:
            seconds = trainings.train(first, given.seeds[0], trainings.own_steps(first)).usage.processor_seconds
        except Failed as error:
            raise UserError(f"{first.name} was to say how long all may train, and failed: {error}") from None
        say(f"{first.name} takes {seconds:,.1f} s of processor, and so do all others")

    def steps_of(contender: Contender) -> int | Failed:
        try:
            own = given.seconds is None and contender is first
            return trainings.own_steps(contender) if own else trainings.steps_in(contender, seconds, given.seeds[0])
        except Failed as error:
            return error

    length = f"{seconds:,.0f} processor seconds, the whole command and the fit of the prior included"
    return length, at_a_time(steps_of, contenders, given.jobs)


def compete(
    trainings: Trainings, contenders: Sequence[tuple[Contender, int | Failed]], seeds: Sequence[int], jobs: int
) -> tuple[list[Row], list[Path | None]]:
    """Train and measure each contender, with its number of steps, for each seed: the rows of the table, and a training of each."""

    def result_of(task: tuple[Contender, int | Failed, int]) -> tuple[Path, dict[str, Any]] | Failed:
        contender, steps, seed = task
        if isinstance(steps, Failed):
            return steps
        try:
            trained = trainings.train(contender, seed, steps)
            return trained.folder, {"seed": seed, **trainings.found(trained), **trainings.costs(contender, trained)}
        except Failed as error:
            return error

    results = iter(at_a_time(result_of, [(*contender, seed) for contender in contenders for seed in seeds], jobs))
    rows: list[Row] = []
    folders: list[Path | None] = []
    for contender, _ in contenders:
        good, bad = [], ""
        for result in islice(results, len(seeds)):
            if isinstance(result, Failed):
                bad = str(result)
            else:
                good.append(result)
        rows.append(Row(contender.name, contender.note, [found for _, found in good], bad))
        folders.append(good[0][0] if good else None)
    return rows, folders


def say(sentence: str) -> None:
    """Tell whoever waits."""
    print(sentence, file=sys.stderr, flush=True)


def open_set(given: argparse.Namespace) -> ImageSet:
    """The images, packed.

    Raises:
        UserError: there are no such images.
    """
    source = given.set or given.data or AVATARS
    if folder := packed_folder(source):
        return ImageSet.open(folder)
    crop: Crop = given.crop or "centre"
    if source != AVATARS:
        found = find_source(source)
        crop = given.crop or found.crop
        for note in found.notes:
            say(note)
    with progress_bar(Console(stderr=True)) as progress:
        return open_images(source, Preparation((given.size, given.size), 3, crop), count=given.avatars, progress=progress)


def extractors_of(given: argparse.Namespace, images: ImageSet) -> list[ExtractorName]:
    """The names of those that are asked for; by default those that are installed.

    Raises:
        UserError: one that was asked for is not there.
    """
    training, _ = parts_of(images)
    found: list[ExtractorName] = []
    asked: list[Any] = given.extractors or EXTRACTORS
    for name in asked:
        try:
            if name not in get_args(ExtractorName):
                raise UserError(f"there is no extractor {name}: there are {', '.join(get_args(ExtractorName))}")
            choose(name, images, training, torch.device("cpu"))
            found.append(name)
        except UserError:
            if given.extractors:
                raise
    return found or ["attributes"]


def lead_of(images: ImageSet, count: int, length: str, seeds: Sequence[int]) -> str:
    """What the table is about."""
    training, held_out = parts_of(images)
    height, width = images.preparation.size
    numbers = "bfloat16" if has_bf16("cpu") else "float32"
    return (
        f"{len(training):,} training images of {height}x{width}, crop {images.preparation.crop}; {length}; one thread; "
        f"seeds {', '.join(map(str, seeds))}: mean ± standard deviation. Samples and reconstructions are {count:,}, and so are the real "
        f"images, which are training images; all are compared with {count:,} of {len(held_out):,} held-out images. "
        f"{processor()}, torch {torch.__version__}; vaegan computes in {numbers}."
    )


if __name__ == "__main__":
    main()
