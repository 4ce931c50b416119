"""LPIPS is left out where its package is not there, and why is said."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from vaegan.metrics import lpips


def test_where_lpips_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as bare:
        bare.setattr(importlib.util, "find_spec", lambda _: None)
        assert lpips.way_out() == "pip install lpips torchvision"
    (tmp_path / "lpips.py").write_text("def LPIPS(**_):\n    raise OSError('no network')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lpips", raising=False)
    assert lpips.find_lpips() is None
    assert "pip install" not in lpips.way_out()
    assert "says why" in lpips.way_out()
    del sys.modules["lpips"]  # by monkeypatch, it would be back afterwards
