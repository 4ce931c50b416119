"""What the networks' features are worth to a linear classifier with few labels, beside pixels and an encoder that was never trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import UserError
from ..metrics.base import Value
from ..metrics.context import FEWEST
from ..metrics.few_labels import DRAWS, PIXELS, POOLED, SPACES, Classification, FewLabels
from ..metrics.tables import MetricTable
from .experiment import Experiment
from .page import ExperimentResult, Section, write_page
from .runs import Variant, by_run
from .seeds import over_seeds

VARIANTS = (Variant("vaegan", "VAE/GAN"),)


def features(experiment: Experiment, *, draws: int = DRAWS) -> ExperimentResult:
    """Train a VAE/GAN for every seed, and linear classifiers on what it makes of images; write the tables and the page.

    Args:
        experiment: on a set with attributes or classes.
        draws: how many draws of labels mean and spread are taken over, for each seed.

    Raises:
        UserError: the set has neither, or too few images.
        Stopped: an interrupt or SIGTERM came; the same call continues.
    """
    if draws < 2:
        raise UserError(f"--draws must be at least 2, not {draws}: a standard deviation needs at least two draws")
    if any(recipe.networks.attributes for recipe in experiment.recipes):
        raise UserError("this experiment needs models that are not conditional: use runs without networks.attributes")
    experiment.require(held_out=FEWEST)
    question = Classification.of(experiment.images, *experiment.parts)
    experiment.require(training=FEWEST)
    metrics = [FewLabels(space, draws) for space in SPACES]
    grid = experiment.grid(VARIANTS)
    found = experiment.measure_grid(grid, metrics, strict=True)
    tables = [_table(question, f"{label}: " if experiment.existing else "", found[label], draws) for label in grid]
    about = (
        "Labelled images are drawn from the training images. A linear classifier learns from one of these features: the posterior mean, "
        "the encoder's last hidden layer, the discriminator's last maps averaged to "
        f"{POOLED}x{POOLED}, the hidden layer of an encoder that was never trained, or the pixels averaged to {PIXELS}x{PIXELS}. "
        f"{len(question.held_out):,} held-out images are classified."
    )
    lead = f"A VAE/GAN is trained on {experiment.recipe.data.source} without labels. Do its features help a classifier with few labels?"
    page = write_page(experiment, "Features", lead, [Section("Few labels", about, tables=tables)])
    results = {
        "names": [question.answers.names[column] for column in question.columns],
        "labels": question.labels,
        "draws": draws,
        "runs": {
            one.key: {space: {str(count): _scores([values], space, count) for count in question.labels} for space in SPACES}
            for one, values in by_run(grid, found)
        },
    }
    return ExperimentResult(tables, [experiment.write_results(results), page])


def _scores(of_seeds: Sequence[Mapping[str, Value]], space: str, labels: int) -> list[float]:
    """Of all draws of all seeds."""
    found: list[float] = []
    for values in of_seeds:
        scores = values[f"few_labels_{space}_{labels}"].value
        assert isinstance(scores, list)
        found += scores
    return found


def _table(question: Classification, run: str, of_seeds: Sequence[Mapping[str, Value]], draws: int) -> MetricTable:
    rows = [(label, [over_seeds(_scores(of_seeds, space, count)) for count in question.labels]) for space, label in SPACES.items()]
    names, classes = question.answers.names, question.answers.classes
    asked = f"{len(question.columns)} of {len(names)}"
    if classes:
        title, heads = "accuracy", tuple(f"{count:,} per class" for count in question.labels)
        what = f"{asked} classes. Guessing scores {1 / len(names):.0%}."
    else:
        title, heads = "mean balanced accuracy", tuple(f"{count:,} of each" for count in question.labels)
        what = (
            f"Mean over {asked} attributes, those with enough images. The head of a column is the number of images with the attribute; "
            "as many images do not have it. Guessing scores 0.5."
        )
    many = f" for each of {len(of_seeds)} seeds" if len(of_seeds) > 1 else " for one run"
    notes = (
        f"Ridge regression. Its penalty is chosen on the labelled images alone. {what}",
        f"±: standard deviation over {draws} draws of labels{many}.",
    )
    return MetricTable(f"{run}{title} on held-out images, by number of labels", heads, rows, notes)
