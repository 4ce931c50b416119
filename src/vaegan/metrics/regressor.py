"""A network that reads attributes off images, trained on real ones alone: the judge of what conditional models make."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import ImageSet, Indices, cache_folder
from ..errors import UserError
from ..evenly_spaced import subsample
from ..progress import Progress
from .extractors.attributes import AttributeNetwork, cached, content, learned

VERSION = 1
"""Of its training: raise it when that changes."""
STEPS, BATCH, LR = 1_500, 64, 2e-3
MOST = 50_000
"""Images that it learns from."""
PART = 256


@dataclass(frozen=True)
class Regressor:
    """Reads A attributes, each with mean 0 and standard deviation 1 over the training images."""

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    """Of the attributes over the training images, as is the next."""
    scale: NDArray[np.float64]
    network: AttributeNetwork
    weights: str
    """A hash of all of it."""

    def standard(self, attributes: NDArray[np.float32]) -> NDArray[np.float64]:
        """N x A attributes as the set has them, in these units; NaN where one is not known."""
        return (attributes - self.mean) / self.scale

    @torch.inference_mode()
    def read(self, images: Tensor) -> NDArray[np.float64]:
        """N x C x H x W in [-1, 1] -> N x A."""
        return torch.cat([self.network(part.float().cpu()) for part in images.split(PART)]).double().numpy()


def regressor_of(images: ImageSet, training: Indices, names: tuple[str, ...], progress: Progress = lambda *_: None) -> Regressor:
    """The regressor of a set, trained once and kept in the cache; the same each time. What is not known of an image is left out.

    It minimises the squared error, on four strided convolutions and a linear layer (`AttributeNetwork`).

    Args:
        images: a set with attributes.
        training: indices of the images to learn from; of more than `MOST`, so many, evenly spread.
        names: of the attributes, none of which is the same for all training images.
        progress: called as it learns.

    Raises:
        UserError: there are too few images.
    """
    if len(training) < BATCH:
        raise UserError(f"there are only {len(training)} training images, and at least {BATCH} are needed to learn attributes")
    learned_from = subsample(training, MOST)
    attributes = images.attributes_named(names)
    mean, scale = (np.asarray(moment(attributes[training[:]], 0, dtype=np.float64)) for moment in (np.nanmean, np.nanstd))
    wanted = ((attributes - mean) / scale).astype(np.float32)
    digest = hashlib.sha256(f"{VERSION} {STEPS} {BATCH} {LR} {images.identity} {names}".encode())
    digest.update(learned_from.tobytes() + wanted.tobytes())
    path = cache_folder() / "extractors" / f"regressor-{digest.hexdigest()[:16]}.safetensors"
    report = partial(progress, "learning to read attributes")
    train = partial(learned, images, learned_from, wanted, _squared_error, steps=STEPS, batch=BATCH, lr=LR, progress=report)
    network = cached(path, images, len(names), train)
    weights = hashlib.sha256(content(network) + mean.tobytes() + scale.tobytes()).hexdigest()
    return Regressor(names, mean, scale, network, weights)


def _squared_error(answers: Tensor, wanted: Tensor) -> Tensor:
    return (answers - wanted).square()
