"""A run begins with the weights of another one, as far as they fit, and then needs that one no more."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

import vaegan
from vaegan import VAEGAN, Architecture, Run, UserError, dry_run
from vaegan.models import resize
from vaegan.models.families import FAMILIES, Family
from vaegan.training import checkpoint
from vaegan.training.init_from import take_weights
from vaegan.workflow import resume, train

from ..tiny import QUIETLY, equal, make_trainer, tiny
from .test_callbacks import asks

SMALL = Architecture(family="resize", size=(16, 16), width=0.25, latent=4, encoder=(64, 128), decoder=(64, 128), discriminator=(32, 64))


def randomised(architecture: Architecture, **more: Any) -> VAEGAN:
    """A model whose statistics are no longer those of the beginning."""
    model = VAEGAN(architecture, **more)
    for name, tensor in model.state_dict().items():
        if "running" in name:
            tensor.uniform_(0.5, 1)
    return model.eval()


@pytest.mark.parametrize("average", [0, 20])
def test_all_of_it_is_taken_where_all_fits(average: int, tmp_path: Path) -> None:
    """The weights that are shown, which are the average; and with them batch normalisation's statistics."""
    old = train(tiny(training__average_half_life=20), tmp_path / "old", **QUIETLY).run
    recipe = tiny(training__init_from=str(old), optimizer__lr=1e-12, training__average_half_life=average, training__seed=3)
    said = Console(record=True, stderr=True)
    run = train(recipe, tmp_path / "run", device="cpu", report=False, progress=said).run
    assert f"took the weights of {old}; these start from scratch: the optimisers" in said.export_text().replace("\n", "")
    assert Run.open(run).recipe.training.init_from == str(old)
    mine, theirs = (vaegan.load(folder).state_dict() for folder in (run, old))
    learned = [key for key, _ in vaegan.load(run).named_parameters()]
    assert all(torch.allclose(mine[key], theirs[key], atol=1e-6) for key in learned)
    state = checkpoint.read(next(iter(Run.open(run).checkpoints.values())))
    assert all(int(kept["step"]) <= 3 for kept in state["optimizers"]["encoder"].values())  # begun anew


def test_a_run_that_was_stopped_goes_on_bit_for_bit_without_the_old_one(tmp_path: Path) -> None:
    old = train(tiny(), tmp_path / "old", **QUIETLY).run
    recipe = tiny(training__init_from=str(old), training__seed=1, optimizer__lr=1e-3)
    straight = train(recipe, tmp_path / "straight", **QUIETLY).run
    halves = train(recipe, tmp_path / "halves", callbacks=[asks(2, "stop")], **QUIETLY).run
    shutil.rmtree(old)
    assert not dry_run(Run.open(halves).recipe, halves, mode="resume", device="cpu").problems
    resume(halves, **QUIETLY)
    assert equal(*(checkpoint.load(run / "checkpoints")[0] for run in (straight, halves)))
    assert not equal(make_trainer(tiny(training__seed=1)).model.state_dict(), vaegan.load(straight).state_dict())


def taken(new: Architecture, old: Architecture = SMALL, **more: Any) -> tuple[dict[str, Tensor], dict[str, Tensor], set[str], str]:
    """The tensors of both models, the names of those that were taken whole, and the sentence."""
    model, other = VAEGAN(new), randomised(old, **more)
    said = take_weights(model, other, "runs/old")
    mine, theirs = model.state_dict(), other.state_dict()
    return mine, theirs, {key for key in mine if key in theirs and torch.equal(mine[key], theirs[key])}, said


def test_another_size_takes_all_that_does_not_depend_on_it() -> None:
    *_, whole, said = taken(replace(SMALL, size=(24, 24), encoder=(64, 128), decoder=(64, 128), discriminator=(32, 64)))
    assert said == (
        "took the weights of runs/old; these start from scratch: encoder.convolutions.1, encoder.mean, encoder.logvar, decoder.first, "
        "decoder.upsamplings.0, discriminator.convolutions.2, discriminator.logit, the optimisers"
    )
    assert {"encoder.convolutions.0.0.weight", "encoder.convolutions.0.1.running_mean", "decoder.image.weight"} <= whole


def test_layers_are_counted_from_the_image() -> None:
    """The stage that is new in a decoder for larger images is its first."""
    mine, theirs, _, _ = taken(replace(SMALL, size=(32, 32)))
    assert equal(mine["decoder.upsamplings.1.0.weight"], theirs["decoder.upsamplings.0.0.weight"])
    assert equal(mine["decoder.upsamplings.1.1.running_var"], theirs["decoder.upsamplings.0.1.running_var"])


def test_a_family_says_what_its_layers_from_the_image_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    class Decoder(resize.Decoder):
        counted_from_image = "stages"

        def __init__(self, architecture: Architecture) -> None:
            super().__init__(architecture)
            self.stages = self.upsamplings
            del self.upsamplings

    monkeypatch.setitem(FAMILIES, "mine", Family(resize.Encoder, Decoder, resize.Discriminator))
    old = replace(SMALL, family="mine")
    mine, theirs, _, _ = taken(replace(old, size=(32, 32)), old)
    assert equal(mine["decoder.stages.1.0.weight"], theirs["decoder.stages.0.0.weight"])


@pytest.mark.parametrize("family", ["resize", "larsen"])
def test_attributes_that_are_added_change_nothing_at_first(family: str) -> None:
    old = SMALL if family == "resize" else Architecture(size=(16, 16), width=0.0625, latent=4)
    model, other = VAEGAN(replace(old, attributes=("A", "B"))).eval(), randomised(old)
    said = take_weights(model, other, "runs/old")
    new = "discriminator.projection, " if family == "resize" else ""
    assert said == f"took the weights of runs/old; these start from scratch: {new}the inputs of A, the inputs of B, the optimisers"
    images, attributes = torch.rand(3, 3, 16, 16) * 2 - 1, torch.randn(3, 2)
    assert torch.equal(model.encode(images, attributes).mean, other.encode(images).mean)
    assert torch.equal(model.reconstruct(images, attributes), other.reconstruct(images))


def test_attributes_are_taken_by_name() -> None:
    old = replace(SMALL, attributes=("A", "B"))
    model, other = VAEGAN(replace(SMALL, attributes=("B", "C"))).eval(), randomised(old)
    other.attribute_mean.copy_(torch.tensor([1.0, 2.0]))
    other.attribute_scale.copy_(torch.tensor([3.0, 4.0]))
    assert take_weights(model, other, "x") == "took the weights of x; these start from scratch: the inputs of C, the optimisers"
    assert (model.attribute_mean.tolist(), model.attribute_scale.tolist()) == ([2, 0], [4, 1])
    images = torch.rand(3, 3, 16, 16) * 2 - 1
    mine = model.reconstruct(images, torch.tensor([[0.5, 7.0]] * 3))
    assert torch.allclose(mine, other.reconstruct(images, torch.tensor([[torch.nan, 0.5]] * 3)), atol=1e-6)
    alone = VAEGAN(SMALL).eval()
    take_weights(alone, other, "x")
    assert torch.equal(alone.reconstruct(images), other.reconstruct(images))


def test_grey_images_keep_all_but_the_layers_at_the_image() -> None:
    *_, said = taken(replace(SMALL, channels=1))
    anew = "encoder.convolutions.0, decoder.image, discriminator.convolutions.0"
    assert said == f"took the weights of runs/old; these start from scratch: {anew}, the optimisers"


def test_networks_that_were_never_trained_are_not_taken() -> None:
    *_, said = taken(SMALL, untrained=("encoder",))
    assert said == "took the weights of runs/old; these start from scratch: encoder, the optimisers"


def test_a_run_that_does_not_fit_is_refused_in_one_sentence(tmp_path: Path) -> None:
    old = train(tiny(training__length="1 steps"), tmp_path / "old", **QUIETLY).run
    with pytest.raises(
        UserError, match=rf"the weights of {old} do not fit these networks: they have networks\.width 0\.0625, not 0\.125; use"
    ):
        train(tiny(networks__width=0.125, training__init_from=str(old)), tmp_path / "run", **QUIETLY)
    with pytest.raises(UserError, match=r"they have networks\.family resize, not larsen"):
        train(tiny("quick-larsen", training__init_from=str(old)), tmp_path / "run", **QUIETLY)
    with pytest.raises(UserError, match="gone does not exist"):
        train(tiny(training__init_from=str(tmp_path / "gone"), data__source="nowhere"), tmp_path / "run", **QUIETLY)
    assert not (tmp_path / "run").exists()
    recipe = tiny(training__init_from=str(tmp_path / "gone"), networks__width=0.125)
    assert any("gone does not exist" in problem for problem in dry_run(recipe, tmp_path / "run", device="cpu").problems)
