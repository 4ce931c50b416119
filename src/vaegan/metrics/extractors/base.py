"""What an extractor is: a network that makes features of images, behind one small interface; and what all of them need."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ...errors import UserError


class Extractor(Protocol):
    """Makes features of images, each image by itself."""

    @property
    def name(self) -> str:
        """What distances in these features are named by."""

    @property
    def weights(self) -> str:
        """The sha256 of the file of its weights: numbers of other weights cannot be compared."""

    @property
    def dimensions(self) -> int:
        """How many features an image has."""

    @property
    def resize(self) -> str:
        """How images come to the size that the network takes, in words."""

    def __call__(self, images: Tensor) -> Tensor:
        """N x C x H x W in [-1, 1], of any size, in colour or grey -> N x D float32, on the CPU."""


def find_weights(package: str, file: str) -> Path | None:
    """A file inside an installed package, none of whose code is run; None where the package or the file is not there."""
    found = importlib.util.find_spec(package)
    paths = (Path(folder) / file for folder in (found.submodule_search_locations if found else None) or ())
    return next((path for path in paths if path.is_file()), None)


def require_weights(name: str, package: str, file: str, command: str) -> Path:
    """The file of an extractor's weights, inside the package that a command installs.

    Raises:
        UserError: it is not there.
    """
    path = find_weights(package, file)
    if path is None:
        raise UserError(f"the weights of {name} are not installed: install them with: {command}")
    return path


def in_colour(images: Tensor) -> Tensor:
    """N x C x H x W with three channels: grey repeated; the mean of three groups of neighbouring channels, where there are more.

    So all channels count: of 6, the mean of 1 and 2, that of 3 and 4, and that of 5 and 6; of 4, that of 1 and 2, then 3, then 4. Of two
    channels, the second is the middle one, and the first is the other two, as in pictures.
    """
    channels = images.shape[1]
    if channels < 3:
        return images[:, [0, channels - 1, 0]]
    return images if channels == 3 else torch.stack([group.mean(1) for group in images.tensor_split(3, 1)], 1)


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, and without aliasing where images shrink."""
    return interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
