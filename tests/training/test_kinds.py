"""The baselines train the networks that they have, and conditional models use what they are told."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import vaegan
from vaegan import UserError
from vaegan.cli import run as command
from vaegan.latent.measurements import measure_all
from vaegan.latent.project import project
from vaegan.metrics.neighbors import nearest_by_similarity
from vaegan.training import checkpoint
from vaegan.workflow import resume, train

from ..tiny import QUIETLY, equal, make_trainer, tiny

TOLD = ("Eyeglasses", "Beard")
STEADY = {"optimizer__schedule": "constant"}  # another length leaves the learning rates as they are


@pytest.mark.parametrize(
    ("kind", "learning"),
    [
        ("vaegan", {"encoder", "decoder", "discriminator"}),
        ("vae", {"encoder", "decoder"}),
        ("gan", {"decoder", "discriminator"}),
        ("vae-dis", {"encoder", "decoder"}),
    ],
)
@pytest.mark.parametrize("device_decides", [False, True])
def test_each_kind_trains_its_networks_and_no_other(kind: str, learning: set[str], device_decides: bool) -> None:
    more = {"objective__discriminator": "x"} if kind == "vae-dis" else {}
    trainer = make_trainer(tiny(objective__kind=kind, gate__enabled=False, objective__saturating=True, **more))
    trainer.training_step.device_decides = device_decides
    before = {name: tensor.clone() for name, tensor in trainer.model.named_parameters()}
    for _ in range(3):
        trainer.train_step()
    after = dict(trainer.model.named_parameters())
    assert {name.split(".")[0] for name, tensor in before.items() if not torch.equal(tensor, after[name])} == learning
    means = trainer.read()
    assert (means["decoder_steps"], means["discriminator_steps"]) == (1, "discriminator" in learning)
    for network in ("encoder", "decoder", "discriminator"):
        assert (means[f"{network}_gradient"] > 0) == (network in learning)


@pytest.mark.parametrize("kind", ["vae", "gan"])
def test_a_run_of_each_kind_goes_on_exactly_and_shows_what_it_has(kind: str, tmp_path: Path) -> None:
    straight = train(tiny(objective__kind=kind, **STEADY), tmp_path / "straight", **QUIETLY)
    train(tiny(objective__kind=kind, training__length="3 steps", **STEADY), tmp_path / "halves", **QUIETLY)
    resume(tmp_path / "halves", tiny(objective__kind=kind, **STEADY), **QUIETLY)
    one, other = (checkpoint.load(tmp_path / name / "checkpoints")[0] for name in ("straight", "halves"))
    assert equal({**one, "identity": 0}, {**other, "identity": 0})
    from PIL import Image

    full = train(tiny(), tmp_path / "vaegan", **QUIETLY)
    with Image.open(straight.picture) as mine, Image.open(full.picture) as theirs:
        assert (mine.height == theirs.height) == (kind == "vae")  # a GAN has no reconstructions to show
    model, images = vaegan.load(straight.run), torch.zeros(1, 3, 16, 16)
    assert model.sample(1).shape == images.shape
    if kind == "gan":
        with pytest.raises(
            UserError,
            match=r"this needs a trained encoder, and this model has none: use a model that was trained with --objective.kind vaegan",
        ):
            model.encode(images)
        with pytest.raises(UserError, match="this needs a trained encoder"):
            project(model, images, 1)
    else:
        assert model.encode(images).mean.shape == (1, 4)
        with pytest.raises(UserError, match="this needs a trained discriminator"):
            project(model, images, 1)
        with pytest.raises(UserError, match="this needs a trained discriminator"):
            nearest_by_similarity(model, images, np.zeros((2, 16, 16, 3), np.uint8), np.arange(2), 1)
        with pytest.raises(UserError, match="this needs a trained discriminator"):
            next(measure_all(model, np.zeros((2, 16, 16, 3), np.uint8), np.arange(2), 3))
    assert vaegan.load(full.run).untrained == ()


def test_a_discriminator_of_another_run_is_taken_and_kept(tmp_path: Path) -> None:
    train(tiny(objective__kind="gan"), tmp_path / "gan", **QUIETLY)
    settings: dict[str, Any] = {"objective__kind": "vae-dis", "objective__discriminator": str(tmp_path / "gan"), **STEADY}
    recipe = tiny(**settings)
    straight = train(recipe, tmp_path / "straight", **QUIETLY).run
    train(tiny(**settings, training__length="3 steps"), tmp_path / "halves", **QUIETLY)
    theirs = vaegan.load(tmp_path / "gan").discriminator.state_dict()
    shutil.rmtree(tmp_path / "gan")
    resume(tmp_path / "halves", recipe, **QUIETLY)  # it is in the checkpoint
    for run in (straight, tmp_path / "halves"):
        assert equal(dict(vaegan.load(run).discriminator.state_dict()), dict(theirs))
    one, other = ((run / "model" / "model.safetensors").read_bytes() for run in (straight, tmp_path / "halves"))
    assert one == other


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"objective__discriminator": "nowhere"}, "does not exist"),
        ({"networks__discriminator": (512,)}, "the discriminator of .* does not fit the networks"),
        ({"objective__discriminator": "vae"}, "this needs a trained discriminator, and this model has none: use"),
    ],
)
def test_a_discriminator_that_cannot_be_taken_is_named(
    more: dict[str, Any], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(tiny(training__length="1 steps", objective__kind="vae"), tmp_path / "vae", **QUIETLY)
    train(tiny(training__length="1 steps"), tmp_path / "other", **QUIETLY)
    settings = {"objective__kind": "vae-dis", "objective__discriminator": str(tmp_path / "other"), **more}
    with pytest.raises(UserError, match=sentence):
        train(tiny(**settings), tmp_path / "run", **QUIETLY)
    assert not (tmp_path / "run").exists()


def test_the_networks_are_told_the_attributes_of_their_images() -> None:
    trainer = make_trainer(tiny(networks__attributes=TOLD, data__avatars=200))
    seen: list[Tensor] = []
    trainer.model.encoder.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[1]))
    step = trainer.step
    trainer.train_step()
    from vaegan.data import open_images

    images = open_images("avatars", trainer.model.preparation, count=200, progress=lambda *_: None)
    truth = torch.from_numpy(images.attributes_named(TOLD))
    mean, spread = truth[:20].mean(0), truth[:20].std(0, unbiased=False)  # make_trainer trains on the first 20
    torch.testing.assert_close(seen[0], (truth[trainer.batches.indices_of(step)] - mean) / spread)
    assert trainer.attributes is not None


def test_a_conditional_model_keeps_what_it_is_told_and_uses_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    settings: dict[str, Any] = {"networks__attributes": TOLD, "data__avatars": 200, "training__average_half_life": 8, **STEADY}
    recipe = tiny(**settings)
    straight = train(recipe, tmp_path / "straight", **QUIETLY).run
    train(tiny(**settings, training__length="3 steps"), run, **QUIETLY)
    resume(run, recipe, **QUIETLY)
    assert (run / "model" / "model.safetensors").read_bytes() == (straight / "model" / "model.safetensors").read_bytes()
    model = vaegan.load(run)
    assert model.conditional
    assert model.architecture.attributes == TOLD
    with torch.no_grad():
        plain = model.sample(3)
        told = model.sample(3, attributes=model.attributes({"Eyeglasses": 1.0}).expand(3, -1))
        codes, mean = model.prior_codes(3, 0), model.attribute_mean.expand(3, -1)  # codes of the fitted prior depend on what is known
        assert not torch.equal(plain, told)
        assert torch.equal(plain, model.decode(codes, mean))
        assert torch.equal(plain, model.sample(3, attributes=model.attributes({}).expand(3, -1)))
        images = torch.zeros(2, 3, 16, 16)
        assert not torch.equal(model.reconstruct(images), model.reconstruct(images, torch.ones(2, 2)))
    with pytest.raises(ValueError, match="attributes must be N x 2, not 3 x 1"):
        model.sample(3, attributes=torch.ones(3, 1))
    for words, sentence in (("Eyeglases=1", "there is no attribute named Eyeglases. Did you mean Eyeglasses"), ("Beard=x", "NAME=NUMBER")):
        with pytest.raises(SystemExit):
            command(["sample", str(run), "--set", words])
        assert sentence in capsys.readouterr().err
    with contextlib.suppress(SystemExit):
        command(["sample", str(run), "--set", "Beard=1", "Eyeglasses=0"])
    assert (run / "samples.png").is_file()


def test_all_attributes_are_those_that_vary(tmp_path: Path) -> None:
    run = train(tiny(networks__attributes=("all",), training__length="1 steps"), tmp_path / "run", **QUIETLY).run
    told = vaegan.Recipe.load(run / "recipe.yaml").networks.attributes
    assert {"Eyeglasses", "Smiling"} & set(told)
    assert "all" not in told
    assert json.loads((run / "model" / "config.json").read_text())["architecture"]["attributes"] == list(told)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (("Eyeglases",), r"there is no attribute named Eyeglases in the set .*\. Did you mean Eyeglasses"),
        (("Bald", "Beard"), "the attribute Bald has the same value in all training images: a model cannot learn from it"),
    ],
)
def test_attributes_that_cannot_be_told_are_named(told: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        train(tiny(networks__attributes=told), tmp_path / "run", **QUIETLY)
    assert not (tmp_path / "run").exists()
