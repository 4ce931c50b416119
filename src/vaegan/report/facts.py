"""What was trained on what, for how long, with which settings: the head of the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import torch

from ..data import AVATARS, ImageSet, Indices
from ..data.sources import short_name
from ..models.vaegan import VAEGAN
from ..recipe import Recipe, called
from ..run import Run
from ..settings import Architecture
from ..words import duration, plain
from .charts import number
from .stats import Stats

KINDS = {
    "vaegan": "A VAE/GAN",
    "vae": "A VAE with pixel errors,",
    "vae-dis": "A VAE with the learned similarity of another run’s discriminator,",
    "gan": "A GAN",
}


@dataclass(frozen=True)
class RunImages:
    """The images of a run, where they are at hand."""

    images: ImageSet
    training: Indices
    held_out: Indices

    @classmethod
    def of(cls, run: Run, images: ImageSet | None = None) -> RunImages:
        """Take the images that a run was trained on: these, or else those that need not be packed or fetched first.

        Raises:
            UserError: they are not at hand.
        """
        images = run.images_at_hand() if images is None else images
        return cls(images, *run.split(images))


@dataclass(frozen=True)
class Facts:
    """The head of the page."""

    lead: str
    rows: list[tuple[str, str]]
    finished: bool | None
    """None where it is not known how long it was to be."""


def facts(recipe: Recipe, stats: Stats, trained: RunImages | None) -> Facts:
    """Say what was trained on what."""
    shape = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}".join(map(str, recipe.networks.size))
    colour = {1: "grey", 3: "colour"}.get(recipe.networks.channels, f"{recipe.networks.channels}-channel")
    source = "the built-in avatars" if recipe.data.source == AVATARS else short_name(recipe.data.source)
    count = f"{len(trained.training):,} " if trained else ""
    asked = _steps_asked(recipe, stats, trained)
    done = f"{stats.steps:,} of {asked:,} steps" if asked else f"{stats.steps:,} steps (of {recipe.training.length})"
    seconds, seen = stats.seconds(), stats.series("images").values
    training = [done, f"{seen[-1]:,.0f} images" if len(seen) else "", duration(seconds) if seconds else ""]
    speed = stats.series("images_per_second").values
    parameters = [
        f"{name} {count / 1e6:.2f}\N{NO-BREAK SPACE}M"
        for name, count in _parameters(recipe.networks).items()
        if name not in recipe.objective.untrained
    ]
    rows = [
        ("Images", f"{count}to train on, {len(trained.held_out):,} held out" if trained else source),
        ("Shape", f"{shape}, {colour}"),
        ("Trained for", ", ".join(filter(None, training))),
        ("Recipe", called(recipe)),
        ("Batch", f"{stats.images_per_step or recipe.training.batch} images"),
        ("Precision", {"auto": "", "32": "float32", "bf16": "bfloat16"}[recipe.training.precision]),
        ("Speed", f"{number(sorted(speed)[len(speed) // 2])} images/s" if len(speed) else ""),
        ("Code", f"{recipe.networks.latent} numbers per image"),
        ("Parameters", ", ".join(parameters)),
    ]
    lead = f"{KINDS[recipe.objective.kind]} trained on {count}images of {source}, at {shape} pixels, for {stats.steps:,} steps."
    return Facts(lead, [row for row in rows if row[1]], None if not asked else stats.steps >= asked)


@cache
def _parameters(architecture: Architecture) -> dict[str, int]:
    """How many parameters each network has; counted once: a run that goes on writes its page again and again."""
    with torch.device("meta"):
        networks = VAEGAN(architecture)
    return {name: sum(p.numel() for p in network.parameters()) for name, network in networks.named_children()}


def _steps_asked(recipe: Recipe, stats: Stats, trained: RunImages | None) -> int | None:
    """How many steps the run was to take; None where that needs images that are not at hand."""
    if stats.asked:
        return stats.asked
    a_step = stats.images_per_step or recipe.training.batch
    if trained:
        return recipe.training.steps(max(1, len(trained.training) // a_step), a_step)
    return None if "epoch" in recipe.training.length else recipe.training.steps(1, a_step)


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
