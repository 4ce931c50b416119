"""What the discriminator sees is changed as the authors of DiffAugment do, image by image, and gradients pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vaegan.losses.diff_augment import NUMBERS, diff_augment, draw

NOTHING = [0.5, 0.5, 0.5, 0.5, 0.5]
"""Numbers that leave colours and places as they are."""


def images(count: int, channels: int = 3, size: tuple[int, int] = (16, 24)) -> Tensor:
    return torch.rand(count, channels, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def numbers(count: int, seed: int = 1) -> Tensor:
    return draw(count, torch.Generator().manual_seed(seed)).double()


def plainly(image: np.ndarray, u: np.ndarray) -> np.ndarray:
    """One image, C x H x W, pixel by pixel."""
    channels, height, width = image.shape
    image = image + (u[0] - 0.5)
    if channels == 3:
        grey = image.mean(0, keepdims=True)
        image = (image - grey) * (u[1] * 2) + grey
    image = (image - image.mean()) * (u[2] + 0.5) + image.mean()
    moved = np.zeros_like(image)
    most = [int(side / 8 + 0.5) for side in (height, width)]
    down, across = (int(number * (2 * limit + 1)) - limit for number, limit in zip(u[3:5], most, strict=True))
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - across < width:
                moved[:, row, column] = image[:, row - down, column - across]
    sides = [int(side / 2 + 0.5) for side in (height, width)]
    top, left = (int(number * (side + 1 - hole % 2)) - hole // 2 for number, side, hole in zip(u[5:7], (height, width), sides, strict=True))
    moved[:, max(0, top) : top + sides[0], max(0, left) : left + sides[1]] = 0
    return moved


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("size", [(16, 24), (17, 10)])
def test_it_is_what_is_written_out_plainly(channels: int, size: tuple[int, int]) -> None:
    some, u = images(20, channels, size), numbers(20)
    wanted = [plainly(image.numpy(), one.numpy()) for image, one in zip(some, u, strict=True)]
    torch.testing.assert_close(diff_augment(some, u), torch.from_numpy(np.stack(wanted)), rtol=1e-12, atol=1e-12)


def test_the_ends_of_the_numbers_are_the_ends_of_the_changes() -> None:
    """In float32, where the largest number below 1 times a count may be that count."""
    white = torch.ones(2, 1, 65, 65)
    ends = torch.tensor([0.0, 1 - 2**-24])
    seen = diff_augment(white, torch.stack([torch.tensor([0.5, 0.5, 0.5, end, end, 1 - end, 1 - end]) for end in ends]))
    lit = seen[:, 0] > 0
    rows = [one.any(1).nonzero().squeeze(1) for one in lit]
    assert (rows[0].min(), rows[0].max()) == (0, 64 - 8)
    assert (rows[1].min(), rows[1].max()) == (8, 64)
    assert (~lit[0, :57, :57]).sum() == (57 - (65 - 17)) ** 2  # a hole of 33 about the last pixel begins 16 before it


def test_each_image_is_changed_by_itself_and_alike_for_the_same_numbers() -> None:
    some, u = images(6), numbers(6)
    together = diff_augment(some, u)
    for place in range(6):
        assert torch.equal(diff_augment(some[place : place + 1], u[place : place + 1])[0], together[place])
    assert torch.equal(diff_augment(some[:1].expand(6, -1, -1, -1), u[:1].expand(6, -1)), together[:1].expand(6, -1, -1, -1))


def test_gradients_of_both_orders() -> None:
    some, u = images(2, size=(8, 8)).requires_grad_(), numbers(2)
    assert torch.autograd.gradcheck(lambda seen: diff_augment(seen, u), some)
    assert torch.autograd.gradgradcheck(lambda seen: diff_augment(seen, u).sin(), some)


def test_middle_numbers_change_nothing_but_the_hole() -> None:
    some = images(1)
    seen = diff_augment(some, torch.tensor([[*NOTHING, 0.0, 0.0]], dtype=torch.float64))
    hole = torch.zeros(16, 24, dtype=torch.bool)
    hole[:4, :6] = True
    torch.testing.assert_close(seen, torch.where(hole, 0.0, some))


def test_numbers_follow_from_the_generator_alone() -> None:
    one, again, other = (draw(3, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert one.shape == (3, NUMBERS)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert bool((one >= 0).all() and (one < 1).all())
