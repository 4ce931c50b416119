"""Whether `vaegan evaluate` finds copies of training images where they are, and finds none where there are none.

    python benchmarks/copies.py RUN [RUN ...] [--count 1000]

In place of samples, the test of copies gets images of which it is known what they are, all as the extractor (MobileNetV2) sees them:

    typical     samples of the model, of both priors, and reconstructions of held-out images: none of these is a copy
    copies      training images that are moved by a pixel, or mixed in among samples, or reconstructed

For each it prints the shares of images that are nearer to a training image than half of the held-out images are, and of those that are
near one training image alone; and how often chance brings so many of these (see vaegan.metrics.memorization).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import vaegan
from vaegan.data.batches import to_tensor
from vaegan.evenly_spaced import subsample
from vaegan.metrics.collect import PART, collect, features_of
from vaegan.metrics.extractors import mobilenet
from vaegan.metrics.memorization import copying_of, verdict

FEW = 0.05
"""The share of copies among samples."""


def kinds(run: vaegan.Run, count: int) -> Iterator[tuple[str, Tensor]]:
    """Images of each kind, by name."""
    model, images = run.model(), run.images()
    training, held_out = (to_tensor(images.images[subsample(part, count)]) for part in run.split(images))

    samples = model.sample(count)
    yield "samples of the fitted prior", samples
    yield "samples of N(0, I)", model.sample(count, prior="standard")
    yield "held-out images, reconstructed", model.reconstruct(held_out)
    yield "training images, reconstructed", model.reconstruct(training)
    yield "training images, moved by a pixel", training.roll(1, 3)
    few = round(FEW * count)
    yield f"samples, {FEW:.0%} of them training images", torch.cat([training[:few], samples[few:]])


@torch.inference_mode()
def main(folder: Path, count: int) -> None:
    """Print the table of a run."""
    run = vaegan.Run.open(folder)
    images = run.images()
    training, held_out = run.split(images)
    extractor = mobilenet.make(images, training, torch.device("cpu"), lambda *_: None)
    chosen = training[:], subsample(held_out, count)
    known, new = (features_of(extractor, images, indices, "features").vectors for indices in chosen)
    print(f"{folder}: {len(known):,} training images, {len(new):,} held out")
    print(f"{'':42}{'nearer':>9}{'near one':>10}{'p':>10}")
    for name, pixels in kinds(run, count):
        found = copying_of(collect(extractor, pixels.split(PART), len(pixels)).vectors, new, known)
        one = found.near_one
        print(f"{name:42}{found.share_nearer:>9.1%}{one.share:>10.1%}{one.p:>10.2g}  {verdict(one)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=1000, help="images of each kind (default: 1000)")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    for one in arguments.runs:
        main(one, arguments.count)
