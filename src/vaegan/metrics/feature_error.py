"""How far reconstructions are from their originals in an extractor's features: by a ruler that all models share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .base import Metric, Value
from .distance import named

if TYPE_CHECKING:
    from .context import Context


class FeatureError(Metric):
    """0 for the image itself, 1 on average for another image."""

    name = "feature_error"
    needs = ("encoder", "extractor")

    def __call__(self, context: Context) -> Iterable[Value]:
        """One number of all reconstructions."""
        assert context.extractor
        name, error = context.extractor.name, feature_error(context.reconstructed.vectors, context.new.vectors)
        return [Value(named("feature_error", name), error, f"feature error ({name})", "errors")]


def feature_error(reconstructions: NDArray[np.float32], originals: NDArray[np.float32]) -> float:
    """The squared distance of reconstructions from their originals, as a part of that of two different originals.

    Args:
        reconstructions: N x D features.
        originals: as many, in the same order.
    """
    spread = np.square(originals - np.roll(originals, 1, axis=0), dtype=np.float64).sum(1).mean()
    return float(np.square(reconstructions - originals, dtype=np.float64).sum(1).mean() / max(spread, 1e-12))
