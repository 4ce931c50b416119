"""Codes of many images: where all work in the latent space begins."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Numbers
from ..data.batches import Images, to_tensor
from ..model import PART, VAEGAN, Posterior
from ..progress import Progress


@torch.inference_mode()
def encode(model: VAEGAN, images: Images, numbers: Numbers | None = None, progress: Progress = lambda *_: None) -> Posterior:
    """The posteriors of many images, a part at a time, so that memory holds codes and not images.

    Args:
        model: in evaluation mode.
        images: N x H x W x C, uint8, of the model's size: an array, or the images of a packed set.
        numbers: which of them; all by default.
        progress: called as the work goes on.

    Returns:
        Mean and logvar, each len(numbers) x latent, on the CPU.
    """
    chosen: Numbers | NDArray[np.int64] = np.arange(images.shape[0]) if numbers is None else numbers
    count = len(chosen)
    means, logvars = (torch.empty(count, model.architecture.latent) for _ in range(2))
    for start in range(0, count, PART):
        part = slice(start, start + PART)
        posterior = model.encode(to_tensor(images[chosen[part]], model.device))
        means[part], logvars[part] = posterior.mean.cpu(), posterior.logvar.cpu()
        progress("encoding", min(start + PART, count), count)
    return Posterior(means, logvars)


@torch.inference_mode()
def decode(model: VAEGAN, codes: Tensor) -> Tensor:
    """The images of many codes, a part at a time, on the CPU: N x latent -> N x C x H x W in [-1, 1]."""
    return torch.cat([model.decode(part).cpu() for part in codes.split(PART)])
