"""How good reconstructions are, each beside its original."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.batches import Images
from ..errors import UserError
from ..models.posterior import Posterior
from ..models.vaegan import VAEGAN
from ..progress import Progress
from .collect import Collector, read_parts
from .extractors.base import Extractor
from .features import Cloud
from .image import find_lpips, ms_ssim, psnr, ssim


class Reconstructions(NamedTuple):
    """Of N images by way of their posterior means."""

    errors: dict[str, NDArray[np.float64]]
    """For each measure, N numbers: psnr (dB), ssim, ms_ssim, lpips if it is there, similarity_error (1/2 sum (Dis_l(x) - Dis_l(x~))^2, the
    learned similarity's error) if the discriminator was trained, and pixel_error (mean squared error of pixels in [-1, 1])."""
    cloud: Cloud
    """The reconstructions in an extractor's space."""
    posterior: Posterior
    """Of the images, N x latent."""


@torch.inference_mode()
def reconstruct_all(
    model: VAEGAN,
    extractor: Extractor,
    images: Images,
    numbers: NDArray[np.int64],
    level: int,
    *,
    attributes: Tensor | None = None,
    progress: Progress = lambda *_: None,
) -> Reconstructions:
    """Reconstruct and measure, a part at a time.

    Args:
        model: in evaluation mode.
        extractor: makes the cloud.
        images: N x H x W x C, uint8, of the model's size.
        numbers: which of them.
        level: the layer of the discriminator that gives the learned similarity, as `objective.level` has it.
        attributes: of these images, if the model is conditional.
        progress: called as the work goes on.

    Raises:
        UserError: the model's numbers are not finite.
    """
    lpips = find_lpips()
    collector = Collector(extractor.dimensions, len(numbers))
    errors: dict[str, list[NDArray[np.float64]]] = {}
    means: list[Tensor] = []
    logvars: list[Tensor] = []
    for part in read_parts(images, numbers, "reconstructing", progress):
        done = sum(map(len, means))
        told = None if attributes is None else attributes[done : done + len(part)]
        posterior = model.encode(part, told)
        again = model.decode(posterior.mean, told)
        again = again.float().cpu()
        found = {
            "psnr": psnr(again, part),
            "ssim": ssim(again, part),
            "ms_ssim": ms_ssim(again, part),
            "pixel_error": (again - part).square().flatten(1).mean(1),
        }
        if "discriminator" not in model.untrained:
            ours, theirs = (model.discriminator.features(pixels.to(model.device), level).float() for pixels in (part, again))
            found["similarity_error"] = 0.5 * (ours - theirs).square().sum(1)
        if lpips:
            found["lpips"] = lpips(again, part)
        for name, values in found.items():
            errors.setdefault(name, []).append(values.cpu().double().numpy())
        collector.add(extractor(again))
        means.append(posterior.mean.cpu())
        logvars.append(posterior.logvar.cpu())
    joined = {name: np.concatenate(parts) for name, parts in errors.items()}
    mean, logvar = torch.cat(means), torch.cat(logvars)
    finite = all(torch.isfinite(values).all() for values in (mean, logvar, logvar.exp()))
    if not (finite and all(np.isfinite(values).all() for name, values in joined.items() if name != "psnr")):
        raise UserError("the model makes numbers that are not finite of these images: it is damaged, or its training went astray")
    return Reconstructions(joined, collector.cloud(), Posterior(mean, logvar))
