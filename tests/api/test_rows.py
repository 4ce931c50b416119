"""Rows come as soon as they are made, in their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vaegan

MODULES = ("measurements", "encode", "search", "project")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Rows, of parts of 4 images; and -1 for each part that the model encodes."""
    found: list[Any] = []
    for module in MODULES:
        monkeypatch.setattr(f"vaegan.latent.{module}.PART", 4)
    encode = vaegan.VAEGAN.encode

    def noted(*arguments: Any, **named: Any) -> Any:
        found.append(-1)
        return encode(*arguments, **named)

    monkeypatch.setattr(vaegan.VAEGAN, "encode", noted)
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "score": vaegan.score,
    "search": lambda *arguments, **named: vaegan.search(*arguments, count=2, **named),
    "project": lambda *arguments, **named: vaegan.project(*arguments, steps=1, **named),
    "encode": vaegan.encode,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_are_given_as_they_are_made(name: str, trained: Path, seen: list[Any]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
    found = FUNCTIONS[name](trained, pixels, on_row=seen.append)
    assert [row for row in seen if row != -1] == found.rows
    first, last = (next(at for at in order if seen[at] != -1) for order in (range(len(seen)), range(len(seen) - 1, -1, -1)))
    assert seen[first:last].count(-1) == 2, "the parts after the first one are computed when its rows are known"


def test_files_that_cannot_be_read_come_in_their_places(trained: Path, photos: Path, seen: list[Any]) -> None:
    broken = photos / "broken.png"
    broken.write_bytes(b"no image")
    files = sorted(photos.glob("photo *.png"))[:6]
    found = vaegan.score(trained, [files[0], broken, *files[1:], broken], on_row=seen.append)
    rows = [row for row in seen if row != -1]
    assert rows == found.rows
    assert [row.error is not None for row in rows] == [False, True, *[False] * 5, True]
    assert [row.name for row in rows] == list(map(str, [files[0], broken, *files[1:], broken]))
