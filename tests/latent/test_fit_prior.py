"""A run's prior: fitted at the end of training and by itself, never beside weights that it was not fitted to, and drawn from by default."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import vaegan
from vaegan import VAEGAN, Recipe, Run, UserError, finish, fit_prior
from vaegan.latent import fit_prior as fitting
from vaegan.latent.encode import encode
from vaegan.latent.fit_prior import prior_of
from vaegan.models.fingerprint import fingerprint
from vaegan.models.posterior import Posterior
from vaegan.training import logger
from vaegan.training.pictures import PictureInputs, draw
from vaegan.training.trainer import Trainer
from vaegan.workflow import Stopped, resume, train

from ..tiny import QUIETLY, avatars, tiny

SETTINGS: dict[str, Any] = {"data__avatars": 60}


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny(**SETTINGS, networks__attributes=["Beard", "Smiling"]), tmp_path_factory.mktemp("c") / "run", **QUIETLY).run


def test_mirrored_training_images_have_codes_in_the_prior_too(tmp_path: Path) -> None:
    run = Run(train(tiny(**SETTINGS, augmentation__flip=True), tmp_path / "run", **QUIETLY).run)
    model = run.model()
    assert model.prior is not None
    assert model.prior.about["codes"] == "91"  # of 48 images, and of 43 mirrored: five are left out
    kept = run.prior_file.read_bytes()
    fit_prior(run.folder)
    assert run.prior_file.read_bytes() == kept


def test_codes_of_mirrored_images() -> None:
    model, images = VAEGAN(tiny().networks).eval(), avatars().images[:5]
    expected = encode(model, np.ascontiguousarray(images[:, :, ::-1]))
    assert torch.equal(encode(model, images, mirrored=True).mean, expected.mean)


def test_training_fits_a_prior_and_changes_no_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[VAEGAN] = []

    def watched(model: VAEGAN, picture_inputs: PictureInputs) -> tuple[Image.Image, float]:
        drawn.append(model)
        return draw(model, picture_inputs)

    for module in (logger, finish):
        monkeypatch.setattr(module, "draw", watched)
    run = Run(train(tiny(**SETTINGS), tmp_path / "run", **QUIETLY).run)
    model = run.model()
    assert model.prior is not None
    assert model.prior.about["codes"] == "48"
    assert model.prior.model == fingerprint(model)
    assert len(drawn) == 3  # after 4 steps and 6, and once more of the fitted prior
    last = [None if seen.prior is None else seen.prior.about for seen in drawn]
    assert last == [None, None, model.prior.about]
    kept, weights = run.prior_file.read_bytes(), (run.model_folder / "model.safetensors").read_bytes()
    run.prior_file.unlink()
    again = fit_prior(run.folder)
    assert run.prior_file.read_bytes() == kept
    assert (run.model_folder / "model.safetensors").read_bytes() == weights
    assert torch.equal(again.draw(5, 0), model.prior_codes(5, 0))
    assert torch.equal(model.prior_codes(5, 0, prior="standard"), torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))
    assert not torch.equal(model.sample(5), model.sample(5, prior="standard"))
    assert torch.equal(model.sample(5), model.decode(model.prior_codes(5, 0)))
    fit_prior(run.folder, seed=5)
    assert run.prior_file.read_bytes() != kept


def test_a_run_that_goes_on_gets_a_new_prior(tmp_path: Path) -> None:
    """And has none in the meantime: a stale one would be refused."""
    run = Run(train(tiny(**SETTINGS), tmp_path / "run", **QUIETLY).run)
    kept = run.prior_file.read_bytes()
    seen: list[bool] = []
    original = Trainer._save_checkpoint

    def watched(self: Trainer, run: Run) -> None:
        seen.append(run.prior_file.exists())
        original(self, run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_save_checkpoint", watched)
        resume(run.folder, Recipe.load(run.recipe_file, {"training.length": "9 steps"}), **QUIETLY)
    assert seen == [False]
    assert run.prior_file.read_bytes() != kept
    assert run.model().prior


def test_a_run_that_was_killed_before_its_fit(tmp_path: Path) -> None:
    run = Run(train(tiny(**SETTINGS), tmp_path / "run", **QUIETLY).run)
    kept = run.prior_file.read_bytes()
    run.prior_file.unlink()
    assert run.model().prior is None
    with pytest.raises(UserError, match=f"at step 6 already: .*its prior is not fitted yet: fit it with: vaegan fit-prior {run.folder}"):
        resume(run.folder, **QUIETLY)
    train(tiny(**SETTINGS), run.folder, auto_resume=True, **QUIETLY)
    assert run.prior_file.read_bytes() == kept
    with pytest.raises(UserError, match=r"such as --steps 12$"):
        resume(run.folder, **QUIETLY)


def test_an_interrupt_during_the_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def interrupted(*given: Any, **more: Any) -> Posterior:
        signal.raise_signal(signal.SIGINT)
        return encode(*given, **more)

    monkeypatch.setattr(fitting, "encode", interrupted)
    with pytest.raises(Stopped, match="is trained, but its prior is not fitted: fit it with: vaegan fit-prior") as stopped:
        train(tiny(**SETTINGS), tmp_path / "run", **QUIETLY)
    assert stopped.value.exit_code == 130
    assert not Run(tmp_path / "run").prior_file.exists()


def test_few_images_and_kinds_without_an_encoder_keep_the_standard_prior(tmp_path: Path) -> None:
    for name, settings, words in (
        ("few", {"data__avatars": 20}, "only 16 training images, and at least 20 are needed"),
        ("gan", {**SETTINGS, "objective__kind": "gan"}, "this needs a trained encoder"),
    ):
        run = Run(train(tiny(**settings), tmp_path / name, **QUIETLY).run)
        assert run.model().prior is None
        with pytest.raises(
            UserError,
            match=r"no fitted prior: leave out --prior fitted, or fit one with: vaegan fit-prior RUN|has no encoder, so its prior is",
        ):
            run.model().sample(1, prior="fitted")
        with pytest.raises(UserError, match=words):
            fit_prior(run.folder)
        with pytest.raises(UserError, match=r"at step 6 already: give --steps a larger number, such as --steps 12$"):
            resume(run.folder, **QUIETLY)


def test_a_model_that_went_astray_is_still_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "encode", lambda *_, **__: Posterior(torch.full((48, 4), torch.nan), torch.zeros(48, 4)))
    run = Run(train(tiny(**SETTINGS), tmp_path / "run", **QUIETLY).run)
    assert not run.prior_file.exists()
    with pytest.raises(UserError, match="NaN or infinity"):
        fit_prior(run.folder)


def test_a_conditional_model_draws_codes_that_go_with_the_attributes(conditional: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Run(conditional).model(prior=False)
    images = avatars(60)
    beards = torch.from_numpy(images.attributes_named(("Beard", "Smiling")))
    seen: list[Tensor] = []

    def encode(_: Any, images: Any, numbers: Any, *rest: Any, attributes: Tensor, mirrored: bool) -> Posterior:  # noqa: ARG001
        seen.append(attributes)
        means = 4 * attributes[:, :1] - 2 + 0.1 * torch.randn(len(numbers), 4, generator=torch.Generator().manual_seed(0))
        return Posterior(means, torch.full_like(means, -9.0))

    monkeypatch.setattr(fitting, "encode", encode)
    model.prior = prior_of(model, images, np.arange(48))
    assert torch.equal(seen[0], beards[:48])
    for beard in (0.0, 1.0):
        asked = model.attributes({"Beard": beard}).expand(200, -1)
        assert ((model.prior_codes(200, 0, asked).mean(1) > 0).float() == beard).float().mean() > 0.95
    mixed = (model.prior_codes(400, 0).mean(1) > 0).float().mean()
    assert abs(mixed - beards[:48, 0].mean()) < 0.15
    standard = model.prior_codes(9, 0, model.attributes({"Beard": 1.0}).expand(9, -1), prior="standard")
    assert torch.equal(standard, model.prior_codes(9, 0, prior="standard"))


def test_a_conditional_run(conditional: Path) -> None:
    prior = Run(conditional).model().prior
    assert prior is not None
    assert prior.attributes == 2


def test_saving_and_loading_keeps_the_prior_of_these_weights(conditional: Path, tmp_path: Path) -> None:
    model = vaegan.load(conditional)
    model.save_pretrained(tmp_path / "a")
    again = VAEGAN.from_pretrained(tmp_path / "a")
    assert torch.equal(again.sample(4), model.sample(4))
    with torch.no_grad():
        next(model.parameters()).add_(1)
    model.save_pretrained(tmp_path / "a")  # after more training
    assert VAEGAN.from_pretrained(tmp_path / "a").prior is None


def test_a_prior_that_does_not_fit_is_refused_and_fitted_again(conditional: Path, tmp_path: Path) -> None:
    run = Run(shutil.copytree(conditional, tmp_path / "run"))
    whole = run.prior_file.read_bytes()
    run.prior_file.write_bytes(whole[:-9])
    with pytest.raises(UserError, match=r"prior.safetensors is damaged: fit the prior again with: vaegan fit-prior RUN$"):
        run.model()
    run.prior_file.write_bytes(whole)
    model = run.model()
    assert model.prior is not None
    with torch.no_grad():
        next(model.parameters()).add_(1)
    prior, model.prior = model.prior, None
    model.save_pretrained(run.model_folder)
    prior.save(run.model_folder)
    with pytest.raises(
        UserError,
        match=r"belongs to other weights: the model changed after its prior was fitted; fit the prior again with: vaegan fit-prior RUN$",
    ):
        run.model()
    fit_prior(run.folder)
    assert run.model().prior
    (run.model_folder / "prior.safetensors").unlink()
    with pytest.raises(UserError, match="give images with --data"):
        fit_prior(run.model_folder)


def test_while_a_process_trains_into_the_run(conditional: Path) -> None:
    from vaegan.files import locked

    with (
        locked(Run(conditional).lock_file),
        pytest.raises(UserError, match="is still being trained by another process, which will also fit the prior"),
    ):
        fit_prior(conditional)
