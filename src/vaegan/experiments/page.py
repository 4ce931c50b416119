"""The page of an experiment: one file with its pictures and tables in it, in the style of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ..files import replacing
from ..metrics.tables import MetricTable
from ..report import policy_hash, stylesheet
from ..report.page import templates
from ..report.pictures import Embedded, embed
from .experiment import PAGE, Experiment

SHEET_BYTES = 2_000_000
"""Of each picture, as text in the page."""
LEAST = "table { margin-bottom: 1rem; } .sheet { margin: 1.5rem 0; } .muted + h3 { margin-top: 2.5rem; }"
"""What this page adds to the report's style."""


class ExperimentResult(NamedTuple):
    """What an experiment leaves behind."""

    tables: list[MetricTable]
    """To be printed."""
    files: list[Path]
    """To be looked at."""


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, sentences, pictures with what they show in words, and tables."""

    title: str
    about: str = ""
    pictures: Sequence[tuple[str, Image.Image]] = ()
    tables: Sequence[MetricTable] = ()
    embedded: list[tuple[str, Embedded]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "embedded", [(words, embed(picture, SHEET_BYTES)) for words, picture in self.pictures])


def write_page(experiment: Experiment, title: str, lead: str, sections: Sequence[Section]) -> Path:
    """Write the page; returns the file.

    Args:
        experiment: in whose folder it is put.
        title: what the experiment is called.
        lead: a sentence under it.
        sections: what was found.
    """
    style = stylesheet("vaegan.report", "page.css") + LEAST
    page = (
        templates("vaegan.experiments")
        .get_template("page.html.jinja")
        .render(
            title=title,
            lead=lead,
            sections=sections,
            recipe_of="The recipe of the first run" if experiment.existing else "The recipe of all runs",
            recipe_text=experiment.recipe.to_yaml(),
            command=experiment.command,
            style=style,
            style_hash=policy_hash(style),
        )
    )
    path = experiment.folder / PAGE
    with replacing(path) as file:
        file.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
    return path
