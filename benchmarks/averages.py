"""What an average of the weights is worth, and where its batch normalisation should have its running statistics from.

    python benchmarks/averages.py RECIPE [--half-lives IMAGES ...] [SETTINGS, such as --training.length "600 steps"]

trains once by a recipe, follows the weights by an average for each half-life, and prints for the last weights and each average, with
running statistics

    copied       those of the last weights
    averaged     averaged like the weights
    recomputed   means over 30 batches of training images, with the averaged weights

the squared error of held-out reconstructions' pixels, and 1000 times the kernel distance (MobileNetV2) of these reconstructions, and of as
many samples, from the held-out images. A good half-life is short against the run.
"""

from __future__ import annotations

import copy
import sys
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from vaegan import VAEGAN, Recipe
from vaegan.begin import images_of, split_of
from vaegan.cli.flags import read_settings
from vaegan.data.batches import to_tensor
from vaegan.metrics.extractors.mobilenet import MobileNet
from vaegan.metrics.kid import kernel_distance
from vaegan.training.average import WeightAverage, averaging_weight
from vaegan.training.device import make_fabric
from vaegan.training.trainer import Trainer

IMAGES, BATCHES = 500, 30


def main(name: str, arguments: list[str]) -> None:
    """Train, measure, print."""
    half_lives = [300, 1000]
    if arguments[:1] == ["--half-lives"]:
        end = next((n for n, text in enumerate(arguments) if n and text.startswith("--")), len(arguments))
        half_lives, arguments = [int(text) for text in arguments[1:end]], arguments[end:]
    recipe = Recipe.load(name, read_settings(arguments))
    torch.set_num_threads(recipe.training.threads or torch.get_num_threads())
    images = images_of(recipe, Console(stderr=True))
    training, held_out = split_of(recipe, images)
    trainer = Trainer(recipe, make_fabric("cpu", recipe.training.precision), images, training)
    ways = {half_life: replace(recipe.training, ema=0.0, average_half_life=half_life) for half_life in half_lives}
    averages = {half_life: WeightAverage(trainer.model, settings) for half_life, settings in ways.items()}
    while trainer.step < trainer.steps:
        weights = {h: averaging_weight(settings, trainer.step, trainer.images_per_step) for h, settings in ways.items()}
        trainer.train_step()
        for half_life, average in averages.items():
            average.follow(weights[half_life])
    trainer.check()

    originals = to_tensor(images.images[held_out[:IMAGES]], torch.device("cpu"))
    extractor = MobileNet()
    real = features(extractor, originals)
    print(f"{'':28}{'pixel error':>12}{'reconstructions':>17}{'samples':>9}")
    models = {"last weights": trainer.model, "last weights, recomputed": recomputed(trainer.model, trainer)}
    for half_life, average in averages.items():
        copied = copy.deepcopy(average.model)
        for mine, theirs in zip(copied.buffers(), trainer.model.buffers(), strict=True):
            mine.copy_(theirs)
        models |= {f"{half_life:,}, copied": copied, f"{half_life:,}, averaged": average.model}
        models[f"{half_life:,}, recomputed"] = recomputed(average.model, trainer)
    for which, model in models.items():
        model.eval()
        with torch.inference_mode():
            reconstructions, samples = model.reconstruct(originals), model.sample(len(originals), seed=1)
        error = (reconstructions - originals).square().mean().item()
        distances = [1000 * kernel_distance(features(extractor, one), real) for one in (reconstructions, samples)]
        print(f"{which:28}{error:12.4f}{distances[0]:17.1f}{distances[1]:9.1f}", flush=True)


def features(extractor: MobileNet, images: Tensor) -> NDArray[np.float32]:
    """Of images N x C x H x W: N x D."""
    found: NDArray[np.float32] = torch.cat([extractor(part) for part in images.split(250)]).numpy()
    return found


@torch.no_grad()
def recomputed(model: VAEGAN, trainer: Trainer) -> VAEGAN:
    """The model with means over many batches for running statistics, in the passes that training makes."""
    model = copy.deepcopy(model).train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            module.momentum = None  # torch's way of saying: the mean over all batches
    for step in range(BATCHES):
        batch = trainer.batches(step)
        noise = torch.from_numpy(np.random.default_rng(step).standard_normal((2, len(batch), trainer.recipe.networks.latent), np.float32))
        with trainer.fabric.autocast():
            trainer.training_step.objective(model, batch, *noise)
    return model


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
