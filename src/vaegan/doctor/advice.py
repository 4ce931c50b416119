"""What can be said of a set at no cost: how many images there are against what a recipe wants, and which attributes are too rare."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..recipe import Recipe
from ..words import counted

FEWEST_TRAINING, FEWEST_HELD_OUT = 20, 20
"""As the fit of the prior and the evaluation need."""
OFTEN = 100
"""A model that sees each image so often, or oftener, may learn single images by heart."""
FEWEST_WITH = 10
"""As `vaegan attributes` needs, with the attribute and without it."""
RARE = 0.01
"""The share of images below which an attribute is rare."""
NAMED = 5
"""So many attributes are named in a sentence."""


def amounts(training: int, held_out: int, recipe: Recipe, *, has_splits: bool) -> Iterator[str]:
    """Sentences on the number of images, if there are too few or too many for a recipe.

    Args:
        training: how many images are trained on.
        held_out: how many are held out.
        recipe: says how many images a step takes, and how many steps there are.
        has_splits: whether the set says itself which images are held out.
    """
    batch = recipe.training.batch
    if training < batch:
        only = f"there {'is' if training == 1 else 'are'} only {training:,} training image{'s' * (training != 1)}"
        needed = f"{only}, and at least {batch:,} are needed for a batch"
        yield f"{needed}: add images, or lower --training.batch"
        return
    if training < FEWEST_TRAINING:
        yield f"there are only {training:,} training images, and at least {FEWEST_TRAINING} are needed for a prior: add images"
    if recipe.objective.autoencodes and held_out < FEWEST_HELD_OUT:
        needed = f"there are only {held_out:,} held-out images, and at least {FEWEST_HELD_OUT} are needed to evaluate: add images"
        share = math.ceil(100 * FEWEST_HELD_OUT / (training + held_out)) / 100
        yield needed if has_splits or share > 0.5 else f"{needed}, or set --data.held_out {share:g}"
    if recipe.training.minutes is None:
        epoch = training // batch
        steps = recipe.training.steps(epoch, batch)
        times = steps * batch / training
        if times >= OFTEN:
            shown = f"the recipe trains for {steps / epoch:,.0f} epochs on {training:,} images, so the model may memorise them"
            flip = "" if recipe.augmentation.flip else ", or use --augmentation.flip, which mirrors them at random"
            yield f"{shown}: add more images{flip}"
        elif steps < epoch:
            few = f"the training is so short that it uses only {times:.0%} of the {training:,} training images"
            yield f"{few}: to use all of them, add --epochs 1"


def rare_attributes(names: Sequence[str], attributes: NDArray[np.float32], recipe: Recipe) -> Iterator[str]:
    """Sentences on the attributes that too few images have, or lack.

    Args:
        names: of the A attributes.
        attributes: N x A, of the training images: above 0 where an image has it, NaN where that is not known.
        recipe: names the attributes that a conditional model takes.
    """
    useless, rare = [], []
    for name, values in zip(names, attributes.T, strict=True):
        known = values[~np.isnan(values)]
        yes = int((known > 0).sum())
        fewer, have = (yes, ("has it", "have it")) if 2 * yes <= len(known) else (len(known) - yes, ("does not have it", "do not have it"))
        if fewer < FEWEST_WITH:
            useless.append(f'"{name}" ({counted(fewer, "image", *have)})')
        elif fewer < RARE * len(known):
            rare.append(f'"{name}" ({fewer / len(known):.1%} of images {have[1]})')
    conditional = set(recipe.networks.attributes) & set(names)
    if useless:
        them = "it" if len(useless) == 1 else "them"
        result = f'"vaegan attributes" leaves {them} out' + (f", and a conditional model learns nothing from {them}" if conditional else "")
        yield f"{counted(len(useless), 'attribute', 'is', 'are')} too rare or too common to learn: {_some(useless)}; the command {result}"
    if rare:
        those = counted(len(rare), "attribute", "is", "are")
        yield f"{those} rare, or nearly all images have them: {_some(rare)}; their directions will be inexact"


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:NAMED]) + (f" and {len(texts) - NAMED:,} more" if len(texts) > NAMED else "")
