"""What goes wrong is seen, said, and mended where that was you asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from vaegan import UserError
from vaegan.losses.objective import Losses
from vaegan.settings import ObjectiveSettings
from vaegan.training import checkpoint
from vaegan.training.health import SIGNS, FailureMonitor
from vaegan.training.step import StepResult
from vaegan.training.trainer import Diverged, Trainer
from vaegan.workflow import resume, train

from ..tiny import QUIETLY, make_trainer, tiny

WELL = {"prior": 20.0, "real": 0.4, "fake": 0.4, "decoder_steps": 1.0, "discriminator_steps": 0.5}
ILL: dict[str, dict[str, float]] = {
    "decoder held": {"decoder_steps": 0.0},
    "discriminator held": {"discriminator_steps": 0.0},
    "discriminator certain": {"real": 0.001, "fake": 0.002},
    "discriminator wrong": {"real": 5.0},
    "posterior at the prior": {"prior": 0.01},
}


def test_every_sign_can_be_seen() -> None:
    assert {*ILL, "samples alike"} == set(SIGNS)


@pytest.mark.parametrize("name", ILL)
def test_a_sign_is_told_once_after_a_while_and_again_if_it_comes_back(name: str) -> None:
    watch = FailureMonitor(ObjectiveSettings(), latent=64)
    patience = SIGNS[name].patience
    told: dict[int, list[str]] = {}
    for step in range(10, 3 * patience, 10):
        ill = step < 1.5 * patience or step >= 1.8 * patience
        if warnings := watch(step, WELL | (ILL[name] if ill else {})):
            told[step] = warnings
        assert (watch.current == [name]) == (ill and (10 + patience <= step < 1.8 * patience or step >= 2.8 * patience))
    (first, (sentence,)), (second, _) = told.items()
    assert first == 10 + patience
    assert second >= 2.8 * patience
    assert SIGNS[name].what in sentence
    assert "try " in sentence


def test_a_resumed_run_does_not_repeat_its_warnings() -> None:
    name = "decoder held"
    watch = FailureMonitor(ObjectiveSettings(), latent=64)
    watch.remember([name, "a sign of another version"])
    patience = SIGNS[name].patience
    assert not [watch(step, WELL | ILL[name]) for step in range(10, 3 * patience, 10) if watch(step, WELL | ILL[name])]
    assert watch.current == [name]
    assert watch(3 * patience, WELL) == watch.current == []
    assert any(watch(step, WELL | ILL[name]) for step in range(3 * patience, 5 * patience, 10)), "it comes back"


@pytest.mark.parametrize("kind", ["vae", "vae-dis", "gan"])
def test_gamma_is_advised_for_a_vaegan_only(kind: Any) -> None:
    other = ObjectiveSettings(kind=kind, discriminator="run" * (kind == "vae-dis"))
    for sign in SIGNS.values():
        assert sign.advice_for(other)
        assert "gamma" not in sign.advice_for(other)


@pytest.mark.parametrize("gan", ["hinge", "relativistic"])
def test_costs_that_are_no_cross_entropies_say_nothing_of_certainty(gan: str) -> None:
    watch = FailureMonitor(ObjectiveSettings(gan=gan), latent=64)
    for name in ("discriminator certain", "discriminator wrong"):
        assert not any(watch(step, WELL | ILL[name]) for step in (10, 10 + SIGNS[name].patience))
        assert watch.current == []


def test_samples_that_are_alike_are_seen_at_pictures() -> None:
    watch = FailureMonitor(ObjectiveSettings(), latent=64)
    watch.see_samples(0.02)
    assert not watch(10, WELL)
    assert "samples are all alike" in watch(10 + SIGNS["samples alike"].patience, WELL)[0]
    watch.see_samples(0.5)
    assert not watch(500, WELL)
    assert not watch.current


def test_a_warning_is_in_the_log_on_the_screen_and_in_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setitem(SIGNS, "discriminator held", SIGNS["discriminator held"]._replace(patience=2))
    console = Console(record=True, width=400, quiet=False, file=(tmp_path / "screen").open("w"))
    recipe = tiny(gate__enabled=True, gate__equilibrium=50.0, gate__margin=1.0)
    run = train(recipe, tmp_path / "run", device="cpu", progress=console).run
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [line.get("warnings") for line in lines] == [None, ["discriminator held"], ["discriminator held"]]
    assert console.export_text().count("step 4: for 2 steps the gate has paused the training of the discriminator") == 1
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert "health/text_summary" in events.Tags()["tensors"]
    assert [event.step for event in events.Scalars("health/variety")] == [4, 6]


class Spoilt:
    """Makes the gradient of a network NaN at one step of a trainer, once, while its loss stays a number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, network: str, step: int, times: int = 1) -> None:
        self.left = times
        original = Trainer.train_step
        backward = Losses.backward

        def train_step(trainer: Trainer, *arguments: Any, **more: Any) -> StepResult:
            def spoil(losses: Losses, parameters: Any) -> None:
                stepping: list[nn.Parameter] = list(parameters)
                backward(losses, stepping)
                mine = {id(parameter) for parameter in trainer.training_step.parameters[network]}
                if trainer.step + 1 == step and self.left:
                    self.left -= 1
                    for parameter in stepping:
                        if id(parameter) in mine and parameter.grad is not None:
                            parameter.grad[0] = torch.nan

            monkeypatch.setattr(Losses, "backward", spoil)
            return original(trainer, *arguments, **more)

        monkeypatch.setattr(Trainer, "train_step", train_step)


@pytest.mark.parametrize("network", ["encoder", "decoder", "discriminator"])
def test_a_gradient_that_is_no_number_is_named_and_changes_nothing(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(tiny(gate__enabled=False))
    trainer.train_step()
    before: dict[str, Tensor] = {name: tensor.clone() for name, tensor in trainer.model.named_parameters()}
    Spoilt(monkeypatch, network, 2)
    trainer.train_step()
    trainer.train_step()
    assert all(torch.equal(before[name], tensor) for name, tensor in trainer.model.named_parameters())
    for ask in (trainer.check, trainer.read):
        with pytest.raises(Diverged, match=f"the gradient of the {network} is no longer finite at step 2"):
            ask()


def test_a_run_stops_and_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    Spoilt(monkeypatch, "encoder", 4)
    with pytest.raises(UserError) as stopped:
        train(tiny(gate__enabled=False), run, **QUIETLY)
    assert str(stopped.value) == (
        f"the gradient of the encoder is no longer finite at step 4; the last checkpoint is {run / 'checkpoints' / 'step-00000003.pt'}: "
        f"continue from there with a lower learning rate, with: vaegan train --resume {run} --on-nan rollback"
    )
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-00000003.pt"]


def test_a_rollback_goes_back_and_on_with_half_the_learning_rates(tmp_path: Path) -> None:
    run = tmp_path / "run"
    recipe = tiny(gate__enabled=False, training__on_nan="rollback", optimizer__schedule="constant", optimizer__lr=1e-3)
    with (tmp_path / "screen").open("w") as file, pytest.MonkeyPatch.context() as patch:
        Spoilt(patch, "encoder", 5)
        train(recipe, run, device="cpu", report=False, progress=Console(file=file, width=400))
    said = (tmp_path / "screen").read_text()
    assert "the gradient of the encoder is no longer finite at step 5: went back to step 3" in said
    assert "; the recipe's learning rates are now multiplied by 0.5 (rollback 1)" in said
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [(line["step"], line["lr"]) for line in lines] == [(2, 1e-3), (4, 5e-4), (6, 5e-4)]
    state = checkpoint.load(run / "checkpoints")[0]
    assert (state["step"], state["rollbacks"]) == (6, 1)
    resume(run, tiny(gate__enabled=False, optimizer__schedule="constant", optimizer__lr=1e-3, training__length="8 steps"), device="cpu")
    assert json.loads((run / "stats.jsonl").read_text().splitlines()[-1])["lr"] == 5e-4


def test_before_the_first_checkpoint_a_rollback_goes_to_the_start(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Spoilt(patch, "decoder", 2)
        train(tiny(gate__enabled=False, training__on_nan="rollback"), tmp_path / "run", **QUIETLY)
    assert checkpoint.load(tmp_path / "run" / "checkpoints")[0]["rollbacks"] == 1


def test_rollbacks_come_to_an_end(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        spoilt = Spoilt(patch, "decoder", 5, times=100)
        with pytest.raises(UserError, match=r"at step 5, after 2 rollbacks \(--training\.rollbacks allows no more\); the last"):
            train(
                tiny(gate__enabled=False, training__on_nan="rollback", training__rollbacks=2),
                tmp_path / "run",
                device="cpu",
                progress=False,
            )
    assert spoilt.left == 97
    assert checkpoint.load(tmp_path / "run" / "checkpoints")[0]["step"] == 3


def test_gradients_are_means_over_the_steps_in_which_a_network_stepped() -> None:
    gate: dict[str, Any] = {"gate__enabled": True, "gate__equilibrium": 50.0, "gate__margin": 1.0}
    trainer = make_trainer(tiny(**gate, optimizer__clip="norm", optimizer__clip_at=(1e-9, 1e-9, 1e-9)))
    for _ in range(3):
        trainer.train_step()
    means = trainer.read()
    assert means["discriminator_gradient"] == 0  # it was held
    assert means["encoder_gradient"] > 1e-6  # as it was before clipping
    assert means["decoder_gradient"] > 1e-9


def test_the_page_of_warnings_has_every_warning() -> None:
    page = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text()
    rows = {row.split(" | ")[0].strip("| "): row for row in page.splitlines() if row.startswith("| ")}
    for name, sign in SIGNS.items():
        assert sign.advice_for(ObjectiveSettings()) in rows[name]
        assert f"for {sign.patience:,} steps" in rows[name]
