"""What these tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from .place import GOOD, Place, picture, write


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """Two good images in `photos`; the current folder, the cache and the folder for temporary files are watched, too."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes most of the time here
    write(tmp_path / "photos", {name: picture(number) for name, number in GOOD.items()})
    return Place(tmp_path, capsys)
