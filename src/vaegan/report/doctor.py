"""The page on what is wrong with a set of images: pictures of what was found, and what to do."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..data.images import read
from ..data.samples import Unreadable
from ..data.sources import short_name
from ..doctor.checks import CHECKS, COPY_KINDS, Check
from ..doctor.examine import Examined
from ..doctor.findings import Diagnosis, Finding, copies_of
from ..viz.channels import three_channels
from .page import write
from .pictures import Embedded, embed

MOST_SHOWN, MOST_COPIES, MOST_BROKEN = 24, 5, 50
"""Of each check: pictures or groups of copies; copies in a group; names of broken files."""
SIDE, BYTES = 128, 9_000
"""Of each picture in the page: pixels of its longer side, and bytes as text."""
TEMPLATE = "doctor.html.jinja"


@dataclass(frozen=True)
class Shown:
    """A picture in the page."""

    picture: Embedded | None
    """None where it can be read no longer."""
    name: str
    detail: str


@dataclass(frozen=True)
class CheckSection:
    """What a check found."""

    check: str
    text: Check
    count: int
    groups: list[list[Shown]]
    """Of copies: the picture that stays, and its copies; else each picture alone."""
    rows: list[Finding]
    """Of broken files, which have no pictures."""
    more: int
    """How many of the findings are not shown."""

    @property
    def of_copies(self) -> bool:
        """Whether its groups are pictures with their copies."""
        return self.check in ("leak", *COPY_KINDS)


def write_page(path: Path, diagnosis: Diagnosis, *, table: Path, source: str, next_steps: list[tuple[str, str]]) -> Path:
    """Write the page on a set.

    Args:
        path: the file to write.
        diagnosis: what was found.
        table: the CSV file that lists all of it.
        source: what the set is called on the command line.
        next_steps: what to do now: commands, and what each is for.

    Returns:
        The file.
    """
    shown = {check: _first(diagnosis.of(check)) for check in CHECKS}
    pictures = _pictures(diagnosis.examined, {index for findings in shown.values() for one in findings for index in _indices(one)})
    sections = [
        _section(check, diagnosis.of(check), findings, diagnosis.examined, pictures)
        for check, findings in shown.items()
        if diagnosis.of(check)
    ]
    contents = {
        "diagnosis": diagnosis,
        "name": short_name(source),
        "sections": sections,
        "clean": [text.title for check, text in CHECKS.items() if not diagnosis.of(check)],
        "table": table.name,
        "steps": next_steps,
        "quoted": shlex.quote(source),
    }
    return write(path, contents, TEMPLATE)


def _first(findings: list[Finding]) -> list[Finding]:
    """Those to show: whole groups of copies, or the first of what is not a copy."""
    groups = copies_of(findings)
    if groups:
        return [one for group in list(groups.values())[:MOST_SHOWN] for one in group[:MOST_COPIES]]
    return [one for one in findings if one.index is not None][:MOST_SHOWN]


def _indices(finding: Finding) -> list[int]:
    return [index for index in (finding.index, finding.of) if index is not None]


def _pictures(examined: Examined, indices: set[int]) -> dict[int, Embedded | None]:
    """The pictures themselves, whole and small."""
    found: dict[int, Embedded | None] = {}
    for index, picture in examined.pictures(indices):
        width, height = (max(1, int(examined.records[index][side])) for side in ("width", "height"))
        scale = SIDE / max(width, height)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        try:
            pixels = three_channels(read(picture, replace(examined.preparation, size=size, crop="none", box=(0, 0, 0, 0))))
        except Unreadable:
            found[index] = None
        else:
            found[index] = embed(Image.fromarray(np.ascontiguousarray(pixels)), BYTES, SIDE, quality=85)
    return found


def _section(
    check: str, all_: list[Finding], shown: list[Finding], examined: Examined, pictures: dict[int, Embedded | None]
) -> CheckSection:
    text = CHECKS[check]
    if check == "broken":
        return CheckSection(check, text, len(all_), [], all_[:MOST_BROKEN], max(0, len(all_) - MOST_BROKEN))
    groups = []
    for of, copies in copies_of(shown).items():
        original = Shown(pictures.get(of), examined.names[of], "held out" if copies[0].leak else "stays")
        groups.append([original, *(_shown(one, pictures, "in training" if one.leak else one.check) for one in copies)])
    groups += [[_shown(one, pictures, one.detail)] for one in shown if one.of is None]
    return CheckSection(check, text, len(all_), groups, [], len(all_) - len(shown))


def _shown(one: Finding, pictures: dict[int, Embedded | None], detail: str) -> Shown:
    assert one.index is not None
    return Shown(pictures.get(one.index), one.name, detail)
