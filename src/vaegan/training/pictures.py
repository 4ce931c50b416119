"""The pictures of a run: originals over their reconstructions, and samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..data import ImageSet, Indices
from ..data.batches import to_device, to_tensor
from ..evenly_spaced import subsample
from ..models.prior import Mixture
from ..models.vaegan import PART, VAEGAN
from ..viz import grid

COLUMNS = 12
RECONSTRUCTIONS, SAMPLES = 2 * COLUMNS, 3 * COLUMNS
ENCODED = 512
"""Training images whose codes a Gaussian is fitted to. Encoding them takes about as long as one step of training."""

Part = tuple[Tensor, Tensor | None]
"""Images, N x C x H x W in [-1, 1], and of a conditional model their attributes."""


class PictureInputs(NamedTuple):
    """What the pictures of a run show again and again."""

    originals: Tensor
    """N x C x H x W in [-1, 1]."""
    attributes: Tensor | None
    """N x attributes, for a conditional model."""
    caption: str
    autoencodes: bool
    """Whether there are reconstructions to show."""
    encoded: Callable[[], Iterable[Part]] = tuple
    """Gives training images part by part. Before there is a fitted prior, samples are drawn from a Gaussian that fits their codes."""

    @classmethod
    def of(
        cls,
        images: ImageSet,
        training: Indices,
        held_out: Indices,
        *,
        attributes: NDArray[np.float32] | None,
        device: torch.device,
        autoencodes: bool,
    ) -> PictureInputs:
        """Show held-out images, or the first ones if none are held out.

        Args:
            images: the set, with the `attributes` of all its images if the model is conditional.
            training, held_out: indices of its images.
            device: of the model.
            autoencodes: whether the model has an encoder to train.
        """

        def part(indices: NDArray[np.int64]) -> Part:
            return to_tensor(images.images[indices], device), None if attributes is None else to_device(attributes[indices], device)

        def encoded() -> Iterator[Part]:
            indices = subsample(training, ENCODED)
            return (part(indices[start : start + PART]) for start in range(0, len(indices), PART))

        shown = held_out[:RECONSTRUCTIONS] if len(held_out) else np.arange(min(RECONSTRUCTIONS, len(images)))
        return cls(*part(shown), "held-out images" if len(held_out) else "training images", autoencodes, encoded)


def draw(model: VAEGAN, picture_inputs: PictureInputs) -> tuple[Image.Image, float]:
    """Pairs of originals over their reconstructions (decoding the posterior mean), then samples of the same noise every time.

    Samples of a conditional model have the attributes of the originals, one after the other.

    Returns:
        The picture, and how much the samples differ from each other as a part of how much the originals do.
    """
    originals, attributes = picture_inputs.originals, picture_inputs.attributes
    was_training = model.training
    model.eval()
    parts = []
    if picture_inputs.autoencodes:
        pairs = grid.pair_rows(originals, model.reconstruct(originals, attributes, check=False), COLUMNS)
        parts.append((f"{picture_inputs.caption}, each above its reconstruction", pairs))
    caption, samples = _samples(model, picture_inputs)
    parts.append((caption, samples))
    model.train(was_training)
    return grid.sheet(parts, COLUMNS), _spread(samples) / _spread(originals) if _spread(originals) else 1.0


@torch.no_grad()
def _samples(model: VAEGAN, picture_inputs: PictureInputs) -> tuple[str, Tensor]:
    """Samples, and what they are of.

    Codes are far from N(0, I) during training. So without a fitted prior, one Gaussian takes its place: fitting it takes no time.
    """
    known = picture_inputs.attributes
    attributes = None if known is None else known[torch.arange(SAMPLES, device=known.device) % len(known)]
    if picture_inputs.autoencodes and model.prior is None:
        posteriors = [model.encode(images, theirs, check=False) for images, theirs in picture_inputs.encoded()]
        if gaussian := Mixture.gaussian(posteriors):
            samples = model.decode(gaussian.draw(SAMPLES, seed=0), attributes)
            return "samples of one Gaussian, fitted to codes of training images", samples
    return f"samples of {model.name_prior()}", model.sample(SAMPLES, seed=0, attributes=attributes)


def _spread(images: Tensor) -> float:
    """The standard deviation of a pixel from one image to the next, as a mean over pixels."""
    return images.std(0, unbiased=False).mean().item()
