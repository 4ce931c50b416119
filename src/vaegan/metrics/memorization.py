"""Whether samples are copies of training images: are they nearer to these than new images of the same kind are?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .base import Metric, Value
from .neighbors import nearest

if TYPE_CHECKING:
    from .context import Context

UNLIKELY = 0.01
"""The p below which samples are said to be nearer to training images than chance brings them."""


class Memorization(Metric):
    """Are samples nearer to training images, in features, than held-out images are?"""

    name = "memorization"
    needs = ("extractor",)

    def __call__(self, context: Context) -> Iterable[Value]:
        """The share of samples that are, and a test of all distances."""
        found = copying_of(context.sampled.vectors, context.new.vectors, context.real.vectors)
        z, p = copying_test(found)
        share = "share_of_samples_nearer_than_half_of_held_out"
        return [
            Value("", float(np.median(found.samples)), "median of samples", "copies"),
            Value("", float(np.median(found.held_out)), "median of held-out images", "copies"),
            Value(share, found.share, "samples nearer than the latter", "copies", f"{found.share:.1%}"),
            Value("copying_z", z, "test of the distances, z", "copies", f"{z:.1f}, p {p:.2g}"),
            Value("", p, "copies", "copies", verdict(p)),
            Value("copying_p", p, table="copies"),
        ]


@dataclass(frozen=True)
class Copying:
    """How far samples are from the training images, and, as a yardstick, how far held-out images are.

    A model that has learned by heart draws samples that are nearer to training images than new images of the same kind are.
    """

    samples: NDArray[np.float64]
    """Of each sample, the distance of the nearest training image."""
    held_out: NDArray[np.float64]
    """The same of each held-out image."""

    @property
    def share(self) -> float:
        """The share of samples that are nearer to a training image than half of the held-out images are; by chance a half."""
        return float((self.samples < np.median(self.held_out)).mean())


def copying_of(generated: NDArray[np.floating], held_out: NDArray[np.floating], training: NDArray[np.floating]) -> Copying:
    """Distances to the nearest training image, all in an extractor's features: N x D, M x D and T x D."""
    return Copying(*(nearest(vectors, training, 1)[1][:, 0] for vectors in (generated, held_out)))


def copying_test(copying: Copying) -> tuple[float, float]:
    """Mann and Whitney's U of the two sets of distances as a z-score, and its one-sided p-value.

    It is C_T of Meehan, Chaudhuri and Dasgupta 2020 with the whole space as one cell. Well below 0: samples are nearer to training images
    than held-out ones are, so the model copies; p is how often chance alone comes to this. Well above 0: samples are farther from all
    training images than real ones are.
    """
    from scipy.stats import mannwhitneyu, rankdata, tiecorrect

    ours, theirs = len(copying.samples), len(copying.held_out)
    ranks = rankdata(np.concatenate([copying.samples, copying.held_out]))
    variance = ours * theirs * (ours + theirs + 1) / 12 * tiecorrect(ranks)
    if not variance > 0:  # all distances are the same
        return 0.0, 0.5
    statistic, p = mannwhitneyu(copying.samples, copying.held_out, alternative="less", method="asymptotic", use_continuity=False)
    return float(statistic - ours * theirs / 2) / math.sqrt(variance), float(p)


def verdict(p: float) -> str:
    """What the p-value of `copying_test` says, in words."""
    return "look for copies in the picture" if p < UNLIKELY else "no sign of copies"
