"""demo: the pages of the model that comes with the package."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import pytest

import vaegan

from ..command import works


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser is asked for."""
    found: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "open", found.append)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    return found


def test_it_opens_both_pages(opened: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    works("demo")
    pages = [Path("avatars-report.html").absolute(), Path("avatars-studio.html").absolute()]
    assert opened == [page.as_uri() for page in pages]
    assert all("</html>" in page.read_text() for page in pages)
    assert "wrote avatars-report.html" in capsys.readouterr().out


def test_where_there_is_no_display_it_names_them(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY")
    works("demo")
    assert not opened
    assert "wrote avatars-studio.html" in capsys.readouterr().out


def test_in_python(opened: list[str]) -> None:
    found = vaegan.demo()
    assert found.model == "avatars"
    assert found.figure()
    assert not opened
