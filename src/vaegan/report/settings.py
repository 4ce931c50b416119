"""The recipe of a run, in words and as a table of what it changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ..errors import UserError
from ..recipe import Recipe, names
from ..words import plain

OF_A_RUN = (
    *("data.", "networks.size", "networks.channels", "training.length", "training.seed", "training.precision"),
    *("training.log_every", "training.picture_every", "training.checkpoint_every"),
)
"""Settings that do not make another recipe of one."""


@dataclass(frozen=True)
class Difference:
    """A setting that is not as it is by default."""

    key: str
    here: str
    default: str


def differences(recipe: Recipe) -> list[Difference]:
    """What the recipe changes in the defaults."""
    changed = recipe.differences(Recipe())
    said = partial(plain, between=", ", yes="yes", no="no")
    return [Difference(key, said(here), said(default)) for key, (here, default) in changed.items()]


def called(recipe: Recipe) -> str:
    """The packaged recipe that this is, or is nearest to, in words."""
    counts = {}
    for name in names():
        try:
            changed = recipe.differences(Recipe.load(name))
        except UserError:  # it asks for a packed set that is not here
            continue
        counts[name] = sum(not key.startswith(OF_A_RUN) for key in changed)
    name, count = min(counts.items(), key=lambda item: item[1])
    if count == 0:
        return name
    return f"{name}, with {count} setting{'s' if count > 1 else ''} changed" if count <= 5 else "its own"
