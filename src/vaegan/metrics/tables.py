"""A table that can be printed or put on a page, and an evaluation as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import table as rich_table
from rich.text import Text

from ..words import fixed
from .base import Resampled, Value
from .evaluate import PRIORS, STANDARD, Evaluation
from .memorization import COPIES

DISTANCES = ("samples", "reconstructions")
"""Tables whose numbers stand beside those of random halves and of real images."""
MOST_DECIMALS = 4
ORDER = (*DISTANCES, "errors", "codes", "copies", PRIORS)


@dataclass(frozen=True)
class MetricTable:
    """Names and numbers."""

    title: str
    heads: tuple[str, ...]
    """Of the columns."""
    rows: Sequence[tuple[str, Sequence[str]]]
    """The name of each row, and as many cells as there are heads."""
    notes: tuple[str, ...] = ()
    """Sentences on how to read it."""

    def on_screen(self, *, narrow: bool = False) -> rich_table.Table:
        """The same for the console, without lines; for 80 columns with long names folded and the notes below, if it is to be narrow."""
        shown = rich_table.Table(box=None, pad_edge=False, title=Text(self.title, "bold"), title_justify="left", header_style="dim")
        shown.show_header = any(self.heads)
        shown.add_column("", no_wrap=not narrow, min_width=len("reconstructions precision"), max_width=30 if narrow else None)
        for head in self.heads:
            shown.add_column(Text(head), justify="right" if head else "left", no_wrap=bool(head), overflow="fold")
        for name, cells in self.rows:
            shown.add_row(Text(name), *map(Text, cells))
        if narrow and self.notes:
            shown.caption, shown.caption_justify = "\n".join(self.notes), "left"
        return shown


def tables(found: Evaluation) -> list[MetricTable]:
    """All that was found, and what it depends on."""
    shown = [value for value in found.values if value.label]
    names = in_order({value.table for value in shown})
    return [*(_table(found, name, [value for value in shown if value.table == name]) for name in names), _settings(found)]


def in_order(names: Iterable[str]) -> list[str]:
    """The names of tables in the order in which people see them; those that are not in `ORDER` come last."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def _table(found: Evaluation, name: str, values: Sequence[Value]) -> MetricTable:
    images, extractor = found.settings["images"], found.settings["extractor"]
    held_out = f"{images['held_out']:,}"
    if name in DISTANCES:
        what = (
            f"{images['samples']:,} samples of {found.settings['prior']}"
            if name == "samples"
            else f"{held_out} reconstructions of held-out images"
        )
        real, each = f"{images['training']:,}", f"{found.numbers().get(f'{name}_images_a_half', 0):,}"
        heads = (f"all\nagainst\n{real} real", f"{each}\nagainst\n{each} real", f"real baseline:\n{each} real against\n{each} others")
        note = f"±: {found.settings['spread']} ({found.settings['resamplings']} draws)."
        notes = (note, *_notes_on_precision(values))
        return MetricTable(f"{what} against real training images", heads, [(value.label, _compared(value)) for value in values], notes)
    if name == PRIORS:
        of_fitted = {value.name or value.label: value for value in found.values if value.table != PRIORS}
        beside = [of_fitted[value.name.removeprefix(STANDARD) or value.label] for value in values]
        rows = [(value.label, (shown(one), shown(value), _baseline(one))) for one, value in zip(beside, values, strict=True)]
        heads = ("fitted prior", "N(0, I)", "real baseline\n(see above)")
        return MetricTable(f"{images['samples']:,} samples of each prior", heads, rows)
    titles = {
        "errors": f"{held_out} held-out images and their reconstructions",
        "codes": f"codes of {held_out} held-out images",
        "copies": f"copies: distance to the nearest of {min(images['training'], found.settings['most_images_compared']):,} training images "
        f"({extractor})",
    }
    head = "mean ± standard error" if any(value.standard_error is not None for value in values) else ""
    notes = _notes_on_copies(found) if name == "copies" else ()
    return MetricTable(titles.get(name, name), (head,), [(value.label, (shown(value),)) for value in values], notes)


def _notes_on_precision(values: Sequence[Value]) -> tuple[str, ...]:
    for value in values:
        if value.label == "precision" and value.halves and value.real_baseline and value.halves.mean > value.real_baseline.mean:
            return ("A precision above the real baseline is no advantage: these images vary less than real images do in these features.",)
    return ()


def _notes_on_copies(found: Evaluation) -> tuple[str, ...]:
    notes = [
        "Of new real images, about 50% are nearer to a training image than that median.",
        "A sample is near one training image alone if that one is much nearer than the fifth nearest. Copies are.",
    ]
    if found.settings["fitted_prior"] and any(value.text == COPIES and value.table == "copies" for value in found.values):
        notes.append("If the picture shows copies, fit a prior of fewer components: vaegan fit-prior RUN --components 1")
    return tuple(notes)


def shown(value: Value) -> str:
    """A number as tables have it."""
    if value.text or not isinstance(value.value, (int, float)):
        return value.text
    number = value.times * value.value
    return f"{number:.4g}" if value.standard_error is None else with_error(number, value.times * value.standard_error)


def _compared(value: Value) -> tuple[str, str, str]:
    """All against all, halves, and real images in place of the model's."""
    return shown(value), _resampled(value, value.halves), _baseline(value)


def _baseline(value: Value) -> str:
    return _resampled(value, value.real_baseline)


def _resampled(value: Value, drawn: Resampled | None) -> str:
    return with_error(value.times * drawn.mean, value.times * drawn.spread) if drawn else ""


def _settings(found: Evaluation) -> MetricTable:
    settings = found.settings
    prepared, fitted = settings["preparation"], settings["fitted_prior"]
    height, width = prepared["size"]
    rows = {
        "extractor": f"{settings['extractor']}, images {settings['extractor_resize']}" if settings["extractor"] else "none",
        "sha256 of its weights": settings["extractor_weights_sha256"] or "",
        "images": f"{height}x{width}, crop {prepared['crop']}, resampling {prepared['resampling']}",
        "split": "{training:,} training, {held_out:,} held out".format(**settings["split"]),
        "MS-SSIM": "window {window}, {scales} scales".format(**settings["ms_ssim"]),
        "prior": settings["prior"] + (" ({components} components, fitted to {codes} codes)".format(**fitted) if fitted else ""),
        "seed": str(settings["seed"]),
    }
    return MetricTable("what these numbers depend on", ("",), [(name, (text,)) for name, text in rows.items()])


def with_error(value: float, spread: float) -> str:
    """A number and how far it may be off, of which two digits say enough."""
    if not (math.isfinite(value) and 0 < spread < math.inf):
        return f"{value:.4g} ± {spread:.2g}"
    decimals = 1 - math.floor(math.log10(spread))
    return f"{fixed(value, decimals, MOST_DECIMALS)} ± {fixed(spread, decimals, MOST_DECIMALS)}"
