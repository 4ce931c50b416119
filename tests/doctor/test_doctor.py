"""`vaegan doctor` finds what was planted, and nothing else."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from vaegan.data import ImageSet
from vaegan.doctor.checks import CHECKS

from ..command import fails, rows, works

SIDE = 96


def scene(seed: int) -> Image.Image:
    """A picture with structure of all sizes, unlike all others, as photographs have."""
    random = np.random.default_rng(seed)
    layers = [
        Image.fromarray(random.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        for n in (3, 6, 12, 24)
    ]
    return Image.fromarray(np.mean([np.asarray(layer) for layer in layers], axis=0).round().astype(np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pictures, and what is wrong with the set; `train` and `test` are its splits."""
    folder = tmp_path_factory.mktemp("doctor") / "a set"
    for split in ("train", "test"):
        (folder / split / "all").mkdir(parents=True)
    for number in range(30):
        scene(number).save(folder / ("test" if number > 25 else "train") / "all" / f"{number:02d}.png")
    train = folder / "train" / "all"
    (train / "again.png").write_bytes((train / "03.png").read_bytes())
    scene(4).resize((70, 70), Image.Resampling.LANCZOS).save(train / "smaller.png")
    scene(5).save(train / "compressed.jpg", quality=40)
    ImageOps.mirror(scene(6)).save(train / "mirrored.jpg", quality=80)
    scene(28).save(train / "leak.jpg", quality=85)
    (train / "cut.png").write_bytes((train / "07.png").read_bytes()[:2000])
    Image.new("RGB", (SIDE, SIDE), (200, 30, 30)).save(train / "blank.png")
    framed = Image.new("RGB", (SIDE, SIDE), "black")
    framed.paste(scene(50).resize((SIDE, 60)), (0, 18))
    framed.save(train / "framed.png")
    ImageOps.grayscale(scene(51)).convert("RGB").save(train / "grey.png")
    Image.merge("RGB", (scene(52).split()[0], *(Image.new("L", (SIDE, SIDE), 40) for _ in range(2)))).save(train / "red.png")
    scene(53).resize((300, SIDE)).save(train / "wide.png")
    scene(54).resize((20, 20)).save(train / "small.png")
    scene(55).point(lambda value: 110 + value // 12).save(train / "flat.png")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list that the doctor writes on it."""
    page = tmp_path_factory.mktemp("page") / "doctor.html"
    works("doctor", f"classes:{folder}", "--out", page, "--workers", 1)
    return page.with_suffix(".csv")


def test_copies_are_found_and_nothing_else_is_called_one(found: Path) -> None:
    copies = {(row["name"], row["finding"], row["copy_of"], row["leak"]) for row in rows(found) if row["copy_of"]}
    assert copies == {
        ("train/all/again.png", "exact copy", "train/all/03.png", "0"),
        ("train/all/smaller.png", "near copy", "train/all/04.png", "0"),
        ("train/all/compressed.jpg", "near copy", "train/all/05.png", "0"),
        ("train/all/mirrored.jpg", "mirrored copy", "train/all/06.png", "0"),
        ("train/all/leak.jpg", "near copy", "test/all/28.png", "1"),
    }


def test_tiny_files_are_found(found: Path) -> None:
    assert [row["name"] for row in rows(found) if row["finding"] == "tiny file"] == ["train/all/blank.png", "train/all/compressed.jpg"]


@pytest.mark.parametrize(
    ("name", "finding", "detail"),
    [
        ("cut.png", "broken", "damaged: "),
        ("blank.png", "blank", ""),
        ("framed.png", "border", "top 1"),
        ("grey.png", "no colour", ""),
        ("red.png", "colour cast", "towards red"),
        ("wide.png", "odd size", "300x96; 68% is cut off"),
        ("small.png", "small", "20x20; the networks take 48x48"),
        ("flat.png", "low contrast", "values from 1"),
    ],
)
def test_single_pictures_are_found(name: str, finding: str, detail: str, found: Path) -> None:
    of_this = [row for row in rows(found) if row["finding"] == finding]
    assert [row["name"] for row in of_this] == [f"train/all/{name}"]
    assert of_this[0]["detail"].startswith(detail)
    assert of_this[0]["leave_out"] == str(int(finding == "blank"))


def test_what_the_list_marks_is_left_out(folder: Path, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works("prepare", f"classes:{folder}", tmp_path / "set", "--leave-out", found, "--size", 16, "--workers", 1)
    assert "left out 6 images that are listed in doctor.csv" in capsys.readouterr().err
    names = ImageSet.open(tmp_path / "set").names
    marked = {row["name"] for row in rows(found) if row["leave_out"] == "1"}
    assert len(names) == 30 + 6
    assert not marked.intersection(names)
    works("doctor", tmp_path / "set", "--out", tmp_path / "page.html", "--workers", 1)
    assert not [row for row in rows(tmp_path / "page.csv") if row["copy_of"]]


def test_a_packed_set_shows_the_same_copies(folder: Path, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works("prepare", f"classes:{folder}", tmp_path / "set", "--size", 48, "--workers", 1)
    capsys.readouterr()
    works("doctor", tmp_path / "set", "--out", tmp_path / "page.html", "--workers", 1, "--json")
    result = json.loads(capsys.readouterr().out)
    copies = {(row["name"], row["copy_of"]) for row in rows(found) if row["copy_of"]}
    assert {(row["name"], row["copy_of"]) for row in result["findings"] if row["copy_of"]} == copies
    assert (result["counts"]["leak"], result["counts"]["broken"], result["held_out"]) == (1, 1, 4)
    assert "This is a packed set" in (tmp_path / "page.html").read_text()


def test_the_page_shows_what_was_found(found: Path) -> None:
    page = found.with_suffix(".html").read_text()
    assert "In training and held out: 1" in page
    alone = [row for row in rows(found) if not row["copy_of"] and row["finding"] != "broken"]
    assert page.count("data:image/webp") == 2 * 6 + len(alone)  # a leak is shown twice
    assert "--leave-out" in page
    assert "<script>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_an_earlier_list_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A person may have written into it what is to be left out."""
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "a (1).png"):
        scene(1).save(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path)
    Path("doctor.csv").write_text("mine")
    works("doctor", "photos", "--workers", 1)
    assert Path("doctor.csv").read_text() == "mine"
    assert Path("doctor-2.csv").read_bytes().startswith(BOM_UTF8), "without the mark, Excel shows other letters"
    assert [(row["name"], row["copy_of"]) for row in rows(Path("doctor-2.csv")) if row["copy_of"]] == [("a (1).png", "a.png")]
    said = " ".join(capsys.readouterr().err.split())
    assert "vaegan prepare photos SET --leave-out doctor-2.csv --size 48x48 --crop centre Train on them: vaegan train --data SET" in said
    works("doctor", "photos", "--workers", 1)
    assert Path("doctor-3.html").is_file()
    works("doctor", "photos", "--workers", 1, "--out", "doctor-2.html")
    assert not Path("doctor-4.html").exists()


def test_the_next_commands_have_the_flags_of_this_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(4):
        scene(number).save(tmp_path / "photos" / f"{number}.png")
    flags = ("--size", 32, "--data.held_out", 0.5, "--augmentation.flip", "--workers", 1, "--out", tmp_path / "page.html")
    works("doctor", tmp_path / "photos", *flags)
    train = f"vaegan train --data {tmp_path / 'photos'} --data.held_out 0.5 --augmentation.flip --size 32\n"
    assert capsys.readouterr().err.endswith(train)
    scene(0).save(tmp_path / "photos" / "again.png")
    works("doctor", tmp_path / "photos", *flags)
    prepare, train = capsys.readouterr().err.splitlines()[-2:]
    assert prepare.endswith("--size 32x32 --crop centre")
    assert train.endswith("vaegan train --data SET --data.held_out 0.5 --augmentation.flip")


def test_all_images_are_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes(b"")
    fails(capsys, "doctor", tmp_path / "photos", "--workers", 1, words="the only image in ")


def test_another_list_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.csv").write_text("name\nnobody.png\n")
    fails(
        capsys,
        "prepare",
        f"classes:{folder}",
        tmp_path / "set",
        "--leave-out",
        tmp_path / "list.csv",
        words="list.csv lists names such as",
    )
    (tmp_path / "list.csv").write_text("what\nnobody.png\n")
    fails(
        capsys, "prepare", f"classes:{folder}", tmp_path / "set", "--leave-out", tmp_path / "list.csv", words="has no column of file names"
    )


def test_arrays_of_five_channels_and_deep_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    five = np.random.default_rng(0).integers(0, 256, (12, 48, 48, 5), dtype=np.uint8)
    five[7] = five[2]
    np.save(tmp_path / "five.npy", five)
    works("doctor", tmp_path / "five.npy", "--channels", 5, "--out", tmp_path / "five.html", "--workers", 1)
    said = capsys.readouterr()
    assert "000007 (of 000002)" in said.out
    assert (
        f"vaegan prepare {tmp_path / 'five.npy'} SET --leave-out {tmp_path / 'five.csv'} --size 48x48 --crop centre --channels 5"
        in " ".join(said.err.split())
    )
    deep = tmp_path / "deep"
    deep.mkdir()
    for number in range(12):  # 12 bits in 16
        Image.fromarray(np.asarray(scene(number))[..., 0].astype(np.uint16) << 4).save(deep / f"{number:02d}.png")
    Image.open(deep / "03.png").save(deep / "again.png")
    works("doctor", deep, "--channels", 1, "--out", tmp_path / "deep.html", "--workers", 1)
    assert "exact copies                     1  the first: again.png (of 03.png)" in capsys.readouterr().out


def test_two_channels_are_shown_as_elsewhere_and_both_count(tmp_path: Path) -> None:
    """In a packed set, images that differ in the second channel alone are no copies."""
    both = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 2), dtype=np.uint8)
    both[1, ..., 0] = both[0, ..., 0]
    np.save(tmp_path / "two.npy", both)
    works("prepare", tmp_path / "two.npy", tmp_path / "set", "--channels", 2, "--size", 16, "--workers", 1)
    works("doctor", tmp_path / "set", "--out", tmp_path / "two.html", "--workers", 1)
    assert not [row for row in rows(tmp_path / "two.csv") if row["copy_of"]]


def test_the_docs_call_findings_as_the_list_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    assert set(CHECKS) <= {name.strip() for cell in cells for name in cell.split(",")}
