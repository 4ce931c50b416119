"""A family of networks is a seam: another one trains, measures, saves and loads; a model that could not be loaded is not saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vaegan
from vaegan import VAEGAN, Architecture, Objective, UserError
from vaegan.latent.measurements import measure
from vaegan.models import base, larsen
from vaegan.models.families import FAMILIES, Family
from vaegan.workflow import resume, train

from ..tiny import QUIETLY, tiny

SMALL = Architecture(size=(16, 16), width=0.0625, latent=4)


class Judge(base.Discriminator):
    """Without batch normalisation, with two levels, the first at full resolution."""

    levels = (0, 1)

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.first = nn.Conv2d(architecture.channels, 8, 3, padding=1)
        self.second = nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 8, 4, stride=2, padding=1))
        self.score = nn.Linear(8, 1)

    def stem(self, images: Tensor) -> Tensor:
        return self.first(images)

    def maps_of(self, stems: Tensor, level: int) -> Tensor:
        return self.second(stems.relu()) if level else stems

    def last_maps_of(self, stems: Tensor) -> Tensor:
        return self.maps_of(stems, 1).relu()

    def logits_of(self, stems: Tensor, conditions: Tensor | None = None) -> Tensor:  # noqa: ARG002
        return self.score(self.last_maps_of(stems).mean((2, 3))).squeeze(1)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Architecture:
    """Of a family of its own, of any size that the other networks take."""
    monkeypatch.setitem(FAMILIES, "judged", Family(larsen.Encoder, larsen.Decoder, Judge))
    return Architecture(family="judged", size=(16, 16), width=0.0625, latent=4)


def test_another_family_trains_measures_saves_and_loads(judged: Architecture, tmp_path: Path) -> None:
    model = VAEGAN(judged).train()
    assert model.level == 1
    images = torch.rand(3, 3, 16, 16) * 2 - 1
    for level in model.discriminator.levels:
        Objective(level=level)(model, images, torch.randn(3, 4), torch.randn(3, 4)).backward(model.parameters())
    assert all(parameter.grad is not None for parameter in model.parameters())
    model.eval()
    assert measure(model, images, 0)[1]["errors"].shape == (3, 16, 16)
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architecture"]["family"] == "judged"
    assert torch.equal(vaegan.load(tmp_path).discriminator(images), model.discriminator(images))


def test_a_run_of_another_family_goes_on_from_its_checkpoint(judged: Architecture, tmp_path: Path) -> None:
    more: dict[str, Any] = {"networks__family": judged.family, "objective__level": 1, "objective__gan": "non_saturating"}
    train(tiny("reference", training__length="3 steps", **more), tmp_path / "run", **QUIETLY)
    resume(tmp_path / "run", tiny("reference", **more), **QUIETLY)
    assert vaegan.load(tmp_path / "run").level == 1


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"objective__level": 4}, r"objective\.level must be one of 1, 2, 3"),
        ({"networks__family": "larson"}, r"there is no networks\.family named larson. Did you mean larsen"),
        ({"objective__gan": "hing"}, r"there is no objective\.gan named hing"),
    ],
)
def test_a_run_says_what_there_is_before_it_opens_images(
    setting: dict[str, Any], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaegan.workflow.images_of", lambda *_, **__: pytest.fail("images were opened"))
    with pytest.raises(UserError, match=sentence):
        train(tiny("reference", **setting), tmp_path / "run", **QUIETLY)


def test_a_model_knows_its_level(tmp_path: Path) -> None:
    VAEGAN(SMALL, level=2).save_pretrained(tmp_path)
    assert vaegan.load(tmp_path).level == 2
    config = json.loads((tmp_path / "config.json").read_text())
    del config["level"], config["architecture"]["family"]  # as older versions wrote it
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert vaegan.load(tmp_path).level == 3


@pytest.mark.parametrize("level", [0, 4])
def test_a_level_that_is_not_there_is_refused_by_name(level: int) -> None:
    with pytest.raises(UserError, match=rf"objective\.level must be one of 1, 2, 3 for networks of family larsen, not {level}"):
        VAEGAN(SMALL, level=level)


def test_an_unknown_family_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"there is no networks\.family named larson. Did you mean larsen"):
        VAEGAN(Architecture(family="larson"))


def test_a_model_whose_networks_were_replaced_is_not_saved(judged: Architecture, tmp_path: Path) -> None:
    model = VAEGAN(SMALL)
    model.discriminator = Judge(judged)
    with pytest.raises(
        UserError, match=r"cannot save the model: its family is .larsen., but its discriminator is not a network of that family"
    ):
        model.save_pretrained(tmp_path)
    wider = VAEGAN(SMALL)
    wider.decoder = larsen.Decoder(Architecture(size=(16, 16), width=0.125, latent=4))
    with pytest.raises(UserError, match=r"its family is .larsen., but its decoder is not a network of that family"):
        wider.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_saving_draws_no_random_numbers(tmp_path: Path) -> None:
    model = VAEGAN(SMALL)
    before = torch.get_rng_state()
    model.save_pretrained(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
