"""Codes of many images: where all work in the latent space begins. Those of a whole set are kept in the cache for the next time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from ..data import ImageSet, Indices, cache_folder
from ..data.batches import Images, to_tensor
from ..files import replacing
from ..models.fingerprint import fingerprint
from ..models.posterior import Posterior
from ..models.vaegan import PART, VAEGAN
from ..progress import Progress


def encode(
    model: VAEGAN,
    images: Images,
    indices: Indices | None = None,
    progress: Progress = lambda *_: None,
    *,
    attributes: Tensor | None = None,
    mirrored: bool = False,
    each: Callable[[slice, Posterior], None] = lambda *_: None,
) -> Posterior:
    """The posteriors of many images, a part at a time, so that memory holds codes and not images.

    Args:
        model: in evaluation mode.
        images: N x H x W x C, uint8, of the model's size: an array, or the images of a packed set.
        indices: which of them; all by default.
        progress: called as the work goes on.
        attributes: of a conditional model, those of each of these images; see `VAEGAN.conditions`.
        mirrored: mirror each image left to right first.
        each: called with the places of each part, and with its posteriors.

    Returns:
        Mean and logvar, each len(indices) x latent, on the CPU.
    """
    wanted: Indices | NDArray[np.int64] = np.arange(images.shape[0]) if indices is None else indices
    count = len(wanted)
    means, logvars = (torch.empty(count, model.architecture.latent) for _ in range(2))
    for start in range(0, count, PART):
        part = slice(start, start + PART)
        known = None if attributes is None else attributes[part]
        with torch.inference_mode():
            pixels = to_tensor(images[wanted[part]], model.device)
            posterior = model.encode(pixels.flip(3) if mirrored else pixels, known, check=False)
        means[part], logvars[part] = posterior.mean.cpu(), posterior.logvar.cpu()
        each(part, Posterior(means[part], logvars[part]))
        progress("encoding mirrored images" if mirrored else "encoding", min(start + PART, count), count)
    return Posterior(means, logvars)


@torch.inference_mode()
def decode(model: VAEGAN, codes: Tensor) -> Tensor:
    """The images of many codes, a part at a time, on the CPU: N x latent -> N x C x H x W in [-1, 1]."""
    return torch.cat([model.decode(part).cpu() for part in codes.split(PART)])


NAME = "mean"


def codes_of(model: VAEGAN, images: ImageSet, progress: Progress = lambda *_: None) -> Tensor:
    """The posterior mean of every image of a packed set, N x latent, on the CPU.

    They are kept by what the images are and what the weights are, so that they are never those of another set or model. A damaged file is
    made anew; where nothing can be written, nothing is kept.
    """
    path = cache_folder() / "codes" / f"{images.identity[:16]}-{fingerprint(model)[:16]}.safetensors"
    codes = _read(path, (len(images), model.architecture.latent))
    if codes is None:
        codes = encode(model, images.images, progress=progress).mean
        with suppress(OSError), replacing(path) as partial:
            partial.write_bytes(safetensors.torch.save({NAME: codes}))
    return codes


def _read(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """What a file keeps, if it is whole."""
    try:
        codes = safetensors.torch.load_file(path)[NAME]
    except (SafetensorError, OSError, KeyError):
        return None
    return codes if tuple(codes.shape) == shape else None
