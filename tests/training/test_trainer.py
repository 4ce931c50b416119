"""A run trains what it should, stops where it should, and goes on as if it had not stopped."""

from __future__ import annotations

import copy
import json
import shutil
import signal
import threading
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

import vaegan
from vaegan import Recipe, Run, UserError, dry_run
from vaegan.begin import TrainingJob, threads_of
from vaegan.data import open_images
from vaegan.data.images import Preparation
from vaegan.list_runs import status_of
from vaegan.losses.similarity import relative_to_others
from vaegan.recipe import names
from vaegan.signals import StopSignal
from vaegan.training import checkpoint
from vaegan.training.device import World
from vaegan.training.logger import Monitor
from vaegan.training.optimizers import learning_rate
from vaegan.training.step import Requests
from vaegan.training.trainer import Trainer
from vaegan.workflow import Stopped, resume, train

from ..tiny import QUIETLY, SILENT, equal, make_trainer, of_levels, tiny


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def changed(trainer: Trainer, before: dict[str, Tensor]) -> set[str]:
    """Names of networks whose parameters are not what they were, bit for bit."""
    parameters = {name for name, _ in trainer.model.named_parameters()}
    after = trainer.model.state_dict()
    return {name.split(".")[0] for name in parameters if not torch.equal(before[name], after[name])}


def test_a_run_writes_all_its_outputs(tmp_path: Path) -> None:
    recipe = tiny()
    result = train(recipe, tmp_path / "run", **QUIETLY)
    run = result.run
    assert Recipe.load(run / "recipe.yaml").differences(recipe) == {"training.threads": (torch.get_num_threads(), 0)}
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["step-00000003.pt", "step-00000006.pt"]
    assert sorted(p.name for p in (run / "samples").iterdir()) == ["step-000004.png", "step-000006.png"]
    assert result.picture == run / "samples" / "step-000006.png"
    with Image.open(result.picture) as picture:
        assert picture.width > 12 * 64
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert [line["images"] for line in lines] == [8, 16, 24]
    expected = {"prior", "similarity", "real", "fake", "pixel", "decoder_steps", "discriminator_steps", "lr", "gamma", "images_per_second"}
    expected |= {"encoder_gradient", "decoder_gradient", "discriminator_gradient"}
    assert set(lines[0]) == expected | {"step", "steps", "images"}
    assert {line["steps"] for line in lines} == {6}
    assert list((run / "tensorboard").glob("events*"))
    model = vaegan.load(run)
    assert model.sample(2).shape == (2, 3, 16, 16)


def test_tensorboard_has_the_scalars_and_the_pictures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(tiny(), tmp_path / "run", **QUIETLY).run
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert {"loss/prior", "loss/similarity", "gan/real", "gan/fake", "gate/decoder_steps", "schedule/lr"} <= set(events.Tags()["scalars"])
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    scalars = events.Scalars("loss/prior")
    assert [event.step for event in scalars] == [2, 4, 6]
    assert [event.value for event in scalars] == pytest.approx([line["prior"] for line in lines], rel=1e-4)
    assert [event.step for event in events.Images("pictures")] == [4, 6]


@pytest.mark.parametrize("name", names())
def test_every_recipe_trains_and_moves_all_networks(name: str) -> None:
    trainer = make_trainer(tiny(name, gate__enabled=False, objective__level=2))
    before = weights(trainer)
    step = trainer.train_step()
    assert changed(trainer, before) == {"encoder", "decoder", "discriminator"}
    assert torch.isfinite(step.means).all()


@pytest.mark.parametrize(
    ("gate", "stepping"),
    [
        ({"gate__equilibrium": 50.0, "gate__margin": 1.0}, {"encoder", "decoder"}),  # both costs far below
        ({"gate__equilibrium": 0.001, "gate__margin": 0.001}, {"encoder", "discriminator"}),  # far above
        ({"gate__equilibrium": 1.0, "gate__margin": 0.99}, {"encoder", "decoder", "discriminator"}),
    ],
)
@pytest.mark.parametrize("name", ["reference", "quick"])
def test_a_network_that_is_gated_off_does_not_change_by_a_bit(name: str, gate: dict[str, float], stepping: set[str]) -> None:
    trainer = make_trainer(tiny(name, objective__gamma=0.1, objective__logit_scale=1.0, gate__enabled=True, **gate))
    for _ in range(2):
        trainer.train_step()
    before, optimizers = weights(trainer), copy.deepcopy({n: o.state_dict()["state"] for n, o in trainer.training_step.optimizers.items()})
    decision = trainer.train_step().decision
    assert changed(trainer, before) == stepping
    assert ("decoder" in stepping, "discriminator" in stepping) == tuple(decision)
    for network, state in optimizers.items():
        after = trainer.training_step.optimizers[network].state_dict()["state"]
        same = all(torch.equal(after[p][key], value) for p in state for key, value in state[p].items()) and after.keys() == state.keys()
        assert same == (network not in stepping)
        assert all(p.grad is None for p in trainer.training_step.parameters[network])


@pytest.mark.parametrize("who_decides", ["the host", "the device"])
@pytest.mark.parametrize("name", names())
def test_stopping_and_resuming_changes_nothing(name: str, who_decides: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if who_decides == "the device":  # as on a GPU, but that the CPU does the work
        monkeypatch.setattr("vaegan.training.step.device_decides", lambda _: True)
    more: dict[str, Any] = {"data__crop": "centre", "training__graph": False}
    more |= {"objective__gamma_decay": 1.5, "gate__margin_decay": 0.9, "training__ema": 0.9}
    if of_levels(name):
        more |= {"objective__diff_augment": True, "objective__penalty": "r1_r2", "objective__penalty_every": 2}
        more |= {"training__ema": 0.0, "training__average_half_life": 10}
    more |= {"augmentation__flip": True, "augmentation__shift": 0.05, "augmentation__scale": 0.05, "augmentation__rotation": 0.1}
    more |= {"augmentation__gamma": 0.1, "augmentation__contrast": 0.1, "augmentation__hue": 0.1}
    straight = train(tiny(name, **more), tmp_path / "straight", **QUIETLY).run
    halves = tiny(name, **more)
    trainer = make_trainer(halves)
    assert trainer.batches.steps_per_epoch == 5  # the break lies within the first epoch, the end in the second
    _train_until(3, halves, tmp_path / "halves")
    resume(tmp_path / "halves", **QUIETLY)
    one, other = (checkpoint.load(run / "checkpoints")[0] for run in (straight, tmp_path / "halves"))
    assert equal(one, other)
    steps = [json.loads(line)["step"] for line in (tmp_path / "halves" / "stats.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert (straight / "model" / "model.safetensors").read_bytes() == (tmp_path / "halves" / "model" / "model.safetensors").read_bytes()


def _train_until(step: int, recipe: Recipe, run: Path) -> None:
    """Train, and be interrupted in the middle of a step, so that the next one is the last."""
    original = Trainer.train_step

    def interrupted(self: Trainer, requests: Requests) -> Any:
        result = original(self, requests)
        if self.step == step - 1:
            signal.raise_signal(signal.SIGINT)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", interrupted)
        with pytest.raises(Stopped, match=f"step {step} of 6"):
            train(recipe, run, **QUIETLY)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("place", ["picture", "log", "update"])
def test_a_signal_at_any_moment_saves_the_run(place: str, number: signal.Signals, code: int, tmp_path: Path) -> None:
    original = getattr(Monitor, place)
    sent: list[int] = []

    def interrupted(self: Monitor, *args: Any, **more: Any) -> Any:
        if self.step == (3 if place == "update" else 4) and not sent:  # all within the fourth step
            sent.append(number)
            signal.raise_signal(number)
        return original(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Monitor, place, interrupted)
        with pytest.raises(Stopped, match="stopped at step 5 of 6") as stopped:
            train(tiny(), tmp_path / "run", **QUIETLY)
    assert stopped.value.exit_code == code
    assert checkpoint.load(tmp_path / "run" / "checkpoints")[0]["step"] == 5


def test_a_request_to_save_that_comes_while_the_last_one_is_read_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = StopSignal()
    monkeypatch.setattr("vaegan.workflow.StopSignal", lambda *_, **__: signals)
    asked = iter([True])

    def interrupted(**requests: bool) -> Requests:
        signals.asked_to_save |= next(asked, False)
        return Requests(**requests)

    monkeypatch.setattr("vaegan.training.trainer.Requests", interrupted)
    train(tiny(training__length="3 steps", training__keep=9), tmp_path / "run", **QUIETLY)
    assert [path.name for path in checkpoint.checkpoints(tmp_path / "run" / "checkpoints")] == ["step-00000003.pt", "step-00000002.pt"]


def test_two_seeds_are_two_runs_and_one_seed_is_one() -> None:
    first, again, other = (make_trainer(tiny(training__seed=seed)) for seed in (0, 0, 1))
    for trainer in (first, again, other):
        for _ in range(3):
            trainer.train_step()
    assert equal(first.state_dict(), again.state_dict())
    assert not equal(first.state_dict(), other.state_dict())


def test_a_run_can_be_made_longer(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run", **QUIETLY)
    with pytest.raises(UserError, match="at step 6 already: give --steps a larger number, such as --steps 12"):
        resume(tmp_path / "run", **QUIETLY)
    longer = Recipe.load(tmp_path / "run" / "recipe.yaml", {"training.length": "8 steps"})
    resume(tmp_path / "run", longer, **QUIETLY)
    assert checkpoint.load(tmp_path / "run" / "checkpoints")[0]["step"] == 8


def test_settings_go_over_those_of_the_run_that_is_resumed(tmp_path: Path) -> None:
    run = train(tiny(training__length="2 steps", training__seed=3), tmp_path / "run", **QUIETLY).run
    before = Run.open(run).recipe
    resume(run, {"training.checkpoint_every": 2}, steps=3, **QUIETLY)
    changes = {"training.checkpoint_every": (2, 3), "training.length": ("3 steps", "2 steps")}
    assert Run.open(run).recipe.differences(before) == changes
    plan = dry_run({"training.log_every": 1}, run, steps=4, mode="resume", device="cpu")
    assert plan.recipe.differences(Run.open(run).recipe) == {"training.log_every": (1, 2), "training.length": ("4 steps", "3 steps")}
    with pytest.raises(UserError, match="steps and epochs were both given: leave out one"):
        resume(run, steps=5, epochs=5)


def test_a_run_made_longer_is_not_finished_before_its_first_line(tmp_path: Path) -> None:
    run = train(tiny(training__length="2 steps"), tmp_path / "run", **QUIETLY).run
    assert status_of(run).state == "finished"
    Monitor(Run(run), tiny(), step=2, steps=2, images_per_step=4, console=SILENT)
    assert status_of(run).state == "finished", "the same length again"
    Monitor(Run(run), tiny(), step=2, steps=9, images_per_step=4, console=SILENT)
    assert (status_of(run).state, status_of(run).step, status_of(run).steps) == ("interrupted", 2, 9)


def test_the_learned_similarity_is_measured_beside_that_of_other_images(tmp_path: Path) -> None:
    """With each picture, where the error is of one level; not where it is relative already."""
    for name, logged in (("quick-larsen", [False, True, True]), ("quick", [False, False, False])):
        run = train(tiny(name), tmp_path / name, **QUIETLY).run
        lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
        assert ["relative_similarity" in line for line in lines] == logged
    features = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    between = torch.stack([(one - other).square().sum() for i, one in enumerate(features) for other in features[:i]]).mean()
    assert relative_to_others(features, features) == 0
    assert relative_to_others(features.roll(1, 0), features) == pytest.approx(1)
    assert relative_to_others(7 * features + 7, 7 * features) == pytest.approx(2 / between.item())


def test_what_a_run_is_cannot_be_changed(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run", **QUIETLY)
    changed_recipe = Recipe.load(tmp_path / "run" / "recipe.yaml", {"objective.gamma": 0.5, "training.length": "8 steps"})
    with pytest.raises(UserError, match=r"its objective\.gamma is 0\.\d+, not 0\.5; leave"):
        resume(tmp_path / "run", changed_recipe, **QUIETLY)


def test_a_setting_that_is_newer_than_the_run_counts_as_its_default_there() -> None:
    older = make_trainer(tiny("reference"))
    state = {"step": 0, **older.state_dict()}
    state["identity"] = {**state["identity"], "recipe": {key: v for key, v in older.recipe.flat().items() if key != "objective.gan"}}
    make_trainer(tiny("reference")).load_state_dict(state)
    with pytest.raises(UserError, match=r"its objective\.gan is empty, not saturating"):
        make_trainer(tiny("reference", objective__gan="saturating")).load_state_dict(state)


def test_a_run_whose_recipe_was_edited_is_not_resumed(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run", **QUIETLY)
    for edit in ({"networks.latent": 5}, {"objective.gamma": 0.5}):
        (tmp_path / "run" / "recipe.yaml").write_text(tiny(training__length="8 steps", **edit).to_yaml())
        with pytest.raises(UserError, match=f"cannot change the settings of a run that has started: its {next(iter(edit))} is .*, not"):
            resume(tmp_path / "run", **QUIETLY)


def test_a_run_goes_on_with_the_same_images_only(photos: Path, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    recipe = tiny(data__source=str(source))
    train(recipe, tmp_path / "run", **QUIETLY)
    longer = replace(recipe, training=replace(recipe.training, length="8 steps"))
    photos.rename(tmp_path / "moved")
    moved = replace(longer, data=replace(longer.data, source=str(tmp_path / "moved")))
    resume(tmp_path / "run", moved, **QUIETLY)
    (tmp_path / "moved" / "photo 00.png").unlink()
    even_longer = replace(moved, training=replace(recipe.training, length="9 steps"))
    with pytest.raises(UserError, match="not those that the run was trained on"):
        resume(tmp_path / "run", even_longer, **QUIETLY)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("data")
    with pytest.raises(UserError, match="exists already"):
        train(tiny(), tmp_path / "run", **QUIETLY)
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["precious"]


def test_a_model_is_not_to_be_replaced_where_checkpoints_are_gone(tmp_path: Path) -> None:
    run = train(tiny(training__length="1 steps"), tmp_path / "run", **QUIETLY).run
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match=r"exists already: choose another --run$"):
        train(tiny(), run, **QUIETLY)
    with pytest.raises(UserError, match=r"it has no checkpoint; train a new run with: vaegan train --recipe .*recipe\.yaml --run NEW-RUN$"):
        resume(run, tiny(), **QUIETLY)


def test_runs_without_a_name_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [train(tiny(training__length="1 steps"), **QUIETLY).run for _ in range(2)]
    assert [str(run) for run in runs] == ["runs/avatars", "runs/avatars-2"]
    said = StringIO()
    train(tiny(training__length="1 steps"), **{**QUIETLY, "progress": Console(file=said, width=200)})
    assert "runs/avatars exists already, so this run is saved as runs/avatars-3\n" in said.getvalue()


def test_bad_data_leaves_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fewer than a batch"):
        train(tiny(training__batch=24), tmp_path / "run", **QUIETLY)
    with pytest.raises(UserError, match="does not exist"):
        train(tiny(data__source="nowhere"), tmp_path / "run", **QUIETLY)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    recipe = tiny(optimizer__lr=1e30, training__length="40 steps", training__checkpoint_every=100, gate__enabled=False)
    with pytest.raises(UserError, match=r"is no longer finite at step \d+; there is no checkpoint yet: train a new run with a lower .*lr"):
        train(recipe, tmp_path / "run", **QUIETLY)


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    """The very update before a checkpoint may be the one that breaks."""
    recipe = tiny(optimizer__lr=1e38, optimizer__lr_factors=(1.0, 1e3, 1.0), training__length="1 steps", gate__enabled=False)
    with pytest.raises(UserError, match=r"is no longer finite at step 1; there is no checkpoint yet"):
        train(recipe, tmp_path / "run", **QUIETLY)
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize(("clip", "measure"), [("value", lambda g: g.abs().max()), ("norm", lambda g: g.norm())])
def test_clipping_is_per_network(clip: str, measure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = (1e-3, 0.0, 1e-5)
    trainer = make_trainer(tiny(optimizer__clip=clip, optimizer__clip_at=limits, gate__enabled=False))
    seen = {}
    for name, optimizer in trainer.training_step.optimizers.items():

        def record(name: str = name) -> None:
            seen[name] = measure(torch.cat([p.grad.flatten() for p in trainer.training_step.parameters[name] if p.grad is not None])).item()

        monkeypatch.setattr(optimizer, "step", record)
    trainer.train_step()
    assert seen["encoder"] <= 1.001e-3
    assert seen["decoder"] > 1e-3
    assert seen["discriminator"] <= 1.001e-5


def test_learning_rates() -> None:
    exponential = Recipe.load("reference").optimizer
    assert [learning_rate(exponential, step, 100, 10) for step in (0, 9, 10, 25)] == pytest.approx(
        [3e-4, 3e-4, 3e-4 * 0.75, 3e-4 * 0.75**2]
    )
    anneal = Recipe.load("larsen-celeba").optimizer
    start, stop = 0.025 / 64, 1e-5 / 64
    wanted = [start, start - 0.5**0.75 * (start - stop), stop]
    assert [learning_rate(anneal, step, 100, 10) for step in (0, 50, 100)] == pytest.approx(wanted)
    constant = Recipe.load("reference", {"optimizer.schedule": "constant"}).optimizer
    assert learning_rate(constant, 77, 100, 10) == 3e-4


def test_networks_may_have_learning_rates_of_their_own() -> None:
    trainer = make_trainer(
        tiny(optimizer__lr=1e-3, optimizer__schedule="constant", optimizer__lr_factors=(1.0, 0.5, 0.0), gate__enabled=False)
    )
    before = weights(trainer)
    trainer.train_step()
    assert changed(trainer, before) == {"encoder", "decoder"}
    assert [trainer.training_step.optimizers[n].param_groups[0]["lr"] for n in ("encoder", "decoder", "discriminator")] == [1e-3, 5e-4, 0.0]


def test_weight_decay_is_for_weights() -> None:
    trainer = make_trainer(tiny("larsen-celeba"))
    for optimizer in trainer.training_step.optimizers.values():
        *matrices, vectors = optimizer.param_groups
        assert [group["weight_decay"] for group in (*matrices, vectors)] == [1e-5, 1e-5, 0.0]
        assert all(p.ndim > 1 for group in matrices for p in group["params"])
        assert all(p.ndim == 1 for p in vectors["params"])


@pytest.mark.parametrize("name", ["quick", "larsen-celeba"])
def test_the_weights_of_the_posterior_may_have_a_learning_rate_of_their_own(name: str) -> None:
    trainer = make_trainer(tiny(name, optimizer__posterior_lr_factor=0.0, gate__enabled=False))
    before = weights(trainer)
    trainer.train_step()
    after = weights(trainer)
    assert {key for key in before if key.startswith("encoder.") and torch.equal(before[key], after[key])} == {
        "encoder.mean.weight",
        "encoder.logvar.weight",
    }


def test_the_average_follows_the_weights() -> None:
    trainer = make_trainer(tiny("reference", training__ema=0.9))
    assert trainer.shown is trainer.average
    start = {name: p.clone() for name, p in trainer.model.named_parameters()}
    trainer.train_step()
    assert trainer.average is not None
    for name, p in trainer.average.named_parameters():
        moved = dict(trainer.model.named_parameters())[name]
        torch.testing.assert_close(p, start[name] * 0.1 + moved * 0.9)  # (1 + 0) / (10 + 0) is kept at first
    assert equal(dict(trainer.average.named_buffers()), dict(trainer.model.named_buffers()))


def test_the_pictures_show_posterior_means_of_held_out_images(tmp_path: Path) -> None:
    shown: list[Tensor] = []
    original = vaegan.VAEGAN.reconstruct

    def record(self: vaegan.VAEGAN, images: Tensor, attributes: Tensor | None = None, *, check: bool = True) -> Tensor:
        assert not self.training
        shown.append(images)
        return original(self, images, attributes, check=check)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vaegan.VAEGAN, "reconstruct", record)
        recipe = tiny()
        train(recipe, tmp_path / "run", **QUIETLY)
    from vaegan.data import split
    from vaegan.data.batches import to_tensor

    images = open_images("avatars", Preparation((16, 16), 3, "centre"), count=24, progress=lambda *_: None)
    _, held_out = split(images, 0.2)
    assert torch.equal(shown[-1], to_tensor(images.images[held_out[:]]))


def test_training_outside_the_main_thread(tmp_path: Path) -> None:
    thread = threading.Thread(
        target=train, args=(tiny(training__length="1 steps"), tmp_path / "run"), kwargs={"device": "cpu", "progress": False}
    )
    thread.start()
    thread.join()
    assert (tmp_path / "run" / "model" / "config.json").is_file()


def test_a_run_keeps_its_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, used = tmp_path / "run", []
    original = Trainer.train_step

    def train_step(trainer: Trainer, *more: Any) -> Any:
        used.append(torch.get_num_threads())
        return original(trainer, *more)

    monkeypatch.setattr(Trainer, "train_step", train_step)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        train(tiny(training__length="2 steps"), run, **QUIETLY)
        torch.set_num_threads(1)
        train(tiny(training__length="3 steps"), run, auto_resume=True, **QUIETLY)
        resume(run, Recipe.load(run / "recipe.yaml", {"training.length": "4 steps"}), **QUIETLY)
        assert torch.get_num_threads() == 1
        resume(run, Recipe.load(run / "recipe.yaml", {"training.length": "5 steps", "training.threads": 1}), **QUIETLY)
    finally:
        torch.set_num_threads(before)
    assert used == [2, 2, 2, 2, 1]


def test_another_number_of_processes_shares_the_cores_anew(tmp_path: Path) -> None:
    recipe = tiny(training__threads=8, training__batch=8)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    for batch, asked, expected in ((8, 0, 8), (8, 8, 8), (8, 3, 3), (4, 8, torch.get_num_threads()), (4, 3, 3)):
        job = TrainingJob(tiny(training__threads=asked, training__batch=batch), Run(tmp_path), "auto", "cpu", report=False)
        assert threads_of(job, True, World(1, 1, None)) == expected
    assert threads_of(job, False, World(1, 1, None)) == 3


def test_a_foreign_recipe_in_the_way_is_left_alone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text("training:\n")
    with pytest.raises(UserError, match="exists already"):
        train(tiny(), run, **QUIETLY)
