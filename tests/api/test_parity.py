"""Each command has a function of its name, and each flag a parameter; what is on one side only has a reason."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

import vaegan
from vaegan.cli.commands import COMMANDS, Command
from vaegan.cli.flags import LENGTHS, SHORT
from vaegan.methods import METHODS

from ..cli.test_commands import function_of

ONLY_FLAGS = {
    "json": "to_dict() of the result",
    "jsonl": "rows of the result",
    "outdir": "save_each() of the result",
    "csv": "write_csv() of the result",
    "settings": "a Recipe holds all settings",
}
"""Flags of any command that functions do not have, and what they have instead."""
OF_PICTURES = {
    "data", "sample", "reconstruct", "walk", "convergence", "edit", "interpolate", "arithmetic", "project", "evaluate",
    "search", "score", "encode",
}  # fmt: skip
"""Commands whose --out is the file of the picture, the film or the codes: functions write nothing, and results have figure() or save()."""
ONLY_FLAGS_OF = {
    **{(command, "out"): "figure(), or save() of the result" for command in OF_PICTURES},
    ("doctor", "out"): "write() of the result",
    ("interpolate", "fps"): "film(fps) of the result",
    ("prepare", "scan"): "vaegan.scan",
    ("train", "resume"): "vaegan.resume",
    ("train", "dry_run"): "vaegan.dry_run",
    ("train", "more_images"): "vaegan.resume",
    **{
        (command, name): "a field of the recipe"
        for command in ("train", "data", "doctor", "bench", "experiment")
        for name in (*SHORT, *LENGTHS)
    },
}
ONLY_PARAMETERS = {"progress": "a command always shows it, on standard error", "on_row": "--jsonl prints each row"}
"""Parameters of any function that commands do not have."""
ONLY_PARAMETERS_OF = {
    ("train", "callbacks"): "objects of a program",
    ("edit", "directions"): "a command reads them from the run's folder",
    ("experiment", "name"): "a command of its own",
    ("experiment", "command"): "a command knows it",
}
OTHER_DEFAULTS = {
    ("walk", "tiles"): "(4, 4) is 4x4",
    ("bench", "recipe"): "its flags have the same",
    ("train", "recipe"): "quick, with its flags",
}


def functions_of(command: Command) -> list[Any]:
    found = function_of(command)
    if command.name != "experiment":
        return [found]
    return [found[name].default_command for name in found if not name.startswith("-")]


def flags_of(command: Command) -> dict[str, Any]:
    """The names and defaults of a command's arguments and flags."""
    found: dict[str, Any] = {}
    for function in functions_of(command):
        for name, parameter in inspect.signature(function).parameters.items():
            if name == "flags":
                found |= {field.name: field.default for field in dataclasses.fields(parameter.default)}
            else:
                found[name] = parameter.default
    return found


def parameters_of(command: Command) -> dict[str, Any]:
    parameters = inspect.signature(getattr(vaegan, command.name.replace("-", "_"))).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_and_its_function_take_the_same(command: Command) -> None:
    name, flags, parameters = command.name, flags_of(command), parameters_of(command)
    only_flags = {flag for flag in flags.keys() - parameters.keys() if flag not in ONLY_FLAGS and (name, flag) not in ONLY_FLAGS_OF}
    assert not only_flags, f"vaegan.{name} lacks these parameters, or say in this file why"
    only_parameters = parameters.keys() - flags.keys() - ONLY_PARAMETERS.keys()
    assert not {one for one in only_parameters if (name, one) not in ONLY_PARAMETERS_OF}, f"vaegan {name} lacks these flags"
    for one in flags.keys() & parameters.keys():
        if (name, one) not in OTHER_DEFAULTS:
            here, there = (None if default in ((), inspect.Parameter.empty) else default for default in (flags[one], parameters[one]))
            assert str(here) == str(there), f"{one} has another default"


def test_what_is_on_one_side_only_is_there() -> None:
    """A name that goes away leaves no reason behind."""
    flags = {command.name: flags_of(command) for command in COMMANDS}
    parameters = {command.name: parameters_of(command) for command in COMMANDS}
    assert not [key for key in ONLY_FLAGS if not any(key in found for found in flags.values())]
    settings = {*SHORT, *LENGTHS}
    assert not [(command, name) for command, name in ONLY_FLAGS_OF if name not in flags[command] and name not in settings]
    assert not [(command, name) for command, name in ONLY_PARAMETERS_OF if name not in parameters[command]]


def test_what_works_on_a_run_is_a_method_of_it() -> None:
    names = [command.name.replace("-", "_") for command in COMMANDS] + ["resume", "dry_run"]
    on_runs = {name for name in names if next(iter(inspect.signature(getattr(vaegan, name)).parameters), "") == "run"}
    assert on_runs == set(METHODS)


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.name not in ("runs", "compare", "recipes")], ids=lambda one: one.name)
def test_progress_is_asked_for_in_the_same_way(command: Command) -> None:
    assert parameters_of(command)["progress"] is None


def test_resuming_takes_what_training_takes() -> None:
    train, resume = (inspect.signature(one).parameters for one in (vaegan.train, vaegan.resume))
    assert train.keys() - resume.keys() == {"auto_resume", "init_from", "minutes"}, "what a run begins with; then its length is in steps"
    assert resume.keys() - train.keys() == {"more_images"}
    assert all(resume[one].annotation == train[one].annotation for one in train.keys() & resume.keys() - {"recipe", "run"})


def test_a_dry_run_takes_what_training_takes() -> None:
    """But what has no effect before the end: --dry-run is a flag of train."""
    train, dry_run = (inspect.signature(one).parameters for one in (vaegan.train, vaegan.dry_run))
    assert train.keys() - dry_run.keys() == {"auto_resume", "callbacks"}, "auto_resume is mode"
    assert dry_run.keys() - train.keys() == {"mode", "more_images"}
