"""Which row of a table is about which image: by whole names first, then by what is left where folders and endings differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ...words import composed
from ..formats import IMAGE_ENDINGS

NUMBER = re.compile(r"0*(\d+?)(?:\.0)?")
ENDINGS = (*" ".join(IMAGE_ENDINGS.values()).split(), ".npy", ".dcm", ".dicom")
"""What a row may have behind a name; images lose theirs, whatever it is."""


@dataclass
class Matches:
    """The rows of a table that belong to images."""

    rows: frozenset[str]
    bare: bool
    """Whether rows name no folders, so that each is about all images of its file name."""
    loose: dict[str, str] = field(default_factory=dict)
    """Images that no row names in full, and their rows."""
    used: set[str] = field(default_factory=set)
    images: int = 0
    without: int = 0
    """Images that have no row."""

    def row(self, image: str) -> str | None:
        """The row of an image."""
        return _whole(image, self.rows, self.bare) or self.loose.get(image)


def match(images: Iterable[str], rows: Iterable[str]) -> Matches:
    """Find the row of each image.

    A row is found by an image's whole name, or by its file name alone where rows name no folders. Rows and images that are left are matched
    by names without endings, capitals and folders that only one of them has, where one row fits best. What is still left is matched in the
    same way without the zeros before numbers.
    """
    known = frozenset(rows)
    found = Matches(known, bare=not any("/" in name for name in known))
    left = []
    for image in images:
        found.images += 1
        if (row := _whole(image, known, found.bare)) is not None:
            found.used.add(row)
        else:
            left.append(image)
    for numbers in (False, True):  # a row whose image is found has no other image where only zeros differ
        free: dict[str, list[tuple[list[str], str]]] = {}
        for row in known - found.used if left else ():
            parts = name_parts(row, numbers=numbers)
            free.setdefault(parts[-1], []).append((parts, row))
        still = []
        for image in left:
            if (row := _best(image, free.get(name_parts(image, image=True, numbers=numbers)[-1], []), numbers)) is not None:
                found.loose[image] = row
            else:
                still.append(image)
        left = still
        found.used |= set(found.loose.values())
    found.without = len(left)
    return found


def name_parts(name: str, *, image: bool = False, numbers: bool = False) -> list[str]:
    """The folders of a name and its last part without ending, in small letters; never empty.

    Args:
        name: of a row or an image.
        image: whether it loses any ending.
        numbers: whether a last part that is a number loses what spreadsheets take away or add: zeros before it, and .0 after it.
    """
    plain = composed(name.strip()).replace("\\", "/").casefold()
    plain = plain.partition("?")[0] if "://" in plain else plain  # an address
    parts = [part for part in plain.split("/") if part not in ("", ".")] or [""]
    stem, dot, ending = parts[-1].rpartition(".")
    if dot and stem and (image or f".{ending}" in ENDINGS):
        parts[-1] = stem
    if numbers and (number := NUMBER.fullmatch(parts[-1])):
        parts[-1] = number[1]
    return parts


def find_names(columns: Sequence[Sequence[str]], preferred: Sequence[int], images: Sequence[str]) -> int | None:
    """The column that holds the names of images, or None where no column does.

    Args:
        columns: the cells of each column.
        preferred: columns that are called as such a column is, the best name first.
        images: the names of all images.
    """
    found = _find(columns, preferred, whole_names(images), str.strip)
    for numbers in (False, True):
        if found is None:
            last = {name_parts(image, image=True, numbers=numbers)[-1] for image in images}
            found = _find(columns, preferred, last, partial(_last_part, numbers=numbers))
    return found


def _last_part(name: str, *, numbers: bool) -> str:
    return name_parts(name, numbers=numbers)[-1]


def _find(columns: Sequence[Sequence[str]], preferred: Sequence[int], names: set[str], name_of: Callable[[str], str]) -> int | None:
    """The first preferred column that has one of some names, else the column that has the most of them, if any has."""

    def having(index: int) -> int:
        return len(names.intersection(name_of(cell) for cell in dict.fromkeys(columns[index]) if cell.strip()))

    named = next((index for index in preferred if having(index)), None)
    if named is not None:
        return named
    counts = [having(index) for index in range(len(columns))]
    return max(range(len(columns)), key=counts.__getitem__) if any(counts) else None


def whole_names(images: Iterable[str]) -> set[str]:
    """What a row may be called that is certainly about an image: names with and without folders."""
    return {name for image in images for name in (image, image.rpartition("/")[2])}


def _whole(image: str, rows: frozenset[str], bare: bool) -> str | None:
    if image in rows:
        return image
    last = image.rpartition("/")[2]
    return last if bare and last in rows else None


def _best(image: str, rows: Sequence[tuple[list[str], str]], numbers: bool) -> str | None:
    """The row that shares the most with an image; None where several do, or none."""
    own = name_parts(image, image=True, numbers=numbers)
    last = name_parts(image)[-1]
    scores: dict[tuple[int, bool], list[str]] = {}
    for parts, row in rows:
        shared = min(len(own), len(parts))
        if own[-shared:] == parts[-shared:]:
            scores.setdefault((shared, row.casefold().endswith(last)), []).append(row)
    best = scores[max(scores)] if scores else []
    return best[0] if len(best) == 1 else None
