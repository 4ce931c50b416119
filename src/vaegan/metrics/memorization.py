"""Whether samples are copies of training images: is one of these much nearer to each sample than all others are?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .base import Metric, Value
from .grain import share_of_period_two, shares_of_real_images
from .neighbors import nearest

if TYPE_CHECKING:
    from torch import Tensor

    from .context import Context

NOTHING_NEW = "all held-out images that were compared are training images, too"
"""Why nothing can be said about copies where no held-out image is new."""
NOT_KNOWN = "not known"
"""In place of a share that only new images could give."""
COPIES = "look for copies in the picture"
"""The verdict on samples of which more are near a single training image than chance brings there."""

NEIGHBOURS = 5
"""A copy's nearest training image is compared with this one, and not with the second nearest: a set may have an image several times."""
RARE = 0.01
"""An image is near a single training image if the ratio of its distances is below that of all but this share of held-out images."""
SAME = 1e-4
"""The ratio of distances up to which a held-out image is a training image: its features can be made with others, and differ by rounding."""
UNLIKELY = 0.01
"""The p below which samples are said to be copies."""
EXTREME = 0.01
"""Half of the samples lie where less than this share of real images does: then they are unlike real images."""


class Memorization(Metric):
    """Are more samples near a single training image, in features, than held-out images are?"""

    name = "memorization"
    needs = ("extractor",)
    version = 3

    def of_samples(self, context: Context, samples: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """The grain of each sample, by which it may be unlike any real image."""
        return {"grain": share_of_period_two(samples)}

    def __call__(self, context: Context) -> Iterable[Value]:
        """Shares of samples beside what chance brings, and a test."""
        found = copying_of(context.sampled.vectors, context.new.vectors, context.real.vectors)
        near_one = found.near_one
        unlike = unlike_real_images(found, context.of_samples(self)["grain"], shares_of_real_images(context))
        nearer, single = "share_of_samples_nearer_than_half_of_held_out", "share_of_samples_near_one_training_image"
        of_samples, of_held_out = found.medians
        share, by_chance = f"{found.share_nearer:.1%}", f"{near_one.share:.1%} (by chance {near_one.by_chance:.1%}), p {near_one.p:.2g}"
        if not near_one.tested:
            share = by_chance = NOT_KNOWN
        return [
            Value("", of_samples, "median distance of samples", "copies"),
            Value("", of_held_out, "median distance of held-out images", "copies"),
            Value(nearer, found.share_nearer, "samples nearer than the median of held-out images", "copies", share),
            Value(single, near_one.share, "samples near one training image alone", "copies", by_chance),
            Value("", near_one.p, "copies", "copies", verdict(near_one, unlike)),
            Value("copying_p", near_one.p, table="copies"),
        ]


class NearOne(NamedTuple):
    """Samples that are near one training image alone, and how many chance brings there."""

    share: float
    """Of the samples, from 0 to 1."""
    by_chance: float
    """The same of new images of the same kind, on average; 1 where no held-out image is new: then nothing can be said."""
    p: float
    """How often chance alone brings at least this share."""

    @property
    def tested(self) -> bool:
        """Whether any held-out image is new, so that there was something to compare with."""
        return self.by_chance < 1


@dataclass(frozen=True)
class Copying:
    """How far samples are from the training images, and, as a yardstick, how far held-out images are."""

    samples: NDArray[np.float64]
    """Of each sample, the distances of the `NEIGHBOURS` nearest training images, nearest first: N x 5, or fewer of a tiny set."""
    held_out: NDArray[np.float64]
    """The same of each held-out image."""

    @property
    def medians(self) -> tuple[float, float]:
        """Half of the samples, and half of the held-out images, are nearer than that to a training image."""
        return float(np.median(self.samples[:, 0])), float(np.median(self.held_out[:, 0]))

    @property
    def share_nearer(self) -> float:
        """The share of samples that are nearer to a training image than half of the held-out images are.

        It is a half by chance. Copies have more; so have samples that are typical, because near these are many training images.
        """
        return float((self.samples[:, 0] < self.medians[1]).mean())

    @property
    def near_one(self) -> NearOne:
        """Samples to which one training image is much nearer than the fifth nearest is, and a test of their number.

        Yoon et al. 2023 test diffusion models by such a ratio, with the second nearest and a bound of 1/3. Here the bound is the j-th
        smallest ratio of all M new held-out images, so that about 1 in 100 of these is below it. If N samples are of the same distribution,
        all orders of the N + M ratios are equally likely. Then k or more samples are below the bound exactly if fewer than j held-out
        images are among the first k + j - 1, which is a hypergeometric probability.
        """
        from scipy.stats import hypergeom

        samples, held_out = _ratios(self.samples), _ratios(self.held_out)
        held_out = held_out[held_out > SAME]  # one that is a training image, too, is not new
        if not len(held_out):
            return NearOne(0.0, 1.0, 1.0)
        rank = max(1, round(RARE * len(held_out)))
        below = int((samples < np.partition(held_out, rank - 1)[rank - 1]).sum())
        p = hypergeom.cdf(rank - 1, len(samples) + len(held_out), len(held_out), below + rank - 1)
        return NearOne(below / len(samples), rank / (len(held_out) + 1), float(p))


def _ratios(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 for a copy, also of an image that is there many times, to 1, where the nearest image is no nearer than the last one."""
    nearest_one, last = distances[:, 0], distances[:, -1]
    return np.divide(nearest_one, last, out=np.zeros_like(last), where=last > 0)


def copying_of(generated: NDArray[np.floating], held_out: NDArray[np.floating], training: NDArray[np.floating]) -> Copying:
    """Distances to the nearest training images, all in an extractor's features: N x D, M x D and T x D."""
    return Copying(*(nearest(vectors, training, NEIGHBOURS)[1] for vectors in (generated, held_out)))


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
    return "farther from training images" if np.median(copying.samples[:, 0]) > np.quantile(copying.held_out[:, 0], 1 - EXTREME) else ""


def verdict(near_one: NearOne, unlike: str = "") -> str:
    """What `Copying.near_one` says, in words; nothing of samples that are unlike real images, see `unlike_real_images`."""
    if not near_one.tested:
        return f"no verdict: {NOTHING_NEW}"
    if unlike:
        return f"no verdict: samples are {unlike} than real images"
    return COPIES if near_one.p < UNLIKELY else "no sign of copies"
