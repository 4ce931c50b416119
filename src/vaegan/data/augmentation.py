"""Small random changes of training images, made on the device where the training is."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..settings import Augmentation


class Augmenter:
    """Changes images as the settings say.

    What is drawn is a function of the generator alone, so an image is changed alike on any device.
    """

    def __init__(self, settings: Augmentation) -> None:
        self.settings = settings

    def draw(self, count: int, size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
        """What to do to each of `count` images of a height and width, N x 10, for `__call__`."""
        settings = self.settings
        height, width = size
        mirrored = random.random(count) < 0.5
        shifts, (scales, rotations, gammas, contrasts, hues) = random.standard_normal((count, 2)), random.standard_normal((count, 5)).T
        # A pixel is looked up where the inverse of the change puts it. Places run from -1 to 1 in both directions, so a rotation has to
        # know how much wider than high the image is.
        smaller = np.exp(-settings.scale * scales)
        cosine, sine = np.cos(settings.rotation * rotations) * smaller, np.sin(settings.rotation * rotations) * smaller
        across, down = (2 * settings.shift * shifts * [height / width, 1]).T
        matrix = (cosine, -sine * height / width, across, sine * width / height, cosine, down)
        # As the authors do: the mean of each power's logarithm is the square of its deviation, and it is divided by log 2.
        gamma, contrast = (np.exp((s * n + s**2) / math.log(2)) for s, n in ((settings.gamma, gammas), (settings.contrast, contrasts)))
        return np.stack([mirrored, *matrix, gamma, contrast, settings.hue * hues], axis=1).astype(np.float32)

    def __call__(self, images: Tensor, changes: Tensor) -> Tensor:
        """Change images N x C x H x W in [-1, 1], each as drawn; the edges are continued where something from outside comes in."""
        settings = self.settings
        mirrored, matrix, colours = changes[:, 0], changes[:, 1:7], changes[:, 7:]
        if settings.flip:
            images = torch.where(mirrored[:, None, None, None] > 0, images.flip(3), images)
        if settings.shift or settings.scale or settings.rotation:
            grid = functional.affine_grid(matrix.reshape(-1, 2, 3), list(images.shape), align_corners=False)
            moved = functional.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)
            images = moved.clamp_(-1, 1).contiguous(memory_format=torch.channels_last)
        if settings.gamma or settings.contrast or settings.hue:
            images = _coloured(images, *colours[:, :, None, None].unbind(1))
        return images


def _coloured(images: Tensor, gamma: Tensor, contrast: Tensor, turn: Tensor) -> Tensor:
    """A power of all values, then one of saturation and brightness, then a turn of the hue."""
    values = ((images + 1) / 2).pow(gamma[:, None])
    if values.shape[1] != 3:
        return values.pow(contrast[:, None]) * 2 - 1
    hue, saturation, value = to_hsv(values)
    coloured = from_hsv((hue + turn) % 1, saturation.pow(contrast), value.pow(contrast))
    return (coloured * 2 - 1).contiguous(memory_format=torch.channels_last)


def to_hsv(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and value, each N x H x W in [0, 1], of images N x 3 x H x W in [0, 1]."""
    value, largest = images.max(1)
    spread = value - images.amin(1)
    red, green, blue = images.unbind(1)
    safe = torch.where(spread > 0, spread, 1)
    sextants = torch.stack([(green - blue) / safe, (blue - red) / safe + 2, (red - green) / safe + 4])
    hue = sextants.gather(0, largest[None])[0] / 6 % 1
    return hue, spread / torch.where(value > 0, value, 1), value


def from_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """The inverse of `to_hsv`."""
    offsets = 5 - 2 * torch.arange(3, device=hue.device)  # 5, 3, 1
    sectors = (hue[:, None] * 6 + offsets[:, None, None]) % 6
    share = torch.minimum(sectors, 4 - sectors).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * share)
