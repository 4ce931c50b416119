"""Small random changes of training images, made on the device where the training is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..errors import UserError


@dataclass(frozen=True)
class Augmentation:
    """Random changes of each training image; all but `flip` are normally distributed, and their sizes are standard deviations.

    What is drawn is a function of the generator alone, so an image is changed alike on any device.
    """

    flip: bool = False
    """Mirror each training image, left to right, with a chance of one half."""
    shift: float = 0.0
    """Move it, up or down and to a side, by a part of its height: 0.01 is about one pixel of 100."""
    scale: float = 0.0
    """Enlarge or shrink it by a factor around 1."""
    rotation: float = 0.0
    """Turn it, in radians."""
    gamma: float = 0.0
    """Raise its values, from 0 to 1, to a power around 1, whose logarithm is this over log 2."""
    contrast: float = 0.0
    """Raise its saturation and brightness to such a power."""
    hue: float = 0.0
    """Turn its hue by a part of the full circle."""

    def __post_init__(self) -> None:
        for name in ("shift", "scale", "rotation", "gamma", "contrast", "hue"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"augmentation.{name} must be at least 0 and at most 1, not {value}")

    def draw(self, count: int, size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
        """What to do to each of `count` images of a height and width, N x 10, for `__call__`."""
        height, width = size
        mirrored = random.random(count) < 0.5
        shifts, (scales, turns, gammas, contrasts, hues) = random.standard_normal((count, 2)), random.standard_normal((count, 5)).T
        # A pixel is looked up where the inverse of the change puts it. Places run from -1 to 1 in both directions, so a turn has to
        # know how much wider than high the image is.
        smaller = np.exp(-self.scale * scales)
        cosine, sine = np.cos(self.rotation * turns) * smaller, np.sin(self.rotation * turns) * smaller
        across, down = (2 * self.shift * shifts * [height / width, 1]).T
        places = (cosine, -sine * height / width, across, sine * width / height, cosine, down)
        # As the authors do: the mean of each power's logarithm is the square of its deviation, and it is divided by log 2.
        gamma, contrast = (np.exp((s * n + s**2) / math.log(2)) for s, n in ((self.gamma, gammas), (self.contrast, contrasts)))
        return np.stack([mirrored, *places, gamma, contrast, self.hue * hues], axis=1).astype(np.float32)

    def __call__(self, images: Tensor, changes: Tensor) -> Tensor:
        """Change images N x C x H x W in [-1, 1], each as drawn; the edges are continued where something from outside comes in."""
        mirrored, places, colours = changes[:, 0], changes[:, 1:7], changes[:, 7:]
        if self.flip:
            images = torch.where(mirrored[:, None, None, None] > 0, images.flip(3), images)
        if self.shift or self.scale or self.rotation:
            grid = functional.affine_grid(places.reshape(-1, 2, 3), list(images.shape), align_corners=False)
            moved = functional.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)
            images = moved.clamp_(-1, 1).contiguous(memory_format=torch.channels_last)
        if self.gamma or self.contrast or self.hue:
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
    places = (hue[:, None] * 6 + offsets[:, None, None]) % 6
    share = torch.minimum(places, 4 - places).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * share)
