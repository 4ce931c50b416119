"""The learned similarity's error of reconstructions, by this model's own discriminator: it ranks images, not models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from .base import Metric

if TYPE_CHECKING:
    from .context import Context


class SimilarityError(Metric):
    """1/2 sum (Dis_l(x) - Dis_l(x~))^2 of each image x and its reconstruction x~ (Larsen et al. 2016, equation 7)."""

    name = "similarity_error"
    needs = ("encoder", "discriminator")
    labels: ClassVar = {"similarity_error": "learned similarity error"}

    def of_reconstructions(self, context: Context, images: Tensor, reconstructions: Tensor) -> Mapping[str, Tensor]:
        """0 for the image itself."""
        model = context.model
        pair = (pixels.to(model.device, model.dtype) for pixels in (images, reconstructions))
        ours, theirs = (model.discriminator.features(pixels, model.level).float() for pixels in pair)
        return {"similarity_error": 0.5 * (ours - theirs).square().sum(1)}
