"""The fast forms of a convolution with few channels on one side are that convolution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vaegan.models.convolution import FEW, ImageConvolution, to_few


def pair(inputs: int, outputs: int) -> tuple[ImageConvolution, nn.Conv2d]:
    torch.manual_seed(0)
    ours, plain = ImageConvolution(inputs, outputs, 5).double(), nn.Conv2d(inputs, outputs, 5, padding=2).double()
    plain.load_state_dict(ours.state_dict())  # the same names and shapes, so that saved models do not know the difference
    return ours, plain


@pytest.mark.parametrize("size", [(8, 8), (16, 10), (7, 8), (8, 9)])
@pytest.mark.parametrize(("inputs", "outputs"), [(3, 16), (1, 8), (FEW, 24), (16, 3), (8, 1), (24, FEW), (3, 2), (16, 8)])
def test_result_and_gradients_are_those_of_a_plain_convolution(inputs: int, outputs: int, size: tuple[int, int]) -> None:
    ours, plain = pair(inputs, outputs)
    images = torch.randn(3, inputs, *size, dtype=torch.float64)
    cotangent = torch.randn(3, outputs, *size, dtype=torch.float64)
    gradients: list[list[Tensor]] = []
    for layer in (ours, plain):
        given = images.clone().requires_grad_()
        result = layer(given)
        wanted = torch.autograd.grad(result, [given, *layer.parameters()], cotangent)
        gradients.append([result, *wanted])
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 16), (16, 3)])
def test_only_what_is_asked_for_is_computed(inputs: int, outputs: int) -> None:
    ours, plain = pair(inputs, outputs)
    images = torch.randn(2, inputs, 8, 8, dtype=torch.float64)
    for asked in ("images", "weight", "bias"):
        found = []
        for layer in (ours, plain):
            given = images.clone().requires_grad_(asked == "images")
            layer.weight.requires_grad_(asked == "weight")
            layer.bias.requires_grad_(asked == "bias")  # type: ignore[union-attr]
            target = given if asked == "images" else getattr(layer, asked)
            found.append(torch.autograd.grad(layer(given).square().sum(), target)[0])
        torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_to_few(kernel: int) -> None:
    maps, weight, bias = torch.randn(2, 6, 12, 8), torch.randn(3, 6, kernel, kernel), torch.randn(3)
    torch.testing.assert_close(to_few(maps, weight, bias), functional.conv2d(maps, weight, bias, padding=kernel // 2), rtol=1e-4, atol=1e-4)


def test_autocast_computes_in_bfloat16_as_for_a_plain_convolution() -> None:
    ours, plain = (layer.float() for layer in pair(16, 3))
    images = torch.randn(2, 16, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        mine, theirs = ours(images), plain(images)
    assert mine.dtype == theirs.dtype == torch.bfloat16
    assert mine.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(mine, theirs)
    (gradient,) = torch.autograd.grad(mine.float().sum(), images)
    assert gradient.dtype == torch.float32


def test_outside_training_it_is_what_torchs_transformations_know() -> None:
    ours, plain = (layer.eval().float() for layer in pair(4, 3))
    images = torch.randn(1, 4, 6, 6)
    torch.testing.assert_close(torch.func.jacrev(ours)(images), torch.func.jacrev(plain)(images))
