"""Which row of a table is about which image: by whole names first, then by what is left where folders and endings differ."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..images import SUFFIXES

ENDINGS = (*SUFFIXES, ".jfif", ".avif", ".heic", ".jp2", ".npy", ".dcm", ".dicom")
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
    by names without endings, capitals and folders that only one of them has, where one row fits best.
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
    free: dict[str, list[tuple[list[str], str]]] = {}
    for row in known - found.used if left else ():
        parts = name_parts(row)
        free.setdefault(parts[-1], []).append((parts, row))
    for image in left:
        if (row := _best(image, free.get(name_parts(image, image=True)[-1], []))) is not None:
            found.loose[image] = row
    found.used |= set(found.loose.values())
    found.without = len(left) - len(found.loose)
    return found


def name_parts(name: str, *, image: bool = False) -> list[str]:
    """The folders of a name and its last part without ending, in small letters; never empty."""
    plain = unicodedata.normalize("NFC", name.strip()).replace("\\", "/").casefold()
    parts = [part for part in plain.split("/") if part not in ("", ".")] or [""]
    stem, dot, ending = parts[-1].rpartition(".")
    if dot and stem and (image or f".{ending}" in ENDINGS):
        parts[-1] = stem
    return parts


def find_names(columns: Sequence[Sequence[str]], preferred: Sequence[int], images: Sequence[str]) -> int | None:
    """The column that holds the names of images, or None where no column does.

    Args:
        columns: the cells of each column.
        preferred: columns that are called as such a column is, the best name first.
        images: the names of all images.
    """
    whole = {*images, *(image.rpartition("/")[2] for image in images)}
    parts = {name_parts(image, image=True)[-1] for image in images}
    exact = [len(whole.intersection(cell.strip() for cell in column)) for column in columns]
    if (named := next((index for index in preferred if exact[index]), None)) is not None:
        return named
    if any(exact):
        return max(range(len(columns)), key=exact.__getitem__)
    loose = [len(parts.intersection(name_parts(cell)[-1] for cell in dict.fromkeys(column) if cell.strip())) for column in columns]
    if (named := next((index for index in preferred if loose[index]), None)) is not None:
        return named
    return max(range(len(columns)), key=loose.__getitem__) if any(loose) else None


def _whole(image: str, rows: frozenset[str], bare: bool) -> str | None:
    if image in rows:
        return image
    last = image.rpartition("/")[2]
    return last if bare and last in rows else None


def _best(image: str, rows: Sequence[tuple[list[str], str]]) -> str | None:
    """The row that shares the most with an image; None where several do, or none."""
    own = name_parts(image, image=True)
    last = name_parts(image)[-1]
    scores: dict[tuple[int, bool], list[str]] = {}
    for parts, row in rows:
        shared = min(len(own), len(parts))
        if own[-shared:] == parts[-shared:]:
            scores.setdefault((shared, row.casefold().endswith(last)), []).append(row)
    best = scores[max(scores)] if scores else []
    return best[0] if len(best) == 1 else None
