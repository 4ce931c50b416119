"""What other commands left in the run: attributes and metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..errors import UserError
from .charts import number
from .embedded import Embedded, embed, open_picture

METRICS = "metrics.jsonl"
ATTRIBUTES = "attributes"
SHEET_BYTES = 700_000
"""Of the sheet of attributes, as text in the page."""


@dataclass(frozen=True)
class Attributes:
    """What `vaegan attributes` wrote."""

    sheet: Embedded | None
    rows: list[tuple[str, list[str]]]
    """Of each attribute: images with it, without it; balanced accuracy and AUC of its probe on held-out images. The best first."""


def attributes(run: Path) -> Attributes | None:
    """What is known of attributes; None where nothing was learned.

    Raises:
        UserError: the file of attributes is damaged, or of another version.
    """
    picture, path = open_picture(run / f"{ATTRIBUTES}.png"), run / f"{ATTRIBUTES}.safetensors"
    sheet = embed(picture, SHEET_BYTES) if picture else None
    if not path.is_file():
        return Attributes(sheet, []) if sheet else None
    try:
        with safe_open(path, "np") as file:
            header = file.metadata()
        names, about = json.loads(header["names"]), json.loads(header["about"])
        lines = list(zip(names, about["counts"], about["probe"], strict=True))
        lines.sort(key=lambda line: -(line[2][1] or 0))
        rows = [(str(name), [*(f"{int(count):,}" for count in counts), *map(_share, probe)]) for name, counts, probe in lines]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path} cannot be read: learn the attributes again by vaegan attributes RUN") from error
    return Attributes(sheet, rows)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def metrics(run: Path) -> list[tuple[str, str]]:
    """Names and values of the newest evaluation; empty where there is none."""
    path = run / METRICS
    for line in reversed(path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []):
        try:
            read = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(read, dict):
            return [(name.replace("_", " "), _plain(value)) for name, value in read.items() if isinstance(value, (str, int, float))]
    return []


def _plain(value: str | float) -> str:
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
