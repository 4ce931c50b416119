"""Augmentation does what its numbers say, and the same on any device."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from torch import Tensor

from vaegan import UserError
from vaegan.data.augmentation import Augmenter, from_hsv, to_hsv
from vaegan.settings import Augmentation


class Drawn(np.random.Generator):
    """A generator that draws what a test says: which images are mirrored, and the normal numbers of shift and of all else."""

    def __init__(self, mirrored: bool = False, shift: tuple[float, float] = (0, 0), **others: float) -> None:
        super().__init__(np.random.PCG64(0))
        names = ("scale", "rotation", "gamma", "contrast", "hue")
        self.mirrored, self.normals = mirrored, [shift, tuple(others.get(name, 0.0) for name in names)]

    def random(self, size: int) -> np.ndarray:  # type: ignore[override]
        return np.full(size, 0.0 if self.mirrored else 0.9)

    def standard_normal(self, size: tuple[int, int]) -> np.ndarray:  # type: ignore[override]
        return np.tile(self.normals.pop(0), (size[0], 1))


@pytest.fixture
def images() -> Tensor:
    small = torch.rand(4, 3, 6, 9, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    return torch.nn.functional.interpolate(small, size=(40, 60), mode="bicubic").clamp(-0.95, 0.95)


def change(augmentation: Augmentation, images: Tensor, random: np.random.Generator) -> Tensor:
    count, _, height, width = images.shape
    augment = Augmenter(augmentation)
    return augment(images, torch.from_numpy(augment.draw(count, (height, width), random)))


INNER = (slice(None), slice(None), slice(8, -8), slice(8, -8))


def test_nothing_changes_by_default(images: Tensor) -> None:
    assert torch.equal(change(Augmentation(), images, np.random.default_rng(0)), images)


def test_everything_at_once_stays_in_range_and_follows_from_the_generator(images: Tensor) -> None:
    augmentation = Augmentation(True, 0.05, 0.1, 0.1, 0.2, 0.2, 0.1)
    once, again, other = (change(augmentation, images, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert once.shape == images.shape
    assert once.abs().max() <= 1 + 1e-6
    assert once.is_contiguous(memory_format=torch.channels_last)
    assert torch.isfinite(change(augmentation, torch.full_like(images, -1.0), np.random.default_rng(0))).all()  # black has no hue


def test_flip(images: Tensor) -> None:
    assert torch.equal(change(Augmentation(flip=True), images, Drawn(mirrored=True)), images.flip(3))
    assert torch.equal(change(Augmentation(flip=True), images, Drawn()), images)


def test_shift_is_a_part_of_the_height(images: Tensor) -> None:
    moved = change(Augmentation(shift=0.05), images, Drawn(shift=(2, 1)))  # 4 pixels to the left, 2 up
    assert torch.allclose(moved[..., :-2, :-4], images[..., 2:, 4:], atol=1e-4)
    assert torch.allclose(moved[..., :-2, -1], images[..., 2:, -1], atol=1e-4)  # the edge goes on


def test_scale(images: Tensor) -> None:
    """Of a ramp, enlarging makes one that is as much less steep, about the same middle."""
    ramp = torch.linspace(-0.5, 0.5, 60).expand_as(images)
    assert torch.allclose(
        change(Augmentation(scale=0.1), ramp, Drawn(scale=2)), ramp * float(np.exp(-0.2)), atol=4e-3
    )  # torch's bicubic does not quite keep ramps
    ramp = torch.linspace(-0.5, 0.5, 40)[:, None].expand_as(images)
    smaller = change(Augmentation(scale=0.1), ramp, Drawn(scale=-1))
    assert torch.allclose(smaller[..., 8:-8, :], ramp[..., 8:-8, :] * float(np.exp(0.1)), atol=4e-3)


def test_rotation_keeps_shapes_in_images_that_are_not_square(images: Tensor) -> None:
    quarter = change(Augmentation(rotation=1.0), images, Drawn(rotation=np.pi / 2))
    square = quarter[..., :, 10:50]
    wanted = torch.rot90(images[..., :, 10:50], -1, (2, 3)), torch.rot90(images[..., :, 10:50], 1, (2, 3))
    assert min((square - w).abs().max().item() for w in wanted) < 1e-3


def test_gamma_contrast_and_hue_are_the_authors(images: Tensor) -> None:
    """Against a pixel-by-pixel account with the standard library's colours."""
    changed = change(Augmentation(gamma=0.07, contrast=0.05, hue=0.02), images, Drawn(gamma=1.5, contrast=-2, hue=3))
    gamma = np.exp((0.07 * 1.5 + 0.07**2) / np.log(2))
    contrast = np.exp((0.05 * -2 + 0.05**2) / np.log(2))
    for row, column in ((0, 0), (13, 40), (39, 59)):
        red, green, blue = (((images[1, :, row, column] + 1) / 2) ** gamma).tolist()
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        wanted = colorsys.hsv_to_rgb((hue + 0.06) % 1, saturation**contrast, value**contrast)
        assert changed[1, :, row, column].tolist() == pytest.approx([2 * v - 1 for v in wanted], abs=1e-5)


def test_colour_spaces() -> None:
    images = torch.rand(5, 3, 7, 8, generator=torch.Generator().manual_seed(1))
    images[0, :, 0, 0], images[0, :, 0, 1] = 0.0, 0.5  # black and grey
    assert torch.allclose(from_hsv(*to_hsv(images)), images, atol=1e-6)
    hue, saturation, value = (channel[2, 3, 4].item() for channel in to_hsv(images))
    assert (hue, saturation, value) == pytest.approx(colorsys.rgb_to_hsv(*images[2, :, 3, 4].tolist()), abs=1e-6)


def test_grey_images() -> None:
    images = torch.rand(3, 1, 8, 8) * 2 - 1
    changed = change(Augmentation(True, 0.05, 0.05, 0.05, 0.1, 0.1, 0.1), images, np.random.default_rng(0))
    assert changed.shape == images.shape
    assert changed.abs().max() <= 1


def test_impossible_values() -> None:
    with pytest.raises(UserError, match=r"augmentation\.shift must be from 0 to 1, not -1"):
        Augmentation(shift=-1)
