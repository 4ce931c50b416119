"""Shells complete commands, flags, recipes, runs and directions, without waiting for torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from cyclopts import Parameter

from vaegan.cli.app import make_app
from vaegan.cli.completion import PRINCIPAL
from vaegan.latent import principal
from vaegan.recipe import names

from ..command import works
from ..processes import run

BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(not hasattr(Parameter(), "completer"), reason="cyclopts completes no values before its version 5")


@pytest.fixture(scope="module")
def place(run_on_avatars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in runs/, and one beside it that knows directions; and a program that is called vaegan."""
    folder = tmp_path_factory.mktemp("completion")
    shutil.copytree(run_on_avatars, folder / "runs" / "faces")
    shutil.copytree(run_on_avatars, folder / "mine")
    works("attributes", folder / "mine")
    (folder / "photos").mkdir()
    program = folder / "vaegan"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m vaegan "$@"\n')
    program.chmod(0o700)
    (folder / "script").write_text(make_app().generate_completion(shell="bash"))
    return folder


def completed(place: Path, *lines: str) -> list[list[str]]:
    """What bash offers for the last word of each line."""
    calls = [
        f"COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _vaegan; printf '%s\\n' \"${{COMPREPLY[@]}}\"; echo ."
        for line in lines
    ]
    script = "\n".join([f"PATH={place}:$PATH", "source script", *calls])
    assert BASH
    done = subprocess.run([BASH, "--norc", "-c", script], cwd=place, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [part.split() for part in done.stdout.split("\n.\n")[:-1]]


@pytest.mark.skipif(not BASH, reason="there is no bash")
def test_bash_completes(place: Path) -> None:
    commands, flags, recipes, runs, resumed, below, strengths, packaged, files = completed(
        place,
        "vaegan ed",
        "vaegan edit --",
        "vaegan train --recipe qui",
        "vaegan sample ''",
        "vaegan train --resume ''",
        "vaegan sample runs/",
        "vaegan edit mine photo.png --add ''",
        "vaegan edit avatars photo.png --add ''",
        "vaegan edit mine ph",
    )
    assert commands == ["edit"]
    assert {"--add", "--strip", "--json", "--help"} <= set(flags)
    assert recipes == [name for name in names() if name.startswith("qui")]
    assert runs == ["avatars", "mine", "runs/faces"]
    assert resumed == ["mine", "runs/faces"], "the packaged model cannot be trained on"
    assert below == ["runs/faces"]
    for found in (strengths, packaged):
        assert {"Beard=1", "direction-1=1", f"direction-{PRINCIPAL}=1"} <= set(found)
    assert files == [], "bash completes names of files by itself"
    assert "complete -o default -F _vaegan vaegan" in (place / "script").read_text()


def test_there_are_as_many_principal_directions_as_are_offered() -> None:
    assert principal.COUNT == PRINCIPAL


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_scripts(shell: Literal["bash", "zsh", "fish"], tmp_path: Path) -> None:
    script = make_app().generate_completion(shell=shell)
    for word in ("fit-prior", "attributes", "--recipe", "__complete"):
        assert word in script
    if program := shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([program, "-n", tmp_path / "script"], check=True)


def test_completion_does_not_load_torch(place: Path) -> None:
    script = f"""
import sys
from vaegan.cli import run
for words in (["train", "--recipe", ""], ["edit", {str(place / "mine")!r}, "a.png", "--add", ""]):
    try:
        run(["__complete", *words])
    except SystemExit:
        pass
print(sorted({{"torch", "scipy", "sklearn"}} & sys.modules.keys()))
"""
    done = run(script=script, fresh=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "quick\t" in done.stdout
    assert "Beard=1\n" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_what_is_damaged_offers_nothing(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = Path(shutil.copytree(place / "mine", tmp_path / "broken"))
    (broken / "attributes.safetensors").write_bytes(b"damaged, and longer than eight bytes")
    (broken / "model" / "prior.safetensors").unlink()
    for folder in (broken, tmp_path / "nothing"):
        capsys.readouterr()
        works("__complete", "edit", folder, "a.png", "--add", "")
        assert capsys.readouterr().out.split() == ["begin"]


def test_installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZSH_CUSTOM"):
        monkeypatch.delenv(name, raising=False)
    works("--install-completion", "--shell", "bash")
    (script,) = (path for path in tmp_path.rglob("vaegan") if path.is_file())
    assert "complete -o default -F _vaegan vaegan" in script.read_text()
    assert str(script) in capsys.readouterr().out
    assert script.name in (tmp_path / ".bashrc").read_text()
