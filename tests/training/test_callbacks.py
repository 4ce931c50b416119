"""What a program hooks into a training is called when it should be, may ask for little, and cannot lose a run."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import vaegan
from vaegan import UserError
from vaegan.training import checkpoint
from vaegan.training.step import StepResult
from vaegan.training.trainer import Diverged, Trainer
from vaegan.workflow import Stopped, resume, train

from ..tiny import QUIETLY, equal, tiny


class Recorder(vaegan.Callback):
    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.curves: list[Mapping[str, float]] = []

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        assert result.means.isfinite().all()
        self.seen.append(("step", trainer.step))

    def on_log(self, trainer: Trainer, values: Mapping[str, float]) -> None:
        self.seen.append(("log", trainer.step))
        self.curves.append(values)

    def on_picture(self, trainer: Trainer, picture: Path) -> None:
        assert picture == trainer.run.picture_file(trainer.step)
        assert picture.is_file()
        self.seen.append(("picture", trainer.step))

    def on_checkpoint(self, trainer: Trainer, checkpoint: Path) -> None:
        assert checkpoint == trainer.run.checkpoints[trainer.step]
        self.seen.append(("checkpoint", trainer.step))

    def on_end(self, trainer: Trainer) -> None:
        self.seen.append(("end", trainer.step))


def asks(at: int, what: str) -> vaegan.Callback:
    class Asking(vaegan.Callback):
        def on_step(self, trainer: Trainer, result: StepResult) -> None:  # noqa: ARG002
            if trainer.step == at:
                getattr(trainer, f"ask_to_{what}")()

    return Asking()


def test_each_is_called_when_all_of_its_step_is_written(tmp_path: Path) -> None:
    recorder = Recorder()
    run = train(tiny(), tmp_path / "run", callbacks=[recorder], **QUIETLY).run
    assert recorder.seen == [
        *(("step", 1), ("step", 2), ("log", 2), ("step", 3), ("checkpoint", 3), ("step", 4), ("log", 4), ("picture", 4), ("step", 5)),
        *(("step", 6), ("log", 6), ("picture", 6), ("checkpoint", 6), ("end", 6)),
    ]
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [curves["loss/prior"] for curves in recorder.curves] == [line["prior"] for line in lines]


def test_they_change_nothing(tmp_path: Path) -> None:
    """Those that only look."""
    with_, without = (train(tiny(), tmp_path / name, callbacks=c, **QUIETLY).run for name, c in (("a", [Recorder()]), ("b", [])))
    assert equal(*(checkpoint.load(run / "checkpoints")[0] for run in (with_, without)))


def test_one_may_ask_to_stop_and_the_run_ends_well_and_can_go_on(tmp_path: Path) -> None:
    recorder = Recorder()
    result = train(tiny(), tmp_path / "run", callbacks=[asks(3, "stop"), recorder], **QUIETLY)
    assert recorder.seen[-3:] == [("picture", 4), ("checkpoint", 4), ("end", 4)]
    assert result.picture.name == "step-000004.png"
    train(tiny(), tmp_path / "b", **QUIETLY)
    resume(result.run, **QUIETLY)
    assert equal(*(checkpoint.load(run / "checkpoints")[0] for run in (result.run, tmp_path / "b")))


def test_one_may_ask_to_save(tmp_path: Path) -> None:
    run = train(tiny(training__checkpoint_every=9, training__keep=9), tmp_path / "run", callbacks=[asks(1, "save")], **QUIETLY).run
    assert list(vaegan.Run.open(run).checkpoints) == [2, 6]


@pytest.mark.parametrize(("what", "saved"), [("stop", [0, 1]), ("save", [0, 1, 4, 6])])
def test_what_one_asked_for_is_done_after_a_rollback(what: str, saved: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check, left = Trainer.check, ["once"]

    def fail(trainer: Trainer) -> None:
        if left and trainer.step == 4:
            left.pop()
            raise Diverged("a loss")
        check(trainer)

    monkeypatch.setattr(Trainer, "check", fail)
    recipe = tiny(training__on_nan="rollback", training__picture_every=9, training__checkpoint_every=9, training__keep=9)
    train(recipe, tmp_path / "run", callbacks=[asks(3, what)], **QUIETLY)
    assert list(vaegan.Run.open(tmp_path / "run").checkpoints) == saved


@pytest.mark.parametrize("hook", ["on_step", "on_log", "on_picture", "on_checkpoint", "on_end"])
def test_one_that_raises_ends_the_run_which_is_saved(hook: str, tmp_path: Path) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("of the callback")

    failing = type("Failing", (vaegan.Callback,), {hook: fail})()
    with pytest.raises(ZeroDivisionError, match="of the callback"):
        train(tiny(), tmp_path / "run", callbacks=[failing], **QUIETLY)
    step = {"on_step": 1, "on_log": 2, "on_picture": 4, "on_checkpoint": 3, "on_end": 6}[hook]
    assert list(vaegan.Run.open(tmp_path / "run").checkpoints)[-1] == step
    if step < 6:
        resume(tmp_path / "run", **QUIETLY)
    straight = train(tiny(), tmp_path / "straight", **QUIETLY).run
    assert equal(*(checkpoint.load(run / "checkpoints")[0] for run in (straight, tmp_path / "run")))
    mine, wanted = ((run / "stats.jsonl").read_text().splitlines() for run in (straight, tmp_path / "run"))
    assert [json.loads(line)["prior"] for line in mine] == [json.loads(line)["prior"] for line in wanted]


def test_weights_that_are_no_numbers_are_not_saved_when_one_raises(tmp_path: Path) -> None:
    class Spoiling(vaegan.Callback):
        def on_step(self, trainer: Trainer, result: StepResult) -> None:  # noqa: ARG002
            with torch.no_grad():
                next(trainer.model.parameters()).fill_(torch.nan)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tiny(), tmp_path / "run", callbacks=[Spoiling()], **QUIETLY)
    assert not vaegan.Run.open(tmp_path / "run").checkpoints


def test_the_end_is_called_after_a_signal_too(tmp_path: Path) -> None:
    class Signalling(vaegan.Callback):
        def on_step(self, trainer: Trainer, result: StepResult) -> None:  # noqa: ARG002
            if trainer.step == 2:
                signal.raise_signal(signal.SIGINT)

    recorder = Recorder()
    with pytest.raises(Stopped, match="stopped at step 3 of 6"):
        train(tiny(), tmp_path / "run", callbacks=[Signalling(), recorder], **QUIETLY)
    assert recorder.seen[-1] == ("end", 3)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"there is no callback named on_steps\. Did you mean on_step\?"):
        type("Mistaken", (vaegan.Callback,), {"on_steps": lambda *_: None})


def test_they_do_not_go_into_processes_that_are_started_here(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="callbacks= and processes= cannot be used together: leave out processes=, or start"):
        train(tiny(), tmp_path / "run", callbacks=[Recorder()], processes=2, **QUIETLY)
