"""Runs that exist are measured by experiments, and nothing is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from vaegan import UserError
from vaegan.experiments.experiment import Experiment
from vaegan.experiments.features import features
from vaegan.metrics import lpips, regressor
from vaegan.run import Run
from vaegan.workflow import train

from ..command import fails, works
from ..tiny import QUIETLY, SILENT, tiny
from .small import SMALL


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a plain, a GAN's, and a conditional run, and one on other images."""
    folder = tmp_path_factory.mktemp("existing")
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "gan": {"objective__kind": "gan"},
        "conditional": {"networks__attributes": ["Beard", "Smiling"], "training__seed": 3},
        "others": {"data__avatars": 300},
    }
    for name, settings in kinds.items():
        train(tiny(**{**SMALL, **settings}), folder / name, **QUIETLY)
    return folder


@pytest.fixture(autouse=True)
def _nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.experiments.experiment.train", lambda *_, **__: pytest.fail("a run was trained"))
    monkeypatch.setattr(regressor, "STEPS", 10)


def test_they_are_compared_by_the_numbers_of_evaluate(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, some = tmp_path / "out", ["--samples", 40, "--device", "cpu", "--extractor", "attributes"]
    works("experiment", "samples", *some, "--out", out, "--runs", runs / "plain", runs / "gan", runs / "conditional")
    assert "conditional" in capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())["runs"]
    assert list(results) == ["plain", "gan", "conditional"]
    assert not (out / "runs").exists()
    works("evaluate", runs / "conditional", *some, "--seed", 3)
    (line,) = (json.loads(text) for text in Run(runs / "conditional").metrics_file.read_text().splitlines())
    assert {name: line[name] for name in results["conditional"]} == results["conditional"]
    assert "kl" not in results["gan"]


def test_too_few_held_out_images(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"are needed, but the set has only .* training images: train the runs with a larger --data\.held_out$"
    ):
        Experiment.of_runs("features", tmp_path, [runs / "plain"]).require(held_out=100)


def test_runs_of_one_name(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of other seeds; and a package that is installed later, whose number is then measured."""
    other, out = tmp_path / "plain", tmp_path / "out"
    shutil.copytree(runs / "conditional", other)
    options = ("--samples", 40, "--device", "cpu", "--extractor", "none", "--out", out)
    arguments = ("experiment", "samples", *options, "--runs", runs / "plain", other)
    for found in (None, lambda one, _: one.mean((1, 2, 3))):
        monkeypatch.setattr(lpips, "find_lpips", lambda: found)  # noqa: B023 (it is called before the next one)
        works(*arguments)
        results = json.loads((out / "results.json").read_text())
        assert list(results["runs"]) == [str(runs / "plain"), str(other)]
        assert results["seeds"] == [0, 3]
        assert all(("lpips" in numbers) == (found is not None) for numbers in results["runs"].values())
    assert "The recipe of the first run" in (out / "page.html").read_text()


def test_each_experiment_measures_them(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, run in (("features", "plain"), ("attribute-vectors", "plain"), ("attribute-similarity", "conditional")):
        works("experiment", name, "--device", "cpu", "--out", tmp_path / name, "--runs", runs / run)
        assert run in capsys.readouterr().out
        assert list(json.loads((tmp_path / name / "results.json").read_text())["runs"]) == [run]
    assert (runs / "plain" / "attributes.safetensors").is_file()


def test_runs_that_do_not_fit(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error(name: str, *arguments: object) -> str:
        return fails(capsys, "experiment", name, "--device", "cpu", "--out", tmp_path / name, *arguments)

    assert "gan: this metric needs a model with a trained encoder" in error("features", "--runs", runs / "gan")
    assert "this experiment needs models that are not conditional" in error("features", "--runs", runs / "conditional")
    assert "this experiment needs conditional models: train them with --networks.attributes" in error(
        "attribute-similarity", "--runs", runs / "plain"
    )
    assert "data.avatars=400" in error("samples", "--runs", runs / "plain", runs / "others")
    assert "does not exist" in error("samples", "--runs", runs / "nowhere")
    assert "is not a run folder: it has no recipe.yaml" in error("samples", "--runs", runs / "plain" / "model")
    assert "leave out --data" in error("features", "--seeds", 2, "--runs", runs / "plain")
    with pytest.raises(UserError, match="a standard deviation needs at least two draws"):
        features(Experiment.of_runs("features", tmp_path / "b", [runs / "plain"], device="cpu", console=SILENT), draws=1)
