"""Kept codes are the model's own, of just this set and these weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vaegan import VAEGAN, Architecture
from vaegan.data import ImageSet, prepare
from vaegan.latent.encode import codes_of, encode
from vaegan.models.fingerprint import fingerprint


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()


@pytest.fixture
def images(photos: Path, tmp_path: Path) -> ImageSet:
    return prepare(str(photos), tmp_path / "set", size=(16, 16), progress=lambda *_: None)


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
    model.discriminator.logit.bias.data.add_(1e-6)
    assert before != fingerprint(model)
