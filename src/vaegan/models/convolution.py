"""The convolutions at an image's full resolution, which have a few channels on one side.

Kernels for CPUs with AVX-512, where this was measured, work on 16 channels at a time, so that a convolution to three wastes thirteen of
them: forward in the decoder's last layer, and back to the image in the discriminator's first. Both are computed here as what else they are,
with the same numbers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FEW = 4
"""Channels that count as few: 4 times as many still fit into 16."""


class ImageConvolution(nn.Conv2d):
    """A convolution of stride 1 that keeps height and width, between images of a few channels and maps of many."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        """`kernel`: its height and width, odd."""
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (as in nn.Conv2d)
        """N x inputs x H x W -> N x outputs x H x W."""
        even = input.shape[2] % 2 == input.shape[3] % 2 == 0
        training = self.training and torch.is_grad_enabled()
        if input.device.type != "cpu" or not even or not training or torch.compiler.is_compiling():
            return super().forward(input)  # outside training it is to be what torch's transformations and exporters know
        assert self.bias is not None
        operands: list[Tensor] = [input, self.weight, self.bias]
        if torch.is_autocast_enabled("cpu"):
            operands = [operand.to(torch.get_autocast_dtype("cpu")) for operand in operands]
        result: Tensor = _ImageConvolution.apply(*operands)
        return result


class _ImageConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(maps, weight)
        return to_few(maps, weight, bias) if len(weight) <= FEW else functional.conv2d(maps, weight, bias, padding="same")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        maps, weight = ctx.saved_tensors
        for_maps, for_weight, for_bias = ctx.needs_input_grad
        outputs, inputs = weight.shape[:2]
        of_maps = of_weight = None
        if for_maps and inputs <= FEW:
            of_maps = to_few(gradient, weight.flip(2, 3).transpose(0, 1))  # which is what going back is: a convolution, mirrored
        elif for_maps:
            of_maps = _backward(gradient, maps, weight, (True, False, False))[0]
        if for_weight and outputs <= FEW < inputs:
            # A weight's gradient is the correlation of what came in with what comes back; it is fast with the few channels on the left.
            mirrored = _backward(maps, gradient, weight.transpose(0, 1), (False, True, False))[1]
            of_weight = mirrored.flip(2, 3).transpose(0, 1)
        elif for_weight:
            of_weight = _backward(gradient, maps, weight, (False, True, False))[1]
        return of_maps, of_weight, gradient.sum((0, 2, 3)) if for_bias else None


def to_few(maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The convolution of maps N x C x H x W, H and W even, to a few channels, keeping height and width.

    Four neighbouring pixels are computed at a time, as four times the channels of a convolution of stride 2 whose kernel, one larger, holds
    the given one at four places. That is 1.44 times the arithmetic for 5x5, done 4 times as well.
    """
    few, many, height, width = weight.shape
    spread = weight.new_zeros(few, 2, 2, many, height + 1, width + 1)
    for row in (0, 1):
        for column in (0, 1):
            spread[:, row, column, :, row : row + height, column : column + width] = weight
    spread = spread.flatten(0, 2).contiguous(memory_format=torch.channels_last)
    fourfold = None if bias is None else bias.repeat_interleave(4)
    return functional.pixel_shuffle(functional.conv2d(maps, spread, fourfold, stride=2, padding=(height // 2, width // 2)), 2)


def _backward(gradient: Tensor, maps: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for the maps, the weight and (never asked for) the bias of a plain convolution."""
    padding = [side // 2 for side in weight.shape[2:]]
    backward: Any = torch.ops.aten.convolution_backward
    return backward(gradient, maps, weight, None, [1, 1], padding, [1, 1], False, [0, 0], 1, wanted)
