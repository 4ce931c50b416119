"""Grain is what the Fourier transform says, beside that of real images; test_changes.py has how it moves as images are changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vaegan import VAEGAN, Architecture
from vaegan.data import prepare
from vaegan.data.batches import to_tensor
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
