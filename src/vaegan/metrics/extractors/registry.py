"""All extractors, by name. A new one is a file beside this that has a function `make`, and its name in `Kind`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal

from ...errors import UserError

if TYPE_CHECKING:
    import torch

    from ...data import ImageSet, Numbers
    from ...progress import Progress
    from .base import Extractor

Kind = Literal["mobilenet", "inception", "attributes"]
"""The name of the file of each."""


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
    from . import mobilenet

    if kind is None and not mobilenet.is_installed():
        if not images.attribute_names:
            way_out = mobilenet.MOBILENET_COMMAND
            raise UserError(f"there is nothing to compare images by, and the set has no attributes to learn from: {way_out}")
        kind = "attributes"
    extractor: Extractor = import_module(f".{kind or 'mobilenet'}", __package__).make(images, training, device, progress)
    return extractor
