"""What is the user's to mend is said in one sentence, and the same thing in the same way."""

from __future__ import annotations

import ast
import re

import pytest

from vaegan.errors import unknown_name

from .advice.case import _texts
from .test_layout import FILES, PACKAGE

OTHER_FORMS = re.compile(
    r"there is no such|(?<!there )\bis no (?:\w+ )?(?:archive|file|folder|text)\b|\banew\b|\bgoes? on where\b|\bput back\b"
    r"|\bpassed over a\b|\bby --[a-z]|\bby: |\bleave --\S+ out\b"
)
"""Other ways to say what CONTRIBUTING.md has a form for."""


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("papper", ["paper", "vae"], "there is no recipe named papper in F. Did you mean paper?"),
        ("PAPER", ["paper", "vae"], "there is no recipe named PAPER in F. Did you mean paper?"),
        ("x", ["paper", "vae"], "there is no recipe named x in F: there are paper, vae, or a file"),
        ("x", [], "there is no recipe named x in F: there are none"),
    ],
)
def test_an_unknown_name(name: str, known: list[str], said: str) -> None:
    assert str(unknown_name("recipe", name, known, inside=" in F", more=", or a file")) == said


def test_the_same_thing_is_said_in_the_same_way() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {text}" for path in FILES for text in _texts(ast.parse(path.read_text())) if OTHER_FORMS.search(text)
    ]
    assert found == []
