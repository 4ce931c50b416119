"""All metrics of `vaegan evaluate`, by name, in the order of its tables. A new one is a file beside this, and a line in it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from .base import Metric

METRICS = {
    "frechet_distance": "frechet:FrechetDistance",
    "kernel_distance": "kid:KernelDistance",
    "prdc": "prdc:Prdc",
    "image_errors": "image:ImageErrors",
    "grain": "grain:Grain",
    "lpips": "lpips:Lpips",
    "similarity_error": "similarity:SimilarityError",
    "feature_error": "feature_error:FeatureError",
    "posterior": "posterior:PosteriorMetric",
    "memorization": "memorization:Memorization",
}
"""The file and the class of each."""


def metrics(names: Iterable[str] = METRICS) -> tuple[Metric, ...]:
    """The metrics of these names; all by default.

    Raises:
        KeyError: there is none of such a name.
    """
    found = []
    for name in names:
        module, _, kind = METRICS[name].partition(":")
        found.append(getattr(import_module(f".{module}", __package__), kind)())
    return tuple(found)
