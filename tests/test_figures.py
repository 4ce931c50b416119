"""Every picture of the docs is made by docs/figures.py, and is shown."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

figures = import_module("docs.figures")
ROOT = Path(__file__).parents[1]
SHOWN = re.compile(r"!\[[^\]]+\]\((?:docs/)?(figures/[^)]+)\)")
BY_HAND = {"routing.svg"}


def test_every_picture_is_made_by_the_script_and_is_shown() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {Path(name).name for page in pages for name in SHOWN.findall(page.read_text())}
    there = {path.name for path in (ROOT / "docs" / "figures").iterdir()}
    made = set(re.findall(r'"([\w-]+\.(?:png|jpg))"', (ROOT / "docs" / "figures.py").read_text()))
    assert shown == there
    assert there - BY_HAND <= made


def test_parts_that_do_not_train_are_the_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []
    for name in ("OF_THE_PACKAGE", "OF_RUNS"):
        monkeypatch.setattr(figures, name, tuple(_noting(part.__name__, done) for part in getattr(figures, name)))
    monkeypatch.setattr("sys.argv", ["figures.py"])
    figures.main()
    assert done == [part.__name__ for part in figures.OF_THE_PACKAGE]
    monkeypatch.setattr("sys.argv", ["figures.py", "fashion", "demo", "--folder", "there"])
    done.clear()
    figures.main()
    assert done == ["fashion in there", "demo"]
    monkeypatch.setattr("sys.argv", ["figures.py", "fashions"])
    with pytest.raises(SystemExit):
        figures.main()
    assert "there is no part named fashions. Did you mean fashion?" in capsys.readouterr().err


def test_a_picture_is_kept_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIGURES", tmp_path)
    picture = Image.linear_gradient("L").convert("RGB")
    for name in ("a.png", "a.jpg"):
        figures.keep(picture, name)
        with Image.open(tmp_path / name) as kept:
            assert kept.size == picture.size
            assert (kept.mode == "P") == name.endswith(".png")


def _noting(name: str, done: list[str]) -> object:
    def part(folder: Path | None = None) -> None:
        done.append(f"{name} in {folder}" if folder else name)

    part.__name__ = name
    return part
