"""Codes of many images are those of the images one by one."""

from __future__ import annotations

import numpy as np
import torch

from vaegan import VAEGAN, Architecture
from vaegan.data.batches import to_tensor
from vaegan.latent import encode


def test_codes_are_the_models_own_in_any_order_and_number() -> None:
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), np.uint8)
    numbers = np.array([299, 3, 3, 0])
    seen: list[tuple[str, int, int | None]] = []
    all_of_them = encode.encode(model, pixels, progress=lambda *told: seen.append(told))
    chosen = encode.encode(model, pixels, numbers)
    with torch.inference_mode():
        mean, logvar = model.encode(to_tensor(pixels[numbers]))
    torch.testing.assert_close(chosen.mean, mean)
    torch.testing.assert_close(chosen.logvar, logvar)
    torch.testing.assert_close(all_of_them.mean[numbers], mean, rtol=1e-4, atol=1e-5)
    assert seen == [("encoding", 256, 300), ("encoding", 300, 300)]


def test_images_of_codes_are_the_models_own_in_any_number() -> None:
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()
    some = torch.randn(300, 4)
    decoded = encode.decode(model, some)
    with torch.inference_mode():
        torch.testing.assert_close(decoded[[0, 299]], model.decode(some[[0, 299]]), rtol=1e-4, atol=1e-5)
