"""How like two images are, pixel by pixel: PSNR, SSIM, MS-SSIM, squared error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from .base import Metric

if TYPE_CHECKING:
    from .context import Context

RANGE = 2.0
"""Between the darkest and the brightest value of an image in [-1, 1]."""
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM, from fine to coarse (Wang et al. 2003, section 3)."""
SMALL_WINDOW, SMALL_SCALES = 5, 3
"""For images of less than 176 pixels: the coarsest of five halvings would be smaller than the usual window."""


class ImageErrors(Metric):
    """How like each reconstruction is to its original; the squared error is of pixels in [-1, 1]."""

    name = "image_errors"
    needs = ("encoder",)
    labels: ClassVar = {"psnr": "PSNR, dB", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "pixel_error": "squared pixel error"}

    def of_reconstructions(self, context: Context, images: Tensor, reconstructions: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """All four of each image."""
        return {
            "psnr": psnr(reconstructions, images),
            "ssim": ssim(reconstructions, images),
            "ms_ssim": ms_ssim(reconstructions, images),
            "pixel_error": (reconstructions - images).square().flatten(1).mean(1),
        }


def psnr(one: Tensor, other: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each pair of N x C x H x W images in [-1, 1]; infinite for equal images."""
    error = (one - other).square().flatten(1).mean(1)
    return 10 * (RANGE**2 / error).log10()


def ssim(one: Tensor, other: Tensor) -> Tensor:
    """Structural similarity of each pair of N x C x H x W images in [-1, 1] (Wang et al. 2004): a Gaussian window of 11 pixels.

    It is a mean over places where the whole window lies in the image, and over channels. Images of less than 11 pixels have a smaller
    window.
    """
    window = min(WINDOW, *(side - 1 + side % 2 for side in one.shape[2:]))
    similarity, _ = _similarities(one, other, window)
    return similarity


def multiscale(size: tuple[int, int]) -> tuple[int, int]:
    """The window and the number of scales of MS-SSIM that images of this height and width allow."""
    if min(size) >= WINDOW << (len(SCALES) - 1):
        return WINDOW, len(SCALES)
    return SMALL_WINDOW, max(1, sum(min(size) >= SMALL_WINDOW << scale for scale in range(SMALL_SCALES)))


def ms_ssim(one: Tensor, other: Tensor) -> Tensor:
    """Multi-scale structural similarity of each pair of N x C x H x W images in [-1, 1] (Wang et al. 2003).

    From 176 pixels on it is the paper's: five scales and a window of 11. Smaller images have a window of 5 and three scales, or as many as
    fit, whose exponents are made to add up to 1: such numbers are not those of larger images.
    """
    window, scales = multiscale((one.shape[2], one.shape[3]))
    weights = [weight / sum(SCALES[:scales]) for weight in SCALES[:scales]]
    product = torch.ones(len(one), dtype=one.dtype)
    for scale, weight in enumerate(weights):
        similarity, contrast = _similarities(one, other, window)
        value = similarity if scale == scales - 1 else contrast
        product = product * value.clamp(min=0).pow(weight)
        one, other = avg_pool2d(one, 2), avg_pool2d(other, 2)
    return product


def _similarities(one: Tensor, other: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """SSIM, and its factor of contrast and structure alone, of each pair."""
    # Luminance is a ratio of intensities, which start at 0; variances are differences of squares, and so want float64.
    one, other = one.double() + 1, other.double() + 1
    offsets = torch.arange(window, dtype=torch.float64) - window // 2
    line = torch.exp(-offsets.square() / (2 * SIGMA**2))
    line /= line.sum()

    def blurred(values: Tensor) -> Tensor:
        flat = values.flatten(0, 1)[:, None]
        return conv2d(conv2d(flat, line[None, None, :, None]), line[None, None, None, :]).unflatten(0, values.shape[:2])

    mean_1, mean_2 = blurred(one), blurred(other)
    variance_1 = blurred(one.square()) - mean_1.square()
    variance_2 = blurred(other.square()) - mean_2.square()
    covariance = blurred(one * other) - mean_1 * mean_2
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    contrast = (2 * covariance + c2) / (variance_1 + variance_2 + c2)
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1.square() + mean_2.square() + c1)
    return (luminance * contrast).flatten(1).mean(1), contrast.flatten(1).mean(1)
