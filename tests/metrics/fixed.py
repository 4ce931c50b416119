"""Images of four kinds, and an extractor whose weights are random and always the same."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

COLOURS = np.array([[200, 40, 40], [40, 160, 60], [50, 70, 200], [210, 190, 60]])


def squares(count: int, seed: int, first: int = 0) -> NDArray[np.uint8]:
    """N x 16 x 16 x 3: a square on a dark ground, each kind of a colour and a size of its own; kinds before the first are left out."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, 16, 16, 3))
    images += random.normal(40, 12, (count, 1, 1, 3))
    for image in images:
        kind = int(random.integers(first, 4))
        side = 5 + 2 * kind
        top, left = random.integers(0, 17 - side, 2)
        image[top : top + side, left : left + side] = COLOURS[kind] + random.normal(0, 15, 3)
    images += random.normal(0, 4, images.shape)
    return images.clip(0, 255).round().astype(np.uint8)


class RandomFeatures:
    """Two random convolutions, averaged over places and over their squares: an `Extractor`."""

    name = "random"
    weights = "0" * 64
    dimensions = 48
    resize = "none"

    def __init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.network = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 24, 3, 2, 1))

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        maps = self.network(colour.float())
        return torch.cat([maps.mean((2, 3)), maps.std((2, 3))], 1) * 10
