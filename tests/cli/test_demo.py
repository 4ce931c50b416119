"""demo: the pages of the model that comes with the package."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import pytest

from vaegan import Run
from vaegan.api import demo as api

from ..command import works


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser is asked for."""
    found: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", found.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return found


def test_where_there_is_no_display_it_names_the_pages(opened: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    works("demo")
    report, studio = Path("avatars-report.html"), Path("avatars-studio.html")
    assert f"wrote {report}\nwrote {studio}\n" in capsys.readouterr().out
    page = report.read_text()
    assert "vaegan sample avatars" in page
    assert "--resume" not in page
    assert "</html>" in studio.read_text()
    assert not opened


@pytest.mark.parametrize(("platform", "variable"), [("linux", "DISPLAY"), ("linux", "WAYLAND_DISPLAY"), ("darwin", "")])
def test_it_opens_the_pages(opened: list[str], platform: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [Path("a.html"), Path("b.html")]
    monkeypatch.setattr(api, "demo", lambda **_: api.Demo("avatars", pages, Run.open("avatars")))
    monkeypatch.setattr(sys, "platform", platform)
    if variable:
        monkeypatch.setenv(variable, ":0")
    works("demo", "--json")
    assert not opened
    works("demo")
    assert opened == [page.absolute().as_uri() for page in pages]
