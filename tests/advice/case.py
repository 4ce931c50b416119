"""The advice in messages: where the sources give it, and a place to follow it in."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import vaegan
from vaegan.cli import run
from vaegan.cli.commands import COMMANDS

from ..tiny import flags

PACKAGE = Path(vaegan.__file__).parent
NAMES = "|".join(one.name for one in COMMANDS)
ADVICE = re.compile(rf"(?<![\w-])--[a-z{{]|\bvaegan (?:{NAMES})\b|\bpip install\b|environment variable")
"""A flag, a command or a variable: what names one of these says what to do."""
ONLY_A_FLAG = re.compile(r"--[\w.{}-]+(=\{\})?")
COMMAND = re.compile(rf"(?:vaegan (?:{NAMES})|tensorboard)\b[^;\n]*?(?=; |, or |[.,]?$)", re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--[a-z][\w.-]*\w")


@cache
def messages() -> tuple[tuple[str, str], ...]:
    """Each text in the sources that gives advice: the file and the text, with {} for what is filled in."""
    return tuple(_messages())


def _messages() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for text in _texts(ast.parse(path.read_text())):
            if ADVICE.search(text) and not ONLY_A_FLAG.fullmatch(text):
                yield str(path.relative_to(PACKAGE)), text


def _texts(node: ast.AST) -> Iterator[str]:
    """The strings in a tree, other than its docstrings; a part of a longer one is not one by itself."""
    if isinstance(node, (ast.Constant, ast.JoinedStr)) or _is_command(node):
        yield _text(node)
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from _texts(child)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.FormattedValue):
        return _text(node.value) if _is_command(node.value) else "{}"
    if not isinstance(node, ast.Call):
        return "{}"
    words = map(_text, node.args)
    return " ".join(["vaegan", *words] if isinstance(node.func, ast.Name) else ["vaegan prepare IMAGES SET", *words, "{}"])


def _is_command(node: ast.AST) -> bool:
    """Whether it is a call of `vaegan.words.command`, or of `Preparation.command`."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == "command"
    return isinstance(node.func, ast.Attribute) and node.func.attr == "command" and "app" not in ast.unparse(node.func)


@dataclass
class World:
    """A folder with a space in its name, where commands are run; what stands for what in them; and what is changed for a while."""

    folder: Path
    places: dict[str, Path]
    """RUN, SET, PHOTOS and so on."""
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    said: str = ""
    """The command of the last message."""
    failed: bool = False

    def __getitem__(self, name: str) -> Path:
        return self.places[name]

    def line(self, text: str) -> list[str]:
        """A command line in words: names of places stand for these, TINY for the flags of a tiny training, SAID for what was advised."""
        found: list[str] = []
        words = shlex.split(text.replace("SAID", self.said))
        for word in words:
            name, equals, value = word.rpartition("=")
            if word in TRAININGS:
                found += [flag for flag in TRAININGS[word] if flag.partition("=")[0] not in words]
            elif (value if equals else word) in self.places:
                found.append(f"{name}{equals}{self.places[value if equals else word]}")
            else:
                found.append(word)
        return found[1:] if found[:1] == ["vaegan"] else found

    def do(self, step: Step) -> str:
        """Take a step; returns what it said."""
        self.capsys.readouterr()
        raised = ""
        try:
            if callable(step):
                step(self)
            else:
                run(self.line(step))
        except vaegan.UserError as error:
            raised = str(error)
        except SystemExit as exit_:
            raised = "ended" if exit_.code else ""
        self.failed = bool(raised)
        said = self.capsys.readouterr()
        return f"{said.out}{said.err}{raised}"

    def take(self, text: str, match: re.Match[str]) -> None:
        """Keep the command that a message advises, from where the message begins."""
        found = COMMAND.search(text, match.start())
        self.said = found[0] if found else ""


Step = str | Callable[[World], object]


@dataclass(frozen=True)
class Case:
    """A message, how to come to it, and that what it says works."""

    says: str | tuple[str, ...]
    """Parts of it as in the sources, {} for what is filled in."""
    mistake: Step
    then: Step | tuple[Step, ...]
    """What it advises, which must work."""
    before: Callable[[World], object] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return self.says if isinstance(self.says, tuple) else (self.says,)

    def check(self, world: World) -> None:
        if self.before:
            self.before(world)
        text = world.do(self.mistake)
        steps = self.then if isinstance(self.then, tuple) else (self.then,)
        for says in self.texts:
            match = re.search(re.escape(says).replace(r"\{\}", ".+?"), text)
            assert match, f"{says!r} is not in {text!r}"
            world.take(text, match)
            tried = " ".join(step.replace("SAID", world.said) for step in (self.mistake, *steps) if isinstance(step, str))
            unused = [flag for flag in FLAG.findall(says) if flag not in tried]
            assert not unused or any(map(callable, steps)), f"{unused} of {says!r} are not tried"
        for step in steps:
            text = world.do(step)
            assert not world.failed, f"{step} does not work: {text}"


def follow(cases: Sequence[Case]) -> Callable[[Case, World], None]:
    """A test of each case."""

    @pytest.mark.parametrize("case", cases, ids=[re.sub(r"\W+", "-", case.texts[0])[:60] for case in cases])
    def test(case: Case, world: World) -> None:
        case.check(world)

    return test


TRAININGS = {
    "TINY": [*flags(data__avatars=None, training__length="2 steps", training__batch=8, data__held_out=0.5), "--no-report"],
    "FASTER": ["--device=cpu", "--no-report", "--steps=1", "--training.batch=4", "--networks.width=0.0625", "--networks.latent=4"],
    "RESUMED": ["--device=cpu", "--no-report", "--steps=4"],
}
