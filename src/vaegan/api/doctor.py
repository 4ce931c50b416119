"""What is wrong with a set of images: doctor."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..data import ImageSet
from ..data.sources import recognized
from ..data.sources.base import none_readable
from ..doctor.checks import CHECKS
from ..doctor.examine import examine
from ..doctor.findings import Diagnosis, diagnose
from ..errors import UserError
from ..files import replacing
from ..recipe import DEFAULT_RECIPE, Recipe, as_flags
from ..report.doctor import write_page
from ..result import PYTHON_ONLY, Result
from ..settings import Data
from ..this_process import cores
from ..words import command
from .notices import ShowProgress, Talk

COLUMNS = ("name", "finding", "detail", "copy_of", "leak", "leave_out")


@dataclass(frozen=True)
class ImageFinding:
    """What is wrong with one image."""

    name: str
    finding: str
    """One of the names in `counts`, but for leak."""
    detail: str
    copy_of: str | None
    """The name of the image that it is a copy of."""
    leak: bool
    """Whether it is trained on while the image that it is a copy of is held out."""
    leave_out: bool
    """Whether `vaegan prepare --leave-out` leaves it out."""


@dataclass(frozen=True, repr=False, eq=False)
class SetDiagnosis(Result):
    """What is wrong with a set of images."""

    images: int
    """The number of images that can be read."""
    training: int
    """The number of images to train on."""
    held_out: int
    """The number of held-out images."""
    counts: dict[str, int]
    """How many images each check found."""
    findings: list[ImageFinding]
    """What is wrong with single images: name; finding, the name of the check; detail; copy_of, the image that it is a copy of; leak,
    whether it is trained on while that image is held out; and leave_out, whether `vaegan prepare --leave-out` leaves it out."""
    notes: list[str]
    """Sentences on the set as a whole."""
    source: str = field(metadata=PYTHON_ONLY)
    diagnosis: Diagnosis = field(metadata=PYTHON_ONLY)
    recipe: Recipe = field(metadata=PYTHON_ONLY)
    """The recipe that the images were prepared and split by."""
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def lines(self) -> list[str]:
        """A line for each check that found something, and for each note."""
        examined = self.diagnosis.examined
        lines = [f"{examined.source.name}: {self.images:,} images, {self.training:,} to train on, {self.held_out:,} held out"]
        for check, text in CHECKS.items():
            if found := self.diagnosis.of(check):
                detail = f" ({found[0].detail})" if found[0].detail else ""
                lines.append(f"  {text.title.lower():26} {len(found):7,}  the first: {found[0].name}{detail}")
        lines += [] if self.findings else ["nothing is wrong with single images"]
        return [*lines, *(f"note: {note}" for note in self.notes)]

    def write(self, page: str | Path) -> list[Path]:
        """Write a page with pictures, and beside it the list of all findings as a CSV file.

        Args:
            page: the page; its name ends in .html.

        Returns:
            The list and the page.

        Raises:
            UserError: it has another name.
        """
        page = page_file(page)
        table = page.with_suffix(".csv")
        with replacing(table) as partial, partial.open("w", encoding="utf-8-sig", newline="") as file:  # Excel needs the mark
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for one in self.findings:
                writer.writerow((one.name, one.finding, one.detail, one.copy_of or "", int(one.leak), int(one.leave_out)))
        write_page(page, self.diagnosis, table=table, source=self.source, next_steps=list(self.next_steps(table)))
        return [table, page]

    def next_steps(self, table: Path) -> Iterator[tuple[str, str]]:
        """Commands to go on with, and what each is for; `table` is the list of all findings."""
        packed = self.diagnosis.examined.packed
        if self.diagnosis.to_leave_out:
            images, preparation = ("SOURCE", packed.preparation) if packed else (self.source, self.recipe.preparation)
            percentiles = self.recipe.data.range_percentiles
            found = ("--range-percentiles", *percentiles) if percentiles != Data.range_percentiles and not preparation.range else ()
            yield command("prepare", images, "SET", "--leave-out", table, *preparation.flags, *found), "Pack the images without the copies"
            yield command("train", "--data", "SET", *as_flags(self.recipe, packed=True)), "Train on them"
        else:
            yield command("train", "--data", self.source, *as_flags(self.recipe, packed=packed is not None)), "Train on the images"


def page_file(page: str | Path) -> Path:
    """Where a page will be written.

    Raises:
        UserError: the name does not end in .html, or it is that of a folder.
    """
    page = Path(page)
    if page.is_dir():
        raise UserError(f"cannot write a page as {page}: it is a folder; give another name that ends in .html")
    if page.suffix.lower() != ".html":
        raise UserError(f"cannot write a page as {page}: give it a name that ends in .html")
    return page


def doctor(
    source: ImageSet | str | Path, recipe: Recipe | None = None, *, workers: int | None = None, progress: ShowProgress = None
) -> SetDiagnosis:
    """Find what is wrong with a set of images before you train on it: copies, broken files, odd images, and rare attributes.

    Args:
        source: a packed set, or anything that `data.source` takes.
        recipe: says how images are prepared and split; by default the quick recipe. Its source is not used.
        workers: the number of processes that read images.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no such source, or none of its images can be read.
    """
    talk = Talk(progress)
    if workers is not None and workers < 1:
        raise UserError(f"--workers must be above 0, not {workers}")
    named = str(source.folder if isinstance(source, ImageSet) else source)
    place = recognized(named)
    recipe = Recipe.load(DEFAULT_RECIPE, {"data.source": place}) if recipe is None else recipe
    recipe = replace(recipe, data=replace(recipe.data, source=place))
    with talk.bar() as bar:
        examined = examine(recipe, progress=bar, workers=workers or cores())
        if not len(examined):
            raise none_readable(len(examined.broken), named, ": ".join(examined.broken[0]) if examined.broken else "")
        found = diagnose(examined, recipe, progress=bar)
    names = examined.names
    findings = [
        ImageFinding(
            one.name,
            one.check,
            "" if one.of is not None else one.detail,
            None if one.of is None else names[one.of],
            one.leak,
            one.leave_out,
        )
        for one in found.findings
    ]
    counts = {check: len(found.of(check)) for check in CHECKS}
    return SetDiagnosis(len(examined), found.training, found.held_out, counts, findings, found.notes, named, found, recipe)
