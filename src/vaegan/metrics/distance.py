"""Metrics that compare features of images: all samples with all real images, and random halves beside other real images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..progress import Progress
from .base import Metric, Resampled, Value
from .features import Features

if TYPE_CHECKING:
    from .context import Context

Between = Callable[[Features, Features], Mapping[str, float]]
"""Numbers of generated (first) against real images, each by name."""


class Distance(Metric):
    """How generated images differ from real ones in an extractor's space, of samples and of reconstructions."""

    needs = ("extractor",)
    times = 1.0
    """What the numbers are multiplied by in tables."""

    def between(self, generated: Features, real: Features) -> Mapping[str, float]:
        """The numbers, each by its name in `labels`."""
        raise NotImplementedError

    def label(self, measure: str, extractor: str) -> str:
        """What tables call a number."""
        return self.labels[measure].format(extractor=extractor)

    def __call__(self, context: Context) -> Iterable[Value]:
        """Of samples, and of reconstructions where there is an encoder."""
        assert context.extractor
        extractor = context.extractor.name
        for table in ("samples", "reconstructions") if context.has_encoder else ("samples",):
            generated = context.sampled if table == "samples" else context.reconstructed
            draws, seed = context.resamplings, context.seed
            found = compare_resampled(
                self.between, generated, context.real, draws, seed, what=f"comparing {table}", progress=context.progress
            )
            for measure, value in found.value.items():
                yield Value(
                    f"{table}_{named(measure, extractor)}",
                    value,
                    self.label(measure, extractor),
                    table,
                    times=self.times,
                    halves=found.halves[measure],
                    real_baseline=found.real_baseline[measure],
                )
            yield Value(f"{table}_images_a_half", found.each, table=table)


class Comparison(NamedTuple):
    """Generated against real images."""

    value: dict[str, float]
    """All generated against all real images."""
    halves: dict[str, Resampled]
    """`each` generated against `each` real images, drawn at random, several times."""
    real_baseline: dict[str, Resampled]
    """`each` other real images against the same: what images get that are as good as real ones."""
    each: int


def compare_resampled(
    between: Between,
    generated: Features,
    real: Features,
    resamplings: int,
    seed: int,
    *,
    what: str = "comparing",
    progress: Progress = lambda *_: None,
) -> Comparison:
    """Compare all, and then subsets beside real images of the same number.

    All these measures depend on how many images there are, and distances grow when there are few. So a number says something only beside
    that of real images: each draw takes half of the real images to compare to, as many of the generated, and as many of the other real
    ones; or fewer of each, if half of the generated images are fewer.
    """
    each = min(len(generated.vectors), len(real.vectors)) // 2
    value = dict(between(generated, real))
    halves: dict[str, list[float]] = {name: [] for name in value}
    baseline: dict[str, list[float]] = {name: [] for name in value}
    for draw in range(resamplings):
        progress(what, draw + 1, resamplings + 1)
        random = np.random.default_rng([seed, draw])
        order, drawn = random.permutation(len(real.vectors)), random.permutation(len(generated.vectors))[:each]
        target, others = Features(real.vectors[order[:each]]), Features(real.vectors[order[each : 2 * each]])
        for found, features in ((halves, Features(generated.vectors[drawn])), (baseline, others)):
            for name, number in between(features, target).items():
                found[name].append(number)
    progress(what, resamplings + 1, resamplings + 1)
    return Comparison(value, _summed_up(halves), _summed_up(baseline), each)


def named(measure: str, extractor: str) -> str:
    """A measure's name in files, with its extractor's. Inception's Frechet distance alone is FID."""
    short = {"MobileNetV2": "mobilenet"}.get(extractor, re.sub(r"\W+", "_", extractor.lower()))
    return "fid" if (measure, short) == ("frechet_distance", "inception") else f"{measure}_{short}"


def _summed_up(found: Mapping[str, list[float]]) -> dict[str, Resampled]:
    return {name: Resampled(float(np.mean(values)), float(np.std(values, ddof=1))) for name, values in found.items()}
