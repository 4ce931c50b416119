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
from ..losses.routing import evaluating
from ..models.prior import FEWEST, Mixture
from ..models.vaegan import PART, VAEGAN
from ..viz import grid

COLUMNS = 12
RECONSTRUCTIONS, SAMPLES = 2 * COLUMNS, 3 * COLUMNS
ENCODED = 512
"""Training images whose codes a Gaussian is fitted to. Encoding them takes about as long as one step of training."""

Shown = tuple[Tensor, Tensor | None]
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
    to_encode: Callable[[], Iterable[Shown]] = tuple
    """Gives training images part by part; by default none. A Gaussian that fits their codes is the prior until one is fitted."""

    @classmethod
    def of(
        cls,
        images: ImageSet,
        training: Indices,
        held_out: Indices,
        *,
        attributes: NDArray[np.float32] | None,
        device: torch.device,
        batch: int,
        autoencodes: bool,
    ) -> PictureInputs:
        """Show held-out images, or the first ones if none are held out.

        Args:
            images: the set, with the `attributes` of all its images if the model is conditional.
            training, held_out: indices of its images.
            device: of the model.
            batch: how many images a step of training takes, for which there is memory.
            autoencodes: whether the model has an encoder to train.
        """

        def tensors(indices: NDArray[np.int64]) -> Shown:
            return to_tensor(images.images[indices], device), None if attributes is None else to_device(attributes[indices], device)

        def to_encode() -> Iterator[Shown]:
            indices = subsample(training, ENCODED) if len(training) >= FEWEST else training[:0]
            count = min(PART, max(batch, SAMPLES))
            return (tensors(indices[start : start + count]) for start in range(0, len(indices), count))

        shown = held_out[:RECONSTRUCTIONS] if len(held_out) else np.arange(min(RECONSTRUCTIONS, len(images)))
        return cls(*tensors(shown), "held-out images" if len(held_out) else "training images", autoencodes, to_encode)


@torch.no_grad()
def draw(model: VAEGAN, picture_inputs: PictureInputs) -> tuple[Image.Image, float]:
    """Pairs of originals over their reconstructions (decoding the posterior mean), then samples of the same noise every time.

    Samples of a conditional model have the attributes of the originals, one after the other.

    Returns:
        The picture, and how much samples of N(0, I) differ from each other as a part of how much the originals do.
    """
    originals, attributes = picture_inputs.originals, picture_inputs.attributes
    theirs = None if attributes is None else attributes[torch.arange(SAMPLES, device=attributes.device) % len(attributes)]
    parts = []
    with evaluating(model):
        if picture_inputs.autoencodes:
            pairs = grid.pair_rows(originals, model.reconstruct(originals, attributes, check=False), COLUMNS)
            parts.append((f"{picture_inputs.caption}, each above its reconstruction", pairs))
        parts.append(_samples(model, picture_inputs, theirs))
        spread = _spread(model.sample(SAMPLES, seed=0, attributes=theirs, prior="standard"))
    return grid.sheet(parts, COLUMNS), spread / _spread(originals) if _spread(originals) else 1.0


def _samples(model: VAEGAN, picture_inputs: PictureInputs, attributes: Tensor | None) -> tuple[str, Tensor]:
    """What samples are of, and the samples.

    Codes do not fill N(0, I). Until the prior is fitted, samples come from one Gaussian instead, which is quick to fit.
    """
    if picture_inputs.autoencodes and model.prior is None:
        gaussian = Mixture.gaussian([model.encode(images, theirs, check=False) for images, theirs in picture_inputs.to_encode()])
        if gaussian is not None:
            return "samples of one fitted Gaussian", model.decode(gaussian.draw(SAMPLES, seed=0), attributes)
    return f"samples of {model.name_prior()}", model.sample(SAMPLES, seed=0, attributes=attributes)


def _spread(images: Tensor) -> float:
    """The standard deviation of a pixel from one image to the next, as a mean over pixels."""
    return images.std(0, unbiased=False).mean().item()
