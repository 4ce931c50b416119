"""The networks whose depth follows the image: their layers are what they say, and the discriminator judges each image by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from vaegan import VAEGAN, Architecture, UserError
from vaegan.models.resize import Downsampling, Upsampling, stages

SMALL = Architecture(family="resize", size=(16, 16), latent=5, encoder=(8,), decoder=(8,), discriminator=(8, 16))


def model(architecture: Architecture = SMALL) -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(architecture, level=1)


def test_upsampling_is_nearest_neighbour_and_a_3x3_convolution() -> None:
    layer, maps = Upsampling(3, 5).double(), torch.randn(2, 3, 6, 7).double()
    kernel = layer.weight.transpose(0, 1).flip(2, 3)
    torch.testing.assert_close(layer(maps), functional.conv2d(functional.interpolate(maps, scale_factor=2), kernel, padding=1))


def test_downsampling_is_a_3x3_convolution_and_the_mean_of_four_pixels() -> None:
    layer, maps = Downsampling(3, 5).double(), torch.randn(2, 3, 6, 8).double()
    torch.testing.assert_close(layer(maps), functional.avg_pool2d(functional.conv2d(maps, layer.weight, layer.bias, padding=1), 2))


def test_downsampling_is_the_adjoint_of_upsampling() -> None:
    up, down = Upsampling(3, 5).double(), Downsampling(5, 3).double()
    down.weight.data = up.weight.data
    small, large = torch.randn(2, 3, 4, 4).double(), torch.randn(2, 5, 8, 8).double()
    torch.testing.assert_close((up(small) * large).sum(), 4 * (small * down(large)).sum())


@pytest.mark.parametrize(
    ("size", "halvings", "smallest"),
    [
        ((16, 16), 1, (8, 8)),
        ((32, 32), 2, (8, 8)),
        ((48, 48), 3, (6, 6)),
        ((64, 96), 3, (8, 12)),
        ((80, 64), 3, (10, 8)),
        ((512, 512), 6, (8, 8)),
    ],
)
def test_depth_follows_the_size(size: tuple[int, int], halvings: int, smallest: tuple[int, int]) -> None:
    architecture = Architecture(family="resize", size=size)
    assert architecture.halvings == halvings
    assert architecture.smallest_map == smallest


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((50, 50), "48x48"),
        ((100, 100), "96x96"),
        ((64, 65), "64x64"),
        ((9, 9), "8x8"),
        ((1000, 1000), "1024x1024"),
        ((99_999, 9), "100000x8"),
    ],
)
def test_a_size_that_cannot_be_halved_names_the_nearest_that_can(size: tuple[int, int], nearest: str) -> None:
    with pytest.raises(UserError, match=f"choose {nearest}, the nearest size that works"):
        Architecture(family="resize", size=size)
    height, width = map(int, nearest.split("x"))
    Architecture(family="resize", size=(height, width))


@pytest.mark.parametrize("size", [(4, 4), (0, 64), (64, -8)])
def test_a_size_that_is_too_small_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=r"networks\.size must be at least 8 in height and width"):
        Architecture(family="resize", size=size)


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("size", [(16, 16), (24, 40), (64, 48)])
def test_sizes_and_channels(size: tuple[int, int], channels: int) -> None:
    made = model(Architecture(family="resize", size=size, channels=channels, width=0.125, latent=7)).eval()
    images = torch.rand(3, channels, *size) * 2 - 1
    mean, logvar = made.encoder(images)
    assert mean.shape == logvar.shape == (3, 7)
    decoded = made.decoder(mean)
    assert decoded.shape == images.shape
    assert decoded.abs().max() <= 1
    maps, logits = made.discriminator.judge(images)
    assert logits.shape == (3,)
    assert [map_.shape[2:] for map_ in maps] == [tuple(side >> n for side in size) for n in range(len(made.discriminator.levels))]


def test_one_pass_gives_what_each_part_gives() -> None:
    discriminator = model().discriminator.eval()
    images = torch.rand(3, 3, 16, 16) * 2 - 1
    maps, logits = discriminator.judge(images)
    for level, found in zip(discriminator.levels, maps, strict=True):
        torch.testing.assert_close(found, discriminator.maps_of(discriminator.stem(images), level))
    torch.testing.assert_close(logits, discriminator(images))


def test_an_image_is_judged_by_itself() -> None:
    discriminator = model().discriminator.eval()
    images = torch.rand(4, 3, 16, 16) * 2 - 1
    maps, logits = discriminator.judge(images)
    alone, logit = discriminator.judge(images[:1])
    torch.testing.assert_close(logits[:1], logit)
    for found, single in zip(maps, alone, strict=True):
        torch.testing.assert_close(found[:1], single)


def test_listed_channels_are_counted_from_the_image() -> None:
    assert stages((1, 2, 3), 5) == [1, 2, 3, 3, 3]
    assert stages((1, 2, 3), 2) == [1, 2]


def test_no_network_is_large_at_512_pixels() -> None:
    with torch.device("meta"):
        large = VAEGAN(Architecture(family="resize", size=(512, 512)))
    assert all(sum(p.numel() for p in network.parameters()) < 40e6 for network in (large.encoder, large.decoder, large.discriminator))


def test_conditions_reach_all_three_networks() -> None:
    made = model(Architecture(family="resize", size=(16, 16), width=0.125, latent=5, attributes=("A", "B"))).eval()
    images, codes, ones = torch.rand(2, 3, 16, 16), torch.randn(2, 5), torch.ones(2, 2)
    assert (made.encoder(images, ones)[0] != made.encoder(images, -ones)[0]).any()
    assert (made.decoder(codes, ones) != made.decoder(codes, -ones)).any()
    assert (made.discriminator(images, ones) != made.discriminator(images, -ones)).any()
    torch.testing.assert_close(made.discriminator(images, 0 * ones), made.discriminator(images))


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    made = model().eval()
    made.save_pretrained(tmp_path)
    images = torch.rand(2, 3, 16, 16)
    loaded = VAEGAN.from_pretrained(tmp_path)
    assert torch.equal(loaded.reconstruct(images), made.reconstruct(images))
    assert torch.equal(loaded.discriminator(images), made.discriminator(images))
