"""Many images as points in an extractor's space, and two such clouds compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress
from .frechet import Gaussian, Moments, frechet_distance
from .kid import kernel_distance
from .prdc import Neighbourhoods, neighbourhoods, radii

MEASURES = ("frechet_distance", "kernel_distance", *Neighbourhoods._fields)


@dataclass(frozen=True, eq=False)
class Cloud:
    """Features of images. What is found out about them is found out once."""

    vectors: NDArray[np.float32]
    """N x D, in random order; of very many images, the first ones."""
    moments: Moments
    """Of all of them."""

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Cloud:
        """Of N x D features."""
        return cls(vectors, Moments.of(vectors))

    def __len__(self) -> int:
        """How many images, which may be more than `vectors` has rows."""
        return self.moments.count

    @cached_property
    def gaussian(self) -> Gaussian:
        """With mean and covariance of all images."""
        return Gaussian.of(self.moments.mean, self.moments.covariance)

    @cached_property
    def _radii(self) -> NDArray[np.float64]:
        return radii(self.vectors)

    def radii(self, count: int) -> NDArray[np.float64]:
        """Of the neighbourhoods of the first `count` vectors among themselves."""
        return self._radii if count == len(self.vectors) else radii(self.vectors[:count])


def compare(generated: Cloud, real: Cloud) -> dict[str, float]:
    """All of `MEASURES` of one cloud against another.

    Neighbourhoods are of equally many images: few generated ones cannot lie in all the small neighbourhoods that many real ones have.
    """
    count = min(len(generated.vectors), len(real.vectors))
    ours, theirs = generated.vectors[:count], real.vectors[:count]
    near = neighbourhoods(ours, theirs, generated.radii(count), real.radii(count))
    return {
        "frechet_distance": frechet_distance(generated.gaussian, real.gaussian),
        "kernel_distance": kernel_distance(generated.vectors, real.vectors),
        **near._asdict(),
    }


class Resampled(NamedTuple):
    """A measure over several draws of equally many images."""

    mean: float
    spread: float
    """Standard deviation over the draws."""


class Comparison(NamedTuple):
    """Generated against real images. Each is a number for each of `MEASURES`."""

    value: dict[str, float]
    """All generated against all real images."""
    halves: dict[str, Resampled]
    """`each` generated against `each` real images, drawn at random, several times."""
    floor: dict[str, Resampled]
    """`each` other real images against the same: what images get that are as good as real ones."""
    each: int


def compare_resampled(
    generated: Cloud, real: Cloud, resamplings: int, seed: int, *, what: str = "comparing", progress: Progress = lambda *_: None
) -> Comparison:
    """Compare all, and then subsets beside real images of the same number.

    All these measures depend on how many images there are, and distances grow when there are few. So a number says something only beside
    that of real images: each draw takes half of the real images to compare to, as many of the generated, and as many of the other real
    ones; or fewer of each, if half of the generated images are fewer.
    """
    each = min(len(generated.vectors), len(real.vectors)) // 2
    halves: dict[str, list[float]] = {name: [] for name in MEASURES}
    floor: dict[str, list[float]] = {name: [] for name in MEASURES}
    value = compare(generated, real)
    for draw in range(resamplings):
        progress(what, draw + 1, resamplings + 1)
        random = np.random.default_rng([seed, draw])
        order, chosen = random.permutation(len(real.vectors)), random.permutation(len(generated.vectors))[:each]
        target, others = Cloud.of(real.vectors[order[:each]]), Cloud.of(real.vectors[order[each : 2 * each]])
        for found, cloud in ((halves, Cloud.of(generated.vectors[chosen])), (floor, others)):
            for name, number in compare(cloud, target).items():
                found[name].append(number)
    progress(what, resamplings + 1, resamplings + 1)
    return Comparison(value, _summed_up(halves), _summed_up(floor), each)


def _summed_up(found: dict[str, list[float]]) -> dict[str, Resampled]:
    return {name: Resampled(float(np.mean(values)), float(np.std(values, ddof=1))) for name, values in found.items()}
