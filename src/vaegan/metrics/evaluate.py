"""All that is measured of a model, as flat numbers with what they depend on beside them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..files import append_line
from ..models.fingerprint import fingerprint
from .base import Metric, Value
from .collect import MOST_VECTORS
from .context import Context
from .extractors.base import Extractor
from .image import multiscale
from .registry import metrics as registered

PRIORS = "priors"
"""The table of samples of N(0, I) beside those of the fitted prior."""
OF_SAMPLES = ("samples", "copies")
"""Tables whose numbers are of samples."""
STANDARD = "standard_prior_"
"""How the names of numbers of N(0, I) begin, beside those of the fitted prior."""
SPREAD = "standard deviation over random draws without replacement"


@dataclass(frozen=True)
class Evaluation:
    """What was found."""

    values: list[Value]
    """In the order of the metrics."""
    settings: dict[str, Any]
    """What the numbers depend on, as JSON has it."""

    def numbers(self) -> dict[str, float | list[float]]:
        """Every number under a name of its own. A distance is named by its extractor; FID is Inception's Frechet distance alone."""
        return dict(chain.from_iterable(value.numbers().items() for value in self.values))

    def append_to(self, file: Path) -> Path:
        """Add a line of JSON to a run's metrics (`Run.metrics_file`); returns the file."""
        finite = {name: value if np.all(np.isfinite(value)) else None for name, value in self.numbers().items()}
        append_line(file, json.dumps({**finite, "settings": self.settings}))
        return file


def evaluate(context: Context, metrics: Iterable[Metric] | None = None) -> Evaluation:
    """Measure a model by all metrics that fit it, or by some.

    A model with a fitted prior is measured with samples of that prior. Samples of N(0, I) are measured, too, unless `Context.prior` names
    a prior: the names of their numbers begin with standard_prior_.

    Raises:
        UserError: the model's numbers are not finite.
    """
    metrics = tuple(registered() if metrics is None else metrics)
    values = [*chain.from_iterable(context.measure(metrics).values())]
    if other := context.with_standard_prior:
        beside = chain.from_iterable(other.measure(metrics).values())
        values += [_beside(value) for value in beside if value.table in OF_SAMPLES or value.name.startswith("samples_")]
    return Evaluation(values, settings_of(context))


def _beside(value: Value) -> Value:
    """A number of samples of N(0, I), under a name of its own."""
    label = value.label if value.table in OF_SAMPLES else value.table  # a table of its own has the label of what is measured
    return replace(value, name=value.name and f"{STANDARD}{value.name}", label=value.label and label, table=PRIORS)


def settings_of(context: Context) -> dict[str, Any]:
    """All that the numbers depend on, as JSON has it."""
    window, scales = multiscale(context.model.architecture.size)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "version": __version__,
        "model": fingerprint(context.model),
        **about_extractor(context.extractor),
        "set": context.images.identity,
        "preparation": context.images.preparation.as_dict(),
        "split": {"training": len(context.training), "held_out": len(context.held_out)},
        "images": {"samples": context.samples, "training": len(context.real_indices), "held_out": len(context.held_out_indices)},
        "most_images_compared": MOST_VECTORS,
        "prior": context.model.name_prior(context.prior),
        "fitted_prior": dict(prior.about) if (prior := context.model.find_prior(context.prior)) else None,
        "reconstructions": "by the posterior mean",
        "similarity_level": context.model.level,
        "ms_ssim": {"window": window, "scales": scales},
        "seed": context.seed,
        "resamplings": context.resamplings,
        "spread": SPREAD,
    }


def about_extractor(extractor: Extractor | None) -> dict[str, str | None]:
    """What features depend on, as JSON has it."""
    return {
        "extractor": extractor.name if extractor else None,
        "extractor_weights_sha256": extractor.weights if extractor else None,
        "extractor_resize": extractor.resize if extractor else None,
    }
