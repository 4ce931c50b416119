"""A model takes images in any form, and computes in the type of its weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vaegan import VAEGAN, Architecture, UserError, load, to_array, to_pil, to_tensor


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()


PIXELS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)


def test_to_call_a_model_is_to_reconstruct(model: VAEGAN) -> None:
    images = to_tensor(PIXELS)
    with torch.inference_mode():
        expected = model.decode(model.encode(images).mean)
        for form in (images, PIXELS, to_pil(images), torch.from_numpy(PIXELS)):
            assert torch.equal(model(form), expected)
            assert torch.equal(model.reconstruct(form), expected)


def test_tensors_become_arrays_and_pictures_again() -> None:
    assert np.array_equal(to_array(to_tensor(PIXELS)), PIXELS)
    assert np.array_equal(np.stack(list(map(np.asarray, to_pil(to_tensor(PIXELS))))), PIXELS)
    assert [picture.mode for picture in to_pil(to_tensor(PIXELS[..., :1]))] == ["L"] * 3


def test_reconstruct_takes_a_path(run_on_photos: Path, all_photos: Path) -> None:
    with torch.inference_mode():
        assert load(run_on_photos).reconstruct(all_photos / "photo 00.png").shape == (1, 3, 16, 16)
        assert load(run_on_photos).encode(str(all_photos)).mean.shape == (40, 4)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("attributes", [(), ("Round", "Square")])
def test_other_types_of_weights(kind: torch.dtype, attributes: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4, attributes=attributes)).eval()
    known = torch.tensor([[1.0, float("nan")]] * 3) if attributes else None
    with torch.inference_mode():
        expected = model.sample(3, 1, known), model.encode(PIXELS, known).mean
        model.to(kind)
        found = model.sample(3, 1, known), model.encode(PIXELS, known).mean
        assert model(PIXELS, known).dtype == kind
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == kind
        torch.testing.assert_close(one.float(), other, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (torch.full((1, 3, 16, 16), 3.0), UserError, "float images must be in"),
        (torch.zeros(1, 3, 16, 24), ValueError, "images must be N x 3 x 16 x 16"),
        (torch.zeros(1, 3, 16, 16).long(), UserError, "not int64"),
    ],
)
def test_what_is_refused(model: VAEGAN, images: Any, error: type[Exception], words: str) -> None:
    for take in (model, model.encode, model.reconstruct):
        with pytest.raises(error, match=words):
            take(images)


def test_bright_images_of_files_get_no_note(model: VAEGAN) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(np.full((2, 16, 16, 3), 200, np.uint8))
        with pytest.raises(UserWarning, match="is expected"):
            model(torch.full((2, 3, 16, 16), 0.5))
