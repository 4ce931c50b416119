"""How good a model is: evaluate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import UserError
from ..recipe import Recipe
from .app import app, err, wrote
from .app import out as stdout
from .search import open_set, recipe_of

if TYPE_CHECKING:
    from rich.table import Table

    from ..data import ImageSet
    from ..evaluation.evaluate import Evaluation
    from ..model import VAEGAN

PAIRS = {"psnr": "PSNR, dB", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "lpips": "LPIPS (AlexNet)"} | {
    "similarity_error": "learned similarity error",
    "pixel_error": "squared pixel error",
}


@app.command
def evaluate(
    run: Path,
    /,
    *,
    data: str | None = None,
    samples: int = 10_000,
    extractor: Literal["mobilenet", "inception", "attributes"] | None = None,
    seed: int = 0,
    resamplings: int = 5,
    device: str = "auto",
    out: Path | None = None,
) -> None:
    """Measure samples and reconstructions against real images, what codes carry, and whether samples are copies.

    Parameters
    ----------
    run
        A run folder or a model folder.
    data
        The set to measure on, split as the run's; by default the one that the run was trained on.
    samples
        How many samples of the prior; and at most how many training and held-out images.
    extractor
        The network whose features are compared: mobilenet, inception (which gives FID), or attributes (learned from the set). By default
        mobilenet where its weights are installed, else attributes where the set has some.
    seed
        Another seed, other samples and other draws.
    resamplings
        How many draws the spread of each number is taken over.
    device
        auto takes a GPU if there is one; or cpu, cuda, mps.
    out
        The picture to write; RUN/evaluation.png by default.
    """
    from .. import pictures
    from ..data import split
    from ..evaluation.evaluate import evaluate as measure
    from ..evaluation.evaluate import require_enough
    from ..evaluation.extractors import choose
    from ..evaluation.picture import evaluation_sheet
    from ..model import load
    from ..progress import progress_bar
    from ..training.machine import make_fabric

    if not 0 <= seed < 2**63:
        raise UserError(f"--seed must be at least 0 and below 2^63, not {seed}")
    picture = out or run / "evaluation.png"
    pictures.kind_of(picture)  # now, and not after minutes of work
    model = load(run, make_fabric(device).device)
    recipe = recipe_of(run)
    images = _open(data, model, recipe)
    settings = recipe or Recipe()
    training, held_out = split(images, settings.data.held_out, settings.data.train_on)
    require_enough(training, held_out, samples, resamplings)
    with progress_bar(err) as progress:
        found = measure(
            model,
            choose(extractor, images, training, model.device, progress),
            images,
            training,
            held_out,
            level=settings.objective.level,
            samples=samples,
            seed=seed,
            resamplings=resamplings,
            progress=progress,
        )
    for table in _tables(found):
        stdout.print(table)
        stdout.print()
    wrote(found.append_to(run))
    wrote(pictures.save(evaluation_sheet(model, images, found), picture))


def _open(data: str | None, model: VAEGAN, recipe: Recipe | None) -> ImageSet:
    """The set that is named, or the run's.

    Raises:
        UserError: it is not there.
    """
    try:
        return open_set(data, model, recipe, "--data")
    except UserError as error:
        if data is None and recipe:
            raise UserError(
                f"the set that the run was trained on cannot be opened: {error}; say where its images are now by --data"
            ) from error
        raise


def _tables(found: Evaluation) -> Iterator[Table]:
    """What was found, for people."""
    import numpy as np

    from ..evaluation.memorisation import copying_test
    from ..evaluation.pairs import LPIPS_COMMAND

    images = found.settings["images"]
    for what, count, comparison in (
        ("samples of the prior", images["samples"], found.samples),
        ("reconstructions of held-out images", images["held_out"], found.reconstructions),
    ):
        each = f"{comparison.each:,}"
        columns = (f"all against\n{images['training']:,} real", f"{each} against\n{each} real", f"floor: {each} real\nagainst {each} real")
        table = _table(f"{count:,} {what}; real: training images", *columns)
        for measure, value in comparison.value.items():
            times = 1000 if measure == "kernel_distance" else 1
            halves, floor = (
                _with(times * drawn[measure].mean, times * drawn[measure].spread) for drawn in (comparison.halves, comparison.floor)
            )
            table.add_row(_label(measure, found.extractor), f"{times * value:.4g}", halves, floor)
        table.caption = f"±: {found.settings['spread']}, {found.settings['resamplings']} of them"
        yield table

    table = _table(f"{images['held_out']:,} held-out images and their reconstructions", "mean ± standard error")
    for name, label in PAIRS.items():
        if name in found.errors:
            values = found.errors[name]
            table.add_row(label, _with(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))))
    if "lpips" not in found.errors:
        table.add_row(PAIRS["lpips"], f"not there: {LPIPS_COMMAND}")
    yield table

    table = _table("codes of held-out images", "")
    table.add_row("KL to the prior, nats", f"{found.codes.nats.sum():.4g}")
    table.add_row("most, and least, of a dimension", f"{found.codes.nats.max():.3g}, {found.codes.nats.min():.3g}")
    table.add_row("active units", f"{found.codes.active} of {len(found.codes.nats)}")
    yield table

    z, p = copying_test(found.copying)
    searched = min(images["training"], found.settings["images_kept"])
    table = _table(f"copies: distance to the nearest of {searched:,} training images ({found.extractor})", "")
    table.add_row("median of samples", f"{np.median(found.copying.samples):.4g}")
    table.add_row("median of held-out images", f"{np.median(found.copying.held_out):.4g}")
    table.add_row("samples nearer than the latter", f"{found.copying.share:.1%} (50% if samples were new real images)")
    table.add_row("nearer than held-out images?", f"z {z:.1f}, p {p:.2g} (copies: z far below 0, p near 0)")
    yield table

    table = _table("what these numbers depend on", "")
    prepared = found.settings["preparation"]
    table.add_row("extractor", f"{found.extractor}, images {found.settings['extractor_resize']}")
    table.add_row("sha256 of its weights", found.settings["extractor_weights_sha256"])
    height, width = prepared["size"]
    table.add_row("images", f"{height}x{width}, crop {prepared['crop']}, resampling {prepared['resampling']}")
    table.add_row("split", "{training:,} training, {held_out:,} held out".format(**found.settings["split"]))
    table.add_row("MS-SSIM", "window {window}, {scales} scales".format(**found.settings["ms_ssim"]))
    table.add_row("seed", str(found.settings["seed"]))
    yield table


def _table(title: str, *columns: str) -> Table:
    """A table without lines: a column of names, and columns of numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title=Text(title, "bold"), title_justify="left", caption_justify="left", header_style="dim")
    table.show_header = any(columns)
    table.add_column("", min_width=len("samples nearer than the latter"), no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=bool(column), overflow="fold")
    return table


def _label(measure: str, extractor: str) -> str:
    """A measure's name with its extractor's: of another network than Inception, no distance is FID."""
    if measure == "frechet_distance":
        return "FID" if extractor == "Inception" else f"Frechet distance ({extractor})"
    return f"1000 x kernel distance ({extractor})" if measure == "kernel_distance" else measure


def _with(value: float, spread: float) -> str:
    """A number and how far it may be off, of which two digits say enough."""
    if not (math.isfinite(value) and 0 < spread < math.inf):
        return f"{value:.4g} ± {spread:.2g}"
    places = min(max(0, 1 - math.floor(math.log10(spread))), 4)
    return f"{value:.{places}f} ± {spread:.{places}f}"
