"""All extractors, by name. A new one is a file beside this that has a function `make`, and its name in `ExtractorName`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal

from ...errors import UserError

if TYPE_CHECKING:
    import torch

    from ...data import ImageSet, Indices
    from ...progress import Progress
    from .base import Extractor

ExtractorName = Literal["efficientnet", "mobilenet", "inception", "attributes", "none"]
"""The name of the file of each; or none, to measure only what needs no features."""
DEFAULT: ExtractorName = "efficientnet"
"""Its weights are always there."""


def choose(
    kind: ExtractorName, images: ImageSet, training: Indices, device: torch.device, progress: Progress = lambda *_: None
) -> Extractor | None:
    """The extractor that is asked for; None of kind none.

    Args:
        kind: which one.
        images: the set that is evaluated on.
        training: indices of the images to learn attributes from.
        device: where it runs.
        progress: called as it learns.

    Raises:
        UserError: its package or its weights are not there, or the set has no attributes.
    """
    if kind == "none":
        return None
    try:
        extractor: Extractor = import_module(f".{kind}", __package__).make(images, training, device, progress)
    except UserError as error:
        raise UserError(f"cannot use --extractor {kind}: {error}; or measure without features, with --extractor none") from error
    return extractor
