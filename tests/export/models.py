"""Models to export: tiny, untrained, and with numbers as large as those of trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vaegan import VAEGAN, Directions
from vaegan.latent.anomaly import Scorer
from vaegan.models.fingerprint import fingerprint
from vaegan.models.prior import Mixture

from ..tiny import tiny

Size = tuple[int, int]


def model_of(
    recipe: str, attributes: tuple[str, ...] = (), size: Size = (16, 24), untrained: tuple[str, ...] = (), channels: int = 3
) -> VAEGAN:
    """A model whose batch normalisation has seen many images, so that its pictures have contrast."""
    torch.manual_seed(0)
    networks = tiny(recipe, networks__size=size, networks__attributes=attributes, networks__channels=channels).networks
    model = VAEGAN(networks, untrained=untrained).train()
    conditions = torch.randn(8, len(attributes)) if attributes else None
    images = torch.rand(8, channels, *size) * 2 - 1
    with torch.no_grad():
        for _ in range(30):
            model.encoder(images, conditions)
            model.decoder(torch.randn(8, 4), conditions)
            model.discriminator(images, conditions)
        for network in (model.encoder.logvar, model.encoder.mean, model.decoder.image):
            network.weight.mul_(4)  # type: ignore[operator, union-attr]
    if attributes:
        model.attribute_mean[:3].copy_(torch.tensor([0.5, -0.25, 0.0])[: len(attributes)])
        model.attribute_scale[:3].copy_(torch.tensor([0.5, 2.0, 1.0])[: len(attributes)])
    return model.eval()


def mixture(dimensions: int, latent: int = 4, components: int = 3) -> Mixture:
    """A prior."""
    generator = torch.Generator().manual_seed(1)
    factors = (0.3 * torch.randn(components, dimensions, dimensions, generator=generator)).tril(-1) + torch.eye(dimensions)
    means = torch.randn(components, dimensions, generator=generator)
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)[:components]
    return Mixture(weights / weights.sum(), means.double(), factors.double(), latent)


def noise(count: int, size: Size, seed: int = 0) -> NDArray[np.uint8]:
    """Images, N x H x W x C, uint8: patches of few colours."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return patches.repeat(size[0] // 4, 1).repeat(size[1] // 4, 2)


def saved(model: VAEGAN, folder: Path) -> Path:
    """A model folder with a calibration."""
    model.save_pretrained(folder)
    images = noise(40, model.architecture.size)
    Scorer.calibrate(model, images, np.arange(40), source="patches").save(folder / "score.safetensors")
    return folder


def learned(model: VAEGAN) -> Directions:
    """Directions of three attributes, the first of which excludes the last."""
    random = torch.Generator().manual_seed(2)
    vectors, probes, means = (torch.randn(3, 4, generator=random) for _ in range(3))
    exclusive = torch.zeros(3, 3, dtype=torch.bool)
    exclusive[0, 2] = True
    lengths, offsets = torch.tensor([1.5, 0.5, 1.0]), torch.tensor([0.3, 0.5, 0.7])
    about = {"weights": fingerprint(model)}
    return Directions(("Hat", "Beard", "Bald"), means, vectors, lengths, 0.2 * probes, offsets, exclusive, torch.zeros(2, 3), about)
