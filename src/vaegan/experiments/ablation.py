"""Any settings varied, for several seeds: what each is worth, beside what chance does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import yaml

from .. import old_names
from ..errors import UserError
from ..metrics.extractors.registry import DEFAULT, ExtractorName
from ..recipe import Recipe
from ..words import plain
from .comparison import compare_variants
from .experiment import Experiment
from .page import ExperimentResult
from .runs import OF_THE_IMAGES, Variant


def ablation(
    experiment: Experiment, vary: Sequence[str], *, alone: bool = False, count: int = 2_000, extractor: ExtractorName = DEFAULT
) -> ExperimentResult:
    """Compare all combinations of settings, or each change alone; see `compare_variants`.

    Args:
        experiment: whose recipe they change.
        vary: such as "objective.gamma=0.01,0.1,1".
        alone: compare the recipe as it is, and each value alone in it.
        count: how many samples of each run.
        extractor: what images are compared by.

    Raises:
        UserError: what is to be varied is not written so, or no setting.
    """
    variants = asked(vary, experiment.recipe, alone=alone)
    how = "Each run changes one of them." if alone else "All other settings are the same."
    lead = f"Runs on {experiment.recipe.data.source} that differ in {', '.join(text.split('=')[0] for text in vary)}. {how}"
    return compare_variants(experiment, variants, "Ablation", lead, samples=count, extractor=extractor, base=variants[0] if alone else None)


def asked(vary: Sequence[str], recipe: Recipe, *, alone: bool) -> list[Variant]:
    """The variants that are asked for, each of another name, since it names their runs.

    Raises:
        UserError: as for `ablation`.
    """
    variants = changes_of(vary, recipe) if alone else variants_of(vary)
    named: dict[str, Variant] = {}
    for variant in variants:
        if (other := named.setdefault(variant.name, variant)) is not variant:
            raise UserError(f'--vary: "{other.label}" and "{variant.label}" would both give runs named "{variant.name}": change one value')
    return variants


def variants_of(vary: Sequence[str]) -> list[Variant]:
    """All combinations of values.

    Raises:
        UserError: as for `ablation`.
    """
    settings = _parsed(vary)
    return [_variant(dict(zip(settings, values, strict=True)), settings) for values in product(*settings.values())]


def changes_of(vary: Sequence[str], recipe: Recipe) -> list[Variant]:
    """The recipe as it is, then each value alone in it; but those that the recipe has already.

    Raises:
        UserError: as for `ablation`.
    """
    settings, mine = _parsed(vary), recipe.flat()
    changes = [{key: value} for key, values in settings.items() for value in values if _comparable(value) != _comparable(mine.get(key))]
    return [Variant("as-it-is", "the recipe as it is"), *(_variant(change, settings) for change in changes)]


def _parsed(vary: Sequence[str]) -> dict[str, list[Any]]:
    """The settings that are to be varied, and their values."""
    if not vary:
        raise UserError("ablation needs a setting and its values: give them with --vary objective.gamma=0.01,0.1,1")
    settings: dict[str, list[Any]] = {}
    for text in vary:
        key, equals, values = text.partition("=")
        if not equals or not values.strip():
            raise UserError(f'--vary must be a setting and its values, such as objective.gamma=0.01,0.1,1, not "{text}"')
        key = old_names.setting(key)
        if key in settings:
            raise UserError(f"--vary {key} was given twice: give all its values in one --vary, as in --vary {key}=A,B")
        if key.startswith((*OF_THE_IMAGES, "networks.attributes")):
            raise UserError(f"{key} cannot be varied, because all runs must use the same images and attributes")
        if key == "training.seed":
            raise UserError("training.seed cannot be varied with --vary: use --seeds")
        try:
            settings[key] = yaml.safe_load(f"[{values}]")
        except yaml.YAMLError as error:
            raise UserError(f'cannot read the values of "--vary {text}": write values such as 0.01,0.1,1') from error
        there = [_comparable(value) for value in settings[key]]
        if any(value in there[:place] for place, value in enumerate(there)):
            raise UserError(f"--vary {text} has a value twice: leave out one")
    return settings


def _variant(settings: dict[str, Any], varied: Iterable[str]) -> Variant:
    """A run with some settings, called by the last parts of their names where these tell them apart."""
    last = Counter(key.rpartition(".")[2] for key in varied)
    called = {key: key if last[key.rpartition(".")[2]] > 1 else key.rpartition(".")[2] for key in settings}
    label = ", ".join(f"{called[key]} {plain(value, yes='true', no='false')}" for key, value in settings.items())
    return Variant(re.sub(r"[^\w.+-]+", "-", label), label, settings)


def _comparable(value: Any) -> Any:
    """A value of a recipe, whether as YAML has it or as the recipe has it."""
    if isinstance(value, (list, tuple)):
        return [_comparable(item) for item in value]
    try:
        return value if isinstance(value, bool) else float(value)  # 1e-3 is a string to YAML
    except (TypeError, ValueError):
        return value
