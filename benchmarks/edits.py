"""Give held-out images an attribute, and have a classifier that knows nothing of the latent space look.

    python benchmarks/edits.py RUN [--attributes Smiling Eyeglasses] [--epochs 12] [--sheet edits.png] [--project 200 [--kl-weight 0.1]]

trains a small classifier on real training images, learns the directions of all attributes on the training images, edits held-out images
that lack an attribute (300 of them, evenly spread), and prints for both ways to edit and several strengths

    yes       of which share of the edited images the classifier says that they have the attribute
    changed   how often the classifier's answers for the other attributes are not those for the image's own unedited reconstruction;
              the mean over those that can go together with the attribute in this set, and in brackets over all: a hat hides the hair

for the named attributes (five that are plain to see in avatars, if none is named), their mean, and the mean of all. Before them stand the
classifier's own limits: how many real held-out images with the attribute, and reconstructions of them, it says yes to, and how many
without it. With --project N, N steps of `vaegan project` improve the codes first. The sheet shows the first held-out images that lack
an attribute, their reconstructions, and them edited at strength 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from classifier import read
from numpy.typing import NDArray

import vaegan
from vaegan.data.batches import to_tensor
from vaegan.evenly_spaced import subsample
from vaegan.latent.directions import How
from vaegan.latent.encode import decode, encode
from vaegan.latent.learn_directions import learn_from
from vaegan.latent.project import project
from vaegan.metrics.extractors.attributes import EPOCHS, train_network
from vaegan.viz.grid import save, sheet

NAMED = ("Eyeglasses", "Beard", "Wearing_Hat", "Long_Hair", "Dark_Skin")
STRENGTHS: dict[How, tuple[float, ...]] = {"mean": (0.5, 1, 1.5, 1.75, 2), "probe": (0.5, 0.75, 1, 1.25, 1.5)}
MOST = 300
"""Images that each edit is measured on, of those that lack the attribute."""
SHOWN = 12


class Outcome(NamedTuple):
    """Of one attribute at one strength: shares of images."""

    yes: float
    changed: float
    changed_with_exclusive: float


def never_together(has: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A x A: which attributes no image has both of."""
    return (has.T.astype(np.int64) @ has.astype(np.int64)) == 0


def main(run: Path, named: Sequence[str], epochs: int, picture: Path | None, *, steps: int, kl_weight: float) -> None:
    """Print the tables."""
    opened = vaegan.Run.open(run)
    model, images = opened.model(), opened.images()
    training, held_out = opened.split(images)
    directions, _ = learn_from(model, images, training, held_out)
    classifier = train_network(images, training, epochs=epochs)
    originals = to_tensor(images.images[held_out[:]])
    codes = encode(model, images.images, held_out).mean
    if steps:
        codes = project(model, originals, steps, kl_weight=kl_weight).codes
    reconstructions = decode(model, codes)
    real, unedited = (read(classifier, shown) for shown in (originals, reconstructions))
    columns = [images.attribute_names.index(name) for name in directions.names]
    truth, real, unedited = (images.attributes[held_out[:]] > 0)[:, columns], real[:, columns], unedited[:, columns]
    exclusive = never_together((images.attributes[training[:]] > 0)[:, columns])
    numbers = [directions.index(name) for name in named]

    def outcome(number: int, strength: float, how: How) -> Outcome:
        lacking = subsample(np.flatnonzero(~truth[:, number]), MOST)
        edited = directions.edit(codes[torch.from_numpy(lacking)], {directions.names[number]: strength}, how)
        said = read(classifier, decode(model, edited))[:, columns]
        changed = (said != unedited[lacking]).mean(0)
        others = np.arange(len(columns)) != number
        return Outcome(said[:, number].mean(), changed[others & ~exclusive[number]].mean(), changed[others].mean())

    print(f"{len(held_out)} held-out images; lengths: " + ", ".join(f"{n} {directions.lengths[directions.index(n)]:.2f}" for n in named))
    print(f"{'':16}" + "".join(f"{name:>20}" for name in (*named, "mean of these", "mean of all")))
    for what, said in (("real", real), ("reconstructed", unedited)):
        for kind, chosen in (("with it", truth), ("without", ~truth)):
            shares = np.array([said[chosen[:, number], number].mean() for number in range(len(columns))])
            cells = [*shares[numbers], shares[numbers].mean(), shares.mean()]
            print(f"{what + ' ' + kind:22}" + "".join(f"{share:14.1%}      " for share in cells))
    for how, strengths in STRENGTHS.items():
        for strength in strengths:
            outcomes = np.array([outcome(number, strength, how) for number in range(len(directions.names))])
            rows = [*outcomes[numbers], outcomes[numbers].mean(0), outcomes.mean(0)]
            print(f"{how:8}{strength:<8g}" + "".join(f"{yes:9.1%}{a:5.1%} ({b:.0%})".rjust(20) for yes, a, b in rows), flush=True)
    if picture:
        rows_of_pictures = []
        for number in numbers:
            first = np.flatnonzero(~truth[:, number])[:SHOWN]
            edited = decode(model, directions.edit(codes[torch.from_numpy(first)], {directions.names[number]: 1.0}, "probe"))
            shown = torch.cat([originals[torch.from_numpy(first)], reconstructions[torch.from_numpy(first)], edited])
            rows_of_pictures.append(
                (f"held-out images without {directions.names[number]}, reconstructed, and with it at strength 1", shown)
            )
        print(f"The pictures are {save(sheet(rows_of_pictures, SHOWN), picture)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--attributes", nargs="+", default=NAMED, help=f"by default {' '.join(NAMED)}")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the classifier over the training images")
    parser.add_argument("--sheet", type=Path, help="a picture to write")
    parser.add_argument("--project", type=int, default=0, help="steps that improve the codes first")
    parser.add_argument("--kl-weight", type=float, default=0.1, help="of these steps")
    given = parser.parse_args()
    main(given.run, given.attributes, given.epochs, given.sheet, steps=given.project, kl_weight=given.kl_weight)
