"""The commands are where the table says, and help shows them without loading them."""

from __future__ import annotations

import inspect
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from vaegan.cli.app import make_app
from vaegan.cli.commands import COMMANDS, Command

from ..command import fails, works
from ..processes import run


def function_of(command: Command) -> Any:
    module, _, name = command.function.partition(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_line_of_a_command_is_its_docstring(command: Command) -> None:
    function = function_of(command)
    first = str(function.help if command.name == "experiment" else inspect.getdoc(function)).splitlines()[0]
    assert first == command.line


def test_help_has_a_line_for_each_command_in_the_order_of_work(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    works("--help")
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    at = [next(n for n, line in enumerate(lines) if line.split()[:1] == [one.name] and line.endswith(one.line)) for one in COMMANDS]
    assert at == sorted(at)
    assert [name for name, _ in groupby(one.group for one in COMMANDS)] == ["Data", "Train", "Look", "Edit", "Measure"]


def test_help_of_a_command_shows_its_whole_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    works("prepare", "--help")
    assert "run the same command again to continue" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.name != "experiment"], ids=lambda command: command.name)
def test_the_usage_line_names_each_argument(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    works(command.name, "--help")
    line = capsys.readouterr().out.splitlines()[0].removeprefix(f"Usage: vaegan {command.name} ")
    usage = line.partition("--")[0].replace("[OPTIONS]", "").split()
    arguments = [one for one in inspect.signature(function_of(command)).parameters.values() if one.kind is one.POSITIONAL_ONLY]
    assert [word.strip("[]") for word in usage] == [one.name.upper() for one in arguments]
    assert [word.startswith("[") for word in usage] == [one.default is not one.empty for one in arguments]


@pytest.mark.parametrize("names", [("train",), ("bench",), ("experiment", "samples")], ids=lambda names: names[-1])
def test_help_of_training_does_not_list_all_settings(names: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    works(*names, "--help")
    text = capsys.readouterr().out
    assert "vaegan recipes" in text
    assert "--optimizer.lr" not in text
    assert ("--objective " in text) == (names == ("train",))  # an experiment compares kinds of its own
    assert len(text.splitlines()) < 100


def test_help_loads_no_command() -> None:
    script = """
import sys
from vaegan.cli import run
try:
    run(["--help"])
finally:
    print(sorted({"torch", "numpy", "PIL", "vaegan.recipe", "vaegan.cli.training"} & sys.modules.keys()))
"""
    done = run(script=script, fresh=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("[]\n")


def test_names_are_known_without_their_modules() -> None:
    assert {name for name in make_app() if not name.startswith("-")} == {one.name for one in COMMANDS}


def test_more_words_than_a_command_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert "it is not clear what quicker is for" in fails(capsys, "recipes", "quick", "quicker")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train", "--data", "Urlaub", "2024", "--steps", "30"], "vaegan train --data 'Urlaub 2024' --steps 30"),
        (["train", "--data=Urlaub", "2024"], "vaegan train '--data=Urlaub 2024'"),
        (["doctor", "Urlaub", "2024"], "vaegan doctor 'Urlaub 2024'"),
        (["prepare", "Urlaub", "2024", "my-set"], "vaegan prepare 'Urlaub 2024' my-set"),
    ],
)
def test_a_path_with_a_space_needs_quotes(
    words: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Urlaub 2024").mkdir()
    assert fails(capsys, *words) == f"vaegan: Urlaub 2024 has a space in its name: put the name in quotes, with: {line}"
    assert "quotes" not in fails(capsys, words[0], *words[1:2], "Urlaub 2024", "--stepps")
