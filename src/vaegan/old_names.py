"""Names of older versions, which recipes, flags, run folders and other files may still have: the one place that knows them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from .this_process import is_first_here

SETTINGS = {"objective.prior_weight": "objective.kl_weight"}
"""Settings, by dotted key: in recipes, in flags, in what experiments vary, and in checkpoints."""
FLAGS = {"project": {"--prior": "--kl-weight"}, "score": {"--alarms": "--false-positive-rate"}}
"""Flags of commands, other than settings."""
METRICS = {"_floor": "_real_baseline", "_floor_spread": "_real_baseline_spread"}
"""How names of numbers end in metrics.jsonl."""
SCORES = {"look": "features"}
"""How names of arrays begin in score.safetensors, before a point."""


@cache
def note(old: str, new: str) -> None:
    """Say once that something has a new name."""
    if is_first_here():
        print(f'note: "{old}" has a new name: "{new}"', file=sys.stderr)


def setting(key: str) -> str:
    """The name that a setting has now, of its dotted key; says so if that is another one."""
    if key in SETTINGS:
        note(key, SETTINGS[key])
    return SETTINGS.get(key, key)


def settings(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key, as a checkpoint has them, under the names that they have now."""
    return {SETTINGS.get(key, key): value for key, value in flat.items()}


def arguments(words: Sequence[str]) -> list[str]:
    """The words of a command line, with the flags that its command has now."""
    table = FLAGS.get(words[0], {}) if words else {}
    found = list(words[:1])
    for word in words[1:]:
        flag, equals, value = word.partition("=")
        if flag in table:
            note(f"{words[0]} {flag}", table[flag])
        found.append(f"{table.get(flag, flag)}{equals}{value}")
    return found


def metrics(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """A line of metrics.jsonl, under the names that its numbers have now."""
    return {_metric(name): value for name, value in numbers.items()}


def score(array: str) -> str:
    """The name that an array of score.safetensors has now."""
    first, point, rest = array.partition(".")
    return f"{SCORES.get(first, first)}{point}{rest}"


def _metric(name: str) -> str:
    ending = next((old for old in METRICS if name.endswith(old)), None)
    return name.removesuffix(ending) + METRICS[ending] if ending else name
