"""The blocks of code in the README and the docs, and the commands of vaegan in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
GENERATED = ("commands.md", "json.md", "settings.md")
"""Pages that are made from the code."""
SHELL = ("", "sh", "bash", "ini")
"""The languages of blocks that may hold commands: indented blocks have none."""
PLACEHOLDERS = {"NAME": ["samples"], "FLAGS": []}
"""Words that stand for others: the name of an experiment, any flags."""
_BLOCK = re.compile(r"^ *```(\w*)[^\n]*\n(?P<fenced>.*?)^ *```|(?<=\n\n)(?P<indented>(?: {4}[^\n]*\n|\n)+)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: str
    """Its path in the repository."""
    line: int
    """Of the page, from 1."""
    language: str
    """As the fence says; empty of an indented block."""
    code: str


@dataclass(frozen=True)
class Command:
    """A call of vaegan in a block."""

    page: str
    line: int
    words: tuple[str, ...]
    """After `vaegan`."""

    def __str__(self) -> str:
        return f"vaegan {shlex.join(self.words)}"


def pages() -> list[Path]:
    """The pages that people write."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if page.name not in GENERATED]


def blocks() -> list[Block]:
    """Those of all pages."""
    return [block for page in pages() for block in blocks_of(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8"))]


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Those of a page."""
    for found in _BLOCK.finditer(text):
        kind = "indented" if found["fenced"] is None else "fenced"
        code = re.sub("^    ", "", found[kind], flags=re.MULTILINE) if kind == "indented" else found[kind]
        if code.strip():
            yield Block(page, text[: found.start(kind)].count("\n") + 1, found[1] or "", code)


def commands() -> list[Command]:
    """The calls of vaegan in all blocks of shell."""
    return [command for block in blocks() if block.language in SHELL for command in commands_of(block)]


def commands_of(block: Block) -> Iterator[Command]:
    """The calls of vaegan in a block, also behind torchrun, in loops and in a file of SLURM."""
    lines = block.code.replace("\\\n", "  ").splitlines()
    for number, line in enumerate(lines):
        for words in calls(line):
            yield Command(block.page, block.line + number, tuple(words))


def calls(line: str) -> Iterator[list[str]]:
    """The words after `vaegan`, of each call in a line of shell. What the shell would put in for a variable is 1."""
    lexer = shlex.shlex(re.sub(r"\$\w+", "1", re.sub(r'"\$\{@[^}]*\}"', "", line)), posix=True, punctuation_chars=";&|()")
    lexer.commenters, lexer.whitespace_split = "#", True
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:  # a sentence with an apostrophe, and no shell
        return
    for word in [*tokens, ";"]:
        if word.strip(";&|()"):
            words += PLACEHOLDERS.get(word, [word])
            continue
        yield from _calls(words)
        words = []


def _calls(words: list[str]) -> Iterator[list[str]]:
    if words[:2] == ["docker", "build"]:  # whose image is called vaegan
        return
    for at, word in enumerate(words):
        if word == "examples/slurm.sbatch":  # which calls vaegan train
            yield ["train", *words[at + 1 :]]
        elif word.startswith("vaegan ") and " " in word:  # a whole command, quoted
            yield from calls(word)
        elif (word == "vaegan" or word.endswith("/bin/vaegan")) and words[at - 1 : at] != ["pip"]:
            rest = words[at + 1 :]
            yield rest[max((place + 1 for place, one in enumerate(rest) if one == "--"), default=0) :]
            return
