"""Which extractor images are compared by."""

from __future__ import annotations

import importlib.util
from typing import Literal

import torch

from ...data import ImageSet, Numbers
from ...errors import UserError
from ...progress import Progress
from .base import Extractor
from .mobilenet import MOBILENET_COMMAND, MOBILENET_PACKAGE, MobileNet

Kind = Literal["mobilenet", "inception", "attributes"]


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
    return MobileNet(device)
