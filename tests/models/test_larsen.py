"""The networks are the paper's, and fit other images."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from vaegan import VAEGAN, Architecture, Recipe, UserError


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameters_of_the_papers_networks() -> None:
    model = VAEGAN()
    assert [round(parameters(n) / 1e6, 2) for n in (model.encoder, model.decoder, model.discriminator)] == [18.07, 4.69, 10.95]


def test_layers_of_the_papers_networks() -> None:
    model = VAEGAN()
    shapes = [tuple(m.weight.shape) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]
    assert shapes == [
        *[(64, 3, 5, 5), (128, 64, 5, 5), (256, 128, 5, 5), (1024, 16384), (128, 1024), (128, 1024)],
        *[(16384, 128), (256, 256, 5, 5), (256, 128, 5, 5), (128, 32, 5, 5), (3, 32, 5, 5)],
        *[(32, 3, 5, 5), (128, 32, 5, 5), (256, 128, 5, 5), (256, 256, 5, 5), (512, 16384), (1, 512)],
    ]


def test_the_authors_networks_for_32x32() -> None:
    model = VAEGAN(Recipe.load("larsen-cifar").networks)
    maps = model.decoder.map_shape
    assert maps == (256, 4, 4)
    transposed = [tuple(m.weight.shape[:2]) for m in model.decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert transposed == [(256, 192), (192, 128), (128, 32)]
    convolutions = [m.out_channels for m in model.discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert convolutions == [32, 128, 192, 256]
    assert model.architecture.latent == 256
    assert model.discriminator.features(torch.zeros(2, 3, 32, 32), 2).shape == (2, 192 * 8 * 8)


@pytest.mark.parametrize("size", [(16, 16), (24, 40), (32, 32), (64, 48), (128, 128)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_other_sizes_and_channels(size: tuple[int, int], channels: int) -> None:
    model = VAEGAN(Architecture(size=size, channels=channels, width=0.125, latent=7))
    images = torch.zeros(3, channels, *size)
    mean, logvar = model.encoder(images)
    assert mean.shape == logvar.shape == (3, 7)
    decoded = model.decoder(mean)
    assert decoded.shape == images.shape
    assert decoded.abs().max() <= 1
    assert model.discriminator(images).shape == (3,)
    for level in (1, 2, 3):
        assert len(model.discriminator.features(images, level)) == 3


def test_level_3_has_the_features_of_the_reference() -> None:
    assert VAEGAN().discriminator.features(torch.zeros(2, 3, 64, 64), 3).shape == (2, 16_384)


def test_features_are_taken_before_batch_normalisation() -> None:
    model = VAEGAN(Architecture(width=0.125)).train()
    images = torch.randn(4, 3, 64, 64)
    seen: list[torch.Tensor] = []
    last = model.get_submodule("discriminator.convolutions.3")
    assert isinstance(last, nn.Sequential)
    last[1].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    model.discriminator(images)
    assert torch.equal(model.discriminator.features(images, 3), seen[0].flatten(1))


def test_initialisation() -> None:
    torch.manual_seed(0)
    for module in VAEGAN().modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            bound = 1 / math.sqrt(3 * module.weight[0].numel())
            assert module.weight.abs().max() <= bound
            assert module.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)
            if module.bias is not None:
                assert not module.bias.any()


def test_batch_normalisation() -> None:
    """Running statistics keep 0.9 of the old value (the reference kept 0.1), and no bias stands before them."""
    model = VAEGAN()
    norms = [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert len(norms) == 4 + 4 + 4
    assert all(norm.momentum == 0.1 for norm in norms)
    blocks = [
        m for m in model.modules() if isinstance(m, nn.Sequential) and len(m) == 3 and isinstance(m[1], (nn.BatchNorm1d, nn.BatchNorm2d))
    ]
    assert len(blocks) == len(norms)
    assert all(block[0].bias is None for block in blocks)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": (60, 64)},
        {"size": (8, 8)},
        {"latent": 0},
        {"channels": 0},
        {"width": -1.0},
        {"width": float("nan")},
        {"encoder": (64, 0, 3)},
    ],
)
def test_impossible_networks_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        Architecture(**settings)  # type: ignore[arg-type]
