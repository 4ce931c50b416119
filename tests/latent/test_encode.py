"""Codes of many images are those of the images one by one; and those that are kept are of just this set and these weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vaegan import VAEGAN, Architecture
from vaegan.data import ImageSet, prepare
from vaegan.data.batches import to_tensor
from vaegan.latent.encode import codes_of, decode, encode
from vaegan.models.fingerprint import fingerprint


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()


@pytest.fixture
def images(photos: Path, tmp_path: Path) -> ImageSet:
    return prepare(str(photos), tmp_path / "set", size=(16, 16), progress=lambda *_: None)


def test_codes_are_the_models_own_in_any_order_and_number(model: VAEGAN) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), np.uint8)
    numbers = np.array([299, 3, 3, 0])
    seen: list[tuple[str, int, int | None]] = []
    all_of_them = encode(model, pixels, progress=lambda *told: seen.append(told))
    chosen = encode(model, pixels, numbers)
    with torch.inference_mode():
        mean, logvar = model.encode(to_tensor(pixels[numbers]))
    torch.testing.assert_close(chosen.mean, mean)
    torch.testing.assert_close(chosen.logvar, logvar)
    torch.testing.assert_close(all_of_them.mean[numbers], mean, rtol=1e-4, atol=1e-5)
    assert seen == [("encoding", 256, 300), ("encoding", 300, 300)]


def test_images_of_codes_are_the_models_own_in_any_number(model: VAEGAN) -> None:
    torch.manual_seed(1)
    some = torch.randn(300, 4)
    decoded = decode(model, some)
    with torch.inference_mode():
        torch.testing.assert_close(decoded[[0, 299]], model.decode(some[[0, 299]]), rtol=1e-4, atol=1e-5)


def files(cache: Path) -> list[Path]:
    return sorted((cache / "codes").glob("*"))


def test_codes_are_made_once_and_anew_where_they_must_be(
    model: VAEGAN, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("VAEGAN_CACHE", str(cache))
    wanted = encode(model, images.images).mean
    made: list[int | None] = []
    progress = lambda what, done, total: made.append(total)  # noqa: ARG005, E731
    for _ in range(2):
        assert torch.equal(codes_of(model, images, progress), wanted)
    assert made == [40]
    (file,) = files(cache)
    for damage in (b"nothing", file.read_bytes()[:-4]):
        file.write_bytes(damage)
        assert torch.equal(codes_of(model, images, progress), wanted)
    assert made == [40] * 3
    with torch.no_grad():
        next(model.parameters()).add_(0.1)
    assert not torch.equal(codes_of(model, images, progress), wanted)
    assert len(files(cache)) == 2


def test_another_set_has_other_codes(model: VAEGAN, images: ImageSet, photos: Path, tmp_path: Path) -> None:
    (photos / "photo 00.png").unlink()
    fewer = prepare(str(photos), tmp_path / "fewer", size=(16, 16), progress=lambda *_: None)
    assert len(codes_of(model, images)) == 40
    np.testing.assert_allclose(codes_of(model, fewer), encode(model, fewer.images).mean)


def test_where_nothing_can_be_written_nothing_is_kept(
    model: VAEGAN, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "file"))
    assert torch.equal(codes_of(model, images), encode(model, images.images).mean)


def test_every_weight_counts(model: VAEGAN) -> None:
    before = fingerprint(model)
    assert before == fingerprint(model)
    model.get_parameter("discriminator.logit.bias").data.add_(1e-6)
    assert before != fingerprint(model)
