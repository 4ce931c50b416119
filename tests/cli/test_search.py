"""vaegan search, as a user runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..command import fails, fails_with_notice, notices, rows, size, works


@pytest.fixture
def run(trained: Path) -> Path:
    return trained


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    works("search", "--help")
    assert "Usage: vaegan search" in capsys.readouterr().out


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


def test_where_the_neighbours_of_all_are(
    run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaegan.api.notices.MOST_ROWS", 2)
    said = "the picture shows the neighbours of the first 2 of 40 images; "
    assert f"{said}add --csv FILE to get the neighbours of all 40\n" in notices(capsys, "search", run, photos)
    table = tmp_path / "near.csv"
    assert f"{said}those of all 40 are in {table}\n" in notices(capsys, "search", run, photos, "--csv", table)


def test_search_from_samples(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        works("search", run, "--samples", 3, "--seed", 5, "--count", 2, "--out", tmp_path / name)
    text = capsys.readouterr().out
    assert "median distance to the nearest of 20 training images, by code" in text
    assert "of 20 held-out images" in text
    assert "of the samples are much nearer to one training image than to the fifth nearest" in text
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_without_new_images_nothing_is_said_of_copies(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaegan.metrics.memorization.SAME", 1.0)
    works("search", run, "--samples", 3, "--count", 2)
    said = "vaegan cannot check whether samples are copies: all held-out images that were compared are training images, too"
    assert said in capsys.readouterr().out


MISTAKES = {
    "no image": ([], "search needs images: give image files, or draw samples with --samples 8"),
    "no such image": (["nothing.png"], "nothing.png does not exist"),
    "images and samples": (["x.png", "--samples", "3"], "images and --samples were both given: leave out one"),
    "samples in a set": (["--samples", "3", "--in", "set"], "leave out --in"),
    "no such set": (["PHOTO", "--in", "nowhere"], "nowhere does not exist"),
    "no neighbours": (["PHOTO", "--count", "0"], "--count must be at least 1"),
    "a seed below 0": (["--samples", "3", "--seed", "-1"], "--seed must be at least 0"),
    "another measure": (["PHOTO", "--by", "colour"], "similarity"),
    "a picture of no kind": (["PHOTO", "--out", "near.xyz"], "give it a name that ends in .png"),
}


def test_mistakes(run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(run.rglob("*"))
    for name, (arguments, words) in MISTAKES.items():
        filled = [argument.replace("PHOTO", str(photos / "photo 01.png")) for argument in arguments]
        assert words in fails(capsys, "search", run, *filled), name
    assert sorted(run.rglob("*")) == before


def test_mistakes_with_folders(run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give images with --in" in fails(capsys, "search", run / "model", photos / "photo 01.png")
    (tmp_path / "bad.png").write_text("no image")
    assert "no image can be read from" in fails_with_notice(capsys, "search", run, tmp_path / "bad.png")
    assert "give the run folder" in fails(capsys, "search", run / "model", "--samples", 3)
