"""A dry run says what a run takes and what is wrong with it, trains nothing, and leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from vaegan import Recipe, UserError, cli
from vaegan import dry_run as find_out
from vaegan.begin import REPORT_SECONDS
from vaegan.files import locked
from vaegan.training import memory
from vaegan.training.checkpoint import checkpoints
from vaegan.training.disk import LINE, disk_of
from vaegan.training.minutes import Costs
from vaegan.workflow import train

from .command import works
from .tiny import QUIETLY, flags, tiny

ON_CPU: dict[str, Any] = {"device": "cpu", "progress": False}
COSTS = Costs(start=3.0, step=0.5, picture=2.0, save=5.0, picture_bytes=1000, model_bytes=20_000, checkpoint_bytes=80_000)


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes."""
    monkeypatch.setattr("vaegan.plan.rehearse", lambda *_, **__: COSTS)
    monkeypatch.setattr("vaegan.begin.FIT_SECONDS", 0.0)


def test_a_dry_run_says_what_the_run_then_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.plan.SECONDS", 0.0)
    monkeypatch.setattr("vaegan.training.minutes.tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = torch.get_rng_state()
    plan = find_out(tiny(), tmp_path / "run", **ON_CPU)
    assert plan.problems == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["temporary"], "it leaves nothing"
    assert torch.equal(torch.get_rng_state(), before)
    run = train(tiny(), tmp_path / "run", **QUIETLY).run
    line = json.loads((run / "stats.jsonl").read_text().splitlines()[-1])
    assert (plan.steps, plan.images) == (line["steps"], line["images"]) == (6, 24)
    assert (plan.training, plan.held_out, plan.steps_per_epoch) == (19, 5, 4)
    assert plan.packed is not None
    assert (plan.packed / "manifest.json").is_file()
    assert plan.costs is not None
    assert plan.disk is not None
    assert plan.disk.checkpoints == pytest.approx(sum(path.stat().st_size for path in checkpoints(run / "checkpoints")), rel=0.01)
    assert plan.disk.model == sum(path.stat().st_size for path in (run / "model").iterdir())
    assert plan.disk.pictures == pytest.approx(2 * sum(path.stat().st_size for path in (run / "samples").iterdir()), rel=0.2)
    assert plan.seconds is not None
    assert plan.seconds > 6 * plan.costs.step + REPORT_SECONDS


@pytest.mark.usefixtures("rehearsed")
def test_images_of_a_program(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    tensors = TensorDataset(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1)
    plan = find_out(tiny(), tmp_path / "run", data=pixels, steps=12, **ON_CPU)
    assert (plan.problems, plan.steps, plan.training, plan.held_out) == ([], 12, 32, 8)
    assert find_out(tiny(), tmp_path / "run", data=tensors, **ON_CPU).training == 32
    assert find_out({"training.batch": 8, "networks.size": (16, 16)}, tmp_path / "run", data=pixels, epochs=3, **ON_CPU).steps == 12
    with pytest.raises(UserError, match="steps and epochs were both given"):
        find_out(tiny(), tmp_path / "run", data=pixels, steps=1, epochs=1, **ON_CPU)
    with pytest.raises(UserError, match="data must be a path, an array"):
        find_out(tiny(), tmp_path / "run", data=3, **ON_CPU)
    assert list(tmp_path.iterdir()) == []


def test_batches_of_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.plan.SECONDS", 0.0)
    tensors = TensorDataset(torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    loader = DataLoader(tensors, batch_size=10)
    plan = find_out(tiny(), tmp_path / "run", data=loader, epochs=3, **ON_CPU)
    assert (plan.problems, plan.steps, plan.steps_per_epoch, plan.images) == ([], 12, 4, 120)
    assert (plan.training, plan.held_out, plan.packed) == (None, None, None)
    assert "batches of 10 from a DataLoader; 16x16, 3 channels" in str(plan)
    train(tiny(), tmp_path / "run", data=loader, steps=2, **QUIETLY)
    plan = find_out(tiny(training__length="5 steps"), tmp_path / "run", data=loader, mode="resume", **ON_CPU)
    assert (plan.problems, plan.begun, plan.steps) == ([], 2, 5)


def test_what_a_run_writes() -> None:
    settings = tiny(training__picture_every=10, training__checkpoint_every=50, training__keep=2, training__keep_every=100).training
    disk = disk_of(401, COSTS, settings, report=False)
    assert disk.checkpoints == (3 + 4) * 80_000, "one more than stay, while it is written"
    assert disk.model == 20_000
    assert disk.pictures == 2 * 41 * 1000
    assert disk_of(40, COSTS, settings, report=False).checkpoints == 80_000
    more = disk_of(401, COSTS, settings, report=True, begun=300, there=5)
    assert more == (1 * 80_000 + 80_000, 0, 2 * 11 * 1000, 51 * LINE), "checkpoints, model and report are replaced; one is kept for good"


@pytest.mark.usefixtures("rehearsed")
def test_minutes_become_steps(tmp_path: Path) -> None:
    plan = find_out(tiny(training__length="2 minutes"), tmp_path / "run", report=False, **ON_CPU)
    each = 0.5 + 2 / 4 + 5 / 3
    assert plan.steps == pytest.approx((120 - 10) / each, abs=2)
    assert plan.recipe.training.length == f"{plan.steps} steps"
    assert plan.seconds == pytest.approx(120, abs=3)


def _run_exists(folder: Path, _: pytest.MonkeyPatch) -> Recipe:
    folder.mkdir()
    return tiny()


def _no_images(folder: Path, _: pytest.MonkeyPatch) -> Recipe:
    return tiny(data__source=str(folder.parent / "gone"))


def _no_batch(folder: Path, _: pytest.MonkeyPatch) -> Recipe:  # noqa: ARG001
    return tiny(training__batch=400)


def _no_memory(folder: Path, patch: pytest.MonkeyPatch) -> Recipe:  # noqa: ARG001
    patch.setattr(memory, "free_memory", lambda: 1000)
    return tiny()


def _no_room(folder: Path, patch: pytest.MonkeyPatch) -> Recipe:  # noqa: ARG001
    patch.setattr(memory, "free_space", lambda _: 1000)
    return tiny()


def _no_level(folder: Path, _: pytest.MonkeyPatch) -> Recipe:  # noqa: ARG001
    return tiny("reference", objective__level=9)


@pytest.mark.usefixtures("rehearsed")
@pytest.mark.parametrize("wrong", [_run_exists, _no_images, _no_batch, _no_memory, _no_room, _no_level])
def test_what_is_wrong_is_said_as_training_says_it(
    tmp_path: Path, wrong: Callable[[Path, pytest.MonkeyPatch], Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = wrong(tmp_path / "run", monkeypatch)
    plan = find_out(recipe, tmp_path / "run", **ON_CPU)
    with pytest.raises(UserError) as refused:
        train(recipe, tmp_path / "run", **QUIETLY)
    assert plan.problems == [str(refused.value)]


@pytest.mark.usefixtures("rehearsed")
def test_all_that_is_wrong_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.plan.free_space", lambda _: 50_000)
    (tmp_path / "run").mkdir()
    exists, room = find_out(tiny(), tmp_path / "run", **ON_CPU).problems
    assert "exists already" in exists
    assert "the run writes about " in room
    assert f" and 50 kB are free on the disk of {tmp_path / 'run'}: choose another --run" in room


@pytest.mark.usefixtures("rehearsed")
def test_a_run_to_be_continued(tmp_path: Path) -> None:
    run = train(tiny(), tmp_path / "run", **QUIETLY).run
    before = sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*"))
    plan = find_out(tiny(training__length="10 steps"), run, mode="resume", **ON_CPU)
    assert (plan.problems, plan.begun, plan.steps, plan.images) == ([], 6, 10, 16)
    (finished,) = find_out(tiny(), run, mode="resume", **ON_CPU).problems
    assert "the run is at step 6 already: give --steps a larger number" in finished
    (changed,) = find_out(tiny(training__length="10 steps", objective__gamma=0.5), run, mode="resume", **ON_CPU).problems
    assert "cannot change the settings of a run that has started" in changed
    with locked(run / ".lock"):
        (busy, *_) = find_out(tiny(training__length="10 steps"), run, mode="auto", **ON_CPU).problems
    assert "is being trained by another process" in busy
    assert sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*")) == before


@pytest.mark.usefixtures("rehearsed")
def test_several_processes_share_the_images(tmp_path: Path) -> None:
    plan = find_out(tiny(), tmp_path / "run", processes=2, **ON_CPU)
    assert (plan.problems, plan.processes, plan.images, plan.steps_per_epoch) == ([], 2, 48, 2)


@pytest.mark.usefixtures("rehearsed")
def test_several_processes_try_the_checkpoint(tmp_path: Path) -> None:
    run = train(tiny(), tmp_path / "run", **QUIETLY).run
    longer = tiny(training__length="10 steps", training__batch=2)
    plan = find_out(longer, run, mode="resume", processes=2, **ON_CPU)
    assert (plan.problems, plan.begun, plan.images) == ([], 6, 16)
    (other,) = find_out(replace(longer, training=replace(longer.training, batch=4)), run, mode="resume", processes=2, **ON_CPU).problems
    assert (
        "the run was trained with 4 images a step, and this command would use 8 (2 processes with a batch of 4): set --training.batch 2"
        in other
    )
    (damaged,) = [path for path in (run / "checkpoints").iterdir() if path.name.endswith("6.pt")]
    damaged.write_bytes(b"damaged")
    assert find_out(longer, run, mode="resume", processes=2, **ON_CPU).begun == 3


@pytest.mark.usefixtures("rehearsed")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    works("train", "--run", run, "--dry-run", *flags())
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "19 to train on, 5 held out",
        "(they stay there)",
        "6 steps of 4 images: 24 images, 1.5 epochs",
        "about 2",
        "a step 0.5 s",
    ):
        assert words in text
    assert "leave out --dry-run" in text
    works("train", "--run", run, "--dry-run", "--json", *flags())
    plan = json.loads(capsys.readouterr().out)
    assert (plan["steps"], plan["problems"], plan["parameters"]) == (6, [], sum(plan["networks"].values()))
    assert plan["recipe"]["training"]["batch"] == 4
    run.mkdir()
    with pytest.raises(SystemExit) as exit_:
        cli.run(["train", "--run", str(run), "--dry-run", *flags()])
    assert exit_.value.code == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"vaegan: {run} exists already")
    assert "6 steps of 4 images" in " ".join(said.out.split())
