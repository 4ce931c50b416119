"""What was found: single pictures that a person should look at, and what the set as a whole is like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data import split
from ..progress import Progress
from ..recipe import Recipe
from .advice import amounts, rare_attributes
from .checks import CHECKS
from .copies import GREY, blank, find_copies
from .examine import VIEW, Examined, Records

BORDER_LINES = 2
"""A border of fewer lines, of 64, is not reported."""
ODD_SHAPE = 2.0
"""A picture is odd that is so many times as wide, for its height, as what the recipe takes."""
ONE_SIZE = 0.95
"""If this share of the pictures has one size, pictures of another size are odd."""
TINY = 8.0
"""A file is tiny that has so many times fewer bytes a pixel than half of the files."""
CAST, CAST_SPREAD, NO_COLOUR = 25.0, 0.35, 6.0
"""A picture has a cast if its colour differs so much from that of the set, and varies within it by less than this part of that. A picture
has no colour if its colour is nowhere larger than the last."""
LOW_CONTRAST = 64
"""Between the darkest and the lightest values."""


@dataclass(frozen=True)
class Finding:
    """One picture, and what was found."""

    check: str
    """One of `CHECKS`, but for `leak`."""
    name: str
    detail: str = ""
    index: int | None = None
    """Its number among the pictures that can be read."""
    of: int | None = None
    """The picture that it is a copy of."""
    leak: bool = False
    """Whether it is trained on while the picture that it is a copy of is held out."""
    leave_out: bool = False
    """Whether `vaegan prepare --leave-out` leaves it out."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about a set."""

    examined: Examined
    training: int
    held_out: int
    findings: list[Finding]
    """In the order of `CHECKS`."""
    notes: list[str]
    """On the set as a whole, a sentence each."""

    def of(self, check: str) -> list[Finding]:
        """The findings of a check."""
        return [one for one in self.findings if one.leak] if check == "leak" else [one for one in self.findings if one.check == check]

    @property
    def to_leave_out(self) -> list[Finding]:
        """What `vaegan prepare --leave-out` leaves out."""
        return [one for one in self.findings if one.leave_out]

    @property
    def leaked(self) -> int:
        """How many held-out images have a copy among the training images."""
        return len({one.of for one in self.findings if one.leak})


def diagnose(examined: Examined, recipe: Recipe, *, progress: Progress = lambda *_: None) -> Diagnosis:
    """Find what is wrong with pictures that were examined.

    Raises:
        UserError: they have splits, but not those that the recipe names.
    """
    training, held_out = (np.asarray(part[:]) for part in split(examined, recipe.data.held_out, recipe.data.train_on))
    trained, held = np.zeros((2, len(examined)), bool)
    trained[training], held[held_out] = True, True
    names, records = examined.names, examined.records
    found = [Finding("broken", name, reason) for name, reason in examined.broken]
    for copy in find_copies(records, held, names, progress=progress):
        leak = bool(trained[copy.index] and held[copy.of])
        found.append(Finding(copy.kind, names[copy.index], f"of {names[copy.of]}", copy.index, copy.of, leak, leave_out=True))
    for check, index, detail in _single(examined, recipe):
        found.append(Finding(check, names[index], detail, index, leave_out=check == "blank"))
    order = {check: place for place, check in enumerate(CHECKS)}
    notes = [*_on_the_set(records), *amounts(len(training), len(held_out), recipe, has_splits=bool(examined.splits))]
    notes += rare_attributes(examined.source.attribute_names, examined.attributes[training], recipe)
    return Diagnosis(examined, len(training), len(held_out), sorted(found, key=lambda one: order[one.check]), notes)


def _single(examined: Examined, recipe: Recipe) -> Iterator[tuple[str, int, str]]:
    """The check, the picture's number, and a detail, of what is seen on each picture alone."""
    records = examined.records
    empty = blank(records)
    for index in np.flatnonzero(empty).tolist():
        yield "blank", index, ""
    padded = examined.packed is not None and examined.packed.preparation.crop == "pad"  # whose bars are none of the pictures'
    edges = np.where(records["border"] < VIEW, records["border"], 0)
    for index in np.flatnonzero((edges >= BORDER_LINES).any(1) & ~empty & (not padded)).tolist():
        sides = zip(("top", "bottom", "left", "right"), edges[index].tolist(), strict=True)
        yield "border", index, ", ".join(f"{side} {lines / VIEW:.0%}" for side, lines in sides if lines >= BORDER_LINES)
    if not examined.packed:
        yield from _stored(records, recipe)
    if examined.preparation.channels != 2:  # two channels are shown in colours that stand for no colours
        yield from _coloured(records, empty)
    for index in np.flatnonzero((records["contrast"] < LOW_CONTRAST) & ~empty).tolist():
        yield "low contrast", index, f"values from {records['dark'][index]} to {records['light'][index]}"


def _stored(records: Records, recipe: Recipe) -> Iterator[tuple[str, int, str]]:
    """What a packed set does not show: how large pictures and their files are."""
    height, width = recipe.networks.size
    known = np.flatnonzero(records["width"])
    if not len(known):
        return
    records = records[known]
    widths, heights = records["width"].astype(np.float64), records["height"].astype(np.float64)
    sizes, counts = np.unique(np.stack([widths, heights]), axis=1, return_counts=True)
    usual = sizes[:, counts.argmax()]
    fixed = counts.max() >= ONE_SIZE * len(records)
    shape = (widths / heights) / (width / height)
    odd = np.maximum(shape, 1 / shape) > ODD_SHAPE if recipe.data.crop in ("centre", "none") else np.zeros(len(records), bool)
    other = (widths != usual[0]) | (heights != usual[1]) if fixed else np.zeros(len(records), bool)
    for index in np.flatnonzero(odd | other).tolist():
        found = f"{widths[index]:.0f}x{heights[index]:.0f}"
        if not odd[index]:
            yield "odd size", int(known[index]), f"{found}; most are {usual[0]:.0f}x{usual[1]:.0f}"
        elif recipe.data.crop == "none":
            yield "odd size", int(known[index]), f"{found}; squeezed {max(shape[index], 1 / shape[index]):.1f} times"
        else:
            yield "odd size", int(known[index]), f"{found}; {1 - min(shape[index], 1 / shape[index]):.0%} is cut off"
    for index in np.flatnonzero((widths < width) | (heights < height)).tolist():
        yield "small", int(known[index]), f"{widths[index]:.0f}x{heights[index]:.0f}; the networks take {width}x{height}"
    stored = records["bytes"] > 0
    density = records["bytes"] / (widths * heights)
    usual_density = np.median(density[stored]) if stored.any() else 0.0
    for index in np.flatnonzero(stored & (density < usual_density / TINY)).tolist():
        yield "tiny file", int(known[index]), f"{records['bytes'][index]:,} bytes for {widths[index]:.0f}x{heights[index]:.0f} pixels"


def _coloured(records: Records, empty: NDArray[np.bool_]) -> Iterator[tuple[str, int, str]]:
    """Pictures whose colours are unlike those of the set."""
    if not len(records):
        return
    means, spreads, largest = (
        np.concatenate(parts) for parts in zip(*map(_colour, np.array_split(records, len(records) // 4096 + 1)), strict=True)
    )
    grey = (largest <= NO_COLOUR) & ~empty
    if grey.mean() <= 0.5:
        for index in np.flatnonzero(grey).tolist():
            yield "no colour", index, ""
    shift = means - np.median(means, axis=0)
    distance = np.sqrt(np.square(shift).sum(1))
    for index in np.flatnonzero((distance > CAST) & (spreads < CAST_SPREAD * distance) & ~grey & ~empty).tolist():
        yield "colour cast", index, f"towards {_name_of(shift[index])}"


def _colour(records: Records) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The mean of red minus grey and of blue minus grey, n x 2, their spread within each picture, and the largest of either."""
    thumbnails = records["thumbnail"].astype(np.float32)
    grey = thumbnails @ GREY
    colour = np.stack([thumbnails[..., 0] - grey, thumbnails[..., 2] - grey], 3).reshape(len(records), -1, 2)
    return colour.mean(1), np.sqrt(colour.var(1).sum(1)), np.abs(colour).max((1, 2))


def _name_of(shift: NDArray[np.float32]) -> str:
    """A word for a colour: how much more red, and how much more blue it is than grey."""
    red, blue = shift.tolist()
    green = -(GREY[0] * red + GREY[2] * blue) / GREY[1]
    sides = {"red": red, "green": green, "blue": blue, "cyan": -red, "magenta": -green, "yellow": -blue}
    return max(sides, key=lambda name: sides[name])


def _on_the_set(records: Records) -> Iterator[str]:
    """What is odd of all pictures together."""
    if not len(records):
        return
    low, high = int(np.quantile(records["dark"], 0.01)), int(np.quantile(records["light"], 0.99))
    if high - low < 128:
        yield f"the values of the set are from {low} to {high} of 255, a small part of the range: check how the images were stored"


def copies_of(findings: Sequence[Finding]) -> dict[int, list[Finding]]:
    """Copies by the picture that they are copies of, in order."""
    groups: dict[int, list[Finding]] = {}
    for one in findings:
        if one.of is not None:
            groups.setdefault(one.of, []).append(one)
    return groups
