"""Several kinds of run on one set, each for several seeds, measured alike: the table and the sheet that `samples` and `ablation` end in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..data.batches import to_tensor
from ..errors import UserError
from ..metrics.collect import MOST_KEPT, cloud_of, collect, sample_parts
from ..metrics.evaluate import asked_of, attributes_of
from ..metrics.extractors.base import Extractor
from ..metrics.extractors.registry import Kind, choose
from ..metrics.features import Cloud, Comparison, compare_resampled
from ..metrics.reconstruction import reconstruct_all
from ..progress import Progress
from ..viz.grid import save, sheet
from .experiment import Experiment, Run
from .page import Found, Section, write_page
from .tables import Table, change_over_seeds, over_seeds

FEWEST = 20
"""Held-out images, and samples, below which nothing can be said."""
RESAMPLINGS = 3
VERSION = 2
"""Of the measures: raise it when a number would come out otherwise."""
SHOWN = 12
SHEET = "samples.png"
OF_SAMPLES = {"frechet_distance": "Frechet distance", "precision": "precision", "recall": "recall", "coverage": "coverage"}
OF_RECONSTRUCTIONS = {
    "frechet_distance": "Frechet distance",
    "feature_error": "feature error",
    "pixel_error": "pixel error",
    "ssim": "SSIM",
}


@dataclass(frozen=True)
class Variant:
    """A kind of run."""

    name: str
    """Of its run folders."""
    label: str
    settings: dict[str, Any] = field(default_factory=dict)
    """What it changes in the recipe of the experiment, by dotted name."""
    discriminator_of: str = ""
    """Of kind vae-dis, the variant whose discriminator it takes."""


class Part(NamedTuple):
    """One of the tables."""

    title: str
    measures: Mapping[str, str]
    """What is in its columns, and what it is called."""


class Measured(NamedTuple):
    """What all runs are measured against."""

    extractor: Extractor
    real: Cloud
    """Training images."""
    reals: NDArray[np.int64]
    new: Cloud
    """Held-out images."""
    others: NDArray[np.int64]
    samples: int


def compare_variants(
    experiment: Experiment,
    variants: Sequence[Variant],
    title: str,
    lead: str,
    *,
    samples: int = 2_000,
    extractor: Kind | None = None,
    base: Variant | None = None,
) -> Found:
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
        Stopped: an interrupt or SIGTERM came; run again, it goes on.
    """
    if samples < FEWEST:
        raise UserError(f"--samples must be at least {FEWEST}, not {samples}")
    for variant in variants:  # before anything is trained
        stand_in = {"objective.discriminator": "the run to come"} if variant.discriminator_of else {}
        experiment.recipe_with(experiment.first_seed, {**variant.settings, **stand_in})
    experiment.require(held_out=FEWEST, training=FEWEST, any_kind=True)
    with experiment.bar() as progress:
        chosen = choose(extractor, experiment.images, experiment.parts[0], experiment.device, progress)
    runs: dict[str, Run] = {}
    for seed in experiment.seeds:
        for variant in variants:
            other = runs[f"{variant.discriminator_of}-{seed}"] if variant.discriminator_of else None
            run = experiment.trained(variant.name, seed, variant.settings, discriminator_of=other)
            runs[run.folder.name] = run
    with experiment.bar() as progress:
        against = _against(experiment, chosen, samples, progress)
    found = {name: _measure(experiment, run, against) for name, run in runs.items()}
    made_with = _made_with(experiment, chosen)
    parts = {
        "samples": Part(f"samples of the prior{_each(found, 'samples')}", OF_SAMPLES),
        "reconstructions": Part(
            f"reconstructions of {len(against.others):,} held-out images{_each(found, 'reconstructions')}", OF_RECONSTRUCTIONS
        ),
    }
    tables = []
    for name, part in parts.items():
        of_part = {run: one.get(name, {}) for run, one in found.items()}
        tables.append(_table(experiment, variants, of_part, part, made_with))
        if base:
            tables.append(_changes(experiment, variants, of_part, part, base))
    picture = _sheet(experiment, variants, runs, against)
    results = {
        "extractor": chosen.name,
        "extractor_weights_sha256": chosen.weights,
        "extractor_resize": chosen.resize,
        "preparation": experiment.images.preparation.as_dict(),
        "resamplings": RESAMPLINGS,
        "samples": samples,
        "runs": found,
    }
    sections = [
        Section("Pictures", "Of the first seed. All kinds are shown the same held-out images and codes.", [("Samples", picture)]),
        Section("Figures", _about(_features_of(chosen)), tables=tables),
    ]
    page = write_page(experiment, title, lead, sections)
    return Found(tables, [save(picture, experiment.folder / SHEET), experiment.write_results(results), page])


def _against(experiment: Experiment, extractor: Extractor, samples: int, progress: Progress) -> Measured:
    random = np.random.default_rng(0)  # the same images for all seeds
    drawn = [numbers[random.choice(len(numbers), min(samples, len(numbers), MOST_KEPT), replace=False)] for numbers in experiment.parts]
    real, new = (
        cloud_of(extractor, experiment.images, numbers, f"features of {what} images", progress)
        for numbers, what in zip(drawn, ("training", "held-out"), strict=True)
    )
    return Measured(extractor, real, drawn[0], new, drawn[1], samples)


def _measure(experiment: Experiment, run: Run, against: Measured) -> dict[str, Any]:
    depends_on = {
        "version": VERSION,
        "weights": run.weights,
        "images": experiment.images.identity,
        "training": against.reals.tolist(),
        "held_out": against.others.tolist(),
        "extractor": [against.extractor.name, against.extractor.weights, against.extractor.resize],
        "samples": against.samples,
        "seed": run.seed,
        "resamplings": RESAMPLINGS,
    }
    found: dict[str, Any] = experiment.measured(
        f"quality-{run.folder.name}", depends_on, lambda progress: quality(run, experiment, against, progress)
    )
    return found


def quality(run: Run, experiment: Experiment, against: Measured, progress: Progress) -> dict[str, Any]:
    """How good samples and, of a kind that has an encoder, reconstructions are; distances beside those of real images."""
    model, extractor = run.model(), against.extractor
    images = experiment.images
    wanted = attributes_of(model, images, asked_of(experiment.parts[0], against.reals, against.samples))
    sampled = collect(extractor, sample_parts(model, against.samples, run.seed, wanted, progress=progress), against.samples)
    what = {"what": f"comparing {run.folder.name}", "progress": progress}
    found: dict[str, Any] = {"samples": _numbers(compare_resampled(sampled, against.real, RESAMPLINGS, 0, **what))}  # type: ignore[arg-type]
    if run.recipe.objective.autoencodes:
        told = attributes_of(model, images, against.others)
        level = run.recipe.objective.level
        again = reconstruct_all(model, extractor, images.images, against.others, level, attributes=told, progress=progress)
        found["reconstructions"] = {
            **_numbers(compare_resampled(again.cloud, against.real, RESAMPLINGS, 0, **what)),  # type: ignore[arg-type]
            **{name: {"value": float(again.errors[name].mean())} for name in ("pixel_error", "ssim")},
            "feature_error": {"value": feature_error(again.cloud.vectors, against.new.vectors)},
        }
    return found


def feature_error(again: NDArray[np.float32], originals: NDArray[np.float32]) -> float:
    """The squared distance of reconstructions from their originals, as a part of that of two different originals: 0 perfect, 1 anybody.

    Args:
        again: N x D features.
        originals: as many, in the same order.
    """
    apart = np.square(originals - np.roll(originals, 1, axis=0), dtype=np.float64).sum(1).mean()
    return float(np.square(again - originals, dtype=np.float64).sum(1).mean() / max(apart, 1e-12))


def _numbers(comparison: Comparison) -> dict[str, dict[str, float]]:
    return {
        name: {
            "value": comparison.halves[name].mean,
            "spread": comparison.halves[name].spread,
            "real": comparison.floor[name].mean,
            "real_spread": comparison.floor[name].spread,
            "each": comparison.each,
        }
        for name in comparison.value
    }


def _table(
    experiment: Experiment,
    variants: Sequence[Variant],
    found: Mapping[str, Mapping[str, Any]],
    part: Part,
    note: str,
) -> Table:
    """Every measure of every variant, over seeds; `found` is of each run, and empty where it has no such part."""
    rows: list[tuple[str, list[str]]] = []
    for variant in variants:
        of_seeds = [found[f"{variant.name}-{seed}"] for seed in experiment.seeds]
        rows.append((variant.label, [over_seeds([one[measure]["value"] for one in of_seeds if one]) for measure in part.measures]))
    some = next(filter(None, found.values()), {})
    rows.append(("real images", [over_seeds([some[name]["real"]] if "real" in some.get(name, {}) else []) for name in part.measures]))
    return Table(part.title, tuple(part.measures.values()), rows, (f"{note} {experiment.spread_note()}",))


def _changes(
    experiment: Experiment,
    variants: Sequence[Variant],
    found: Mapping[str, Mapping[str, Any]],
    part: Part,
    base: Variant,
) -> Table:
    """How every other variant differs from one, seed by seed."""
    values = {
        variant.label: [
            [found[f"{variant.name}-{seed}"].get(measure, {}).get("value", math.nan) for seed in experiment.seeds]
            for measure in part.measures
        ]
        for variant in variants
    }
    rows = [
        (label, [change_over_seeds(one, other) for one, other in zip(of_variant, values[base.label], strict=True)])
        for label, of_variant in values.items()
        if label != base.label
    ]
    count = len(experiment.seeds)
    note = (
        f"Differences of runs of the same seed, mean ± 95% interval (Student's t, {count} seeds); *: 0 is outside it, as it is of one in "
        "twenty by chance alone."
        if count > 1
        else "A single seed: nothing says which of this is chance."
    )
    return Table(f"{part.title}: change against {base.label}", tuple(part.measures.values()), rows, (note,))


@torch.inference_mode()
def _sheet(experiment: Experiment, variants: Sequence[Variant], runs: dict[str, Run], against: Measured) -> Image.Image:
    """Held-out images, their reconstructions by each kind, and samples of each kind, of the first seed."""
    images, shown = experiment.images, against.others[:SHOWN]
    originals = to_tensor(images.images[shown])
    again, made = [], []
    for variant in variants:
        run = runs[f"{variant.name}-{experiment.first_seed}"]
        model = run.model()
        if run.recipe.objective.autoencodes:
            again.append((f"{variant.label}: reconstructions", model.reconstruct(originals, attributes_of(model, images, shown)).cpu()))
        wanted = attributes_of(model, images, asked_of(experiment.parts[0], against.reals, 2 * SHOWN))
        made.append((f"{variant.label}: samples", model.sample(2 * SHOWN, experiment.first_seed, wanted).cpu()))
    return sheet([("held-out images", originals), *again, *made], SHOWN)


def _each(found: Mapping[str, Mapping[str, Any]], part: str) -> str:
    """Of how many images distances are, which is not how many there are: see `compare_resampled`."""
    one = next((run[part] for run in found.values() if part in run), None)
    return f", {one['frechet_distance']['each']:,} against {one['frechet_distance']['each']:,} training images at a time" if one else ""


def _made_with(experiment: Experiment, extractor: Extractor) -> str:
    """What the numbers depend on beside the models: under each table, so that it can be told what they can be compared with."""
    prepared = experiment.images.preparation
    training, held_out = map(len, experiment.parts)
    return (
        f"In features of {_features_of(extractor)} (weights {extractor.weights[:8]}, resize: {extractor.resize}) of images of "
        f"{prepared.size[0]}x{prepared.size[1]}, crop {prepared.crop}; {training:,} training and {held_out:,} held-out images; "
        f"{RESAMPLINGS} draws of images for each number; of seed {', '.join(map(str, experiment.seeds))}."
    )


def _features_of(extractor: Extractor) -> str:
    return "a network that learned the set's attributes" if extractor.name == "attributes" else extractor.name


def _about(extractor: str) -> str:
    return (
        f"Distances, precision, recall and coverage are in features of {extractor}, against training images, equally many of each; the row "
        "of real images is of other training images against the same. The feature error is the squared distance of a reconstruction from "
        "its original in these features, as a part of that of two different images. The pixel error is a mean square, of values in [-1, 1]."
    )
