"""What the program says, for people who judge its English: kept while the tests run, and then taken at random.

    python -m pytest -p tests.messages --keep-messages said.jsonl -q tests      # the file must not be there before
    python -m tests.messages said.jsonl --count 100 --seed 1

The first command keeps each sentence of an error and all that commands print. The second prints messages: one error for each place in
the sources, and one note for each wording. Folders of the tests have a plain name in them.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vaegan.errors import UserError

OF_A_TEST = re.compile(r"/[^\s:'\"]*/pytest-of-[^/]+/pytest-\d+/(popen-gw\d+/)?[^/\s:'\"]+")
"""The folder that a test gets from pytest."""
FILLED_IN = re.compile(r"/\S+|\d[\d.,]*|\"[^\"]*\"|'[^']*'")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --keep-messages."""
    parser.addoption("--keep-messages", type=Path, required=True, help="the file to write to, as JSON lines")


def pytest_configure(config: pytest.Config) -> None:
    """From now on, keep what is said; every process of pytest-xdist appends to the same file."""
    path = config.getoption("--keep-messages")
    if path.exists() and not hasattr(config, "workerinput"):
        raise pytest.UsageError(f"{path} exists already: remove it")
    file = path.open("a", encoding="utf-8", buffering=1)

    def keep(text: str, where: str) -> None:
        if text.strip():
            file.write(json.dumps({"text": text, "where": where}) + "\n")

    def init(self: UserError, *words: object) -> None:
        Exception.__init__(self, *words)
        raised = sys._getframe(1)
        keep(" ".join(map(str, words)), f"{raised.f_code.co_filename}:{raised.f_lineno}")

    def listened(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def reads(self: Any) -> Any:
            said = read(self)
            for stream in said:
                if isinstance(stream, str):
                    keep(stream, "")
            return said

        return reads

    UserError.__init__ = init  # type: ignore[assignment, method-assign]
    pytest.CaptureFixture.readouterr = listened(pytest.CaptureFixture.readouterr)  # type: ignore[assignment, method-assign]


def messages(lines: Iterator[str]) -> list[str]:
    """Errors, one of each place where one is raised, and notes, one of each wording."""
    found: dict[str, str] = {}
    for line in lines:
        kept = json.loads(line)
        text = OF_A_TEST.sub("/home/me", kept["text"])
        if kept["where"]:
            if "/tests/" not in kept["where"]:
                found.setdefault(kept["where"], text)
        else:
            for note in text.splitlines():
                if note.startswith("note: "):
                    found.setdefault(FILLED_IN.sub("", note), note)
    return list({FILLED_IN.sub("", text): text for text in found.values()}.values())


def main() -> None:
    """Print messages at random."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with asked.kept.open(encoding="utf-8") as file:
        found = messages(file)
    for number, text in enumerate(random.Random(asked.seed).sample(found, min(asked.count, len(found))), 1):
        print(f"{number}. {text}\n")


if __name__ == "__main__":
    main()
