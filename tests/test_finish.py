"""The pages that a finished run has: its report, and the page to try its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from vaegan import Run
from vaegan.begin import STUDIO_SECONDS, TrainingJob, seconds_after_training

from .command import works
from .tiny import flags, tiny


def trained(run: Path, *arguments: object) -> Path:
    works("train", "--run", run, *flags(training__length="1 steps"), *arguments)
    return run


def test_a_finished_run_has_a_page_to_try_its_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path / "run")
    assert capsys.readouterr().err.rstrip().splitlines()[-1] == f"Try the model: open {run / 'studio.html'} in a browser"
    assert '<a href="studio.html">' in (run / "report.html").read_text(encoding="utf-8")
    page = (run / "studio.html").read_text(encoding="utf-8")
    assert "<code>vaegan studio ./run</code>" in page  # the avatars have attributes to learn
    assert str(tmp_path) not in page  # nobody's folders
    assert not (run / "attributes.safetensors").exists()
    monkeypatch.chdir(tmp_path)
    works("studio", "./run")
    assert "<code>vaegan studio" not in (run / "studio.html").read_text(encoding="utf-8")  # what that was to do
    works("report", run, "--out", tmp_path / "elsewhere.html")
    assert '<a href="studio.html">' not in (tmp_path / "elsewhere.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("asked", "pages"),
    [(["--no-studio"], {"report.html"}), (["--no-report"], set()), (["--no-report", "--studio"], {"studio.html"})],
)
def test_either_page_can_be_left_out(tmp_path: Path, asked: list[str], pages: set[str]) -> None:
    run = trained(tmp_path / "run", *asked)
    assert {path.name for path in run.glob("*.html")} == pages
    if "report.html" in pages:
        assert 'href="studio.html"' not in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        (("vaegan.finish.MOST_IN_PAGE", 10), "the networks have "),
        (("vaegan.studio.page.gather", Mock(side_effect=RuntimeError("wrong\nin many lines"))), "wrong"),
    ],
)
def test_a_model_that_no_page_can_run_fails_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, patch: tuple[str, Any], says: str
) -> None:
    monkeypatch.setattr(*patch)
    run = trained(tmp_path / "run", "--no-report", "--studio")
    said = [line for line in capsys.readouterr().err.splitlines() if "studio" in line]
    assert len(said) == 1
    assert said[0].startswith(f"note: studio.html was not written: {says}")
    assert (run / "model").is_dir()
    assert not (run / "studio.html").exists()


def test_its_seconds_are_counted(tmp_path: Path) -> None:
    recipe = tiny()
    with_page, without = (TrainingJob(recipe, Run(tmp_path), "new", "cpu", report=False, studio=studio) for studio in (True, False))
    assert seconds_after_training(recipe, with_page) - seconds_after_training(recipe, without) == STUDIO_SECONDS
