"""Read the attributes of held-out avatars off their reconstructions.

    python benchmarks/read_attributes.py RUN [RUN ...]

trains a small classifier on real training avatars, then lets it read the held-out ones and their reconstructions by each run, and prints
for each attribute the balanced accuracy: the mean of the shares of yeses and of noes that are right, so 0.5 is guessing. The first column,
real images, is the classifier's own limit.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from classifier import read
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score

import vaegan
from vaegan.data.batches import to_tensor
from vaegan.metrics.extractors.attributes import train_network

READ = ("Eyeglasses", "Sunglasses", "Beard", "Wearing_Hat", "Long_Hair", "Dark_Skin", "Black_Hair")


def balanced_accuracy(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each column, the mean of the share of yeses and the share of noes that are right."""
    return np.array([balanced_accuracy_score(*columns) for columns in zip(truth.T, said.T, strict=True)])


def main(runs: list[Path]) -> None:
    """Print the table."""
    models = {run: vaegan.load(run) for run in runs}
    first = vaegan.Run.open(runs[0])
    images = first.images()
    training, held_out = first.split(images)
    classifier = train_network(images, training)
    originals, truth = to_tensor(images.images[held_out[:]]), images.attributes[held_out[:]] > 0
    columns = {"real": balanced_accuracy(read(classifier, originals), truth)}
    for run, model in models.items():
        with torch.inference_mode():
            reconstructions = torch.cat([model.reconstruct(part) for part in originals.split(256)])
        columns[run.name] = balanced_accuracy(read(classifier, reconstructions), truth)
    index = [images.attribute_names.index(name) for name in READ]
    print(f"{'':20}" + "".join(f"{name:>14}" for name in columns))
    for name, i in zip(READ, index, strict=True):
        print(f"{name:20}" + "".join(f"{column[i]:14.3f}" for column in columns.values()))
    print(f"{'mean of these':20}" + "".join(f"{column[index].mean():14.3f}" for column in columns.values()))
    others = [i for i in range(len(images.attribute_names)) if i not in index]
    print(f"{'mean of the others':20}" + "".join(f"{column[others].mean():14.3f}" for column in columns.values()))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main([Path(argument) for argument in sys.argv[1:]])
