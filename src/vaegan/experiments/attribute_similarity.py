"""The paper's table 2: whether what conditional models make has the attributes that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..data.batches import to_tensor
from ..errors import UserError
from ..metrics.attribute_similarity import EACH, AttributeSimilarity, queries_of, samples_for
from ..metrics.base import Value
from ..metrics.context import FEWEST
from ..metrics.regressor import BATCH
from ..metrics.tables import MetricTable
from ..viz.grid import save, sheet
from .experiment import Experiment
from .page import ExperimentResult, Section, write_page
from .runs import Grid, MeasuredGrid, Variant, by_run
from .seeds import over_seeds, spread_of

KINDS = {"vae": "VAE", "gan": "GAN", "vaegan": "VAE/GAN"}
"""The models that are compared, in the paper's order."""
PAPER = {
    "real": ("0.9193", "14.20"),
    "vae": ("0.9030", "27.59 ± 1.42"),
    "gan": ("0.8892", "27.89 ± 3.07"),
    "vaegan": ("0.9114", "22.39 ± 1.16"),
}
"""Cosine similarity and squared error of the paper's table 2, on LFW; recalled, not copied from it."""
SHOWN = 10
SHEET = "samples.png"


def attribute_similarity(experiment: Experiment) -> ExperimentResult:
    """Train conditional models, or take runs that exist, have a regressor read their samples, and write the table, the sheet and the page.

    Args:
        experiment: on a set with attributes.

    Raises:
        UserError: the set has no attributes that tell images apart, or too few images; or runs that exist get other attributes.
        Stopped: an interrupt or SIGTERM came; the same call continues.
    """
    experiment.require(attributes=True, held_out=FEWEST, training=BATCH)
    names = _names(experiment)
    queries, attributes = queries_of(experiment.images, experiment.parts[1], names)
    grid = experiment.grid([Variant(kind, label, _conditional(experiment, kind)) for kind, label in KINDS.items()])
    found = experiment.measure_grid(grid, [AttributeSimilarity()], strict=True)
    table = _table(experiment, found)
    picture = _sheet(experiment, grid, found, queries, attributes)
    first = next(iter(found.values()))[0]
    results = {
        "queries": len(queries),
        "samples_a_query": EACH,
        "attributes": names,
        "real": {what: first[f"attribute_{what}_real"].value for what in ("cosine", "error")},
        "random": {what: first[f"attribute_{what}_random"].value for what in ("cosine", "error")},
        "runs": {one.key: {what: values[f"attribute_{what}"].value for what in ("cosine", "error")} for one, values in by_run(grid, found)},
        "paper_on_lfw_recalled": PAPER,
    }
    sections = [
        Section("Similarity", _about(len(queries), len(names)), tables=[table]),
        Section(
            "Samples",
            f"Each model makes {EACH} samples for the attributes of each image in the first row. The picture shows the nearest one.",
            [("Samples", picture)],
        ),
    ]
    lead = f"Conditional models on {experiment.recipe.data.source}, with {len(names)} attributes. Do samples have the requested attributes?"
    page = write_page(experiment, "Attribute similarity", lead, sections)
    files = [save(picture, experiment.folder / SHEET), experiment.write_results(results), page]
    return ExperimentResult([table], files)


def _names(experiment: Experiment) -> tuple[str, ...]:
    """The attributes that all models get.

    Raises:
        UserError: runs that exist get none, or not the same.
    """
    if not experiment.existing:
        return experiment.recipe_with(experiment.first_seed, _conditional(experiment, "vae")).networks.attributes
    names = {recipe.networks.attributes for recipe in experiment.recipes}
    if () in names:
        raise UserError("this experiment needs conditional models: train them with --networks.attributes")
    if len(names) > 1:
        raise UserError("the runs have different networks.attributes: they cannot be compared")
    return names.pop()


def _conditional(experiment: Experiment, kind: str) -> dict[str, Any]:
    """The settings of a conditional model: of all attributes, or of those that the recipe names."""
    return {"objective.kind": kind, "networks.attributes": experiment.recipe.networks.attributes or ("all",)}


def _table(experiment: Experiment, found: MeasuredGrid) -> MetricTable:
    first = next(iter(found.values()))[0]
    paper = {} if experiment.existing else {label: PAPER[kind] for kind, label in KINDS.items()}

    def baseline(who: str) -> tuple[str, str]:
        return f"{_number(first, f'attribute_cosine_{who}'):.4f}", f"{_number(first, f'attribute_error_{who}'):.2f}"

    rows: list[tuple[str, tuple[str, ...]]] = [("real held-out images", (*baseline("real"), *(PAPER["real"] if paper else ())))]
    for label, of_seeds in found.items():
        cells = [over_seeds([_number(one, f"attribute_{what}") for one in of_seeds], 4) for what in ("cosine", "error")]
        rows.append((label, (*cells, *paper.get(label, ()))))
    rows.append((f"random real images, best of {EACH}", (*baseline("random"), *(("", "") if paper else ()))))
    heads = ("cosine", "squared error", *(("LFW: cosine", "LFW: error") if paper else ()))
    notes = [experiment.spread_note(), *(() if experiment.existing else (*_order(found), PAPER_NOTE))]
    return MetricTable(
        f"Best of {EACH} samples: cosine similarity to the requested attributes, and squared error", heads, rows, tuple(notes)
    )


PAPER_NOTE = (
    "LFW: the paper's numbers, quoted from memory. They are from another experiment: faces of LFW at 64x64, 73 attributes that are real "
    "numbers on another scale, and another regressor. Do not compare these numbers with the others. Only the order of models can be "
    "compared."
)


def _number(values: Mapping[str, Value], name: str) -> float:
    number = values[name].value
    assert not isinstance(number, list)
    return number


def _order(found: MeasuredGrid) -> list[str]:
    """Sentences on how sure it is that the VAE/GAN is ahead."""
    sentences = []
    ours = found[KINDS["vaegan"]]
    for other in ("vae", "gan"):
        pairs = zip(ours, found[KINDS[other]], strict=True)
        differences = [_number(one, "attribute_cosine") - _number(theirs, "attribute_cosine") for one, theirs in pairs]
        ahead, count = sum(difference > 0 for difference in differences), len(differences)
        sentence = f"The VAE/GAN's cosine similarity is above the {KINDS[other]}'s for {ahead} of {count} seeds"
        if count > 1:
            sentence += f", by {np.mean(differences):+.4f} ± {spread_of(differences) / np.sqrt(count):.4f} (standard error)"
        sentences.append(sentence + ".")
    return sentences


@torch.inference_mode()
def _sheet(
    experiment: Experiment, grid: Grid, found: MeasuredGrid, queries: NDArray[np.int64], attributes: NDArray[np.float32]
) -> Image.Image:
    """Some queries, and what the models of the first seed make of them, a row each."""
    shown = np.arange(min(SHOWN, len(queries)))
    parts = [("held-out images with the requested attributes", to_tensor(experiment.images.images[queries[shown]]))]
    for label, runs in grid.items():
        made = samples_for(runs[0].model(), attributes[shown], shown, seed=runs[0].seed, prior=experiment.prior)
        best = made[torch.from_numpy(shown), torch.tensor(found[label][0]["best_samples"].value)[shown]]
        parts.append((f"{label}: the best of {EACH} samples for each image", best))
    return sheet(parts, len(shown))


def _about(queries: int, attributes: int) -> str:
    return (
        f"Each of {queries:,} held-out images gives a query: its {attributes} attributes. For each query, a model makes {EACH} samples "
        "from its prior. A regressor that was trained on real images alone reads the attributes of each sample. The sample with the "
        "highest cosine similarity to the query counts. Attributes have mean 0 and standard deviation 1 over the training images. "
        "Squared errors are summed over the attributes."
    )
