"""docs/json.md has the names that JSON has."""

from __future__ import annotations

from pathlib import Path

from .json_page import page


def test_the_page_is_that_of_the_code() -> None:
    path = Path(__file__).parents[1] / "docs" / "json.md"
    assert path.read_text() == page(), "write it anew with: python -m tests.json_page > docs/json.md"
