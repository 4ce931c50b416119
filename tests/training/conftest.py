"""What tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

import vaegan.training


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs within the tests' own process end without their page, which takes longer than they do; test_cli.py has some with it."""
    monkeypatch.setattr(vaegan.training, "_report", lambda folder, _: Path(folder))
