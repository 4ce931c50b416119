"""Random changes of all that the discriminator sees, through which gradients pass: it cannot learn the training images by heart.

DiffAugment by Zhao et al., "Differentiable augmentation for data-efficient GAN training" (2020), with the policy and the numbers of the
authors' code: brightness, saturation, contrast, a shift of up to 1/8, and a hole of half the sides.
"""

from __future__ import annotations

import torch
from torch import Tensor

NUMBERS = 7
"""Random numbers an image."""
SHIFT, HOLE = 0.125, 0.5
"""The longest shift and the side of the hole, as parts of height and width."""


def draw(count: int, generator: torch.Generator) -> Tensor:
    """The random numbers of `count` images, for `diff_augment`: count x 7, uniform in [0, 1), a function of the generator alone."""
    return torch.rand(count, NUMBERS, generator=generator)


def diff_augment(images: Tensor, numbers: Tensor) -> Tensor:
    """Change each image by numbers of its own; values may leave [-1, 1], and what comes in from outside is 0.

    Saturation is that of three channels: images of another number of channels keep it. First and second derivatives exist everywhere.

    Args:
        images: N x C x H x W in [-1, 1].
        numbers: N x 7 in [0, 1), see `draw`; images that are compared with each other, as x and x~ are, take the same ones.
    """
    of_colours, (down, across, row, column) = numbers[:, :3, None, None, None].unbind(1), numbers[:, 3:, None].unbind(1)
    brightness, saturation, contrast = of_colours
    images = images + (brightness - 0.5)
    if images.shape[1] == 3:
        images = _scaled_about(images.mean(1, keepdim=True), images, 2 * saturation)
    images = _scaled_about(images.mean((1, 2, 3), keepdim=True), images, contrast + 0.5)
    images = _shifted(_shifted(images, 2, down), 3, across)
    hole = _in_hole(images.shape[2], row)[:, None, :, None] & _in_hole(images.shape[3], column)[:, None, None, :]
    return images * ~hole


def _scaled_about(mean: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    return mean + (images - mean) * factor


def _shifted(images: Tensor, axis: int, numbers: Tensor) -> Tensor:
    """Images moved along an axis by whole pixels."""
    size = images.shape[axis]
    most = int(size * SHIFT + 0.5)
    positions = torch.arange(size, device=images.device) - (_whole(numbers, 2 * most + 1) - most)  # N x size: where each pixel comes from
    shape = [len(images), 1, 1, 1]
    shape[axis] = size
    inside = (positions >= 0) & (positions < size)
    return images.gather(axis, positions.clamp(0, size - 1).view(shape).expand_as(images)) * inside.view(shape)


def _in_hole(size: int, numbers: Tensor) -> Tensor:
    """N x size: whether a row or column is in the hole, the centre of which is anywhere in the image."""
    hole = int(size * HOLE + 0.5)
    first = _whole(numbers, size + 1 - hole % 2) - hole // 2
    positions = torch.arange(size, device=numbers.device)
    return (positions >= first) & (positions < first + hole)


def _whole(numbers: Tensor, count: int) -> Tensor:
    """Uniform in [0, 1) to one of `count` whole numbers from 0 on. (A product with the largest number below 1 may round up to `count`.)"""
    return (numbers * count).long().clamp(max=count - 1)
