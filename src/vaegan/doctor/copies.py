"""Copies among pictures: exact ones, and ones that were resized, compressed again or mirrored.

Two steps. The lowest frequencies of the grey thumbnails, each divided by its spread over the set, give pairs that could be copies: of
unrelated pictures, even of aligned faces, hardly any are so near. Then the thumbnails themselves are compared, in colour. What resizing and
compression change is small, and is spread over all edges; two pictures that merely look alike differ much at some places, or only there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from ..progress import Progress
from .examine import THUMBNAIL, Records

FREQUENCIES = 8
"""Of each direction."""
LEAST_SPREAD = 3.0
"""Of a frequency over the set, in values from 0 to 255: in a set of nearly the same pictures, the spread is what compression changes."""
NEAR = 0.03
"""Mean squared distance of frequencies, where unrelated pictures have 1. Of 8,000 faces, copies had up to 0.013, others at least 0.07."""
MOST_GREY, MOST_COLOUR = 28.0, 45.0
"""The largest difference of two copies at a place of their thumbnails: of the brightness, and of the colour, which JPEG stores coarsely."""
MOST_AT_EDGES = 8.0
"""The difference of brightness that three quarters of the edges stay below."""
MOST_AT_ONE_PLACE = 20.0
"""The largest difference of brightness, as a multiple of the median over all edges."""
EDGE, FEWEST_EDGES, ROUNDING = 16.0, 16, 0.25
"""Where neighbours differ by so much there is an edge; with fewer edges, all places count; thumbnails are rounded."""
BLANK = 8
"""A picture whose values differ by no more shows nothing that could be compared."""
ROWS, PAIRS = 2048, 4096
"""Pictures and pairs that are compared at a time."""
COPY_MARK = re.compile(r"(?<![a-z])copy(?![a-z])|\(\d+\)$", re.IGNORECASE)
"""What browsers and file managers put into the names of copies: `a (1)`, `a copy 2`, `a - Copy`, `Copy of a`."""
GREY = np.array([0.299, 0.587, 0.114], np.float32)
MIRRORED = np.tile((-1.0) ** np.arange(FREQUENCIES), FREQUENCIES)[1:] < 0
"""The frequencies that change their sign when a picture is mirrored."""


@dataclass(frozen=True)
class Copy:
    """A picture that is a copy of another one."""

    index: int
    of: int
    kind: str
    """`exact copy`, `near copy` or `mirrored copy`."""


def blank(records: Records) -> NDArray[np.bool_]:
    """Which pictures show nothing at all."""
    return np.asarray(records["contrast"] <= BLANK)


def plainness(name: str) -> tuple[bool, int]:
    """A key that sorts names: first those without the mark of a copy, then the shorter ones, so that `a` goes before `a (1)` and `a-2`."""
    return COPY_MARK.search(PurePosixPath(name).stem) is not None, len(name)


def find_copies(records: Records, held_out: NDArray[np.bool_], names: Sequence[str], *, progress: Progress = lambda *_: None) -> list[Copy]:
    """Every picture that is a copy of a better one.

    Of pictures that are copies of each other, a held-out one is best, so that leaving out the others takes no image from it; then the one
    with the most pixels, then the largest file, then the one with the plainest name, then the first. Each copy was compared with the
    picture that it is said to be a copy of.

    Args:
        records: of N pictures.
        held_out: which of them are held out.
        names: their names.
        progress: called as the work goes on.

    Returns:
        The copies by their indices.
    """
    pixels = records["width"].astype(np.int64) * records["height"]
    marked, lengths = np.array([plainness(name) for name in names], np.int64).reshape(-1, 2).T
    order = np.lexsort((np.arange(len(records)), lengths, marked, -records["bytes"], -pixels, ~held_out))
    _, first, classes = np.unique(records["digest"][order], axis=0, return_index=True, return_inverse=True)
    best = order[first]  # of each class of exact copies: `np.unique` names the first one in the order
    members: dict[int, list[int]] = {}
    for index, one in zip(order.tolist(), best[classes.ravel()].tolist(), strict=True):
        members.setdefault(one, []).append(index)
    shown = np.array([one for one in members if not blank(records[one])], np.int64)  # in the order, the best first
    near: dict[int, list[tuple[int, bool]]] = {}
    for one, other, mirrored in near_pairs(records["thumbnail"][shown], progress):
        near.setdefault(int(shown[one]), []).append((int(shown[other]), mirrored))
    copies, taken = [], set()
    for one, same in members.items():
        if one in taken:
            continue
        copies += [Copy(index, one, "exact copy") for index in same[1:]]
        for other, mirrored in near.get(one, []):
            if other not in taken:
                taken.add(other)
                copies += [Copy(index, one, "mirrored copy" if mirrored else "near copy") for index in members[other]]
    return sorted(copies, key=lambda copy: copy.index)


def near_pairs(thumbnails: NDArray[np.uint8], progress: Progress = lambda *_: None) -> Iterator[tuple[int, int, bool]]:
    """Pairs of pictures that are copies, each with the lower number first, and whether one is mirrored.

    All pairs are compared, block by block: memory grows with the number of pictures, and time with its square.

    Args:
        thumbnails: N x 16 x 16 x 3.
        progress: called as the work goes on.
    """
    if len(thumbnails) < 2:
        return
    vectors = _frequencies(thumbnails)
    even, odd = (np.ascontiguousarray(vectors[:, part]) for part in (~MIRRORED, MIRRORED))
    lengths = np.square(vectors).sum(1)
    limit = NEAR * 2 * vectors.shape[1]
    count = len(thumbnails)
    blocks = [(row, column) for row in range(0, count, ROWS) for column in range(row, count, ROWS)]
    for done, (row, column) in enumerate(blocks, 1):
        here, there = slice(row, row + ROWS), slice(column, column + ROWS)
        # |a - b|^2, and with b mirrored; the nearer one of the two
        odd_products = odd[here] @ odd[there].T
        nearness = even[here] @ even[there].T
        nearness += np.abs(odd_products)
        nearness *= -2
        nearness += lengths[here, None]
        nearness += lengths[None, there]
        rows, columns = np.nonzero(nearness <= limit)
        inside = rows + row < columns + column
        rows, columns = rows[inside], columns[inside]
        mirrored = odd_products[rows, columns] < 0
        for start in range(0, len(rows), PAIRS):
            part = slice(start, start + PAIRS)
            first, second = rows[part] + row, columns[part] + column
            other = thumbnails[second]
            other[mirrored[part]] = other[mirrored[part], :, ::-1]
            for place in np.flatnonzero(alike(thumbnails[first], other)).tolist():
                yield int(first[place]), int(second[place]), bool(mirrored[part][place])
        progress("comparing", done, len(blocks))


def alike(ones: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether two thumbnails are of one picture, for each of n pairs, n x 16 x 16 x 3."""
    difference = ones.astype(np.float32) - others
    grey = difference @ GREY
    colour = np.abs(difference - grey[..., None]).max((1, 2, 3))
    changes = np.abs(grey).reshape(len(grey), -1)
    largest = changes.max(1)
    edges = np.minimum(_contrast(ones @ GREY), _contrast(others @ GREY)).reshape(changes.shape) > EDGE
    edges[edges.sum(1) < FEWEST_EDGES] = True
    ranked = np.sort(np.where(edges, changes, np.inf), axis=1)
    half, most = (ranked[np.arange(len(ranked)), edges.sum(1) * part // 4] for part in (2, 3))
    small = (largest <= MOST_GREY) & (colour <= MOST_COLOUR) & (most <= MOST_AT_EDGES)
    return np.asarray(small & (largest <= MOST_AT_ONE_PLACE * (half + ROUNDING)))


def _contrast(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much the neighbours of each place differ, n x 16 x 16."""
    around = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    size = grey.shape[1]
    moved = [around[:, down : down + size, right : right + size] for down in range(3) for right in range(3)]
    lightest, darkest = moved[0].copy(), moved[0].copy()
    for part in moved[1:]:
        np.maximum(lightest, part, out=lightest)
        np.minimum(darkest, part, out=darkest)
    return lightest - darkest


def _frequencies(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """N x 63: the lowest frequencies without the mean, each divided by its spread over the set."""
    found = np.empty((len(thumbnails), FREQUENCIES**2 - 1), np.float32)
    for start in range(0, len(thumbnails), ROWS):
        part = slice(start, start + ROWS)
        transformed = dctn(thumbnails[part] @ GREY, axes=(1, 2), norm="ortho")[:, :FREQUENCIES, :FREQUENCIES]
        found[part] = transformed.reshape(len(transformed), -1)[:, 1:] / THUMBNAIL
    return found / np.maximum(found.std(0), LEAST_SPREAD)


def leaks(copies: Sequence[Copy], training: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> list[Copy]:
    """The copies that are trained on while the picture they are copies of is held out."""
    return [copy for copy in copies if training[copy.index] and held_out[copy.of]]
