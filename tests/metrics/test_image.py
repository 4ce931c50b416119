"""PSNR and SSIM are those that others compute, and MS-SSIM is put together of them as its paper says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from vaegan.metrics import image
from vaegan.metrics.image import ms_ssim, multiscale, psnr, ssim


def two(side: int = 32, channels: int = 3) -> tuple[Tensor, Tensor]:
    random = np.random.default_rng(side)
    smooth = random.normal(size=(2, channels, side, side)).cumsum(2).cumsum(3)
    one = torch.from_numpy(smooth / np.abs(smooth).max()).float()
    return one, (one + torch.from_numpy(random.normal(0, 0.2, one.shape)).float()).clamp(-1, 1)


def test_psnr_by_hand() -> None:
    one = torch.zeros(2, 3, 16, 16)
    found = psnr(one, one + torch.tensor([0.2, 0.02]).view(2, 1, 1, 1))
    assert found.tolist() == pytest.approx([20, 40], abs=1e-4)  # the range is 2: a tenth of it, and a hundredth
    assert psnr(one, one).tolist() == [float("inf")] * 2


def test_ssim_of_flat_images_by_hand() -> None:
    """Without variance it is (2 a b + c1) / (a^2 + b^2 + c1), of intensities a and b from 0 to 2."""
    a, b, c1 = 1.5, 0.25, 0.02**2
    found = ssim(torch.full((1, 1, 16, 16), a - 1), torch.full((1, 1, 16, 16), b - 1))
    assert found.item() == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), rel=1e-9)


def test_ssim_is_that_of_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image, of the extra bench, is not there")
    one, other = two()
    for place, found in enumerate(ssim(one, other).tolist()):
        first, second = ((images[place].double().numpy() + 1) * 127.5 for images in (one, other))
        options = {"data_range": 255, "channel_axis": 0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        assert found == pytest.approx(metrics.structural_similarity(first, second, **options), abs=1e-6)


def test_ssim_of_an_image_and_itself_and_its_negative() -> None:
    one, _ = two()
    assert ssim(one, one).tolist() == pytest.approx([1, 1])
    assert max(ssim(one, -one).tolist()) < 0.5


def test_ms_ssim_scale_by_scale() -> None:
    one, other = two(64)
    assert multiscale((64, 64)) == (5, 3)
    weights = np.array([0.0448, 0.2856, 0.3001]) / (0.0448 + 0.2856 + 0.3001)
    expected = torch.ones(2, dtype=torch.float64)
    for scale, weight in enumerate(weights):
        similarity, contrast = image._similarities(one, other, 5)
        expected *= (similarity if scale == 2 else contrast) ** weight
        one, other = avg_pool2d(one, 2), avg_pool2d(other, 2)
    found = ms_ssim(*two(64))
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-9)
    assert (found < 1).all()
    assert ms_ssim(two(64)[0], two(64)[0]).tolist() == pytest.approx([1, 1])


def test_ms_ssim_takes_the_scales_that_fit() -> None:
    assert multiscale((176, 200)) == (11, 5)
    assert multiscale((175, 200)) == (5, 3)
    assert multiscale((16, 64)) == (5, 2)
    assert torch.isfinite(ms_ssim(*two(176, 1))).all()
    assert torch.isfinite(ms_ssim(*two(16))).all()
