"""Every block of code in the README and the docs: commands are parsed as the command line parses them, and Python is compiled."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from vaegan import Recipe
from vaegan.cli.app import make_app
from vaegan.recipe import names

from .doc_blocks import ROOT, SHELL, Command, blocks, blocks_of, commands, commands_of

APP = make_app()
PYTHON = [block for block in blocks() if block.language == "python"]
RUN = {
    "CONTRIBUTING.md": "test_contributing.py",
    "README.md": "test_docs.py",
    "docs/edit.md": "test_doc_commands.py",
    "docs/export.md": "test_doc_commands.py",
    "docs/files.md": "test_docs.py",
    "docs/prior.md": "test_doc_commands.py",
    "docs/python.md": "test_docs.py",
    "docs/scaling.md": "test_doc_commands.py",
    "docs/score.md": "test_docs.py",
    "docs/search.md": "test_docs.py",
}
"""Pages with Python, and the tests that run it."""
ONLY_COMPILED = {
    "docs/hub.md": "the Hub; tests/hub has one of its own",
    "docs/pictures.md": "a contender of a benchmark; tests/benchmarks trains such a one",
}
"""Pages whose Python is not run, and why."""


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


def test_python_compiles() -> None:
    for block in PYTHON:
        compile(block.code, f"{block.page}:{block.line}", "exec")


def test_python_is_run_somewhere() -> None:
    assert {block.page for block in PYTHON} == {*RUN, *ONLY_COMPILED}


def test_other_programs_are_there() -> None:
    """Scripts of Python with their flags, targets of make, extras of pip."""
    shell = "\n".join(block.code for block in blocks() if block.language in SHELL)
    scripts = re.findall(r"\bpython3? ((?:benchmarks|docs|examples)/[\w/]+\.py)([^\n#]*)", shell.replace("\\\n", " "))
    assert scripts
    for script, arguments in scripts:
        text = (ROOT / script).read_text(encoding="utf-8")
        for flag in re.findall(r"--[a-z][\w-]*", arguments):
            assert flag in text, f"{script} {flag}"
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make (\w[\w-]*)", shell, re.MULTILINE)) <= set(targets)
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"pip install '?\.\[(\w+)", shell)) <= set(extras)


def test_blocks_and_commands_are_found() -> None:
    page = (
        "# A page\n\n```sh\n. .venv/bin/activate  # vaegan train\nPORT=1 vaegan train --data 'my photos' \\\n    --size 32   # why\n```\n\n"
        "Words:\n\n    until vaegan runs; do sleep 1; done\n\n```text\nvaegan recipes\n```\n"
    )
    found = list(blocks_of("page.md", page))
    assert [(block.line, block.language) for block in found] == [(4, "sh"), (11, ""), (14, "text")]
    lines = [(command.line, command.words) for block in found if block.language in SHELL for command in commands_of(block)]
    assert lines == [(5, ("train", "--data", "my photos", "--size", "32")), (11, ("runs",))]
