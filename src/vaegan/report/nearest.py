"""Samples beside the training images that are nearest to them: does the model draw, or does it copy?"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..errors import UserError
from ..latent.search import Search, copying
from ..metrics.memorization import Copying
from ..models.vaegan import VAEGAN
from ..viz.channels import three_channels
from ..viz.grid import to_uint8
from .facts import RunImages
from .pictures import Embedded, embed, embed_exactly

SAMPLES, NEIGHBOURS = 8, 4
SMALL, LARGE_WIDTH, LARGE_BYTES = 64, 192, 20_000
"""Images of at most so many pixels a side are shown as they are; larger ones at most so wide, and as text at most so long."""
PATIENCE = 6.0
"""Seconds that encoding the images may take, where their codes are not kept already."""


@dataclass(frozen=True)
class NearImage:
    """A training image and its distance from a sample."""

    picture: Embedded
    distance: float


@dataclass(frozen=True)
class NearestToSamples:
    """A few samples with their neighbours, and how near samples and held-out images are."""

    samples: list[tuple[Embedded, list[NearImage]]]
    """Each with the nearest training images, nearest first."""
    prior: str
    """That they are drawn from, in words."""
    compared: Copying | None
    """None where no images are held out."""


@torch.inference_mode()
def nearest_to_samples(model: VAEGAN, trained: RunImages) -> NearestToSamples:
    """Draw samples and look for the training images whose codes are nearest to theirs.

    Raises:
        UserError: there are too many images to encode by the way, or the model's codes are not finite.
    """
    search = Search(model, trained.images, progress=_TimeLimit())
    images = model.sample(SAMPLES)
    indices, distances = search(images, NEIGHBOURS, among=trained.training)
    rows = [
        [NearImage(_picture(pixels), float(distance)) for pixels, distance in zip(trained.images.images[row], far, strict=True)]
        for row, far in zip(indices, distances, strict=True)
    ]
    pictures = [_picture(pixels) for pixels in to_uint8(images)]
    compared = copying(search, trained.training, trained.held_out) if len(trained.held_out) else None
    return NearestToSamples(list(zip(pictures, rows, strict=True)), model.name_prior(), compared)


class _TimeLimit:
    """Watches the images being encoded, and gives up when it sees that it will take too long."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, _: str, done: int, total: int | None) -> None:
        taken = time.monotonic() - self.began
        if total and taken > PATIENCE / 3 and taken * total / done > PATIENCE:
            raise UserError(
                f"the nearest training images are not shown, because encoding {total:,} images would take more than {PATIENCE:.0f} s"
            )


def _picture(pixels: NDArray[np.uint8]) -> Embedded:
    """An image H x W x C in colour: a small one as it is, a large one coarser."""
    picture = Image.fromarray(np.ascontiguousarray(three_channels(pixels)))
    return embed_exactly(picture) if max(picture.size) <= SMALL else embed(picture, LARGE_BYTES, LARGE_WIDTH)
