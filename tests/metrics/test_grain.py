"""Grain is what the Fourier transform says, and moves as it should."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from vaegan import VAEGAN, Architecture
from vaegan.data import prepare
from vaegan.data.batches import to_tensor
from vaegan.data.sources.avatars import draw_factors, render
from vaegan.metrics.context import Context
from vaegan.metrics.evaluate import evaluate
from vaegan.metrics.grain import share_of_period_two
from vaegan.metrics.registry import metrics


def test_it_is_the_energy_of_the_spectrum() -> None:
    images = torch.randn(3, 2, 8, 10, dtype=torch.float64)
    spectrum = torch.fft.fft2(images).abs().square()
    wanted = (spectrum[..., 4, 0] + spectrum[..., 0, 5] + spectrum[..., 4, 5]).sum(1)
    spectrum[..., 0, 0] = 0
    torch.testing.assert_close(share_of_period_two(images), wanted / spectrum.sum((1, 2, 3)))


def test_a_chequer_is_all_grain_and_a_flat_image_has_none() -> None:
    chequer = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4)[None, None]
    stripes = torch.tensor([1.0, -1.0]).repeat(4)[None, None, None].expand(1, 1, 8, 8)
    for images in (chequer, stripes, stripes.mT):
        torch.testing.assert_close(share_of_period_two(images), torch.ones(1, dtype=torch.float64))
    assert share_of_period_two(torch.full((2, 3, 9, 9), 0.3)).tolist() == [0, 0]


def changed(pixels: np.ndarray, how: str) -> np.ndarray:
    if how.startswith("chequered"):
        height, width = pixels.shape[:2]
        rows, columns = np.arange(height)[:, None], np.arange(width)
        return (pixels + int(how.split()[1]) * (1 - 2 * ((rows + columns) % 2))[..., None]).clip(0, 255).astype(np.uint8)
    if how == "noisy":
        return (pixels + np.random.default_rng(0).normal(0, 8, pixels.shape)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if how == "blurred":
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(1)))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=30)
    return np.asarray(Image.open(content))


@pytest.fixture(scope="module")
def avatars() -> list[np.ndarray]:
    return [render(draw_factors(0, number), (48, 48)) for number in range(24)]


def test_it_moves_as_images_are_changed(avatars: list[np.ndarray]) -> None:
    def grain(how: str) -> float:
        images = avatars if how == "real" else [changed(pixels, how) for pixels in avatars]
        return float(share_of_period_two(to_tensor(np.stack(images))).mean())

    real = grain("real")
    assert grain("blurred") < 0.9 * real
    assert 0.5 * real < grain("JPEG") < 2 * real
    assert grain("noisy") > real
    levels = [real, *(grain(f"chequered {level}") for level in (1, 2, 4))]
    assert levels == sorted(levels)
    assert levels[3] > 2 * real


def test_evaluate_compares_with_real_images(photos: Path, tmp_path: Path) -> None:
    images = prepare(str(photos), tmp_path / "set", size=(16, 16), progress=lambda *_: None)
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4), images.preparation).eval()
    training, held_out = np.arange(20), np.arange(20, 40)
    found = evaluate(Context(model, images, training, held_out, samples=30), metrics(["grain"])).numbers()
    with torch.inference_mode():
        pixels = (model.sample(30), model.reconstruct(to_tensor(images.images[held_out])), to_tensor(images.images[training]))
    samples, reconstructions, real = (float(share_of_period_two(part).mean()) for part in pixels)
    assert found["samples_grain"] == pytest.approx(samples / real, rel=1e-4)
    assert found["reconstructions_grain"] == pytest.approx(reconstructions / real, rel=1e-4)
