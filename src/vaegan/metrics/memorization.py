"""Whether samples are copies of training images: are they nearer to these than new images of the same kind are?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .base import Metric, Value
from .grain import share_of_period_two, shares_of_real_images
from .neighbors import nearest

if TYPE_CHECKING:
    from torch import Tensor

    from .context import Context

COPIES = "look for copies in the picture"
"""The verdict on samples that are nearer to training images than new images are."""

UNLIKELY = 0.01
"""The p below which samples are said to be nearer to training images than chance brings them."""
EXTREME = 0.01
"""Half of the samples lie where less than this share of real images does: then they are unlike real images."""


class Memorization(Metric):
    """Are samples nearer to training images, in features, than held-out images are?"""

    name = "memorization"
    needs = ("extractor",)
    version = 2

    def of_samples(self, context: Context, samples: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """The grain of each sample, by which it may be unlike any real image."""
        return {"grain": share_of_period_two(samples)}

    def __call__(self, context: Context) -> Iterable[Value]:
        """The share of samples that are, and a test of all distances."""
        found = copying_of(context.sampled.vectors, context.new.vectors, context.real.vectors)
        z, p = copying_test(found)
        unlike = unlike_real_images(found, context.of_samples(self)["grain"], shares_of_real_images(context))
        share = "share_of_samples_nearer_than_half_of_held_out"
        return [
            Value("", float(np.median(found.samples)), "median distance of samples", "copies"),
            Value("", float(np.median(found.held_out)), "median distance of held-out images", "copies"),
            Value(share, found.share, "samples nearer than the median of held-out images", "copies", f"{found.share:.1%}"),
            Value("copying_z", z, "Mann-Whitney test, z", "copies", f"{z:.1f}, p {p:.2g}"),
            Value("", p, "copies", "copies", verdict(p, unlike)),
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


def unlike_real_images(copying: Copying, samples: NDArray[np.floating], real: NDArray[np.floating]) -> str:
    """How samples differ from all real images, in a word; empty where they do not.

    The distances of such samples say nothing of copies. Features of grainy or blurred images lie close together, and near those of many
    training images.

    Args:
        copying: distances to training images.
        samples: the grain of each sample, see `share_of_period_two`.
        real: the grain of each real image.
    """
    low, high = np.quantile(real, (EXTREME, 1 - EXTREME))
    if np.median(samples) > high:
        return "grainier"
    if np.median(samples) < low:
        return "smoother"
    return "farther from training images" if np.median(copying.samples) > np.quantile(copying.held_out, 1 - EXTREME) else ""


def verdict(p: float, unlike: str = "") -> str:
    """What the p-value of `copying_test` says, in words; nothing of samples that are unlike real images, see `unlike_real_images`."""
    if unlike:
        return f"no verdict: samples are {unlike} than real images"
    return COPIES if p < UNLIKELY else "no sign of copies"
