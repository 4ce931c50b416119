"""The pages are short, their sentences too; those that are made from the code are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

import pytest
import yaml

from . import reference_pages
from .words_of_docs import DOCS, GENERATED, ROOT, counted_pages, navigation, pages, sentences

LONGEST = 35
"""The largest number of words in a sentence."""
MEDIAN = 15
WORDS = 12_000
"""The largest number of words in all pages that count."""


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_sentences_are_short(page: Path) -> None:
    found = list(sentences(page.read_text()))
    assert not [one.text for one in found if one.words > LONGEST]
    assert median([one.words for one in found if one.is_prose]) <= MEDIAN


def test_the_guides_are_short() -> None:
    assert sum(one.words for page in counted_pages() for one in sentences(page.read_text())) <= WORDS


def test_every_page_is_on_the_site() -> None:
    listed = {page for part in navigation().values() for page in part}
    assert {path.name for path in DOCS.glob("*.md")} <= listed
    assert set(GENERATED) <= listed


def test_sentences_and_words_are_counted_as_a_reader_reads() -> None:
    prose = "# A title\n\nOne `code with words` and [a link](page.md). Two!\n\n- an item, e.g. this\n\n"
    code = "```sh\nvaegan train\n```\n\n    indented code\n\n"
    table = "| a | b c |\n| --- | --- |\n"
    found = [(one.text, one.words, one.is_prose) for one in sentences(prose + code + table)]
    assert found == [
        ("A title", 2, False),
        ("One CODE and a link", 5, True),
        ("Two", 1, True),
        ("an item, e.g. this", 4, True),
        ("a", 1, False),
        ("b c", 2, False),
    ]


@pytest.mark.parametrize("path", [path for path, _ in reference_pages.pages()], ids=lambda path: path.name)
def test_the_reference_is_that_of_the_code(path: Path) -> None:
    assert path.read_text() == dict(reference_pages.pages())[path], "write it anew with: python -m tests.reference_pages"


def test_a_release_has_one_number() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    (newest, *_) = re.findall(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    declared = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared is not None
    assert cited == newest == declared[1]
