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

    def __call__(self, images: Tensor, random: np.random.Generator) -> Tensor:
        """Change images N x C x H x W in [-1, 1], each in its own way; the edges are continued where something from outside comes in."""
        count = len(images)
        mirrored = random.random(count) < 0.5
        shifts, others = random.standard_normal((count, 2)), random.standard_normal((count, 5))
        if self.flip:
            chosen = _tensor(mirrored, images).bool()[:, None, None, None]
            images = torch.where(chosen, images.flip(3), images)
        if self.shift or self.scale or self.rotation:
            images = self._moved(images, shifts, others[:, 0], others[:, 1])
        if self.gamma or self.contrast or self.hue:
            images = self._coloured(images, others[:, 2], others[:, 3], others[:, 4])
        return images

    def _moved(self, images: Tensor, shifts: NDArray[np.float64], scales: NDArray[np.float64], turns: NDArray[np.float64]) -> Tensor:
        """Every pixel is looked up, bicubically, where the inverse of the change puts it."""
        height, width = images.shape[2:]
        size = np.exp(-self.scale * scales)
        cosine, sine = np.cos(self.rotation * turns) * size, np.sin(self.rotation * turns) * size
        # Places run from -1 to 1 in both directions, so a turn has to know how much wider than high the image is.
        across, down = (2 * self.shift * shifts * [height / width, 1]).T
        rows = np.stack([cosine, -sine * height / width, across, sine * width / height, cosine, down], axis=1)
        grid = functional.affine_grid(_tensor(rows, images).view(-1, 2, 3), list(images.shape), align_corners=False)
        moved = functional.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)
        return moved.clamp_(-1, 1).contiguous(memory_format=torch.channels_last)

    def _coloured(self, images: Tensor, gammas: NDArray[np.float64], contrasts: NDArray[np.float64], hues: NDArray[np.float64]) -> Tensor:
        """As the authors do: a power of all values, then one of saturation and value, then a turn of the hue.

        The mean of each power's logarithm is the square of its deviation, and it is divided by log 2; both as theirs.
        """
        gamma, contrast = (np.exp((s * n + s**2) / math.log(2)) for s, n in ((self.gamma, gammas), (self.contrast, contrasts)))
        powers, strengths, turns = (_tensor(values, images)[:, None, None] for values in (gamma, contrast, self.hue * hues))
        values = ((images + 1) / 2).pow(powers[:, None])
        if values.shape[1] != 3:
            return values.pow(strengths[:, None]) * 2 - 1
        hue, saturation, value = to_hsv(values)
        coloured = from_hsv((hue + turns) % 1, saturation.pow(strengths), value.pow(strengths))
        return (coloured * 2 - 1).contiguous(memory_format=torch.channels_last)


def _tensor(values: NDArray[np.generic], like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(like.device, non_blocking=True)


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
    places = (hue[:, None] * 6 + torch.tensor([5.0, 3.0, 1.0], device=hue.device)[:, None, None]) % 6
    share = torch.minimum(places, 4 - places).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * share)
