"""Using, saving and loading a model."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

import vaegan
from vaegan import VAEGAN, Architecture, UserError
from vaegan.data import Preparation


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 24), width=0.125, latent=5), Preparation((16, 24), 3, "none")).eval()


def test_use(model: VAEGAN) -> None:
    images = torch.rand(4, 3, 16, 24) * 2 - 1
    posterior = model.encode(images)
    assert posterior.mean.shape == posterior.logvar.shape == (4, 5)
    assert torch.equal(posterior.sample(torch.zeros(4, 5)), posterior.mean)
    assert torch.equal(model.reconstruct(images), model.decode(posterior.mean))  # the mean, not a draw
    assert torch.equal(model.sample(3, seed=1), model.sample(3, seed=1))
    assert not torch.equal(model.sample(3, seed=1), model.sample(3, seed=2))


def test_images_have_no_gradients_but_those_of_forward(model: VAEGAN) -> None:
    images = torch.rand(2, 3, 16, 24) * 2 - 1
    assert not model.sample(2).requires_grad
    assert not model.reconstruct(images).requires_grad
    assert model(images).requires_grad
    assert torch.equal(model(images), model.reconstruct(images))


def test_no_images_are_no_images(model: VAEGAN) -> None:
    assert model.sample(0).shape == model.reconstruct(torch.empty(0, 3, 16, 24)).shape == (0, 3, 16, 24)


@pytest.mark.parametrize("shape", [(1, 1, 16, 24), (1, 3, 24, 16)])
def test_images_of_another_shape_are_refused(model: VAEGAN, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="N x 3 x 16 x 24"):
        model.encode(torch.zeros(shape))


def test_save_and_load(model: VAEGAN, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "run" / "model")
    for folder in (tmp_path / "run", tmp_path / "run" / "model"):
        again = vaegan.load(folder)
        assert again.architecture == model.architecture
        assert again.preparation == model.preparation
        assert not again.training
        assert torch.equal(again.sample(2), model.sample(2))


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        vaegan.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"config\.json"):
        vaegan.load(tmp_path)
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(UserError, match="has no model: it has not saved a checkpoint yet; wait if it is still training"):
        vaegan.load(tmp_path)


@pytest.mark.parametrize("cut", [0, 7, 500, -1])
def test_truncated_weights_are_refused(model: VAEGAN, tmp_path: Path, cut: int) -> None:
    model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:cut])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        vaegan.load(tmp_path)


@pytest.mark.parametrize("change", [{"latent": 6}, {"latent": "x"}, {"size": 3}, {"colour": 1}, {"size": [15, 15]}])
def test_a_damaged_config_is_refused(model: VAEGAN, tmp_path: Path, change: dict[str, object]) -> None:
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["architecture"] |= change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError):
        vaegan.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": 99}'])
def test_a_config_that_is_none_is_refused(model: VAEGAN, tmp_path: Path, text: str) -> None:
    model.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError):
        vaegan.load(tmp_path)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import pathlib; pathlib.Path('exploded').touch()",)


def test_a_pickle_in_place_of_weights_runs_nothing(model: VAEGAN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(UserError):
        vaegan.load(tmp_path)
    assert not Path("exploded").exists()


def test_a_failed_save_leaves_the_old_model(model: VAEGAN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model.save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def fail(self: Path, _content: bytes) -> None:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*model\.safetensors'"):
        model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
