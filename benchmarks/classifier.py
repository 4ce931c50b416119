"""A small classifier of attributes, trained on real images: it knows no latent space, and so can judge what comes out of one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vaegan.data import ImageSet
from vaegan.data.batches import to_tensor

EPOCHS, BATCH = 3, 128


def train_classifier(images: ImageSet, numbers: NDArray[np.int64]) -> nn.Module:
    """A classifier of all the set's attributes."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 32), (32, 64), (64, 128), (128, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    features = 128 * (images.images.shape[1] // 16) * (images.images.shape[2] // 16)
    classifier = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, len(images.attribute_names)))
    classifier = classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    answers = torch.from_numpy(images.attributes).float()
    steps = EPOCHS * (len(numbers) // BATCH)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    generator = np.random.default_rng(0)
    for _ in range(EPOCHS):
        shuffled = generator.permutation(numbers)
        for start in range(0, len(shuffled) - BATCH + 1, BATCH):
            batch = np.sort(shuffled[start : start + BATCH])
            loss = nn.functional.binary_cross_entropy_with_logits(classifier(to_tensor(images.images[batch])), answers[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return classifier.eval()


@torch.inference_mode()
def read(classifier: nn.Module, images: Tensor) -> NDArray[np.bool_]:
    """What the classifier sees."""
    return (torch.cat([classifier(part) for part in images.split(256)]) > 0).numpy()
