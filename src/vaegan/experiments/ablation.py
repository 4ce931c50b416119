"""Any settings varied, for several seeds: what each is worth, beside what chance does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import yaml

from ..errors import UserError
from ..evaluation.extractors import Kind
from .comparison import Variant, compare_variants
from .experiment import Experiment
from .page import Found

OF_THE_IMAGES = ("data.", "networks.size", "networks.channels", "networks.attributes")
"""Settings that all runs must share, or they could not be compared."""


def ablation(experiment: Experiment, vary: Sequence[str], *, count: int = 2_000, extractor: Kind | None = None) -> Found:
    """Compare all combinations of settings; see `compare_variants`.

    Args:
        experiment: whose recipe they change.
        vary: such as "objective.gamma=0.01,0.1,1".
        count: how many samples of each run.
        extractor: what images are compared by.

    Raises:
        UserError: what is to be varied is not written so, or no setting.
    """
    variants = variants_of(vary)
    lead = f"{', '.join(text.split('=')[0] for text in vary)} varied on {experiment.recipe.data.source}, all else alike."
    return compare_variants(experiment, variants, "Ablation", lead, samples=count, extractor=extractor)


def variants_of(vary: Sequence[str]) -> list[Variant]:
    """All combinations of values.

    Raises:
        UserError: as for `ablation`.
    """
    if not vary:
        raise UserError("say what to vary: --vary objective.gamma=0.01,0.1,1")
    settings: dict[str, list[Any]] = {}
    for text in vary:
        key, equals, values = text.partition("=")
        if not equals or not values.strip():
            raise UserError(f"--vary takes a setting and its values, such as objective.gamma=0.01,0.1,1, not {text}")
        if key in settings:
            raise UserError(f"--vary {key} was given twice: give all its values at once")
        if key.startswith(OF_THE_IMAGES):
            raise UserError(f"{key} cannot be varied: runs are compared on the same images")
        if key == "training.seed":
            raise UserError("training.seed is varied by --seeds")
        try:
            settings[key] = yaml.safe_load(f"[{values}]")
        except yaml.YAMLError as error:
            raise UserError(f"--vary {text}: these are no values; they are written as in 0.01,0.1,1") from error
        if len(set(map(str, settings[key]))) < len(settings[key]):
            raise UserError(f"--vary {text}: a value was given twice")
    last = [key.rpartition(".")[2] for key in settings]
    called = dict(zip(settings, last, strict=True)) if len(set(last)) == len(last) else {key: key for key in settings}
    variants = []
    for combination in product(*settings.values()):
        chosen = dict(zip(settings, combination, strict=True))
        label = ", ".join(f"{called[key]} {_plain(value)}" for key, value in chosen.items())
        variants.append(Variant(re.sub(r"[^\w.+-]+", "-", label), label, chosen))
    return variants


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_plain, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
