"""The paper's second experiment: held-out images with visual attribute vectors added, and how well the vectors tell images apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image

from ..data.batches import to_tensor
from ..errors import UserError
from ..evenly_spaced import subsample
from ..latent.directions import HOWS, Directions, How
from ..latent.figures import edits
from ..latent.learn_directions import MOST, learn_from, learnable, too_few_examples
from ..metrics.tables import MetricTable
from ..viz.grid import save
from .experiment import Experiment
from .page import ExperimentResult, Section, write_page
from .runs import GridRun, Variant
from .seeds import over_seeds

VARIANTS = (Variant("vaegan", "VAE/GAN"),)
SHOWN, ACROSS = 6, 8
"""Images, and attributes of the figure."""
HOW_SAID = {"mean": "the difference of means, as in the paper", "probe": "the probe, which keeps the other attributes as they are"}


def attribute_vectors(experiment: Experiment, names: tuple[str, ...] = ()) -> ExperimentResult:
    """Train a VAE/GAN for every seed, or take runs that exist, learn its attributes' directions, and write figures, table and page.

    Args:
        experiment: on a set with attributes.
        names: of the attributes in the figures; by default those that the probe tells best.

    Raises:
        UserError: the set has no attributes, or none of such a name.
        Stopped: an interrupt or SIGTERM came; the same call continues.
    """
    if any(recipe.networks.attributes for recipe in experiment.recipes):
        raise UserError("this experiment needs models that are not conditional: leave out networks.attributes")
    experiment.require(attributes=True, held_out=SHOWN)
    _require_learnable(experiment, names)
    grid = experiment.grid(VARIANTS)
    directions_of = {label: [_directions(experiment, one) for one in runs] for label, runs in grid.items()}
    made = [_table(experiment, f"{label}: " if experiment.existing else "", learned) for label, learned in directions_of.items()]
    tables, best = [table for table, _ in made], made[0][1]
    runs = [one for of_variant in grid.values() for one in of_variant]
    learned = [one for of_variant in directions_of.values() for one in of_variant]
    shown = names or tuple(best[:ACROSS])
    figures = {how: _figure(experiment, runs[0], learned[0], shown, how) for how in HOWS}
    which = "the first run" if experiment.existing else f"seed {experiment.first_seed}"
    about = (
        f"Held-out images, their reconstructions, and the reconstructions with an attribute added at strength 1. The model is from {which}."
    )
    sections = [
        *(
            Section(f"Edits by {HOW_SAID[how].split(',')[0]}", f"{about} The direction is {HOW_SAID[how]}.", [(how, figures[how])])
            for how in ("mean", "probe")
        ),
        Section("How well images are separated by attribute", tables=tables),
    ]
    lead = f"Directions of attributes in the latent space of a VAE/GAN on {experiment.recipe.data.source}."
    page = write_page(experiment, "Attribute vectors", lead, sections)
    results = {"shown": shown, "runs": {one.key: directions.about for one, directions in zip(runs, learned, strict=True)}}
    pictures = [save(figures[how], experiment.folder / f"edits-by-{how}.png") for how in figures]
    return ExperimentResult(tables, [*pictures, experiment.write_results(results), page])


def _require_learnable(experiment: Experiment, names: tuple[str, ...]) -> None:
    """See that the training images are enough for these attributes, or where none are named for any, before anything is trained.

    Raises:
        UserError: they are not, or there is no such attribute.
    """
    images, learned = experiment.images, subsample(experiment.parts[0], MOST)
    columns, lacking = learnable(images.attributes_named(names or images.attribute_names)[learned], names or images.attribute_names)
    if names and lacking:
        raise UserError(f"{lacking[0].replace('left out ', 'cannot learn ', 1)}: choose other attributes with --attributes")
    if not columns:
        raise too_few_examples(images)


def _directions(experiment: Experiment, one: GridRun) -> Directions:
    """Those of a run, learned once: they are kept in its folder, where vaegan edit finds them, too."""
    path = one.run.attributes_file
    model = one.model()
    identity = experiment.images.identity

    def learn(progress: Any) -> str:
        directions, _ = learn_from(model, experiment.images, *experiment.parts, progress)
        directions.store(path, one.run.argument)
        return str(directions.about["weights"])

    depends_on = {"weights": one.weights, "images": experiment.images.annotated_identity}
    weights = experiment.measured(f"directions-{one.key}", depends_on, learn)
    try:
        directions = Directions.load(path).of_attributes
        if (directions.about.get("weights"), directions.about.get("identity")) == (weights, identity):
            return directions
    except UserError:  # it is gone, or damaged
        pass
    with experiment.bar() as progress:
        learn(progress)
    return Directions.load(path).of_attributes


def _table(experiment: Experiment, run: str, learned: list[Directions]) -> tuple[MetricTable, list[str]]:
    """Accuracies over seeds, and the names of the attributes, the best known first."""
    names = [name for name in learned[0].names if all(name in directions.names for directions in learned)]
    rows: list[tuple[str, list[str]]] = []
    means: dict[str, float] = {}
    for name in names:
        cells = []
        for which in (0, 1):
            for how in ("mean", "probe"):
                found = [directions.about[how][directions.names.index(name)][which] for directions in learned]
                known = [math.nan if value is None else value for value in found]
                cells.append(over_seeds(known))
        means[name] = float(np.nan_to_num(np.mean(known), nan=0.0))  # the last: AUC of the probe
        rows.append((name, cells))
    rows.sort(key=lambda row: -means[row[0]])
    heads = ("accuracy, means", "accuracy, probe", "AUC, means", "AUC, probe")
    notes = (
        "Accuracy: the mean of the accuracy for images with the attribute and for images without it. AUC: how often an image with the "
        "attribute ranks above one without it. For both, 0.5 is no better than chance. A dash (-) means that there are too few held-out "
        "images with the attribute, or without it.",
        experiment.spread_note(),
    )
    return MetricTable(f"{run}Attributes of held-out images, read from their codes", heads, rows, notes), [name for name, _ in rows]


def _figure(experiment: Experiment, one: GridRun, directions: Directions, names: tuple[str, ...], how: How) -> Image.Image:
    """A row for each of some held-out images, a column for each attribute."""
    held_out = experiment.parts[1]
    images, model = to_tensor(experiment.images.images[subsample(held_out, SHOWN)]), one.model()
    codes = model.encode(images, check=False).mean.detach()
    return edits(model, directions, images, codes, steps=[{name: 1.0} for name in names], how=how)
