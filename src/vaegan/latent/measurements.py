"""What a model tells of one image: how well it is reconstructed, where its code lies, and how it looks to the discriminator."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Indices
from ..data.batches import Images, to_tensor
from ..errors import NOT_FINITE, UserError
from ..losses.kl import kl_divergence
from ..models.vaegan import VAEGAN
from ..progress import Progress

PART = 128
LEAST = 1e-6
"""Added before a logarithm: a flat map, or a perfect reconstruction, is no minus infinity."""

RawMeasurements = dict[str, NDArray[np.float32]]
"""Of N images:

similarity: N, 1/2 sum (Dis_l(x) - Dis_l(x~))^2 with x~ = Dec(mean), the learned similarity's error.
pixel: N, mean squared error of the pixels in [-1, 1].
prior: N, KL(q(z|x) || N(0, I)) in nats.
code: N x latent, the posterior mean.
features: N x 3F, of each of the F feature maps of all levels of the discriminator: its mean over places, the logarithm of its standard
    deviation over places, and the logarithm of the reconstruction's mean squared error in it.
errors: N x h x w, the squared error of Dis_l at each place, summed over its maps.
"""


@torch.inference_mode()
def measure(model: VAEGAN, images: Tensor, level: int) -> tuple[Tensor, RawMeasurements]:
    """The reconstructions of N x C x H x W images in [-1, 1] by a model in evaluation mode, and what is measured of them."""
    images = images.to(model.device, model.dtype)
    posterior = model.encode(images, check=False)
    reconstructions = model.decode(posterior.mean)
    index = model.discriminator.levels.index(level)
    maps, errors = _maps(model, images, reconstructions)
    measured = {
        "similarity": 0.5 * errors[index].flatten(1).sum(1),
        "pixel": (reconstructions - images).square().flatten(1).mean(1),
        "prior": kl_divergence(posterior).sum(1).clamp(min=0),  # rounding can make it -1e-8
        "code": posterior.mean,
        "features": torch.cat([part for pair in zip(maps, errors, strict=True) for part in _statistics(*pair)], 1),
        "errors": errors[index].sum(1),
    }
    return reconstructions.cpu(), {name: values.float().cpu().numpy() for name, values in measured.items()}


def measure_all(
    model: VAEGAN, images: Images, indices: Indices, level: int, *, progress: Progress = lambda *_: None, what: str = "scoring"
) -> Iterator[tuple[slice, RawMeasurements]]:
    """Measure many images of a set, a part at a time: the places in `indices`, and what `measure` tells of these.

    Args:
        model: in evaluation mode.
        images: N x H x W x C, uint8, of the model's size.
        indices: which of them.
        level: the layer of the discriminator for similarity and errors.
        progress: called as the work goes on.
        what: what it is told is being done.

    Raises:
        UserError: a number is not finite; or encoder or discriminator was never trained.
    """
    model.require("discriminator")
    for start in range(0, len(indices), PART):
        part = slice(start, min(start + PART, len(indices)))
        _, measured = measure(model, to_tensor(images[indices[part]]), level)
        if not all(np.isfinite(values).all() for values in measured.values()):
            raise UserError(NOT_FINITE)
        yield part, measured
        progress(what, part.stop, len(indices))


def _statistics(maps: Tensor, errors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Three numbers for each of N x F x h x w maps and the squared errors in them, each N x F."""
    return maps.mean((2, 3)), (maps.std((2, 3)) + LEAST).log(), (errors.mean((2, 3)) + LEAST).log()


def _maps(model: VAEGAN, images: Tensor, reconstructions: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """For each level, the feature maps N x F x h x w of the images, and the squared difference of the reconstructions'."""
    maps, errors = [], []
    for features in model.discriminator.all_maps(torch.cat([images, reconstructions])):
        of_images, of_reconstructions = features.float().contiguous().chunk(2)  # so that sums add in the same order for any layout
        maps.append(of_images)
        errors.append((of_images - of_reconstructions).square())
    return maps, errors
