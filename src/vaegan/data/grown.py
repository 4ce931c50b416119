"""Sets that hold all images of an older set, and more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..words import command
from .dataset import ImageSet
from .prepare import cache_folder, packed_folder
from .sources.base import some

PART = 1024
"""Images that are compared at a time."""


def find_packed(identity: str, source: str, images: ImageSet) -> ImageSet | None:
    """The packed set of an identity (see `ImageSet.identity`): the source itself, or one in the cache; None if it is in neither.

    An identity comes from a set's checksums, not from its names or its bytes. So of several sets the one is taken that has most names in
    common with `images`, and none whose files have changed since it was packed.
    """
    found: list[ImageSet] = []
    for folder in _packed(source):
        with suppress(UserError):  # it is damaged, or of another version
            older = ImageSet.open(folder)
            if older.identity == identity:
                found.append(older)
    names = set(images.names) if len(found) > 1 else set()
    found.sort(key=lambda older: len(names.intersection(older.names)), reverse=True)
    return next((older for older in found if all(good for *_, good in older.verify())), None)


def _packed(source: str) -> Iterator[Path]:
    with suppress(UserError):
        if folder := packed_folder(source):
            yield folder
    with suppress(UserError, OSError):
        yield from (folder for folder in sorted(cache_folder().iterdir()) if ImageSet.is_set(folder))


def require_all_of(older: ImageSet, images: ImageSet, source: str, run: object) -> None:
    """See that a set has all images of an older one, under the same names.

    Args:
        older: the images that a run was trained on.
        images: the set that it is to go on with.
        source: where these are, as a person said it.
        run: the run, as a command takes it.

    Raises:
        UserError: it has not.
    """
    positions, names = {name: position for position, name in enumerate(images.names)}, older.names
    anew = command("train", "--data", source, "--init-from", run)
    if missing := [name for name in names if name not in positions]:
        verb = "is" if len(missing) == 1 else "are"
        what = f"{len(missing):,} of the {len(names):,} images of the run {verb} missing in {source}: {some(missing)}"
        raise UserError(f"{what}; --more-images needs all images of the run: add the missing ones again, or train a new run with: {anew}")
    wanted = np.array([positions[name] for name in names], np.int64)
    changed: list[str] = []
    for start in range(0, len(names), PART):
        before, now = older.images[start : start + PART], images.images[wanted[start : start + PART]]
        changed += [names[start + place] for place in np.flatnonzero((before != now).any((1, 2, 3)))]
    if changed:
        verb = "has" if len(changed) == 1 else "have"
        what = f"{len(changed):,} of the {len(names):,} images of the run {verb} changed in {source}: {some(changed)}"
        raise UserError(f"{what}; --more-images needs all images of the run as they were: restore them, or train a new run with: {anew}")


def names_of(images: ImageSet, indices: Sequence[int]) -> list[str]:
    """The names of some images of a set."""
    names = images.names
    return [names[index] for index in indices]
