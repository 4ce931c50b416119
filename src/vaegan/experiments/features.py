"""What the networks' features are worth to a linear classifier with few labels, beside pixels and an encoder that was never trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ..data import ImageSet
from ..data.batches import to_tensor
from ..errors import UserError
from ..models.vaegan import PART, VAEGAN
from ..progress import Progress
from ..spacing import some_of
from .experiment import Experiment, Run
from .linear import fit
from .page import Found, Section, write_page
from .tables import Table, over_seeds

LABELS = (10, 100, 1_000)
"""Images of each class, or with an attribute and as many without."""
DRAWS, FEWEST = 5, 20
POOLED = 2
"""Height and width that the discriminator's maps are averaged to."""
PIXELS = 16
"""And images: a linear classifier of more has too many weights."""
MOST = 20_000
"""Training images that labels are drawn from, and at most how many held-out ones are classified."""
SPACES = {
    "codes": "codes",
    "hidden": "encoder",
    "discriminator": f"discriminator, {POOLED}x{POOLED}",
    "random": "untrained encoder",
    "pixels": f"pixels, {PIXELS}x{PIXELS}",
}


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be learned of the images of a set."""

    names: tuple[str, ...]
    """Attributes, or classes."""
    answers: NDArray[np.float64]
    """Images x names: 1 where an image has the attribute or is of the class, -1 where not, NaN where that is not known."""
    classes: bool

    @classmethod
    def of(cls, images: ImageSet) -> Task:
        """A set's attributes, one by one, or where it has none its classes.

        Raises:
            UserError: it has neither.
        """
        if images.attribute_names:
            said = images.attributes
            return cls(images.attribute_names, np.where(np.isnan(said), np.nan, np.where(said > 0, 1.0, -1.0)), classes=False)
        names, labels = [name for name in images.classes if name], np.array(images.labels)
        if len(names) < 2:
            raise UserError(f"the set {images.folder} has neither attributes nor classes: give some by vaegan prepare --attributes")
        answers = np.where(labels[:, None] == np.array(names), 1.0, -1.0)
        return cls(tuple(names), np.where((labels == "")[:, None], np.nan, answers), classes=True)

    def examples(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each name, how many labelled images can be drawn of each side: of a class, its own."""
        yes, no = ((self.answers[numbers] == value).sum(0) for value in (1, -1))
        return np.asarray(yes if self.classes else np.minimum(yes, no))

    def score(self, train: NDArray[np.float64], test: NDArray[np.float64], numbers: Numbering, labels: int, seed: list[int]) -> float:
        """How well classifiers do that learn from so many labels: accuracy over classes, or mean balanced accuracy over attributes.

        Args:
            train: features of the training images, N x D.
            test: of the held-out ones.
            numbers: which images these are, and which names are asked for.
            labels: how many images of each class, or with and without each attribute, are drawn from the training images.
            seed: of the draw.
        """
        from sklearn.metrics import balanced_accuracy_score

        random = np.random.default_rng(seed)
        known, truth = self.answers[numbers.training][:, numbers.columns], self.answers[numbers.held_out][:, numbers.columns]
        if self.classes:
            chosen = np.concatenate([random.choice(np.flatnonzero(answers == 1), labels, replace=False) for answers in known.T])
            weights, offsets = fit(train[chosen], known[chosen])
            asked = np.isfinite(truth).all(1) & (truth == 1).any(1)
            return float(((test[asked] @ weights + offsets).argmax(1) == truth[asked].argmax(1)).mean())
        scores = []
        for answers, right in zip(known.T, truth.T, strict=True):
            chosen = np.concatenate([random.choice(np.flatnonzero(answers == side), labels, replace=False) for side in (1, -1)])
            weights, offsets = fit(train[chosen], answers[chosen, None])
            said = (test @ weights + offsets)[:, 0] > 0
            asked = np.isfinite(right)
            if (right == 1).any() and (right == -1).any():
                scores.append(balanced_accuracy_score(right[asked] == 1, said[asked]))
        return float(np.mean(scores)) if scores else float("nan")


class Numbering(NamedTuple):
    """Which images of a set, and which names of a task."""

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    columns: NDArray[np.int64]


def features(experiment: Experiment, *, draws: int = DRAWS) -> Found:
    """Train a VAE/GAN for every seed, and linear classifiers on what it makes of images; write the table and the page.

    Args:
        experiment: on a set with attributes or classes.
        draws: how many draws of labels mean and spread are taken over, for each seed.

    Raises:
        UserError: the set has neither, or too few images.
        Stopped: an interrupt or SIGTERM came; run again, it goes on.
    """
    if draws < 2:
        raise UserError(f"a spread needs --draws of at least 2, not {draws}")
    if experiment.recipe.networks.attributes:
        raise UserError("networks.attributes: a model that is told them need not find them out; leave it out")
    experiment.require(held_out=FEWEST)
    task = Task.of(experiment.images)
    training, held_out = (some_of(part, MOST) for part in experiment.parts)
    examples = task.examples(training)
    enough = [count for count in LABELS if (examples.min() if task.classes else examples.max()) >= count]
    if not enough:
        each = "of each class" if task.classes else "with, and as many without, an attribute"
        raise UserError(f"labels are drawn from at least {LABELS[0]} training images {each}: there are fewer")
    numbers = Numbering(training, held_out, np.flatnonzero(examples >= enough[-1]))
    found = {}
    for seed in experiment.seeds:
        run = experiment.trained("vaegan", seed, {})
        found[run.folder.name] = _measured(experiment, run, task, numbers, enough=enough, draws=draws)
    table = _table(experiment, task, numbers, found, draws)
    about = (
        "Labelled images are drawn from the training images, and a linear classifier learns from what each network makes of them: the "
        "posterior mean of the code, the encoder's last hidden layer, the discriminator's last maps averaged to "
        f"{POOLED}x{POOLED}, the hidden layer of an encoder that was never trained, or the pixels, averaged to {PIXELS}x{PIXELS}. "
        f"{len(held_out):,} held-out images are classified."
    )
    lead = f"What a VAE/GAN, trained on {experiment.recipe.data.source} without labels, is worth to a classifier with few of them."
    page = write_page(experiment, "Features", lead, [Section("Few labels", about, tables=[table])])
    results = {"names": [task.names[column] for column in numbers.columns], "labels": enough, "draws": draws, "runs": found}
    return Found([table], [experiment.write_results(results), page])


def _measured(experiment: Experiment, run: Run, task: Task, numbers: Numbering, *, enough: list[int], draws: int) -> dict[str, Any]:
    """Of each space, and each number of labels, the scores of all draws; each space is kept as soon as it is done."""
    made: list[dict[str, NDArray[np.float64]]] = []  # of training and held-out images, once for all spaces

    def measure(space: str, progress: Progress) -> dict[str, list[float]]:
        if not made:
            made.extend([spaces(run.model(), experiment.images, part, run.seed, progress) for part in numbers[:2]])
        train, test = (part[space] for part in made)
        middle, scale = train.mean(0), np.maximum(train.std(0), 1e-6)
        one, other = ((part - middle) / scale for part in (train, test))
        scores: dict[str, list[float]] = {}
        for done, labels in enumerate(enough):
            progress(f"classifying: {SPACES[space]}", done, len(enough))
            scores[str(labels)] = [task.score(one, other, numbers, labels, [run.seed, labels, draw]) for draw in range(draws)]
        return scores

    depends_on = {
        "weights": run.weights,
        "images": experiment.images.annotated_identity,
        "numbers": [part.tolist() for part in numbers],
        "names": task.names,
        "labels": enough,
        "draws": draws,
    }
    return {space: experiment.measured(f"features-{run.folder.name}-{space}", depends_on, partial(measure, space)) for space in SPACES}


@torch.inference_mode()
def spaces(
    model: VAEGAN, images: ImageSet, numbers: NDArray[np.int64], seed: int, progress: Progress = lambda *_: None
) -> dict[str, NDArray[np.float64]]:
    """What networks make of images: for each of `SPACES`, N x D.

    Args:
        model: in evaluation mode.
        images: a set.
        numbers: which of its images.
        seed: of the weights of the encoder that was never trained.
        progress: called as the work goes on.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = VAEGAN(model.architecture).eval().to(model.device)
    parts: dict[str, list[Tensor]] = {space: [] for space in SPACES}
    for start in range(0, len(numbers), PART):
        pixels = to_tensor(images.images[numbers[start : start + PART]], model.device)
        maps = model.discriminator.last_maps_of(model.discriminator.stem(pixels))
        made = {
            "codes": model.encoder(pixels)[0],
            "hidden": model.encoder.features(pixels),
            "discriminator": adaptive_avg_pool2d(maps, POOLED).flatten(1),
            "random": untrained.encoder.features(pixels),
            "pixels": adaptive_avg_pool2d(pixels, PIXELS).flatten(1),
        }
        for space, values in made.items():
            parts[space].append(values.float().cpu())
        progress("what networks make of images", min(start + PART, len(numbers)), len(numbers))
    return {space: torch.cat(values).double().numpy() for space, values in parts.items()}


def _table(experiment: Experiment, task: Task, numbers: Numbering, found: dict[str, dict[str, Any]], draws: int) -> Table:
    labels = list(next(iter(found.values()))["codes"])
    rows = [
        (label, [over_seeds([score for one in found.values() for score in one[space][count]]) for count in labels])
        for space, label in SPACES.items()
    ]
    asked = f"{len(numbers.columns)} of {len(task.names)}"
    if task.classes:
        title, heads = "accuracy", tuple(f"{int(count):,} a class" for count in labels)
        what = f"{asked} classes; guessing is right {1 / len(task.names):.0%} of the time."
    else:
        title, heads = "mean balanced accuracy", tuple(f"{int(count):,} of each" for count in labels)
        what = f"so many with and without each of {asked} attributes, those with enough for the last column; guessing has 0.5."
    many = f" for each of {len(experiment.seeds)} seeds" if len(experiment.seeds) > 1 else ", of one run"
    notes = (
        f"Ridge regression, its penalty chosen on the labelled images alone; {what}",
        f"±: standard deviation over {draws} draws of labels{many}.",
    )
    return Table(f"{title} on held-out images, by labels", heads, rows, notes)
