"""Grain: a woven chequer over images, measured where it shows in the spectrum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .base import Metric, Value
from .collect import read_parts

if TYPE_CHECKING:
    from .context import Context

LEAST = 1e-12
"""Variance below which an image counts as flat: it has no grain."""


class Grain(Metric):
    """The share of variance at period 2 of samples and of reconstructions, each divided by that of real images: 1 is as real images are.

    Blur lowers it and noise raises it, so it says nothing without an error of reconstructions beside it.
    """

    name = "grain"

    def of_samples(self, context: Context, samples: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """The share of each sample."""
        return {"samples": share_of_period_two(samples)}

    def of_reconstructions(self, context: Context, images: Tensor, reconstructions: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """The share of each reconstruction."""
        return {"reconstructions": share_of_period_two(reconstructions)}

    def __call__(self, context: Context) -> Iterable[Value]:
        """The mean share of images of each kind, divided by the mean share of the real images that samples are compared with."""
        real = float(shares_of_real_images(context).mean())
        for found in (context.of_samples(self), context.of_reconstructions(self)):
            for kind, shares in found.items():
                yield Value(f"{kind}_grain", float(shares.mean()) / max(real, LEAST), kind, "grain, relative to real images")


def shares_of_real_images(context: Context) -> NDArray[np.float64]:
    """The share of each real image that samples are compared with, computed once for all metrics."""

    def shares() -> NDArray[np.float64]:
        parts = read_parts(context.images.images, context.real_indices, "grain of training images", context.progress)
        return np.concatenate([share_of_period_two(part).numpy() for part in parts])

    return context.once("shares of real images", shares)


def share_of_period_two(images: Tensor) -> Tensor:
    """The share of each image's variance at the three frequencies of period 2: along both axes, and along both at once.

    With F the Fourier transform over M pixels, it is (|F(1/2, 0)|^2 + |F(0, 1/2)|^2 + |F(1/2, 1/2)|^2) / (M^2 variance), with energies and
    variances summed over channels. By Parseval's theorem the variance is the energy of all frequencies but 0. At these three frequencies F
    is a sum of pixels with alternating signs. Of an odd side, the last row or column is left out.

    Args:
        images: N x C x H x W, H and W at least 2.

    Returns:
        N, from 0 to 1.
    """
    height, width = (side - side % 2 for side in images.shape[2:])
    pixels = images[..., :height, :width].double()
    rows = 1.0 - 2.0 * (torch.arange(height, dtype=torch.float64, device=images.device) % 2)
    columns = 1.0 - 2.0 * (torch.arange(width, dtype=torch.float64, device=images.device) % 2)
    energy = torch.zeros(len(images), dtype=torch.float64, device=images.device)
    for down, across in ((rows, columns.abs()), (rows.abs(), columns), (rows, columns)):
        energy += torch.einsum("nchw,h,w->nc", pixels, down, across).square().sum(1)
    variance = pixels.var((2, 3), correction=0).sum(1)
    share = energy / (height * width) ** 2 / variance.clamp(min=LEAST)
    return torch.where(variance > LEAST, share, 0.0)
