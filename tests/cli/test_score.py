"""vaegan score, as a user runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan.data import prepare

from ..command import fails, fails_with_notice, notices, partly, rows, size, train, works


@pytest.fixture
def run(trained: Path) -> Path:
    return trained


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    works("score", "--help")
    assert "Usage: vaegan score" in capsys.readouterr().out


def test_score(run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "odd").mkdir()
    shutil.copy(photos / "photo 00.png", tmp_path / "odd" / "plain.png")
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "odd" / "noise.png")
    (tmp_path / "odd" / "broken.png").write_bytes(b"")
    table = tmp_path / "out" / "scores.csv"
    named = [tmp_path / "odd", tmp_path / "bad.png", photos / "photo 01.png"]
    (tmp_path / "bad.png").write_text("no image")
    text, notes = partly(capsys, "score", run, *named, "--false-positive-rate", 0.1, "--count", 2, "--out", table)
    assert (
        "the anomaly score was calibrated on the run's held-out images (20 images, taken as normal); the calibration is saved in" in notes
    )
    assert "skipped 1 of 3 image files" in notes
    assert "of 3 images have p <= 0.1; if all images were normal, about 0.3 would be expected" in text
    found = {row["name"]: row for row in rows(table)}
    noise, plain, broken = (str(tmp_path / "odd" / f"{name}.png") for name in ("noise", "plain", "broken"))
    assert list(found) == [noise, plain, broken, str(tmp_path / "bad.png"), str(photos / "photo 01.png")]
    for name, error in ((broken, "empty file"), (str(tmp_path / "bad.png"), "not an image")):
        assert found.pop(name) | {"error": ""} == dict.fromkeys(found[plain], "") | {"name": name}
        assert error in notes
    assert float(found[noise]["combined"]) > float(found[plain]["combined"]) + 1
    for row in found.values():
        assert row["over"] == str(int(float(row["p"]) <= 0.1))
        assert float(row["p"]) * 21 == pytest.approx(round(float(row["p"]) * 21), abs=1e-3)
    assert float(found[noise]["p"]) == min(float(row["p"]) for row in found.values())
    assert text.split().index("odd/noise.png") < text.split().index("wrote")
    assert size(table.with_suffix(".png"))[0] > 3 * 96
    (tmp_path / "odd" / "broken.png").unlink()
    works("score", run, tmp_path / "odd", "--false-positive-rate", 0.1)
    first = (run / "scores.csv").read_bytes()
    assert (
        "with only 20 normal images, every p-value is at least 0.048, so no image counts as unusual at --false-positive-rate 0.01"
        in notices(capsys, "score", run, tmp_path / "odd")
    )
    assert (run / "scores.csv").read_bytes() == first
    assert (run / "scores-2.csv").is_file()


def test_a_calibration_stays_until_the_model_changes(run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "saved in" in notices(capsys, "score", run, photos)
    assert "saved in" not in notices(capsys, "score", run, photos)
    works("train", "--resume", run, "--steps", 3, "--device", "cpu", "--no-report")
    notes = notices(capsys, "score", run, photos)
    assert "the model has changed since it was calibrated" in notes
    assert "saved in" in notes
    works("score", run, photos, "--calibrate", photos)
    assert f"calibrated on {photos} (20 images, taken as normal); remove" in notices(capsys, "score", run, photos)
    works("train", "--resume", run, "--steps", 4, "--device", "cpu", "--no-report")
    assert "the weights changed after the calibration" in fails(capsys, "score", run, photos)


MISTAKES = {
    "nothing to score": ([], "IMAGES"),
    "does not exist": (["nowhere"], "nowhere does not exist"),
    "no rate": (["PHOTO", "--false-positive-rate", "0"], "--false-positive-rate must be above 0 and below 1"),
    "no number": (["PHOTO", "--false-positive-rate", "nan"], "--false-positive-rate must be above 0 and below 1"),
    "none to show": (["PHOTO", "--count", "0"], "--count must be above 0"),
    "no table": (["PHOTO", "--out", "scores.png"], "give it a name that ends in .csv"),
    "too few to calibrate": (["PHOTO", "--calibrate", "PHOTOS/few"], "there are too few normal images"),
}


def test_mistakes(run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = photos / "few"
    few.mkdir()
    shutil.copy(photos / "photo 03.png", few)
    before = sorted(run.rglob("*"))
    for name, (arguments, words) in MISTAKES.items():
        filled = [argument.replace("PHOTOS", str(photos)).replace("PHOTO", str(photos / "photo 01.png")) for argument in arguments]
        assert words in fails(capsys, "score", run, *filled), name
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize(("kind", "lacks"), [("gan", "encoder"), ("vae", "discriminator")])
def test_a_model_without_a_network_is_refused_before_the_images(
    kind: str, lacks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tmp_path / "run", training__length="1 steps", objective__kind=kind)
    assert f"this needs a trained {lacks}" in fails(capsys, "score", run, "nowhere")


def test_mistakes_with_folders(run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere does not exist" in fails(capsys, "score", "nowhere", photos)
    assert "give images with --calibrate" in fails(capsys, "score", run / "model", photos / "photo 01.png")
    (tmp_path / "bare").mkdir()
    assert "there are no images in" in fails(capsys, "score", run, tmp_path / "bare")
    (tmp_path / "bad.png").write_text("no image")
    assert "no image can be read from" in fails_with_notice(capsys, "score", run, tmp_path / "bad.png")
    prepare(str(photos), tmp_path / "larger", size=(24, 24), progress=lambda *_: None)
    assert "was prepared with size 24x24, but size 16x16 is needed" in fails(capsys, "score", run, tmp_path / "larger")
    (run / "score.safetensors").write_bytes(b"nothing")
    assert "score.safetensors is damaged" in fails(capsys, "score", run, photos)
