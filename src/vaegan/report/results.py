"""What other commands left in the run: attributes and metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..latent.directions import Directions
from ..pictures import open_picture
from .charts import number
from .embedded import Embedded, embed

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
    trouble: str
    """What is wrong with the file, or empty."""


def attributes(run: Path, weights: str | None) -> Attributes | None:
    """What is known of attributes; None where nothing was learned.

    Args:
        run: the run folder.
        weights: the fingerprint of the model's weights, if there is a model.
    """
    picture, path = open_picture(run / f"{ATTRIBUTES}.png"), run / f"{ATTRIBUTES}.safetensors"
    if not path.is_file():
        return None
    rows, trouble = [], ""
    try:
        directions = Directions.load(path)
        about = directions.about
        lines = sorted(zip(directions.names, about["counts"], about["probe"], strict=True), key=lambda line: -(line[2][1] or 0))
        rows = [(name, [*(f"{int(count):,}" for count in counts), *map(_share, probe)]) for name, counts, probe in lines]
        if weights is not None and about["weights"] != weights:
            trouble = "These were learned before the model was trained on."
    except (UserError, OSError, KeyError, TypeError, ValueError, IndexError):
        trouble = f"{path.name} cannot be read."
    return Attributes(embed(picture, SHEET_BYTES) if picture else None, rows, trouble)


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
