"""Give held-out avatars an attribute, and have a classifier that knows nothing of the latent space look.

    python benchmarks/edits.py RUN

trains a small classifier on real training avatars, learns the directions of all attributes on the training avatars, edits every held-out
avatar that lacks an attribute, and prints for both ways to edit and several strengths

    yes       of which share of the edited images the classifier says that they have the attribute
    changed   how often the classifier's answers for the other attributes are not those for the image's own unedited reconstruction;
              the mean over those that can go together with the attribute in this set, and in brackets over all: a hat hides the hair

for five attributes that are plain to see, their mean, and the mean of all.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from classifier import read
from numpy.typing import NDArray

import vaegan
from vaegan.latent.directions import How
from vaegan.latent.encode import decode, encode
from vaegan.latent.learn_directions import learn_from
from vaegan.metrics.extractors.attributes import train_network

NAMED = ("Eyeglasses", "Beard", "Wearing_Hat", "Long_Hair", "Dark_Skin")
STRENGTHS: dict[How, tuple[float, ...]] = {"mean": (0.5, 1, 1.5, 1.75, 2), "probe": (0.5, 0.75, 1, 1.25, 1.5)}


class Outcome(NamedTuple):
    """Of one attribute at one strength: shares of images."""

    yes: float
    changed: float
    changed_with_exclusive: float


def never_together(has: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A x A: which attributes no image has both of."""
    return (has.T.astype(np.int64) @ has.astype(np.int64)) == 0


def main(run: Path) -> None:
    """Print the tables."""
    opened = vaegan.Run.open(run)
    model, images = opened.model(), opened.images()
    training, held_out = opened.split(images)
    directions, _ = learn_from(model, images, training, held_out)
    classifier = train_network(images, training)
    codes = encode(model, images.images, held_out).mean
    unedited = read(classifier, decode(model, codes))
    columns = [images.attribute_names.index(name) for name in directions.names]
    truth = (images.attributes[held_out[:]] > 0)[:, columns]
    exclusive = never_together((images.attributes[training[:]] > 0)[:, columns])

    def outcome(number: int, strength: float, how: How) -> Outcome:
        lacking = ~truth[:, number]
        edited = directions.edit(codes[torch.from_numpy(lacking)], {directions.names[number]: strength}, how)
        said = read(classifier, decode(model, edited))[:, columns]
        changed = (said != unedited[lacking][:, columns]).mean(0)
        others = np.arange(len(columns)) != number
        return Outcome(said[:, number].mean(), changed[others & ~exclusive[number]].mean(), changed[others].mean())

    print(f"{len(held_out)} held-out avatars; lengths: " + ", ".join(f"{n} {directions.lengths[directions.index(n)]:.2f}" for n in NAMED))
    print(f"{'':16}" + "".join(f"{name:>20}" for name in (*NAMED, "mean of these", "mean of all")))
    for how, strengths in STRENGTHS.items():
        for strength in strengths:
            outcomes = np.array([outcome(number, strength, how) for number in range(len(directions.names))])
            named = outcomes[[directions.index(name) for name in NAMED]]
            rows = [*named, named.mean(0), outcomes.mean(0)]
            print(f"{how:8}{strength:<8g}" + "".join(f"{yes:9.1%}{a:5.1%} ({b:.0%})".rjust(20) for yes, a, b in rows), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
