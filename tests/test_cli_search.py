"""vaegan search and vaegan score, as a user runs them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan.data import prepare

from .command import fails, fails_with_notice, works


@pytest.fixture
def run(trained: Path) -> Path:
    return trained


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        assert np.asarray(picture).std() > 1
        return picture.size


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("search", "score"):
        works(command, "--help")
        assert f"Usage: vaegan {command}" in capsys.readouterr().out


@pytest.mark.parametrize("by", ["code", "similarity"])
def test_search_finds_the_image_itself(run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str) -> None:
    options = ["--by", by, "--count", 12, "--csv", tmp_path / "near.csv", "--out", tmp_path / "near.png"]
    works("search", run, photos / "photo 07.png", photos / "photo 31.png", *options)
    found = rows(tmp_path / "near.csv")
    assert len(found) == 24
    assert (found[0]["name"], found[12]["name"]) == ("photo 07.png", "photo 31.png")
    assert float(found[0]["distance"]) < 1e-5
    assert float(found[1]["distance"]) > 1e-4
    distances = [float(row["distance"]) for row in found[:12]]
    assert distances == sorted(distances)
    width, height = size(tmp_path / "near.png")
    assert width > 11 * 96
    assert height > 4 * 96
    assert f"wrote {tmp_path / 'near.png'}" in capsys.readouterr().out


def test_search_in_another_set(run: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    shutil.copy(photos / "photo 03.png", tmp_path / "few" / "the one.png")
    works("search", run / "model", photos / "photo 03.png", "--in", tmp_path / "few", "--csv", tmp_path / "near.csv")
    assert [row["name"] for row in rows(tmp_path / "near.csv")] == ["the one.png"]
    assert (run / "model" / "neighbours.png").is_file()


def test_search_from_samples(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        works("search", run, "--samples", 3, "--seed", 5, "--count", 2, "--out", tmp_path / name)
    text = capsys.readouterr().out
    assert "median distance to the nearest of 20 training images, by code" in text
    assert "of 20 held-out images" in text
    assert "of the samples are nearer than half of the held-out images" in text
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_score(run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "odd").mkdir()
    shutil.copy(photos / "photo 00.png", tmp_path / "odd" / "plain.png")
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "odd" / "noise.png")
    (tmp_path / "odd" / "broken.png").write_bytes(b"")
    table = tmp_path / "out" / "scores.csv"
    works("score", run, tmp_path / "odd", photos / "photo 01.png", "--alarms", 0.1, "--count", 2, "--out", table)
    text, notes = capsys.readouterr()
    assert "calibrated on the run's held-out images: 20 normal images" in notes
    assert "skipped 1 of 3 image files" in notes
    assert "of 3 images are over the threshold, p <= 0.1; about 0.3 would be if all were normal" in text
    found = {row["name"]: row for row in rows(table)}
    assert list(found) == [str(photos / "photo 01.png"), "noise.png", "plain.png"]
    assert float(found["noise.png"]["combined"]) > float(found["plain.png"]["combined"]) + 1
    for row in found.values():
        assert row["over"] == str(int(float(row["p"]) <= 0.1))
        assert float(row["p"]) * 21 == pytest.approx(round(float(row["p"]) * 21), abs=1e-3)
    assert found["noise.png"]["over"] == "1"
    assert text.split().index("noise.png") < text.split().index("wrote")
    assert size(table.with_suffix(".png"))[0] > 3 * 96
    works("score", run, tmp_path / "odd", "--alarms", 0.1)
    assert (run / "scores.csv").is_file()
    assert "of 20 normal images no p-value is below 0.048, so no image can be over --alarms 0.01" in notes_of(
        capsys, "score", run, tmp_path / "odd"
    )


def notes_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    works(*arguments)
    return capsys.readouterr().err


def test_a_calibration_stays_until_the_model_changes(run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "kept in" in notes_of(capsys, "score", run, photos)
    assert "kept in" not in notes_of(capsys, "score", run, photos)
    works("train", "--resume", run, "--steps", 3, "--device", "cpu", "--no-report")
    notes = notes_of(capsys, "score", run, photos)
    assert "the model has changed since it was calibrated" in notes
    assert "kept in" in notes
    works("score", run, photos, "--calibrate", photos)
    assert f"calibrated on {photos}: 20 normal images" in notes_of(capsys, "score", run, photos)
    works("train", "--resume", run, "--steps", 4, "--device", "cpu", "--no-report")
    assert "was made for other weights" in fails(capsys, "score", run, photos)


MISTAKES = {
    "no image": (["search"], "name images to search for, or else ask for samples by --samples 8"),
    "no such image": (["search", "nothing.png"], "there is no image nothing.png"),
    "images and samples": (["search", "x.png", "--samples", "3"], "name images to search for, or else"),
    "samples in a set": (["search", "--samples", "3", "--in", "set"], "leave out --in"),
    "no such set": (["search", "PHOTO", "--in", "nowhere"], "nowhere: there is no such folder or file"),
    "no neighbours": (["search", "PHOTO", "--count", "0"], "--count must be at least 1"),
    "a seed below 0": (["search", "--samples", "3", "--seed", "-1"], "--seed must be at least 0"),
    "another measure": (["search", "PHOTO", "--by", "colour"], "similarity"),
    "a picture of no kind": (["search", "PHOTO", "--out", "near.xyz"], "give it a name that ends in .png"),
    "nothing to score": (["score"], "IMAGES"),
    "no such folder": (["score", "nowhere"], "nowhere: there is no such folder or file"),
    "no alarms": (["score", "PHOTO", "--alarms", "0"], "--alarms must be above 0 and below 1"),
    "no number": (["score", "PHOTO", "--alarms", "nan"], "--alarms must be above 0 and below 1"),
    "none to show": (["score", "PHOTO", "--count", "0"], "--count must be above 0"),
    "no table": (["score", "PHOTO", "--out", "scores.png"], "give it a name that ends in .csv"),
    "too few to calibrate": (["score", "PHOTO", "--calibrate", "PHOTOS/few"], "there are too few normal images"),
}


def test_mistakes(run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = photos / "few"
    few.mkdir()
    shutil.copy(photos / "photo 03.png", few)
    before = sorted(run.rglob("*"))
    for name, ((command, *arguments), words) in MISTAKES.items():
        filled = [argument.replace("PHOTOS", str(photos)).replace("PHOTO", str(photos / "photo 01.png")) for argument in arguments]
        assert words in fails(capsys, command, run, *filled), name
    assert sorted(run.rglob("*")) == before


def test_mistakes_with_folders(run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no run folder nowhere" in fails(capsys, "score", "nowhere", photos)
    assert "name images by --in" in fails(capsys, "search", run / "model", photos / "photo 01.png")
    assert "name images by --calibrate" in fails(capsys, "score", run / "model", photos / "photo 01.png")
    (tmp_path / "bare").mkdir()
    assert "there are no images in" in fails(capsys, "score", run, tmp_path / "bare")
    (tmp_path / "bad.png").write_text("no image")
    assert "there is no readable image" in fails_with_notice(capsys, "score", run, tmp_path / "bad.png")
    assert "there is no readable image" in fails_with_notice(capsys, "search", run, tmp_path / "bad.png")
    prepare(str(photos), tmp_path / "larger", size=(24, 24), progress=lambda *_: None)
    assert "was prepared with size 24x24, not size 16x16" in fails(capsys, "score", run, tmp_path / "larger")
    (run / "score.safetensors").write_bytes(b"nothing")
    assert "score.safetensors is damaged" in fails(capsys, "score", run, photos)
