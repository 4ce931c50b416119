"""What it is worth to begin with the weights of another run: a few grey images, after a run on many in colour.

    python benchmarks/finetune.py RUN [--count 200] [--lr 5e-4] [--seconds 15 45 90] [--seed 0] [--out FOLDER]

takes some of the images that RUN held out, makes them grey, and trains on them for as many seconds as the last of these, twice: with the
weights of RUN at a learning rate of its own, and anew at that of RUN; the rate is constant in both. After each of the seconds it prints the
squared error of pixels of reconstructions of other held-out images, also grey, and 1000 times the kernel distance (MobileNetV2) of these
reconstructions, and of as many samples of the fitted prior, from them. Seconds are those of the processor, in training alone: set
OMP_NUM_THREADS=1, so that none is spent on waiting.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import vaegan
from vaegan import Callback, Recipe, Run
from vaegan.data.batches import to_tensor
from vaegan.latent.fit_prior import prior_of
from vaegan.metrics.extractors.mobilenet import MobileNet
from vaegan.metrics.kid import kernel_distance
from vaegan.training.step import StepResult
from vaegan.training.trainer import Trainer

REAL = 1000
"""Images to compare with."""
FOREVER = 10**6


class Snapshots(Callback):
    """Saves the model after some seconds of training, and stops after the last of them."""

    def __init__(self, folder: Path, seconds: list[float]) -> None:
        self.folder, self.left = folder, sorted(seconds)
        self.began, self.aside = 0.0, 0.0

    def on_step(self, trainer: Trainer, result: StepResult) -> None:  # noqa: ARG002
        """Look at the clock."""
        now = time.process_time()
        self.began = self.began or now
        while self.left and now - self.began - self.aside >= self.left[0]:
            trainer.shown.save_pretrained(self.folder / f"{self.left.pop(0):g}")
            (self.folder / "steps.txt").open("a").write(f"{trainer.step}\n")
        if not self.left:
            trainer.ask_to_stop()
        self.aside += time.process_time() - now


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """N x H x W x 3: the luminance of each pixel, three times."""
    return np.stack([np.asarray(Image.fromarray(one).convert("L").convert("RGB")) for one in pixels])


def features(extractor: MobileNet, images: Tensor) -> NDArray[np.float32]:
    """Of images N x C x H x W: N x D."""
    found: NDArray[np.float32] = torch.cat([extractor(part) for part in images.split(250)]).numpy()
    return found


def train(recipe: Recipe, pixels: NDArray[np.uint8], out: Path, seconds: list[float], init_from: Path | None) -> Path:
    """A run without pictures between; its snapshots are in its folder `after`."""
    snapshots = Snapshots(out.with_name(f"{out.name}-after"), seconds)
    vaegan.train(recipe, out, data=pixels, init_from=init_from, report=False, callbacks=[snapshots], progress=False)
    return snapshots.folder


def main() -> None:
    """Train twice, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seconds", type=float, nargs="+", default=[15.0, 45.0, 90.0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    run = Run.open(asked.run)
    images = run.images()
    _, held_out = run.split(images)
    order = np.random.default_rng(asked.seed).permutation(len(held_out))
    pixels = grey(images.images[held_out[:][order[: asked.count + REAL]]])
    few, others = pixels[: asked.count], to_tensor(pixels[asked.count :])
    settings = run.recipe.training
    training = replace(settings, length=f"{FOREVER} steps", picture_every=FOREVER, checkpoint_every=FOREVER, seed=asked.seed)
    recipe = replace(run.recipe, data=replace(run.recipe.data, held_out=0.0), training=training)
    extractor = MobileNet()
    real = features(extractor, others)
    with tempfile.TemporaryDirectory() as scratch:
        out = asked.out or Path(scratch)
        print(f"{'':26}{'seconds':>8}{'steps':>7}{'pixel error':>13}{'reconstructions':>17}{'samples':>9}")
        for name, lr, init_from in (("with the run's weights", asked.lr, run.folder), ("anew", recipe.optimizer.lr, None)):
            rates = replace(recipe.optimizer, lr=lr, schedule="constant")
            snapshots = train(replace(recipe, optimizer=rates), few, out / name.split()[0], asked.seconds, init_from)
            steps = (snapshots / "steps.txt").read_text().split()
            trained = Run.open(out / name.split()[0]).images()
            for seconds, step in zip(sorted(asked.seconds), steps, strict=True):
                model = vaegan.load(snapshots / f"{seconds:g}")
                model.prior = prior_of(model, trained, np.arange(len(trained)), mirrored=recipe.augmentation.flip)
                with torch.inference_mode():
                    reconstructions, samples = model.reconstruct(others), model.sample(len(others), seed=1)
                error = (reconstructions - others).square().mean().item()
                distances = [1000 * kernel_distance(features(extractor, one), real) for one in (reconstructions, samples)]
                print(f"{name:26}{seconds:8g}{step:>7}{error:13.4f}{distances[0]:17.1f}{distances[1]:9.1f}", flush=True)


if __name__ == "__main__":
    main()
