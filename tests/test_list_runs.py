"""Which runs there are in a folder, and how far each is, whatever is damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rich.console import Console

import vaegan
from vaegan.files import is_locked, locked
from vaegan.list_runs import MODEL_MARKS, status_of
from vaegan.models.vaegan import CONFIG, WEIGHTS

from .command import fails, works
from .report.test_page import write_run


def write_checkpoints(run: Path, *steps: int) -> Path:
    (run / "checkpoints").mkdir()
    for step in steps:
        (run / "checkpoints" / f"step-{step:08d}.pt").touch()
    return run


def test_the_states_of_runs(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", steps=30)
    assert (status_of(run).state, status_of(run).step, status_of(run).steps) == ("no checkpoint", 30, 40)
    write_checkpoints(run, 7, 20)
    assert (status_of(run).state, status_of(run).step) == ("interrupted", 20), "the steps after it are done again"
    with locked(run / ".lock"):
        assert (status_of(run).state, status_of(run).step) == ("training", 30)
    assert status_of(run).state == "interrupted"
    (run / "checkpoints" / "step-00000040.pt").touch()
    found = status_of(run)
    assert (found.state, found.step, found.recipe, found.damaged) == ("finished", 40, "quick-larsen, with 3 settings changed", ())
    assert found.losses["prior"] == 33
    assert found.metrics == {}


def test_a_run_says_how_many_steps_it_is_to_take(tmp_path: Path) -> None:
    """Where it is not in the log, it follows from the recipe, but for epochs."""
    run = write_run(tmp_path / "run")
    text = (run / "recipe.yaml").read_text()
    for length, steps in (("13 epochs", None), ("80 images", 10), ("5 minutes", None)):
        (run / "recipe.yaml").write_text(text.replace("40 steps", length))
        assert status_of(run).steps == steps
    with (run / "stats.jsonl").open("a") as file:
        file.write('{"step": 50, "steps": 77}\n')
    assert status_of(run).steps == 77


def test_runs_are_found_in_folders_of_folders_the_newest_first(tmp_path: Path) -> None:
    for number, name in enumerate(["b", "experiment/runs/c", "a"]):
        run = write_run(tmp_path / name)
        (run / "metrics.jsonl").write_text('{"psnr": 1, "settings": {}}\n{"psnr": 20.5, "good": true}\n{"psnr"')
        for path in run.iterdir():
            os.utime(path, (number, number))
    (tmp_path / "experiment" / "recipe.yaml").write_text((tmp_path / "a" / "recipe.yaml").read_text())
    (tmp_path / "model").mkdir()
    for name in MODEL_MARKS:
        (tmp_path / "model" / name).touch()
    os.utime(tmp_path / "model", (-1, -1))
    found = vaegan.runs(tmp_path)
    assert [str(one.folder.relative_to(tmp_path)) for one in found] == ["a", "experiment/runs/c", "b", "model"]
    assert found[0].metrics == {"psnr": 20.5}
    assert found[-1].state == "model folder"
    assert [one.folder for one in vaegan.runs(tmp_path / "a")] == [tmp_path / "a"]
    assert {CONFIG, WEIGHTS} == MODEL_MARKS, "list_runs.py must not load torch"


def test_a_run_that_ended_before_its_recipe_was_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    found = vaegan.runs(tmp_path)
    assert [(one.state, one.recipe, one.step, one.damaged) for one in found] == [("no checkpoint", "", None, ())]


@pytest.mark.parametrize("text", ["", "[]", "null", "data:\n", "objective: {gamma: [1]}\n", "\x00", "a: &a [*a]", "gone: {x: 1}"])
def test_damaged_runs_are_listed(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    (run / "recipe.yaml").write_text(text)
    (run / "stats.jsonl").write_text('{"step": 15\n[1]\n\x00\n' + "[" * 100_000)
    (run / "metrics.jsonl").mkdir()
    (run / "checkpoints").write_text("a file")
    (found,) = vaegan.runs(tmp_path)
    assert found.state == "no checkpoint"
    assert {"stats.jsonl", "checkpoints"} <= {*found.damaged}
    assert ("recipe.yaml" in found.damaged) == (text not in ("", "[]", "null"))  # a recipe may be empty
    works("runs", tmp_path)
    assert "damaged: " in " ".join(capsys.readouterr().out.split())


def test_what_is_locked_is_seen_without_keeping_others_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    assert not path.exists(), "no file is made"
    with locked(path) as mine:
        assert mine
        assert is_locked(path)
    assert not is_locked(path)
    with locked(path) as mine:
        assert mine


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.cli.overview.stdout", Console(width=200))
    assert f"{tmp_path / 'gone'} does not exist: give the folder that holds your runs" in fails(capsys, "runs", tmp_path / "gone")
    works("runs", tmp_path)
    assert capsys.readouterr().out == f"there are no runs in {tmp_path}\n"
    run = write_checkpoints(write_run(tmp_path / "faces"), 40)
    works("runs", tmp_path)
    text = " ".join(capsys.readouterr().out.split())
    for words in ("quick-larsen", "40/40", "finished", "similarity 9", "pixel 0.2"):
        assert words in text
    (run / "metrics.jsonl").write_text('{"samples_frechet_distance_x": 1549.16, "samples_frechet_distance_x_floor": 1.0}\n')
    works("runs", tmp_path)
    assert "Frechet distance 1,549" in " ".join(capsys.readouterr().out.split())
    works("runs", tmp_path, "--json")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["metrics"] == {"samples_frechet_distance_x": 1549.16, "samples_frechet_distance_x_real_baseline": 1.0}, "by today's names"
    assert (found["folder"], found["state"], found["step"]) == (str(run), "finished", 40)


def test_a_folder_that_may_not_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "a")
    (tmp_path / "b").mkdir()
    original = Path.iterdir

    def refused(self: Path) -> object:
        if self.name == "b":
            raise PermissionError(13, "Permission denied", str(self))
        return original(self)

    monkeypatch.setattr(Path, "iterdir", refused)
    assert len(vaegan.runs(tmp_path)) == 1
