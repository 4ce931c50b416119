"""LPIPS (Zhang et al. 2018): how like two images are to a network, where its package is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from .base import Metric, Value
from .extractors.base import in_colour

if TYPE_CHECKING:
    from .context import Context


class Lpips(Metric):
    """Of each reconstruction and its original."""

    name = "lpips"
    needs = ("encoder",)
    labels: ClassVar = {"lpips": "LPIPS (AlexNet)"}

    @cached_property
    def network(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """None where it is not installed."""
        return find_lpips()

    @property
    def installed(self) -> bool:
        """Whether the package and its weights are there."""
        return self.network is not None

    def of_reconstructions(self, context: Context, images: Tensor, reconstructions: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """0 for the image itself."""
        return {"lpips": self.network(reconstructions, images)} if self.network else {}

    def __call__(self, context: Context) -> Iterable[Value]:
        """The mean, or how to get it."""
        if not self.network:
            return [Value("", 0, self.labels["lpips"], "errors", f"not available: {way_out()}")]
        return super().__call__(context)


def way_out() -> str:
    """What to do where LPIPS is not there."""
    if importlib.util.find_spec("lpips") is None:
        return "pip install lpips torchvision"
    return "lpips.LPIPS() in Python says why"


def find_lpips() -> Callable[[Tensor, Tensor], Tensor] | None:
    """LPIPS (Zhang et al. 2018) by AlexNet, of each pair of images in [-1, 1]; None where its package or its weights are not.

    `way_out` says what to do then.
    """
    try:
        import lpips

        network = lpips.LPIPS(net="alex", verbose=False).eval()
    except (ImportError, OSError, RuntimeError, AttributeError):  # a torchvision that does not fit torch raises all of these
        return None

    @torch.inference_mode()
    def measure(one: Tensor, other: Tensor) -> Tensor:
        return network(in_colour(one), in_colour(other)).flatten()

    return measure
