"""How strongly the two terms of the decoder's objective pull, and the gamma at which they would pull alike.

    python benchmarks/balance.py RUN [RUN ...] [--batches 20] [--untrained]

takes the networks of trained runs, as they are saved or as they began, in training mode, and measures on batches of training images the
norm of the gradient that each term of gamma L_llike - (1 - gamma) L_GAN, unweighted, leaves in the decoder's weights; the medians over the
batches are printed. Were the learned similarity a mean over features and not a sum, its gradient would be as many times smaller as there
are features, and gamma another. The term of the GAN is that of the run's own recipe, saturating or not.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaegan import VAEGAN, Recipe, load
from vaegan.data import open_images, split
from vaegan.data.batches import to_tensor
from vaegan.losses.objective import Objective
from vaegan.recipe import of_run


def norm_of_gradient(objective: Objective, model: VAEGAN, images: Tensor, noise: Tensor) -> float:
    """The norm of what an objective leaves in the decoder's weights."""
    weights = list(model.decoder.parameters())
    for weight in weights:
        weight.grad = None
    objective(model, images, noise[0], noise[1]).backward(weights)
    return float(torch.stack([weight.grad.double().square().sum() for weight in weights if weight.grad is not None]).sum().sqrt())


def measure(run: Path, batches: int, untrained: bool) -> str:
    """A line of the table."""
    recipe = Recipe.load(of_run(run))
    data = recipe.data
    images = open_images(data.source, recipe.preparation, count=data.avatars, progress=lambda *_: None)
    numbers, _ = split(images, data.held_out, data.train_on)
    torch.manual_seed(0)
    model = (VAEGAN(recipe.networks, images.preparation) if untrained else load(run)).train()
    similarity = replace(recipe.objective, gamma=1.0)
    game = replace(recipe.objective, kind="gan")
    random = np.random.default_rng(0)
    norms = []
    for _ in range(batches):
        batch = to_tensor(images.images[np.sort(numbers[random.choice(len(numbers), recipe.training.batch, replace=False)])])
        noise = torch.randn(2, len(batch), recipe.networks.latent)
        norms.append([norm_of_gradient(Objective(objective), model, batch, noise) for objective in (similarity, game)])
    of_similarity, of_game = np.median(norms, axis=0)
    features = model.discriminator.features(batch[:2], recipe.objective.level).shape[1]
    gamma, of_mean = of_game / (of_similarity + of_game), of_game / (of_similarity / features + of_game)
    return f"{run.name:24}{features:10,}{of_similarity:12.3g}{of_game:12.3g}{gamma:14.2e}{of_mean:16.2e}{recipe.objective.gamma:14.2e}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--untrained", action="store_true")
    arguments = parser.parse_args()
    print(f"{'run':24}{'features':>10}{'|similarity|':>12}{'|GAN|':>12}{'gamma, alike':>14}{'same, of a mean':>16}{'of the recipe':>14}")
    for run in arguments.runs:
        print(measure(run, arguments.batches, arguments.untrained), flush=True)


if __name__ == "__main__":
    main()
