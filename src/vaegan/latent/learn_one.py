"""Learning one direction from two sets of images, with something and without it, where there is no table of attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Indices
from ..data.batches import Images
from ..errors import UserError
from ..evenly_spaced import evenly_spaced
from ..models.fingerprint import fingerprint
from ..models.vaegan import PART, VAEGAN
from ..progress import Progress
from .directions import HOWS, Directions, How
from .encode import encode
from .learn_directions import FEWEST, MANY, MOST, Accuracy, accuracies, calibrate, learn, uncertainty
from .principal import principal_directions

FOLDS = 5
"""Parts of the images, each of which is left out once."""


def learn_one(
    model: VAEGAN,
    name: str,
    with_it: Images,
    without_it: Images,
    *,
    sources: Sequence[str] = ("", ""),
    progress: Progress = lambda *_: None,
) -> tuple[Directions, list[str]]:
    """The direction from images without something to images with it, calibrated and tested; and what there is to say.

    It is that of an attribute in a set that has only this one (see `vaegan.latent.learn_directions`). But no images are held out, so the
    accuracies are by cross-validation: in five rounds, four fifths of the images are learned from and the others are told apart. An image
    that is there twice counts once, so that no image is told apart by its own copy.

    Args:
        model: in evaluation mode.
        name: of the direction.
        with_it: images, N x H x W x C of the model's size.
        without_it: others. Those that are among `with_it`, too, are left out.
        sources: what these two sets were.
        progress: called as the work goes on.

    Raises:
        UserError: there are too few images, or the codes say nothing.
    """
    model.require("encoder")
    seen: set[bytes] = set()
    kinds, notes = [], []
    for images, flag, about in ((with_it, "--with", f"with {name}"), (without_it, "--without", f"without {name}")):
        among = evenly_spaced(images.shape[0], MOST)
        indices = among[list(_new(images, among, seen))]
        if twice := len(among) - len(indices):
            notes.append(f"note: left out {twice:,} of the images {about}, because they are copies of others")
        if flag == "--without" and not len(indices):
            raise UserError(f'--with and --without give the same images: for --without, choose images that do not have "{name}"')
        if len(indices) < FEWEST:
            raise UserError(f"there are only {len(indices)} images {about}, and at least {FEWEST} are needed: give more images with {flag}")
        kinds.append(encode(model, images, indices, progress).mean)
    counts = [len(codes) for codes in kinds]
    codes, answers = torch.cat(kinds), np.repeat(np.array([1, 0], np.float32), counts)[:, None]
    if min(counts) < MANY:
        error = uncertainty(counts)
        notes.append(
            f'note: the attribute "{name}" was learned from only {counts[0]} images with it and {counts[1]} without it, so its measured '
            f"accuracy may be wrong by {error:.2f}: at least {MANY} of each are better"
        )
    scores = _cross_validated(codes, answers, name)
    directions = calibrate(learn(codes, answers, [name]), model, codes, answers, progress)
    about_it: dict[str, Any] = {
        "weights": fingerprint(model),
        "sources": {name: list(sources)},
        "counts": [counts],
        "tested": [counts],
        **{how: [list(score)] for how, score in scores.items()},
    }
    return replace(directions, about=about_it, principal=principal_directions(model)), notes


def _new(images: Images, indices: Indices, seen: set[bytes]) -> Iterator[int]:
    """The places of images that were not seen before."""
    for start in range(0, len(indices), PART):
        for place, image in enumerate(images[indices[start : start + PART]], start):
            digest = hashlib.sha256(image.tobytes()).digest()
            if digest not in seen:
                seen.add(digest)
                yield place


def _cross_validated(codes: Tensor, answers: NDArray[np.float32], name: str) -> dict[How, Accuracy]:
    """The mean accuracies of directions that were learned from the other images.

    A part is of images that follow each other, so that frames of a film and photos of a series are learned from together, or not at all.
    """
    has = answers[:, 0] > 0
    part = np.empty(len(has), np.int64)
    for which in (has, ~has):
        part[which] = np.arange(which.sum()) * FOLDS // which.sum()
    found: dict[How, list[Accuracy]] = {how: [] for how in HOWS}
    for number in range(FOLDS):
        out = part == number
        learned = learn(codes[~out], answers[~out], [name], fewest=1)
        for how, (score,) in accuracies(learned, codes[out], answers[out]).items():
            found[how].append(score)
    return {how: Accuracy(*(float(np.mean(values)) for values in zip(*scores, strict=True))) for how, scores in found.items()}
