"""What a network's features are worth to a linear classifier with few labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ..data import ImageSet, Indices
from ..data.any_images import called
from ..data.batches import to_tensor
from ..errors import UserError
from ..evenly_spaced import subsample
from ..models.vaegan import PART, VAEGAN
from ..progress import Progress
from .base import Metric, Value

if TYPE_CHECKING:
    from .context import Context

LABELS = (10, 100, 1_000)
"""Images of each class, or with an attribute and as many without."""
DRAWS = 5
POOLED = 2
"""Height and width that the discriminator's maps are averaged to."""
PIXELS = 16
"""And images: a linear classifier of more has too many weights."""
MOST = 20_000
"""Training images that labels are drawn from, and at most how many held-out ones are classified."""
PENALTIES = 10.0 ** np.arange(-6, 3)
"""Of ridge regression, as parts of the sum of squares of all features of all images."""
Space = Literal["codes", "hidden", "discriminator", "random", "pixels"]
SPACES: dict[Space, str] = {
    "codes": "codes",
    "hidden": "encoder",
    "discriminator": f"discriminator, {POOLED}x{POOLED}",
    "random": "untrained encoder",
    "pixels": f"pixels, {PIXELS}x{PIXELS}",
}
"""What classifiers read, and what people call it."""


@dataclass(frozen=True)
class FewLabels(Metric):
    """Scores of classifiers that read one of `SPACES`: accuracy over classes, or mean balanced accuracy over attributes."""

    needs: ClassVar = ("encoder", "discriminator")

    space: Space = "codes"
    draws: int = DRAWS
    """Of labels."""

    @property
    def name(self) -> str:  # type: ignore[override]
        """With the space in it."""
        return f"few_labels_{self.space}"

    def __call__(self, context: Context) -> Iterable[Value]:
        """For each number of labels, the score of each draw."""
        images, seed, progress = context.images, context.seed, context.progress
        question = context.once("question", lambda: Classification.of(images, context.training, context.held_out))
        both = (question.training, question.held_out)
        made = context.once("spaces", lambda: [spaces(context.model, images, indices, seed, progress) for indices in both])
        train, test = (part[self.space] for part in made)
        middle, scale = train.mean(0), np.maximum(train.std(0), 1e-6)
        one, other = ((part - middle) / scale for part in (train, test))
        for done, labels in enumerate(question.labels):
            progress(f"classifying: {SPACES[self.space]}", done, len(question.labels))
            scores = [question.score(one, other, labels, [seed, labels, draw]) for draw in range(self.draws)]
            label = f"{SPACES[self.space]}, {labels:,} labels"
            yield Value(f"{self.name}_{labels}", scores, label, "few labels", f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}")


class Classification(NamedTuple):
    """What is asked of classifiers."""

    answers: Targets
    training: NDArray[np.int64]
    """Indices of the images that labels are drawn from."""
    held_out: NDArray[np.int64]
    """Indices of the images that are classified."""
    columns: NDArray[np.int64]
    """Which of the names are asked for."""
    labels: list[int]
    """How many of each are drawn."""

    @classmethod
    def of(cls, images: ImageSet, training: Indices, held_out: Indices) -> Classification:
        """Of all names of a set that have enough examples for the most labels.

        Raises:
            UserError: the set has neither attributes nor classes, or too few images of each.
        """
        answers = Targets.of(images)
        learned, asked = (subsample(part, MOST) for part in (training, held_out))
        examples = answers.examples(learned)
        enough = [count for count in LABELS if (examples.min() if answers.classes else examples.max()) >= count]
        if not enough:
            each = "of each class" if answers.classes else f"with an attribute and {LABELS[0]} without it"
            raise UserError(f"there are too few labels: at least {LABELS[0]} training images {each} are needed")
        return cls(answers, learned, asked, np.flatnonzero(examples >= enough[-1]), enough)

    def score(self, train: NDArray[np.float64], test: NDArray[np.float64], labels: int, seed: list[int]) -> float:
        """How well classifiers do that learn from so many labels: accuracy over classes, or mean balanced accuracy over attributes.

        Args:
            train: features of the training images, N x D.
            test: of the held-out ones.
            labels: how many images of each class, or with and without each attribute, are drawn from the training images.
            seed: of the draw.
        """
        from sklearn.metrics import balanced_accuracy_score

        random = np.random.default_rng(seed)
        known, truth = (self.answers.signs[indices][:, self.columns] for indices in (self.training, self.held_out))
        if self.answers.classes:
            drawn = np.concatenate([random.choice(np.flatnonzero(answers == 1), labels, replace=False) for answers in known.T])
            weights, offsets = fit_ridge(train[drawn], known[drawn])
            asked = np.isfinite(truth).all(1) & (truth == 1).any(1)
            return float(((test[asked] @ weights + offsets).argmax(1) == truth[asked].argmax(1)).mean())
        scores = []
        for answers, right in zip(known.T, truth.T, strict=True):
            drawn = np.concatenate([random.choice(np.flatnonzero(answers == side), labels, replace=False) for side in (1, -1)])
            weights, offsets = fit_ridge(train[drawn], answers[drawn, None])
            said = (test @ weights + offsets)[:, 0] > 0
            asked = np.isfinite(right)
            if (right == 1).any() and (right == -1).any():
                scores.append(balanced_accuracy_score(right[asked] == 1, said[asked]))
        return float(np.mean(scores)) if scores else float("nan")


@dataclass(frozen=True, eq=False)
class Targets:
    """What is known of the images of a set."""

    names: tuple[str, ...]
    """Attributes, or classes."""
    signs: NDArray[np.float64]
    """Images x names: 1 where an image has the attribute or is of the class, -1 where not, NaN where that is not known."""
    classes: bool

    @classmethod
    def of(cls, images: ImageSet) -> Targets:
        """A set's attributes, one by one, or where it has none its classes.

        Raises:
            UserError: it has neither.
        """
        if images.attribute_names:
            said = images.attributes
            return cls(images.attribute_names, np.where(np.isnan(said), np.nan, np.where(said > 0, 1.0, -1.0)), classes=False)
        names, labels = [name for name in images.classes if name], np.array(images.labels)
        if len(names) < 2:
            way_out = f"add some with: {images.preparation.command('--attributes', 'TABLE.csv')}; then use the new set with --data SET"
            raise UserError(f"{called(images)} has neither attributes nor classes: {way_out}")
        signs = np.where(labels[:, None] == np.array(names), 1.0, -1.0)
        return cls(tuple(names), np.where((labels == "")[:, None], np.nan, signs), classes=True)

    def examples(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each name, how many labelled images can be drawn of each side: of a class, its own."""
        yes, no = ((self.signs[indices] == value).sum(0) for value in (1, -1))
        return np.asarray(yes if self.classes else np.minimum(yes, no))


def fit_ridge(features: NDArray[np.float64], answers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge regression, with the penalty of the least squared error where each image in turn is left out.

    Args:
        features: N x D.
        answers: N x C, -1 or 1.

    Returns:
        Weights, D x C, and offsets, C.
    """
    from sklearn.linear_model import RidgeCV

    size = max(float(np.square(features - features.mean(0)).sum()), 1e-300)  # a penalty is above 0, whatever the features
    way = "svd" if len(features) > features.shape[1] else "eigen"  # the faster one; "auto" takes twice as long for many images
    model = RidgeCV(alphas=PENALTIES * size, gcv_mode=way).fit(features, answers)
    return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


@torch.inference_mode()
def spaces(
    model: VAEGAN, images: ImageSet, indices: NDArray[np.int64], seed: int, progress: Progress = lambda *_: None
) -> dict[Space, NDArray[np.float64]]:
    """What networks make of images: for each of `SPACES`, N x D.

    Args:
        model: in evaluation mode.
        images: a set.
        indices: which of its images.
        seed: of the weights of the encoder that was never trained.
        progress: called as the work goes on.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = VAEGAN(model.architecture).eval().to(model.device, model.dtype)
    parts: dict[Space, list[Tensor]] = {space: [] for space in SPACES}
    for start in range(0, len(indices), PART):
        pixels = to_tensor(images.images[indices[start : start + PART]], model.device).to(model.dtype)
        maps = model.discriminator.last_maps_of(model.discriminator.stem(pixels))
        made: dict[Space, Tensor] = {
            "codes": model.encoder(pixels)[0],
            "hidden": model.encoder.features(pixels),
            "discriminator": adaptive_avg_pool2d(maps, POOLED).flatten(1),
            "random": untrained.encoder.features(pixels),
            "pixels": adaptive_avg_pool2d(pixels, PIXELS).flatten(1),
        }
        for space, values in made.items():
            parts[space].append(values.float().cpu())
        progress("what networks make of images", min(start + PART, len(indices)), len(indices))
    return {space: torch.cat(values).double().numpy() for space, values in parts.items()}
