"""What the README and the docs say can be done can be done."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vaegan
from vaegan import Recipe, workflow
from vaegan.cli.app import make_app
from vaegan.data import prepare

from .tiny import QUIETLY

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    for target in targets:
        assert target.startswith("https://") or (page.parent / target).is_dir() or (page.parent / target).stat().st_size > 0, target
    assert "<!--" not in page.read_text(), "something is to be filled in"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_flags_exist(page: Path) -> None:
    text = page.read_text()
    app = make_app()
    known = {name for name in app if not name.startswith("-")}
    in_blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for command in re.findall(r"^(?:    |.*`)vaegan (\w[\w-]*)", text, re.MULTILINE) + re.findall(
        r"^ *vaegan (\w[\w-]*)", in_blocks, re.MULTILINE
    ):
        assert command in known
    commands = [app[command] for command in known - {"experiment"}]
    commands += [app["experiment"][name] for name in app["experiment"] if not name.startswith("-")]
    for command in re.findall(r"vaegan experiment ([a-z-]+)", text):
        assert command in set(app["experiment"])
    flags = {name for command in commands for argument in command.assemble_argument_collection() for name in argument.names}
    flags |= {f"--{key}" for key in Recipe().flat()} | {"--gate.no-enabled"}
    for line in re.findall(r"vaegan [^`\n]*|`--[^`\n]*", re.sub(r"`python [^`]*`", "", text)):
        for flag in re.findall(r"--[a-z][\w.-]*", line):
            assert flag.rstrip(".") in {*flags, "--help", "--version", "--install-completion"}


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    Path("my-photos").mkdir()
    for number in range(80):
        Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(f"my-photos/{number}.png")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (code,) = blocks
    assert "steps=2800" in code
    names: dict[str, object] = {}
    exec(compile(code.replace("steps=2800", "steps=2"), "README.md", "exec"), names)
    assert Path("samples.png").is_file()
    assert getattr(names["images"], "shape", None) == (1, 3, 48, 48)


def test_the_python_of_the_files_page_runs(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(str(photos), Path("set"), progress=lambda *_: None, size=(16, 16), fractions={"train": 0.5, "test": 0.5})
    with_numpy, with_package = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "files.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(with_numpy, "files.md", "exec"), names)
    assert names["image"].shape == (16, 16, 3)
    exec(compile(with_package, "files.md", "exec"), names)
    assert names["pixels"].shape == (20, 16, 16, 3)
    assert np.array_equal(names["pixels"][0], names["image"])


@pytest.mark.parametrize(("page", "found"), [("score.md", "scores"), ("search.md", "distances")])
def test_the_python_on_runs_runs(page: str, found: str, trained_on_avatars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    trained_on_avatars.rename("runs/avatars")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, page, "exec"), names)
    assert len(names[found])


def test_the_python_of_the_python_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train", "resume"):
        monkeypatch.setattr(vaegan, name, partial(getattr(workflow, name), **QUIETLY))
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL))
    for long, short in {"steps=100": "steps=2", "100 steps": "2 steps", "steps=150": "steps=3", "steps=50": "steps=1"}.items():
        assert long in code
        code = code.replace(long, short)
    names: dict[str, Any] = {}
    exec(compile(code, "python.md", "exec"), names)
    assert sorted(path.name for path in Path("runs").iterdir()) == ["array", "grey", "loader", "logged", "settings", "watched"]
    assert names["StopWhenFlat"]().best == float("inf")
    assert Path("runs/logged/stats.csv").is_file()
