"""What other commands left in the run: attributes and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from ..latent.directions import Directions
from ..metrics.distance import named
from ..run import Run
from ..viz.grid import open_picture
from ..words import in_unit, metric
from .charts import number
from .pictures import Embedded, embed

HALVES = ("halves", "real_baseline")
"""What follows the name of a measure in the metrics: of random halves, and of real images in place of the model's."""
ERROR = "_standard_error"
"""What follows the name of a mean in the metrics: its standard error."""
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


def attributes(run: Run, weights: str | None) -> Attributes | None:
    """What is known of attributes; None where nothing was learned.

    Args:
        run: the run.
        weights: the fingerprint of the model's weights, if there is a model.
    """
    picture, path = open_picture(run.attributes_picture_file), run.attributes_file
    if not path.is_file():
        return None
    rows, trouble = [], ""
    try:
        directions = Directions.load(path)
        about = directions.about
        lines = sorted(zip(directions.names, about["counts"], about["probe"], strict=True), key=lambda line: -(line[2][1] or 0))
        rows = [(name, [*(f"{int(count):,}" for count in counts), *map(_share, probe)]) for name, counts, probe in lines]
        if weights is not None and about["weights"] != weights:
            trouble = "The weights of the model have changed since these directions were learned."
    except (UserError, OSError, KeyError, TypeError, ValueError, IndexError):
        trouble = f"{path.name} cannot be read."
    return Attributes(embed(picture, SHEET_BYTES) if picture else None, rows, trouble)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


@dataclass(frozen=True)
class Metrics:
    """What `vaegan evaluate` found."""

    about: str
    """What it depends on, as a sentence; empty where that is not told."""
    distances: list[tuple[str, list[str]]]
    """Of each distance and share: of all images, of random halves, and of real images in place of the model's."""
    others: list[tuple[str, str]]
    """Names and values of all else."""


def metrics(run: Run) -> Metrics | None:
    """The newest evaluation, of the run's own images where there is one; None where there is none at all."""
    found = run.metrics
    if not found:
        return None
    newest = next((read for read in reversed(found) if not _settings(read).get("source")), found[-1])
    values = {name: value for name, value in newest.items() if isinstance(value, (str, int, float))}
    compared = [name for name in values if f"{name}_halves" in values]
    extractor = str(_settings(newest).get("extractor") or "")
    distances = [
        (
            metric(name.removesuffix(named("", extractor))),
            [
                _shown(values, name),
                *(f"{_shown(values, f'{name}_{which}')} ± {_shown(values, f'{name}_{which}_spread')}" for which in HALVES),
            ],
        )
        for name in compared
        if all(f"{name}_{which}" in values for which in HALVES)
    ]
    shown = {f"{name}{end}" for name in compared for end in ("", *(f"_{which}{more}" for which in HALVES for more in ("", "_spread")))}
    errors = {name for name in values if name.removesuffix(ERROR) in values and name.endswith(ERROR)}
    others = [
        (metric(name), " ± ".join(_shown(values, one) for one in (name, f"{name}{ERROR}") if one in values))
        for name in values
        if name not in shown | errors
    ]
    return Metrics(_about(_settings(newest)), distances, others)


def _settings(read: dict[str, Any]) -> dict[str, Any]:
    settings = read.get("settings")
    return settings if isinstance(settings, dict) else {}


def _about(settings: dict[str, Any]) -> str:
    counts = settings.get("images")
    if not isinstance(counts, dict):
        return ""
    many = ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items() if isinstance(count, int))
    time = str(settings.get("time")).replace("T", " ").replace("Z", " UTC")
    of = f"Measured on another set, {settings['source']}" if settings.get("source") else "Measured on the run's own images"
    return f"{of}: {many}; extractor {settings.get('extractor') or 'none'}, seed {settings.get('seed')}, {time}."


def _shown(values: Mapping[str, str | float], name: str) -> str:
    value = values.get(name, "?")
    return number(in_unit(name, value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
