"""What is wrong with a set of images: doctor."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import UserError
from ..files import replacing
from ..words import command
from .console import err, wrote
from .console import out as stdout
from .flags import DataFlags, Settings

if TYPE_CHECKING:
    from ..doctor.findings import Diagnosis

COLUMNS = ("name", "finding", "detail", "copy_of", "leak", "leave_out")


def doctor(
    source: str,
    /,
    *settings: Settings,
    flags: DataFlags = DataFlags(),
    out: Path | None = None,
    workers: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Find what is wrong with a set of images before you train on it.

    It finds copies, also resized, compressed or mirrored ones; held-out images that are in training, too; broken files; images that are
    blank, small, of an odd size, or tinted, or that have borders; and attributes that are too rare. It writes a page with pictures, and a
    list. It changes nothing else. The exit code is 0, whatever it finds.

    Parameters
    ----------
    source
        Any images that vaegan train --data takes: a folder or archive of images, a packed set (see vaegan prepare), a public data set (for
        example celeba:PATH), or avatars for the built-in drawings.
    out
        The page to write. The default is doctor.html in the current folder. The list is stored beside it, as doctor.csv.
    workers
        The number of processes that read images. The default is one for each CPU core.
    json
        Print one JSON object instead of a table.
    """
    from ..doctor.examine import examine
    from ..doctor.findings import diagnose
    from ..progress import progress_bar
    from ..report.doctor import write_page
    from ..this_process import cores

    page = out or Path("doctor.html")
    if page.suffix.lower() != ".html" or page.is_dir():
        raise UserError(f"cannot write a page as {page}: give it a name that ends in .html")
    if workers is not None and workers < 1:
        raise UserError(f"--workers must be above 0, not {workers}")
    recipe = flags.load_recipe([*settings, f"--data.source={source}"])
    with progress_bar(err) as progress:
        examined = examine(recipe, progress=progress, workers=workers or cores())
        if not len(examined):
            name, reason = examined.broken[0] if examined.broken else (source, "there are no images")
            raise UserError(f"none of the {len(examined.broken):,} images of {source} can be read; the first: {name}: {reason}")
        diagnosis = diagnose(examined, recipe, progress=progress)
    table = _write_table(page.with_suffix(".csv"), diagnosis)
    steps = list(_next_steps(diagnosis, source, table))
    write_page(page, diagnosis, table=table, source=source, next_steps=steps)
    if json:
        from json import dumps

        print(dumps(_as_json(diagnosis), indent=2))
        return
    _print(diagnosis)
    for line, what in steps:
        stdout.print(f"{what}: {line}", soft_wrap=True, markup=False)
    wrote(table)
    wrote(page)


def _next_steps(diagnosis: Diagnosis, source: str, table: Path) -> Iterator[tuple[str, str]]:
    """Commands, and what each is for."""
    packed = diagnosis.examined.packed is not None
    if diagnosis.to_leave_out:
        images = "SOURCE" if packed else source
        yield command("prepare", images, "SET", "--leave-out", table), "Pack the images without the copies"
        yield "vaegan train --data SET", "Train on them"
    else:
        yield command("train", "--data", source), "Train on the images"


def _rows(diagnosis: Diagnosis) -> Iterator[dict[str, str]]:
    """A row a finding."""
    for one in diagnosis.findings:
        copy_of = "" if one.of is None else diagnosis.examined.names[one.of]
        detail = "" if copy_of else one.detail
        yield dict(zip(COLUMNS, (one.name, one.check, detail, copy_of, f"{one.leak:d}", f"{one.leave_out:d}"), strict=True))


def _write_table(path: Path, diagnosis: Diagnosis) -> Path:
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(_rows(diagnosis))
    return path


def _as_json(diagnosis: Diagnosis) -> dict[str, object]:
    from ..doctor.checks import CHECKS

    return {
        "images": len(diagnosis.examined),
        "training": diagnosis.training,
        "held_out": diagnosis.held_out,
        "counts": {check: len(diagnosis.of(check)) for check in CHECKS},
        "notes": diagnosis.notes,
        "findings": list(_rows(diagnosis)),
    }


def _print(diagnosis: Diagnosis) -> None:
    """A line for each check that found something, and for each note."""
    from ..doctor.checks import CHECKS

    examined = diagnosis.examined
    split = f"{diagnosis.training:,} to train on, {diagnosis.held_out:,} held out"
    lines = [f"{examined.source.name}: {len(examined):,} images, {split}"]
    for check, text in CHECKS.items():
        if found := diagnosis.of(check):
            detail = f" ({found[0].detail})" if found[0].detail else ""
            lines.append(f"  {text.title.lower():26} {len(found):7,}  the first: {found[0].name}{detail}")
    lines += [] if diagnosis.findings else ["nothing is wrong with single images"]
    for line in [*lines, *(f"note: {note}" for note in diagnosis.notes)]:
        stdout.print(line, soft_wrap=True, markup=False)
