"""A run of some minutes is a run of a number of steps, found once. No time passes here but that of a clock of the tests' own."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from vaegan import Recipe, UserError
from vaegan.settings import NO_END, Training
from vaegan.training import checkpoint, minutes
from vaegan.training.logger import Monitor
from vaegan.training.minutes import Costs, steps_in
from vaegan.training.pictures import draw
from vaegan.training.trainer import Trainer
from vaegan.workflow import Stopped, resume, train

from ..command import fails
from ..tiny import QUIETLY, equal, tiny


class Clock:
    """Shows how long the work would have taken."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float, work: Any) -> Any:
        def takes_time(*arguments: Any, **more: Any) -> Any:
            self.now += seconds
            return work(*arguments, **more)

        return takes_time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A step takes 5 s, a picture 1 s, saving 2 s."""
    clock = Clock()
    monkeypatch.setattr(minutes, "clock", clock)
    monkeypatch.setattr("vaegan.workflow.clock", clock)
    monkeypatch.setattr("vaegan.begin.FIT_SECONDS", 0.0)  # there are too few images for a fit
    monkeypatch.setattr(Trainer, "train_step", clock.passes(5, Trainer.train_step))
    monkeypatch.setattr(minutes, "draw", clock.passes(1, draw))
    monkeypatch.setattr(Monitor, "picture", clock.passes(1, Monitor.picture))
    monkeypatch.setattr(Trainer, "save", clock.passes(2, Trainer.save))
    return clock


LENGTH = "6 steps"
"""What is left of a minute after 3 steps, 2 pictures and saving, without one picture and saving, in 5 + 1/4 + 2/3 seconds each."""


def test_the_minutes_become_steps_and_the_run_is_one_of_that_many(tmp_path: Path, clock: Clock) -> None:
    began = clock()
    run = train(tiny(training__length="1 minutes"), tmp_path / "run", **QUIETLY).run
    recipe = Recipe.load(run / "recipe.yaml")
    assert recipe.training.length == LENGTH
    assert clock() - began <= 60
    again = train(recipe, tmp_path / "again", **QUIETLY).run
    one, other = (checkpoint.load(folder / "checkpoints")[0] for folder in (run, again))
    assert one["step"] == 6
    assert equal(one, other)


def test_a_run_of_minutes_that_was_stopped_keeps_its_steps(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tiny(training__length="1 minutes")
    straight = train(tiny(training__length=LENGTH), tmp_path / "straight", **QUIETLY).run
    original = Monitor.update

    def interrupted(self: Monitor) -> None:
        original(self)
        if self.step == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Monitor, "update", interrupted)
    for folder in ("resumed", "begun by itself"):
        with pytest.raises(Stopped, match="stopped at step 3 of 6"):
            train(recipe, tmp_path / folder, **QUIETLY)
    clock.now += 10_000
    monkeypatch.setattr(minutes, "rehearse", lambda *_, **__: pytest.fail("it was rehearsed again"))
    resume(tmp_path / "resumed", **QUIETLY)
    train(recipe, tmp_path / "begun by itself", auto_resume=True, **QUIETLY)
    wanted = checkpoint.load(straight / "checkpoints")[0]
    assert all(equal(checkpoint.load(tmp_path / folder / "checkpoints")[0], wanted) for folder in ("resumed", "begun by itself"))
    sentence = fails(capsys, "train", "--resume", tmp_path / "resumed", "--minutes", 3)
    assert (
        "--minutes is only for new runs, because a started run counts steps: leave out --minutes, or give --steps in its place" in sentence
    )


def test_a_rehearsal_that_is_killed_leaves_nothing(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny(training__length="1 minutes")
    with monkeypatch.context() as patch:
        patch.setattr(minutes, "draw", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path / "run", **QUIETLY)
    assert not (tmp_path / "run").exists()
    clock.now += 10_000
    train(recipe, tmp_path / "run", auto_resume=True, **QUIETLY)
    assert Recipe.load(tmp_path / "run" / "recipe.yaml").training.length == LENGTH


def test_the_time_of_what_comes_after_the_steps_is_left(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.begin.REPORT_SECONDS", 17.0)
    monkeypatch.setattr("vaegan.workflow.write_report", clock.passes(17, lambda *_: tmp_path))
    began = clock()
    run = train(tiny(training__length="1 minutes"), tmp_path / "run", device="cpu", studio=False, progress=False).run
    assert Recipe.load(run / "recipe.yaml").training.length == "3 steps"
    assert clock() - began <= 60


def test_steps_with_their_pictures_and_checkpoints() -> None:
    settings = Training(length="2 minutes", picture_every=10, checkpoint_every=50)
    costs = Costs(start=3.0, step=0.5, picture=2.0, save=5.0)
    assert steps_in(120.0, costs, settings) == int((120 - 3 - 2 - 5) / (0.5 + 0.2 + 0.1))
    assert steps_in(10.81, costs, settings) == 1
    with pytest.raises(
        UserError,
        match=r"^--minutes 2 is too short: the speed trial, .* alone take about 119\.2 s, and each step takes 0\.8 s; give more --minutes",
    ):
        steps_in(10.79, costs, settings)


def test_a_schedule_is_at_its_start_as_long_as_the_length_is_not_known() -> None:
    settings = tiny("larsen-celeba", training__length="3 minutes")
    assert settings.training.minutes == 3
    assert settings.training.steps(10, 4) == NO_END
    assert Training(length="3 steps").minutes is None


def test_an_experiment_has_no_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = fails(capsys, "experiment", "features", "--training.length", "3 minutes", "--out", tmp_path / "out", "--device", "cpu")
    assert "the runs of an experiment must be equally long: give training.length in steps, epochs or images, not in minutes" in sentence
    sentence = fails(capsys, "experiment", "features", "--minutes", 3)
    assert "there is no flag --minutes" in sentence
    assert "Did you mean --minutes" not in sentence
