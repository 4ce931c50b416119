"""The page on a run that goes on: it is kept up to date, takes little time, and stops no training."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from vaegan import Run, UserError
from vaegan.report.live import LivePage
from vaegan.report.page import write as write_page
from vaegan.training import checkpoint
from vaegan.training.logger import Monitor
from vaegan.workflow import Stopped, train

from ..tiny import QUIETLY, avatars, equal, tiny
from .test_page import Page, write_run


def reloads(path: Path) -> list[str | None]:
    return [meta["content"] for meta in Page(path).all("meta") if meta.get("http-equiv") == "refresh"]


def make(tmp_path: Path, say: Mock | None = None) -> LivePage:
    return LivePage(Run(write_run(tmp_path / "run")), avatars(), 4000, say or Mock(), share=0.02)


def test_the_page_says_how_far_the_run_is_and_loads_itself_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.report.page.nearest_to_samples", lambda *_: pytest.fail("the model was you asked"))
    page = make(tmp_path)
    random = torch.get_rng_state()
    with page:
        page(1200)
        path = page.run.report_file
        text = " ".join(Page(path).text.split())
        assert "It is at step 1,200 of 4,000." in text
        assert "It is not finished" not in text
        assert "The page shows them after the training." in text
        assert reloads(path) == ["30"]
        assert not list(path.parent.glob("*.partial"))
    assert torch.equal(torch.get_rng_state(), random)
    assert reloads(path) == ["30"], "the full report takes its place"


def test_the_page_waits_where_it_would_take_too_much_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page takes 1 s."""
    now, written = 0.0, list[Any]()

    def write(path: Path, contents: dict[str, Any]) -> None:  # noqa: ARG001
        nonlocal now
        now += 1
        written.append(contents["live"])

    monkeypatch.setattr("vaegan.report.live.time.monotonic", lambda: now)
    monkeypatch.setattr("vaegan.report.live.write", write)
    page = make(tmp_path)
    for step in range(10):
        page(step)
        now += 15
    assert [(one.step, one.reload) for one in written] == [(0, 30), (4, 60), (8, 60)]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("odd"), UserError("no")])
def test_that_it_cannot_be_written_stops_nothing_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    say = Mock()
    page = make(tmp_path, say)
    monkeypatch.setattr("vaegan.report.live.write", Mock(side_effect=error))
    page.share = float("inf")
    page(1)
    page(2)
    say.assert_called_once()
    assert "training continues without it" in say.call_args.args[0]


def test_a_run_that_is_stopped_leaves_a_page_that_does_not_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page changes nothing in the run."""
    written = list[Any]()
    original, update = write_page, Monitor.update

    def write(path: Path, contents: dict[str, Any]) -> Path:
        written.append(contents["live"])
        return original(path, contents)

    def interrupted(self: Monitor) -> None:
        update(self)
        if self.step == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("vaegan.report.live.write", write)
    monkeypatch.setattr("vaegan.workflow.PAGE_SHARE", float("inf"))
    with monkeypatch.context() as patch:
        patch.setattr(Monitor, "update", interrupted)
        recipe = tiny(training__length="9 steps", training__picture_every=2)
        with pytest.raises(Stopped):
            train(recipe, tmp_path / "run", device="cpu", progress=False)
    assert [one and one.step for one in written] == [2, 4, 6, None]
    assert reloads(tmp_path / "run" / "report.html") == []
    assert "It is not finished." in Page(tmp_path / "run" / "report.html").text
    again = train(recipe, tmp_path / "run", auto_resume=True, device="cpu", progress=False).run
    assert reloads(again / "report.html") == []
    straight = train(recipe, tmp_path / "straight", **QUIETLY).run
    one, other = (checkpoint.load(folder / "checkpoints")[0] for folder in (again, straight))
    assert equal(one, other)
    assert not (straight / "report.html").exists()
