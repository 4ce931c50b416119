"""The report: one page on a run, in one file, that asks nothing of any other machine."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from ..data import ImageSet
from ..errors import UserError
from ..files import replacing
from ..models.fingerprint import fingerprint
from ..run import Run
from ..settings import ObjectiveSettings
from ..words import quoted
from .curves import panels, table
from .facts import RunImages, differences, facts
from .nearest import nearest_to_samples
from .pictures import Embedded, Frames
from .results import attributes, metrics
from .stats import Stats

HERE = resources.files("vaegan.report")


class Live(NamedTuple):
    """How far a run is that goes on."""

    step: int
    steps: int
    """That it is to take."""
    time: str
    """When the page was written, in words."""
    reload: int
    """Seconds after which the page loads itself again."""


def report(run: Run | str | Path, out: Path | None = None, *, images: ImageSet | None = None) -> Path:
    """Write a page on a run: pictures, curves, what it was trained on and how. What is missing is left out, and the page says so.

    Args:
        run: the run, or its folder.
        out: the file to write; RUN/report.html by default.
        images: the set that the run was trained on, where it is open already; else it is looked for, and the page does without it.

    Returns:
        The file.

    Raises:
        UserError: there is no such run.
    """
    opened = run if isinstance(run, Run) else Run.open(run)
    if not opened.is_run:
        raise UserError(f"{opened.argument} is not a run folder: it has no {opened.recipe_file.name}")
    path = opened.report_file if out is None else page_file(out, opened.report_file.name)
    contents = gather(opened, images)
    if path.absolute().parent != opened.studio_file.absolute().parent:
        contents["studio"] = ""  # the link would lead nowhere
    return write(path, contents)


def page_file(path: Path, name: str) -> Path:
    """Where a page will be written; `name` is what it is usually called.

    Raises:
        UserError: it is a folder.
    """
    if path.is_dir():
        raise UserError(f"cannot write the page to {path}, because this is a folder: give the page a file name, such as {path / name}")
    return path


def gather(run: Run, images: ImageSet | None, *, older: dict[int, Embedded] | None = None, live: Live | None = None) -> dict[str, Any]:
    """Everything that the page shows, by the names that its template has for it.

    Args:
        run: the run.
        images: see `report`.
        older: for a page that is written quickly, without what takes the model: see `Frames.of`.
        live: how far the run is, while it goes on.
    """
    notes: list[str] = []
    stats = Stats.read(run.stats_file)
    recipe, trained = None, None
    try:
        recipe = run.recipe
        trained = RunImages.of(run, images)
    except (UserError, OSError) as error:
        notes.append(f"This page has no {'training images' if recipe else 'recipe'}: {error}.")
    if stats.damaged:
        notes.append(f"Damaged lines of {run.stats_file.name} that are left out: {stats.damaged:,}.")
    model, near = None, None
    without_near = "The training images are not available" if older is None else "The page shows them after the training"
    try:
        model = run.model() if older is None else None
        near = nearest_to_samples(model, trained) if model and trained else None
    except (UserError, OSError, ValueError) as error:
        without_near = str(error)
    learned = attributes(run, fingerprint(model) if model else None)
    heads, rows = table(stats)
    return {
        "live": live,
        "name": run.folder.resolve().name,
        "quoted": quoted(run.argument),
        "resumable": not run.name,
        "objective": recipe.objective if recipe else ObjectiveSettings(),
        "facts": facts(recipe, stats, trained) if recipe else None,
        "stats": stats,
        "frames": Frames.of(run, older),
        "near": near,
        "without_near": f"{without_near[0].upper()}{without_near[1:]}.",
        "attributes": learned,
        "some_attribute": quoted(learned.rows[0][0]) if learned and learned.rows else "",
        "has_attributes": bool(trained.images.attribute_names) if trained else None,
        "metrics": metrics(run),
        "panels": panels(stats, recipe),
        "heads": heads,
        "rows": rows,
        "differences": differences(recipe) if recipe else [],
        "studio": run.studio_file.name if run.studio_file.is_file() else "",
        "recipe_text": run.recipe_file.read_text(encoding="utf-8", errors="replace"),
        "notes": notes,
    }


def write(path: Path, contents: dict[str, Any], template: str = "page.html.jinja") -> Path:
    """Write a page: a template, filled in.

    Only the style and the script that it comes with may act in it: the page's policy names their hashes.
    """
    style, script = stylesheet("vaegan.report", "page.css"), (HERE / "page.js").read_text(encoding="utf-8")
    page = (
        templates("vaegan.report")
        .get_template(template)
        .render(contents, style=style, script=script, style_hash=policy_hash(style), script_hash=policy_hash(script))
    )
    with replacing(path) as file:
        file.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")  # a path may have bytes that are no text
    return path


def stylesheet(package: str, name: str) -> str:
    """The style of a page: what all pages share, and a file of its own."""
    return "".join(part.read_text(encoding="utf-8") for part in (HERE / "look.css", resources.files(package) / name))


@cache
def templates(package: str) -> jinja2.Environment:
    """The templates of a package's pages, which are compiled once: a run that goes on writes its page again and again."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def policy_hash(text: str) -> str:
    """A style or a script as a page's policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
