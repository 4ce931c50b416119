"""Every block of code in the README and the docs: commands are parsed as the command line parses them, and Python is compiled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vaegan import Recipe
from vaegan.cli.app import make_app
from vaegan.recipe import names

from .doc_blocks import Command, blocks, commands

APP = make_app()
PYTHON = [block for block in blocks() if block.language == "python"]


@pytest.mark.parametrize("command", commands(), ids=lambda one: f"{Path(one.page).name}:{one.line}")
def test_commands_parse(command: Command) -> None:
    _, bound, _ = APP.parse_args(list(command.words), exit_on_error=False, print_error=False)
    if flags := bound.arguments.get("flags"):
        shipped = flags.recipe in (None, *names())
        (flags if shipped else replace(flags, recipe=None)).load_recipe(bound.arguments.get("settings", ()))
    for varied in bound.arguments.get("vary") or ():
        setting, _, values = varied.partition("=")
        for value in values.split(","):
            Recipe.load("quick", {setting: value})
