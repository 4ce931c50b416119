"""Several kinds of run on one set, each for several seeds, measured alike: the tables and the sheet of `samples` and `ablation`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from ..data.batches import to_tensor
from ..errors import UserError
from ..evenly_spaced import subsample
from ..metrics.base import RESAMPLINGS, Value
from ..metrics.collect import MOST_VECTORS
from ..metrics.context import FEWEST, attributes_of, images_for_attributes
from ..metrics.evaluate import about_extractor
from ..metrics.extractors.base import Extractor
from ..metrics.extractors.registry import DEFAULT, ExtractorName, choose
from ..metrics.registry import METRICS, metrics
from ..metrics.tables import MetricTable, in_order
from ..viz.grid import save, sheet
from .experiment import Experiment
from .page import ExperimentResult, Section, write_page
from .runs import Grid, MeasuredGrid, Variant, by_run
from .seeds import change_over_seeds, over_seeds

COMPARED = tuple(name for name in METRICS if name != "similarity_error")
"""All metrics but the one by which a model is its own judge."""
SHOWN = 12
SHEET = "samples.png"


def compare_variants(
    experiment: Experiment,
    variants: Sequence[Variant],
    title: str,
    lead: str,
    *,
    samples: int = 2_000,
    extractor: ExtractorName = DEFAULT,
    base: Variant | None = None,
) -> ExperimentResult:
    """Train every variant for every seed, measure all alike, and write the tables, the sheet and the page.

    Args:
        experiment: whose folder and recipe they share.
        variants: the kinds of run, each after the one whose discriminator it takes.
        title: of the page.
        lead: a sentence under it.
        samples: how many samples of each run, and at most how many training and held-out images.
        extractor: what images are compared by; see `vaegan.metrics.extractors.registry.choose`.
        base: one of the variants, that the others are compared with, seed by seed, in tables of their own.

    Raises:
        UserError: a variant's settings do not fit, or there are too few images.
        Stopped: an interrupt or SIGTERM came; the same call continues.
    """
    if samples < FEWEST:
        raise UserError(f"--samples must be at least {FEWEST}, not {samples}")
    for variant in variants if not experiment.existing else ():  # before anything is trained
        stand_in = {"objective.discriminator": "the run to come"} if variant.discriminator_of else {}
        experiment.recipe_with(experiment.first_seed, {**variant.settings, **stand_in})
    experiment.require(held_out=FEWEST, training=FEWEST, any_kind=True)
    with experiment.bar() as progress:
        space = choose(extractor, experiment.images, experiment.parts[0], experiment.device, progress)
    grid = experiment.grid(variants)
    measures = metrics(COMPARED)
    found = experiment.measure_grid(grid, measures, samples=samples, extractor=space)
    tables = _tables(experiment, found, samples, space, base.label if base else None)
    picture = _sheet(experiment, grid)
    results = {
        **about_extractor(space),
        "preparation": experiment.images.preparation.as_dict(),
        "resamplings": RESAMPLINGS,
        "samples": samples,
        "prior": experiment.prior or "fitted, if there is one",
        "runs": {
            one.key: {name: number for value in values.values() for name, number in value.numbers().items()}
            for one, values in by_run(grid, found)
        },
    }
    sections = [
        Section("Pictures", "All pictures come from the first seed. All models get the same held-out images.", [("Samples", picture)]),
        Section("Numbers", _about(space), tables=tables),
    ]
    page = write_page(experiment, title, lead, sections)
    return ExperimentResult(tables, [save(picture, experiment.folder / SHEET), experiment.write_results(results), page])


def _tables(experiment: Experiment, found: MeasuredGrid, samples: int, extractor: Extractor | None, base: str | None) -> list[MetricTable]:
    """A table for each one of `vaegan evaluate`, a column for each number; after each, the changes against a base if there is one."""
    columns: dict[str, dict[str, Value]] = {}
    for values in (values for of_variant in found.values() for values in of_variant):
        for name, value in values.items():
            if value.name and value.label and not isinstance(value.value, list):
                columns.setdefault(value.table, {}).setdefault(name, value)
    tables = []
    for table in in_order(columns):
        title = _title(experiment, table, samples)
        tables.append(_table(experiment, found, title, columns[table], _made_with(experiment, extractor)))
        if base:
            tables.append(_changes(experiment, found, title, columns[table], base))
    return tables


def _title(experiment: Experiment, table: str, samples: int) -> str:
    training, held_out = (min(samples, len(part)) for part in experiment.parts)
    return {
        "samples": f"{samples:,} samples of the prior against {training:,} training images",
        "reconstructions": f"{held_out:,} reconstructions of held-out images against {training:,} training images",
        "errors": f"{held_out:,} held-out images and their reconstructions",
        "codes": f"codes of {held_out:,} held-out images",
        "copies": f"copies: distance to the nearest of {min(training, MOST_VECTORS):,} training images",
    }.get(table, table)


def _table(experiment: Experiment, found: MeasuredGrid, title: str, columns: Mapping[str, Value], note: str) -> MetricTable:
    """Every number of every variant, over seeds."""
    rows = [(label, [over_seeds(_numbers(of_seeds, name, missing=False)) for name in columns]) for label, of_seeds in found.items()]
    baselines = [
        [
            value.times * value.real_baseline.mean
            for values in next(iter(found.values()))
            if (value := values.get(name, column)).real_baseline
        ]
        for name, column in columns.items()
    ]
    notes = [f"{note} {experiment.spread_note()}"]
    if any(baselines):
        rows.append(("real images", [over_seeds(numbers) for numbers in baselines]))
        notes.append(
            "The row of real images compares one half of the training images with the other half: fewer images than in the other rows."
        )
    return MetricTable(title, tuple(column.label for column in columns.values()), rows, tuple(notes))


def _changes(experiment: Experiment, found: MeasuredGrid, title: str, columns: Mapping[str, Value], base: str) -> MetricTable:
    """How every other variant differs from one, seed by seed."""
    rows = [
        (label, [change_over_seeds(_numbers(of_seeds, name), _numbers(found[base], name)) for name in columns])
        for label, of_seeds in found.items()
        if label != base
    ]
    count = len(experiment.seeds)
    note = (
        f"Each run is compared with the run of {base} that has the same seed. The table shows the mean of these differences over {count} "
        "seeds, ± a 95% interval (Student's t). A star (*) marks an interval without 0. Chance alone gives one star in twenty."
        if count > 1
        else "There is a single seed, so any of these differences may be chance."
    )
    return MetricTable(f"{title}: difference from {base}", tuple(column.label for column in columns.values()), rows, (note,))


def _numbers(of_seeds: Sequence[Mapping[str, Value]], name: str, *, missing: bool = True) -> list[float]:
    """A number of each seed, as tables have it; NaN where it is missing, or nothing."""
    values = [values.get(name, Value(name, math.nan)) for values in of_seeds if missing or name in values]
    return [value.times * value.value for value in values if not isinstance(value.value, list)]


@torch.inference_mode()
def _sheet(experiment: Experiment, grid: Grid) -> Image.Image:
    """Held-out images, their reconstructions by each kind, and samples of each kind, of the first seed."""
    images, (training, held_out) = experiment.images, experiment.parts
    shown = subsample(held_out, SHOWN)
    originals = to_tensor(images.images[shown])
    again, made = [], []
    for label, runs in grid.items():
        one = runs[0]
        model = one.model()
        if one.recipe.objective.autoencodes:
            again.append(
                (f"{label}: reconstructions", model.reconstruct(originals, attributes_of(model, images, shown), check=False).cpu())
            )
        wanted = attributes_of(model, images, images_for_attributes(training, np.empty(0, np.int64), 2 * SHOWN))
        made.append(
            (
                f"{label}: samples of {model.name_prior(experiment.prior)}",
                model.sample(2 * SHOWN, experiment.first_seed, wanted, experiment.prior).cpu(),
            )
        )
    return sheet([("held-out images", originals), *again, *made], SHOWN)


def _made_with(experiment: Experiment, extractor: Extractor | None) -> str:
    """What the numbers depend on beside the models: under each table, to say what they can be compared with."""
    prepared = experiment.images.preparation
    training, held_out = map(len, experiment.parts)
    images = (
        f"Images of {prepared.size[0]}x{prepared.size[1]}, crop {prepared.crop}. {training:,} training and {held_out:,} held-out images. "
        f"Seed {', '.join(map(str, experiment.seeds))}."
    )
    if extractor is None:
        return images
    return f"{images} Features of {_features_of(extractor)} (weights {extractor.weights[:8]}, resize: {extractor.resize})."


def _features_of(extractor: Extractor) -> str:
    return "a network that learned the set's attributes" if extractor.name == "attributes" else extractor.name


def _about(extractor: Extractor | None) -> str:
    pixels = "The squared pixel error uses values in [-1, 1]."
    if extractor is None:
        return f"No features were used. {pixels}"
    return (
        "Frechet distance (FID if the extractor is Inception), precision and recall (Kynkaanniemi et al. 2019) and coverage "
        f"(Naeem et al. 2020) compare features of {_features_of(extractor)}: "
        "of all generated images and all real training images. The "
        "row of real images compares training images with other training images. The feature error is the squared distance between a "
        f"reconstruction and its original in these features, divided by the squared distance between two different images. {pixels}"
    )
