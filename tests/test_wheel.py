"""What is installed from a wheel works without the checkout: it holds the recipes and what a page is made of."""

from __future__ import annotations

import shutil
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from .processes import ROOT, run_command
from .tiny import flags

pytestmark = pytest.mark.heavy
NEEDED = 77
"""The version of setuptools that pyproject.toml asks for."""


def pip(*arguments: object) -> None:
    done = run_command(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, merged=True)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    try:
        there = int(version("setuptools").split(".")[0]) >= NEEDED
    except PackageNotFoundError:
        there = False
    pip("wheel", "--no-deps", *(["--no-build-isolation"] if there else []), "--wheel-dir", folder, folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", folder, wheel)
    return folder


def test_everything_is_in_the_wheel(wheel: Path) -> None:
    package = ROOT / "src" / "vaegan"
    files = {f"vaegan/{path.relative_to(package)}" for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if ".dist-info/" not in name} == files


def test_it_works_outside_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    def vaegan(*arguments: object) -> str:
        done = run_command(installed / "bin" / "vaegan", *arguments, cwd=tmp_path, env={"PYTHONPATH": str(installed)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run_command(sys.executable, "-c", "import vaegan; print(vaegan.__file__)", cwd=tmp_path, env={"PYTHONPATH": str(installed)})
    assert Path(where.stdout.strip()).is_relative_to(installed)
    listing = vaegan("recipes")
    assert [path.stem for path in (ROOT / "src" / "vaegan" / "recipes").glob("*.yaml") if path.stem not in listing] == []
    vaegan("train", "--run", "run", *flags(training__length="2 steps"))
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
    assert "</html>" in (tmp_path / "run" / "report.html").read_text()
