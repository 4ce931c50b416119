"""What is installed works without the checkout: it holds the recipes, the model of the avatars, and what a page is made of.

Nothing is downloaded: the new environment finds the packages that this one needs in the environment of the tests. So that they can be
downloaded is not tested here.
"""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import NamedTuple

import pytest

from .processes import ROOT, run_command

pytestmark = pytest.mark.heavy
NEEDED = 77
"""The version of setuptools that pyproject.toml asks for."""
MOST_MEGABYTES = 7
"""Of the wheel, so that nobody puts a large file into the package by mistake."""
EXTRA = ("onnx", "onnxruntime")
"""The packages of vaegan[export]."""
PACKAGE = ROOT / "src" / "vaegan"


class Built(NamedTuple):
    """What `python -m build` made: the wheel is made from the other one."""

    sdist: Path
    wheel: Path


def python(*arguments: object) -> None:
    done = run_command(sys.executable, "-m", *arguments, merged=True, env={"PYTHONPATH": ""})  # pip would find this checkout installed
    assert done.returncode == 0, done.stdout


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built from a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    try:
        there = int(version("setuptools").split(".")[0]) >= NEEDED
    except PackageNotFoundError:
        there = False
    python("build", *(["--no-isolation"] if there else []), "--outdir", folder / "dist", folder)
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the package installed from its wheel, and no other package of its own."""
    folder = tmp_path_factory.mktemp("new") / "environment"
    python("venv", "--without-pip", folder)
    before = megabytes(folder)
    python("pip", "--disable-pip-version-check", "--python", folder, "install", "--no-deps", "--no-index", "--no-compile", built.wheel)
    print(f"{before:.1f} MB before, {megabytes(folder):.1f} MB after; the wheel has {built.wheel.stat().st_size / 1e6:.1f} MB")
    site = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    Path(site, "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


def test_everything_is_in_the_sdist_and_in_the_wheel(built: Built) -> None:
    files = {f"vaegan/{path.relative_to(PACKAGE)}" for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    with zipfile.ZipFile(built.wheel) as archive:
        assert {name for name in archive.namelist() if ".dist-info/" not in name} == files
    with tarfile.open(built.sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    inside = {name for name in held if not name.startswith("src/vaegan.egg-info/")}
    assert inside == {"pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "PKG-INFO", "setup.cfg", *(f"src/{name}" for name in files)}
    assert built.wheel.stat().st_size < MOST_MEGABYTES * 1e6


def test_it_works_in_a_new_environment(environment: Path, tmp_path: Path) -> None:
    """A demo of 50 steps on fewer avatars, which are drawn sooner; its evaluation and export; and the model that comes with the package."""
    alone = {"PYTHONPATH": "", "VAEGAN_CACHE": str(tmp_path / "cache")}

    def run(program: str, *arguments: str) -> str:
        done = run_command(environment / "bin" / program, *arguments, cwd=tmp_path, env=alone)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run("python", "-c", "import vaegan; print(vaegan.__file__)")
    assert Path(where.strip()).is_relative_to(environment)
    assert run("vaegan", "--version").strip() == version_in_pyproject()
    listing = run("vaegan", "recipes")
    assert [path.stem for path in (PACKAGE / "recipes").glob("*.yaml") if path.stem not in listing] == []
    run("vaegan", "train", "--recipe", "drawings", "--steps", "50", "--data.avatars", "2000", "--device", "cpu")
    assert "</html>" in (tmp_path / "runs" / "avatars" / "report.html").read_text()
    found = json.loads(run("vaegan", "evaluate", "runs/avatars", "--samples", "100", "--device", "cpu", "--json"))
    assert [value for name, value in found["numbers"].items() if name.startswith("samples_frechet_distance_efficientnet")]
    before = megabytes(environment)
    exported = tmp_path / json.loads(run("vaegan", "export", "runs/avatars", "--json"))["folder"]
    assert sorted(path.stem for path in exported.glob("*.onnx")) == ["decoder", "edit", "encoder", "prior", "reconstruct", "score"]
    run("python", str(exported / "example.py"))
    assert (tmp_path / "example.png").is_file()
    of_extra = [Path(str(file.locate())) for name in EXTRA for file in distribution(name).files or ()]
    extra = sum(path.stat().st_size for path in of_extra if path.is_file()) / 1e6
    print(f"{before:.1f} MB before, {before + extra:.1f} MB with {' and '.join(EXTRA)}; the export has {megabytes(exported):.1f} MB")
    for page in json.loads(run("vaegan", "demo", "--json"))["files"]:
        assert "</html>" in (tmp_path / page).read_text()
    run("vaegan", "edit", "avatars", "runs/avatars/samples/step-000050.png", "--add", "Smiling")
    assert (tmp_path / "avatars-edits.png").is_file()


def version_in_pyproject() -> str:
    (line,) = (line for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version = "))
    return line.split('"')[1]
