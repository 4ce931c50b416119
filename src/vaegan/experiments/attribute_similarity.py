"""The paper's table 2: whether what conditional models make has the attributes that were asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..data.batches import to_tensor
from ..errors import UserError
from ..spacing import some_of
from ..viz.grid import save, sheet
from .best_of import EACH, Best, best_images, best_of, best_samples, samples_for
from .experiment import Experiment, Run
from .page import Found, Section, write_page
from .regressor import BATCH, MOST, Regressor, regressor_of
from .tables import Table, over_seeds, spread_of

KINDS = {"vae": "VAE", "gan": "GAN", "vaegan": "VAE/GAN"}
"""The models that are compared, in the paper's order."""
PAPER = {
    "real": ("0.9193", "14.20"),
    "vae": ("0.9030", "27.59 ± 1.42"),
    "gan": ("0.8892", "27.89 ± 3.07"),
    "vaegan": ("0.9114", "22.39 ± 1.16"),
}
"""Cosine similarity and squared error of the paper's table 2, on LFW; recalled, not copied from it."""
QUERIES = 1_000
"""Held-out images whose attributes are asked for."""
SHOWN = 10
SHEET = "samples.png"


def attribute_similarity(experiment: Experiment) -> Found:
    """Train conditional models, have a regressor read their samples, and write the table, the sheet and the page.

    Args:
        experiment: on a set with attributes.

    Raises:
        UserError: the set has no attributes that tell images apart, or too few images.
        Stopped: an interrupt or SIGTERM came; run again, it goes on.
    """
    experiment.require(attributes=True, held_out=2, training=BATCH)
    names = experiment.recipe_with(experiment.first_seed, told(experiment, "vae")).networks.attributes
    training, held_out = experiment.parts
    queries = some_of(held_out, QUERIES)
    attributes = experiment.images.attributes_named(names)[queries]
    known = np.isfinite(attributes).any(1)
    queries, attributes = queries[known], attributes[known]
    if not len(queries):
        raise UserError(f"of no held-out image an attribute is known, so none can be asked for: {', '.join(names)}")
    runs = [experiment.trained(kind, seed, told(experiment, kind)) for seed in experiment.seeds for kind in KINDS]
    with experiment.bar() as progress:
        regressor = regressor_of(experiment.images, training, names, experiment.folder, progress)
    measured = {run.folder.name: _measure(experiment, run, regressor, queries, attributes) for run in runs}
    judged = {"regressor": regressor.weights, "images": experiment.images.annotated_identity, "queries": queries.tolist()}
    real = experiment.measured("similarity-real", judged, lambda _: _real(experiment, regressor, queries, attributes).as_json())
    drawn = some_of(training, MOST)
    floor = experiment.measured(
        "similarity-random",
        {**judged, "training": drawn.tolist(), "each": EACH, "seed": experiment.first_seed},
        lambda _: best_images(experiment.images.images, drawn, regressor, attributes, seed=experiment.first_seed).as_json(),
    )
    table = _table(experiment, measured, real, floor)
    picture = _sheet(experiment, runs, measured, queries, attributes)
    results = {
        "queries": len(queries),
        "samples_a_query": EACH,
        "attributes": names,
        "regressor": regressor.weights,
        "real": {**real, "best": None},
        "random": {**floor, "best": None},
        "runs": {name: {**found, "best": None} for name, found in measured.items()},
        "paper_on_lfw_recalled": PAPER,
    }
    sections = [
        Section("Similarity", _about(len(queries), len(names)), tables=[table]),
        Section(
            "Samples",
            f"For the attributes of the images in the first row, the best of {EACH} samples of each model.",
            [("Samples", picture)],
        ),
    ]
    lead = f"Conditional models on {experiment.recipe.data.source}, told {len(names)} attributes: do their samples have what was asked for?"
    page = write_page(experiment, "Attribute similarity", lead, sections)
    files = [save(picture, experiment.folder / SHEET), experiment.write_results(results), page]
    return Found([table], files)


def told(experiment: Experiment, kind: str) -> dict[str, Any]:
    """The settings of a conditional model: of all attributes, or of those that the recipe names."""
    return {"objective.kind": kind, "networks.attributes": experiment.recipe.networks.attributes or ("all",)}


def _measure(
    experiment: Experiment, run: Run, regressor: Regressor, queries: NDArray[np.int64], attributes: NDArray[np.float32]
) -> dict[str, Any]:
    depends_on = {
        "weights": run.weights,
        "regressor": regressor.weights,
        "images": experiment.images.annotated_identity,
        "queries": queries.tolist(),
        "each": EACH,
        "seed": run.seed,
    }
    found: dict[str, Any] = experiment.measured(
        f"similarity-{run.folder.name}",
        depends_on,
        lambda progress: best_samples(run.model(), regressor, attributes, seed=run.seed, progress=progress).as_json(),
    )
    return found


def _real(experiment: Experiment, regressor: Regressor, queries: NDArray[np.int64], attributes: NDArray[np.float32]) -> Best:
    """What the regressor reads off the held-out images themselves."""
    parts = [queries[start : start + 250] for start in range(0, len(queries), 250)]
    readings = np.concatenate([regressor.read(to_tensor(experiment.images.images[part])) for part in parts])
    return best_of(regressor.standard(attributes), readings[:, None])


def _table(experiment: Experiment, measured: dict[str, dict[str, Any]], real: dict[str, Any], floor: dict[str, Any]) -> Table:
    rows: list[tuple[str, tuple[str, ...]]] = []
    rows.append(("real held-out images", (f"{real['cosine']:.4f}", f"{real['error']:.2f}", *PAPER["real"])))
    for kind, label in KINDS.items():
        cells = [over_seeds([measured[f"{kind}-{seed}"][what] for seed in experiment.seeds], 4) for what in ("cosine", "error")]
        rows.append((label, (*cells, *PAPER[kind])))
    rows.append((f"random real images, best of {EACH}", (f"{floor['cosine']:.4f}", f"{floor['error']:.2f}", "", "")))
    heads = ("cosine", "squared error", "LFW: cosine", "LFW: error")
    notes = [experiment.spread_note(), *_order(experiment, measured), PAPER_NOTE]
    return Table(f"Best of {EACH}: cosine similarity to the attributes asked for, and squared error", heads, rows, tuple(notes))


PAPER_NOTE = (
    "LFW: the paper's figures, recalled, and of another experiment: faces of LFW at 64x64 with 73 attributes whose values are real numbers "
    "and scaled otherwise, another regressor. Levels cannot be compared with those here; the order of the models can."
)


def _order(experiment: Experiment, measured: dict[str, dict[str, Any]]) -> list[str]:
    """Sentences on how sure it is that the VAE/GAN is ahead."""
    sentences = []
    for other in ("vae", "gan"):
        differences = [measured[f"vaegan-{seed}"]["cosine"] - measured[f"{other}-{seed}"]["cosine"] for seed in experiment.seeds]
        ahead, count = sum(difference > 0 for difference in differences), len(differences)
        sentence = f"The VAE/GAN's cosine similarity is above the {KINDS[other]}'s for {ahead} of {count} seeds"
        if count > 1:
            sentence += f", by {np.mean(differences):+.4f} ± {spread_of(differences) / np.sqrt(count):.4f} (standard error)"
        sentences.append(sentence + ".")
    return sentences


@torch.inference_mode()
def _sheet(
    experiment: Experiment,
    runs: list[Run],
    measured: dict[str, dict[str, Any]],
    queries: NDArray[np.int64],
    attributes: NDArray[np.float32],
) -> Image.Image:
    """Some queries, and what the models of the first seed make of them, a row a kind."""
    shown = np.arange(min(SHOWN, len(queries)))
    parts = [("held-out images, whose attributes are asked for", to_tensor(experiment.images.images[queries[shown]]))]
    for run in runs:
        if run.seed == experiment.first_seed:
            made = samples_for(run.model(), attributes[shown], shown, seed=run.seed)
            best = made[torch.from_numpy(shown), torch.tensor(measured[run.folder.name]["best"])[shown]]
            parts.append((f"{KINDS[run.name]}: the best of {EACH} samples of each", best))
    return sheet(parts, len(shown))


def _about(queries: int, attributes: int) -> str:
    return (
        f"The {attributes} attributes of each of {queries:,} held-out images are a query. A model that is told them makes {EACH} samples, "
        "of codes from the prior. A regressor, trained on real images alone, reads the attributes off each, and the best sample by cosine "
        "similarity to the query counts. Attributes have mean 0 and standard deviation 1 over the training images; squared errors are "
        "summed over them."
    )
