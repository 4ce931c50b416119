"""Learning the directions of attributes from the codes of training images; see `vaegan.latent.directions` for what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import ImageSet, Indices
from ..data.any_images import called
from ..errors import NOT_FINITE, UserError
from ..evenly_spaced import subsample
from ..models.fingerprint import fingerprint
from ..models.vaegan import PART, VAEGAN
from ..progress import Progress
from ..words import command, counted
from .directions import Directions, How
from .encode import encode
from .principal import NAME, principal_directions

MOST = 200_000
"""Images that are learned from at most: more would say the same."""
FEWEST = 10
"""Images with an attribute, and without it, below which nothing is learned of it."""
RIDGE = 1e-3
"""Penalty of the probes, as a part of the mean variance of a code."""
MANY = 50
"""Images of each kind, below which it is said that an accuracy is uncertain."""
WEAK = 0.75
"""An AUC of the probe, below which edits hardly work: on avatars, smiles have about that, and edits hardly change them (docs/edit.md)."""
NAMED = 3
"""So many attributes are named in a sentence."""
TOGETHER = 0.01
"""Two attributes exclude each other if they go together at most this often, as a part of what chance would have."""
TRIED = (0.5, 1.0, 1.5, 2.0)
"""Lengths that `calibrate` tries."""
LOOKED_AT = 128
"""Images that it tries them on."""
ENOUGH = 0.9
"""How much of the way is enough: some images never go it all, and for their sake the others would be overdone."""


class Accuracy(NamedTuple):
    """How well a direction tells images with an attribute from those without; NaN where there are not both."""

    balanced: float
    """The mean of the share of yeses and of the share of noes that are right; 0.5 is guessing."""
    auc: float
    """How often an image with it is above one without; 0.5 is guessing."""


def learn_from(
    model: VAEGAN, images: ImageSet, training: Indices, held_out: Indices, progress: Progress = lambda *_: None
) -> tuple[Directions, list[str]]:
    """Directions of all attributes of a set that have enough examples, calibrated and tried on held-out images; and what there is to say.

    Args:
        model: in evaluation mode.
        images: a set with attributes.
        training: indices of the images to learn from; of more than `MOST`, so many, evenly spread.
        held_out: indices of others, to say how well the directions tell images apart.
        progress: called as the work goes on.

    Raises:
        UserError: the set has no attributes, or none with enough examples.
    """
    if not images.attribute_names:
        then = command("attributes", "RUN", "--data", "SET")
        way_out = f"add some with: {images.preparation.command('--attributes', 'TABLE.csv')}; then learn them with: {then}"
        raise UserError(f"{called(images)} has no attributes: {way_out}")
    known = images.attributes
    learned, tried = (subsample(part, MOST) for part in (training, held_out))
    columns, notes = learnable(known[learned], images.attribute_names)
    if not columns:
        raise too_few_examples(images)
    names = [images.attribute_names[column] for column in columns]
    answers = known[:, columns]
    codes = encode(model, images.images, learned, progress).mean
    directions = calibrate(learn(codes, answers[learned], names), model, codes, answers[learned], progress)
    scores = accuracies(directions, encode(model, images.images, tried, progress).mean, answers[tried])
    about: dict[str, Any] = {
        "set": images.manifest["made_from"]["source"],
        "identity": images.identity,
        "weights": fingerprint(model),
        "learned_from": len(learned),
        "tried_on": len(tried),
        **{
            key: [[int(which.sum()) for which in _both(answers[part, a])] for a in range(len(names))]
            for key, part in (("counts", learned), ("tested", tried))
        },
        **{how: [[None if np.isnan(value) else value for value in pair] for pair in pairs] for how, pairs in scores.items()},
    }
    return replace(directions, about=about, principal=principal_directions(model)), notes


def uncertainty(counts: Sequence[int]) -> float:
    """How far the mean of two shares of so many images may be off: two standard errors, if both shares are 0.5."""
    return float(np.sqrt(sum(1 / count for count in counts)) / 2)


def note_on_few(directions: Directions) -> str:
    """A sentence on the attributes whose accuracy is of few held-out images; empty if there are none."""
    few = {name: counts for name, counts in zip(directions.names, directions.about["tested"], strict=True) if 0 < min(counts) < MANY}
    if not few:
        return ""
    worst, error = max(((name, uncertainty(counts)) for name, counts in few.items()), key=lambda pair: pair[1])
    if len(few) == 1:
        yes, no = few[worst]
        have = f'"{worst}" was tested on few held-out images, {yes} with it and {no} without it'
        return f"note: {have}, so its measured accuracy may be wrong by {error:.2f}: at least {MANY} of each are better"
    which = f"{len(few)} attributes have few held-out images, so their measured accuracies may be wrong"
    return f'note: {which}, by up to {error:.2f} for "{worst}": hold out at least {MANY} images with each attribute and {MANY} without it'


def note_on_weak(aucs: Mapping[str, float | None]) -> str:
    """A sentence on the attributes that edits hardly change, by the AUC of the probe of each; empty if there are none."""
    weak = [name for name, auc in aucs.items() if auc is not None and auc < WEAK]
    if not weak:
        return ""
    names = ", ".join(f'"{name}"' for name in weak[:NAMED]) + (f" and {len(weak) - NAMED} more" if len(weak) > NAMED else "")
    weakly = f"images with and without the attribute have similar codes (AUC below {WEAK})"
    return f"note: edits of {names} may change images very little: {weakly}"


def learnable(answers: NDArray[np.float32], names: Sequence[str], fewest: int = FEWEST) -> tuple[list[int], list[str]]:
    """The columns of attributes that have enough images with and without them, and a sentence for each other one."""
    columns, sentences = [], []
    for column, name in enumerate(names):
        yes, no = int((answers[:, column] > 0).sum()), int((answers[:, column] <= 0).sum())
        if NAME.fullmatch(name):
            sentences.append(f'left out the attribute "{name}": a principal direction has this name; give the attribute another name')
        elif min(yes, no) >= fewest:
            columns.append(column)
        else:
            have, lack = counted(yes, "image"), f"{no:,} {'does' if no == 1 else 'do'} not"
            sentences.append(f'left out the attribute "{name}": {have} it and {lack}, and at least {fewest} of each are needed')
    return columns, sentences


def too_few_examples(images: ImageSet) -> UserError:
    """The mistake of a set of whose attributes none can be learned."""
    return UserError(
        f"{called(images)} has no attribute with enough examples: at least {FEWEST} training images must have it, and "
        f"{FEWEST} must not; use a set that has more images"
    )


def learn(codes: Tensor, answers: NDArray[np.float32], names: Sequence[str], *, fewest: int = FEWEST) -> Directions:
    """Directions of attributes, from training images; all lengths are 1.

    Args:
        codes: posterior means of N images, N x latent.
        answers: N x A; above 0 where an image has an attribute, NaN where that is not known.
        names: of the A attributes.
        fewest: images with an attribute, and without it, that are enough.

    Raises:
        UserError: an attribute has too few images with it or without it (see `learnable`), or the codes say nothing.
    """
    _, wrong = learnable(answers, names, fewest)
    if wrong or not len(names):
        raise UserError(wrong[0] if wrong else "there are no attributes to learn")
    z = codes.double()
    if not torch.isfinite(z).all():
        raise UserError(NOT_FINITE)
    if torch.equal(z, z[:1].expand_as(z)):
        raise UserError("all of these images have the same code: the model has learned nothing about them")
    values = torch.from_numpy(np.asarray(answers, np.float64))
    known, has = ~values.isnan(), values > 0  # N x A
    yes, no = has.double(), (known & ~has).double()
    means = (yes.T @ z) / yes.sum(0)[:, None] - (no.T @ z) / no.sum(0)[:, None]

    centred = z - z.mean(0)
    shares = yes.sum(0) / known.sum(0)
    varied = torch.where(known, yes - shares, 0)  # what is not known counts as the mean
    together = varied.T @ centred
    vectors = torch.linalg.pinv(varied.T @ varied, rtol=1e-6, hermitian=True) @ together

    # Fisher's discriminants, which are the least-squares ones: how common an attribute is changes their length and no more.
    spread = centred.T @ centred
    penalty = RIDGE * spread.trace() / len(spread) * torch.eye(len(spread), dtype=z.dtype)
    probes = torch.linalg.solve(spread + penalty, together.T).T
    readings = z @ probes.T
    low, high = ((which * readings).sum(0) / which.sum(0) for which in (no, yes))
    directions = Directions(
        names=tuple(names),
        means=means.float(),
        vectors=vectors.float(),
        lengths=torch.ones(len(names)),
        probes=(probes / (high - low)[:, None]).float(),
        offsets=(-low / (high - low)).float(),
        exclusive=_exclusive(yes, known.double()),
        thresholds=torch.empty(2, len(names)),
    )
    thresholds = [[_best_threshold(scores[:, a], answers[:, a]) for a in range(len(names))] for scores in _scores(directions, codes)]
    return replace(directions, thresholds=torch.tensor(thresholds))


def calibrate(
    directions: Directions, model: VAEGAN, codes: Tensor, answers: NDArray[np.float32], progress: Progress = lambda *_: None
) -> Directions:
    """The same directions, each as long as it takes until the picture shows it.

    An average blurs what it is made of, and decoders do not draw half a hat. So edits of images without an attribute are decoded and
    encoded again, and the length is the least at which they then read, in the mean, nearly (`ENOUGH`) as decoded and encoded images with
    it do. Where none of those tried is enough, it is the one that comes nearest.

    Args:
        directions: of `learn`.
        model: in evaluation mode.
        codes: posterior means of training images, N x latent.
        answers: N x A, their attributes, in the order of the directions' names.
        progress: called as the work goes on.
    """
    lengths = []
    for number, name in enumerate(directions.names):
        there, lacking = (codes[_some(which)] for which in _both(answers[:, number]))
        before, wanted = (directions.readings(_again(model, some))[:, number].mean() for some in (lacking, there))
        reached = [0.0]
        for length in TRIED:
            longer = replace(directions, lengths=torch.full_like(directions.lengths, length))
            reading = directions.readings(_again(model, longer.edit(lacking, {name: 1.0})))[:, number].mean()
            reached.append(float((reading - before) / (wanted - before)))
        lengths.append(_first_at(ENOUGH, (0.0, *TRIED), reached))
        progress("finding how far edits must go", number + 1, len(directions.names))
    return replace(directions, lengths=torch.tensor(lengths))


def accuracies(directions: Directions, codes: Tensor, answers: NDArray[np.float32]) -> dict[How, list[Accuracy]]:
    """How well directions and thresholds of training images tell other images apart, attribute by attribute.

    `mean` is the projection on the difference of means, `probe` the probe.

    Args:
        directions: of `learn`.
        codes: posterior means of N images that nothing was learned from, N x latent.
        answers: N x A, in the order of the directions' names.
    """
    by_mean, by_probe = (
        [_accuracy(scores[:, a], answers[:, a], float(thresholds[a])) for a in range(len(directions.names))]
        for scores, thresholds in zip(_scores(directions, codes), directions.thresholds, strict=True)
    )
    return {"mean": by_mean, "probe": by_probe}


def _some(which: NDArray[np.bool_]) -> Tensor:
    """Places of some of those chosen, evenly spread."""
    return torch.from_numpy(subsample(np.flatnonzero(which), LOOKED_AT))


def _exclusive(has: Tensor, known: Tensor) -> Tensor:
    """A x A, bool: which attributes never, or next to never, go together, though chance would have it that `FEWEST` images had both."""
    together = has.T @ has
    expected = (has.T @ known) * (known.T @ has) / (known.T @ known).clamp(min=1)
    return (expected >= FEWEST) & (together <= TOGETHER * expected)


def _scores(directions: Directions, codes: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """N x A: projections on the differences of means, and what the probes read."""
    return (codes @ directions.means.T).numpy(), directions.readings(codes).numpy()


def _both(answers: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which images have an attribute, and which have not; of some it is not known."""
    return answers > 0, answers <= 0


def _sorted(scores: NDArray[np.float32], answers: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The scores that have an answer, rising, and their answers."""
    known = ~np.isnan(answers)
    order = np.argsort(scores[known], kind="stable")
    return scores[known][order], (answers[known] > 0)[order]


def _best_threshold(scores: NDArray[np.float32], answers: NDArray[np.float32]) -> float:
    """Where balanced accuracy is best: half way between two scores."""
    values, has = _sorted(scores, answers)
    right = np.cumsum(~has) / (~has).sum() + (1 - np.cumsum(has) / has.sum())  # with the threshold just above each
    right[:-1][np.diff(values) == 0] = 0  # there is no room above this one
    at = int(right[:-1].argmax())
    return float((values[at] + values[at + 1]) / 2)


def _accuracy(scores: NDArray[np.float32], answers: NDArray[np.float32], threshold: float) -> Accuracy:
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    values, has = _sorted(scores, answers)
    if has.all() or not has.any():
        return Accuracy(float("nan"), float("nan"))
    return Accuracy(float(balanced_accuracy_score(has, values > threshold)), float(roc_auc_score(has, values)))


def _first_at(wanted: float, lengths: Sequence[float], reached: Sequence[float]) -> float:
    """Where a line through points first comes to what is wanted, or the place of the highest of them."""
    for (x0, y0), (x1, y1) in pairwise(zip(lengths, reached, strict=True)):
        if y0 < wanted <= y1:
            return x0 + (wanted - y0) / (y1 - y0) * (x1 - x0)
    return max(zip(reached[1:], lengths[1:], strict=True))[1]


@torch.inference_mode()
def _again(model: VAEGAN, codes: Tensor) -> Tensor:
    """Decoded and encoded: the codes of what a code looks like."""
    return torch.cat([model.encode(model.decode(part), check=False).mean.cpu() for part in codes.split(PART)])
