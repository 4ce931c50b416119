"""Samples beside the training images that are nearest to them: does the model draw, or does it copy?"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..latent.codes import encode
from ..latent.neighbours import nearest
from ..model import VAEGAN
from ..pictures import to_uint8
from .embedded import Embedded, embed_exactly
from .facts import Trained

SHOWN, NEIGHBOURS = 8, 4
MEASURED = 64
"""Samples, and held-out images at most so many times as many, whose distances are measured."""
PATIENCE = 6.0
"""Seconds that encoding the training images may take."""


class TooSlowError(UserError):
    """There are too many training images to be encoded by the way."""


@dataclass(frozen=True)
class Neighbours:
    """A few samples with their neighbours, and how near all are."""

    samples: list[tuple[Embedded, list[tuple[Embedded, float]]]]
    """Each with training images and their distances, nearest first."""
    measured: int
    distance: float
    """Half of the samples are nearer than that to a training image, by their codes."""
    held_out_distance: float | None
    """The same of held-out images, if there are any."""


@torch.inference_mode()
def nearest_to_samples(model: VAEGAN, trained: Trained) -> Neighbours:
    """Draw samples and look for the training images whose codes are nearest to theirs.

    Raises:
        TooSlowError: there are too many training images.
        UserError: the model's codes are not finite.
    """
    codes = _patiently(model, trained)
    images = model.sample(MEASURED)
    numbers, distances = nearest(model.encode(images).mean, codes, NEIGHBOURS)
    chosen = [trained.training[np.asarray(row, np.int64)] for row in numbers[:SHOWN]]
    samples = [
        (picture, [(_picture(pixels), float(distance)) for pixels, distance in zip(trained.images.images[near], row, strict=True)])
        for picture, near, row in zip(_pictures(images[:SHOWN]), chosen, distances, strict=False)
    ]
    held_out = trained.held_out[: 4 * MEASURED]
    beside = nearest(encode(model, trained.images.images, held_out).mean, codes, 1)[1] if len(held_out) else None
    return Neighbours(samples, MEASURED, float(np.median(distances[:, 0])), None if beside is None else float(np.median(beside)))


def _patiently(model: VAEGAN, trained: Trained) -> Tensor:
    """The codes of the training images.

    Raises:
        TooSlowError: that would take too long.
    """
    began = time.monotonic()

    def watch(_: str, done: int, total: int | None) -> None:
        taken = time.monotonic() - began
        if total and taken > PATIENCE / 3 and taken * total / done > PATIENCE:
            raise TooSlowError(f"there are {total:,} training images, too many to be compared by the way")

    return encode(model, trained.images.images, trained.training, watch).mean


def _pictures(images: Tensor) -> list[Embedded]:
    return [embed_exactly(Image.fromarray(pixels)) for pixels in to_uint8(images)]


def _picture(pixels: np.ndarray) -> Embedded:
    return _pictures(torch.from_numpy(pixels)[None].permute(0, 3, 1, 2).float() / 127.5 - 1)[0]
