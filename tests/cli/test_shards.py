"""The same --shard of prepare, encode and score, as a user types them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan.data import ImageSet

from ..command import fails, fails_with_notice, notices, partly, rows, works


def test_prepare_and_join(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--size", 16, "--workers", 1, "--splits", 0.5, 0.25, 0.25)
    for number in (1, 2):
        said = notices(capsys, "prepare", photos, tmp_path / f"part {number}", "--shard", f"{number}/2", *small)
        assert f"part {number} holds 20 images of 16x16, part {number}/2\n" in said
        assert "When all 2 parts are packed, join them into a new folder OUT" in said
        assert f"with: vaegan join OUT '{tmp_path / f'part {number}'}' PARTS" in said
        assert "Train on it" not in said
    assert "nothing was packed, because" in notices(capsys, "prepare", photos, tmp_path / "part 1", "--shard", "1/2", *small)
    assert "with other settings (shard)" in fails(capsys, "prepare", photos, tmp_path / "part 1", "--shard", "2/2", *small)
    assert "with other settings (shard)" in fails(capsys, "prepare", photos, tmp_path / "part 1", *small)
    said = notices(capsys, "join", tmp_path / "set", tmp_path / "part 2", tmp_path / "part 1")
    assert "set holds 40 images of 16x16: train 20, validation 10, test 10" in said
    works("data", tmp_path / "set", "--verify")
    assert "set is not damaged: 7 files, " in capsys.readouterr().out
    works("data", tmp_path / "set")
    assert f"joined from 2 parts: {tmp_path / 'part 1'} to {tmp_path / 'part 2'}\n" in capsys.readouterr().out
    works("data", tmp_path / "part 2")
    assert "made from part 2/2 of folder photos with" in capsys.readouterr().out
    with (tmp_path / "part 1" / "images-00000.npy").open("r+b") as file:
        file.seek(1000)
        file.write(bytes(10))
    assert "part 1/images-00000.npy changed after packing" in fails(capsys, "data", tmp_path / "set", "--verify")


def test_a_deep_image_in_one_part_alone(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The part without it is packed, the other one says what to do, and a part without that range does not go with it."""
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)).save(photos / "z.png")
    one, two = (("prepare", photos, tmp_path / f"{number}", "--shard", f"{number}/2", "--size", 16, "--workers", 1) for number in (1, 2))
    works(*one)
    fails_with_notice(
        capsys,
        *two,
        words="with --shard, images of more than 8 bits need --range, the same for all parts: find the range",
    )
    works("prepare", photos, "--scan", "--workers", 1)
    assert "range 0 4095" in capsys.readouterr().out
    works(*two, "--range", 0, 4095)
    fails(
        capsys,
        "join",
        tmp_path / "set",
        tmp_path / "1",
        tmp_path / "2",
        words="does not fit {}: they differ in range".format(tmp_path / "1"),
    )
    shutil.rmtree(tmp_path / "1")
    works(*one, "--range", 0, 4095)
    works("join", tmp_path / "set", tmp_path / "1", tmp_path / "2")


def test_codes_of_shards_are_those_of_all(trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("api.encode", "latent.encode"):
        monkeypatch.setattr(f"vaegan.{module}.PART", 4)
    works("prepare", photos, tmp_path / "set", "--size", 16, "--workers", 1)
    works("encode", trained, tmp_path / "set")
    for number in (1, 2, 3):
        works("encode", trained, tmp_path / "set", "--shard", f"{number}/3")
    codes = np.load(trained / "codes.npz")
    parts = [np.load(path) for path in sorted(trained.glob("codes-*-of-3.npz"))]
    assert [len(part["names"]) for part in parts] == [12, 12, 16]
    for name in codes.files:
        assert np.array_equal(np.concatenate([part[name] for part in parts]), codes[name]), name


def test_scores_of_shards_are_those_of_all(
    trained: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("latent.measurements.PART", "api.score.MEASURED_AT_ONCE"):
        monkeypatch.setattr(f"vaegan.{name}", 4)
    words = f"all shards need the same calibration: calibrate first, with: vaegan score {trained} IMAGE"
    fails(capsys, "score", trained, photos, "--shard", "1/2", words=words)
    works("score", trained, photos)
    fails(
        capsys,
        "score",
        trained,
        photos,
        "--shard",
        "1/2",
        "--calibrate",
        photos,
        words=f"{words} --calibrate {photos}; then run this command again without",
    )
    for number in (1, 2):
        works("score", trained, photos, "--shard", f"{number}/2")
    table = rows(trained / "scores.csv")
    assert len(table) == 40
    assert [row for path in sorted(trained.glob("scores-*-of-2.csv")) for row in rows(path)] == table
    assert (trained / "scores-1-of-2.png").is_file()


def test_shards_of_several_sets_follow_each_other(trained: Path, photos: Path, tmp_path: Path) -> None:
    works("prepare", "avatars", tmp_path / "set", "--count", 7, "--size", 16, "--workers", 1)
    works("score", trained, tmp_path / "set", photos, photos / "photo 03.png", "--out", tmp_path / "all.csv")
    for number in (1, 2, 3):
        works("score", trained, tmp_path / "set", photos, photos / "photo 03.png", "--shard", f"{number}/3", "--out", tmp_path / "some.csv")
    names = [[row["name"] for row in rows(tmp_path / f"some-{number}-of-3.csv")] for number in (1, 2, 3)]
    assert list(map(len, names)) == [16, 16, 16]
    assert [name for part in names for name in part] == [row["name"] for row in rows(tmp_path / "all.csv")]


def test_a_file_may_be_named_twice(
    trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("latent.measurements.PART", "api.score.MEASURED_AT_ONCE"):
        monkeypatch.setattr(f"vaegan.{name}", 1)
    (tmp_path / "bad.png").write_bytes(b"no image")
    works("score", trained, photos)
    named = [photos / "photo 01.png", tmp_path / "bad.png", photos / "photo 02.png", photos / "photo 01.png"]
    found: list[str] = []
    for number in (1, 2, 3):
        of_part = ("score", trained, *named, "--shard", f"{number}/3", "--out", tmp_path / "some.csv")
        partly(capsys, *of_part) if number == 1 else works(*of_part)  # that part has the bad one
        found += [row["name"] for row in rows(tmp_path / f"some-{number}-of-3.csv")]
    assert [Path(name).name for name in found] == [path.name for path in named]


def test_mistakes(trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["encode", trained, photos], ["prepare", photos, tmp_path / "set"]):
        fails(capsys, *command, "--shard", "5/4", words="--shard must be K/N with K from 1 to N, such as 3/16, not 5/4")
        words = "there are only 40 images, and --shard 1/50 needs at least 50: choose fewer parts"
        fails(capsys, *command, "--shard", "1/50", words=words)
    assert not ImageSet.is_set(tmp_path / "set")
    fails(capsys, "join", tmp_path / "set", photos, words=f"{photos} is not a packed set")
    assert not list(trained.glob("codes*"))
