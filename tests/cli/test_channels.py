"""Six channels of more than 8 bits, through the commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan import Recipe, Run, begin, load
from vaegan.bench import benchmark

from ..command import is_picture, rows, train, works
from ..tiny import tiny

LOW, HIGH = -1000, 3000


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 images N x 16 x 16 x 6: float32 from -1000 to 3000."""
    path = tmp_path_factory.mktemp("channels") / "six.npy"
    values = np.linspace(LOW, HIGH, 16)[:, None, None] * np.random.default_rng(0).uniform(0.2, 1, (60, 1, 16, 6))
    values = np.broadcast_to(values, (60, 16, 16, 6)).astype(np.float32)
    values[0, 0], values[0, 1] = LOW, HIGH
    np.save(path, values)
    return path


@pytest.fixture(scope="module")
def run(array: Path) -> Path:
    return train(array.parent / "run", "--data", array, "--channels", 6, data__avatars=None, data__held_out=0.4, training__length="2 steps")


def test_the_range_is_in_the_recipe_and_in_the_model(run: Path, array: Path) -> None:
    opened = Run.open(run)
    assert opened.recipe.data.range == opened.preparation.range == load(run).preparation.range == (LOW, HIGH)
    images = opened.images()
    assert images.images.shape == (60, 16, 16, 6)
    assert images.images[0][0, 0].tolist() == [0] * 6
    again = Recipe.load("quick", {"data.source": str(array), "data.range": [LOW, HIGH], "networks.channels": 6, "networks.size": [16, 16]})
    assert again.preparation == images.preparation
    works("train", "--resume", run, "--steps", 3, "--device", "cpu", "--no-report")
    assert Run.open(run).images().folder == images.folder


def test_samples_as_an_array(run: Path, tmp_path: Path) -> None:
    works("sample", run, "--count", 3, "--out", tmp_path / "samples.npy")
    samples = np.load(tmp_path / "samples.npy")
    assert samples.shape == (3, 16, 16, 6)
    assert samples.dtype == np.float32
    assert LOW <= samples.min() < samples.max() <= HIGH
    works("sample", run, "--count", 3, "--out", tmp_path / "samples.png")
    assert is_picture(tmp_path / "samples.png")


def test_images_that_are_named(run: Path, array: Path, tmp_path: Path) -> None:
    values = np.load(array)
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", values[number])
    works("reconstruct", run, tmp_path / "0.npy", array, "--out", tmp_path / "again.png")
    works("interpolate", run, tmp_path / "0.npy", tmp_path / "1.npy", "--out", tmp_path / "morph.png")
    works("search", run, tmp_path / "0.npy", "--out", tmp_path / "near.png", "--csv", tmp_path / "near.csv")
    assert float(rows(tmp_path / "near.csv")[0]["distance"]) < 1e-5  # itself, but for the rounding of a batch of another size
    works("score", run, array, tmp_path / "0.npy", "--calibrate", array, "--out", tmp_path / "scores.csv")
    assert len(rows(tmp_path / "scores.csv")) == 61
    for name in ("again.png", "morph.png", "near.png", "scores.png"):
        assert is_picture(tmp_path / name)


def test_a_report_and_an_evaluation(run: Path, tmp_path: Path) -> None:
    works("report", run, "--out", tmp_path / "report.html")
    assert "6-channel" in (tmp_path / "report.html").read_text()
    works("evaluate", run, "--resamplings", 2, "--samples", 20, "--extractor", "none", "--device", "cpu")
    assert Run.open(run).metrics


@pytest.mark.parametrize("channels", [2, 4, 8])
def test_a_benchmark(channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "MOST_IMAGES", 2)
    recipe = tiny(networks__channels=channels)
    images = benchmark.random_images(tmp_path / "set", recipe, lambda *_: None)
    assert images.images.shape[1:] == (16, 16, channels)
    expected = np.random.default_rng(0).integers(0, 256, (16, 16, channels), dtype=np.uint8)
    assert np.array_equal(images.images[0], expected)


def test_a_scan_packs_nothing(array: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in array.parent.iterdir())
    works("prepare", array, "--scan", "--workers", 1)
    said = capsys.readouterr()
    assert said.out == "60 of 60 images have more than 8 bits\nrange -1000 3000\n"
    assert said.err.endswith(f"Prepare them with: vaegan prepare {array} OUT --range -1000 3000\n")
    works("prepare", array, "--scan", "--range-percentiles", 1, 99, "--count", 30, "--workers", 1)
    assert "30 of 30 images" in capsys.readouterr().out
    assert sorted(path.name for path in array.parent.iterdir()) == before


def test_the_scan_of_8_bit_images(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works("prepare", photos, "--scan", "--workers", 1)
    assert capsys.readouterr() == ("0 of 40 images have more than 8 bits\n", "")


def test_the_flags_of_train(array: Path, tmp_path: Path) -> None:
    flags = ("--data", array, "--channels", 6, "--size", 16)
    works("data", *(array, *flags[2:]), "--range-percentiles", 1, 99, "--out", tmp_path / "a.png")
    assert is_picture(tmp_path / "a.png")
    run = train(tmp_path / "run", *flags[:4], "--range", -2000, 6000, data__avatars=None, training__length="1 steps")
    assert Run.open(run).preparation.range == (-2000, 6000)


def test_a_run_that_began_without_a_range_goes_on_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As runs of earlier versions did: of 16 bits, they took the upper 8. Its images are packed again, to the same bytes."""
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for number in range(24):
        values = np.random.default_rng(number).integers(0, 1 << 16, (16, 16), dtype=np.uint16)
        Image.fromarray(values).save(tmp_path / "photos" / f"{number:02}.png")
    with monkeypatch.context() as patch:
        patch.setattr(begin.TrainingJob, "finds_range", False)
        run = train(tmp_path / "run", "--data", tmp_path / "photos", data__avatars=None, training__length="2 steps")
    assert Run.open(run).preparation.range is None
    shutil.rmtree(tmp_path / "cache")
    works("train", "--resume", run, "--steps", 3, "--device", "cpu", "--no-report")
    assert Run.open(run).preparation.range is None
    assert Run.open(run).images().images[0][0, 0, 0] == np.random.default_rng(0).integers(0, 1 << 16, (16, 16), dtype=np.uint16)[0, 0] >> 8
