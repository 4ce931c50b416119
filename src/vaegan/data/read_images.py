"""Pictures that a person names one by one, or a few folders of them: read at once, not packed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import missing
from .images import Picture, Preparation, read
from .samples import Unreadable
from .sources import arrays
from .sources.base import File
from .sources.files import Listing, is_archive, listing


def read_images(
    paths: Sequence[Path],
    preparation: Preparation,
    skipped: Callable[[str, str], None] = lambda *_: None,
    left_out: Callable[[str, str], None] = lambda *_: None,
) -> tuple[list[str], NDArray[np.uint8]]:
    """The pictures of files, folders and archives, as the model takes them.

    Args:
        paths: image files, or folders, archives or arrays of them.
        preparation: how they are made ready; a model has it as `model.preparation`.
        skipped: told the name of a picture that gives no image, and why; likewise of one of several archives or arrays.
        left_out: told what else is not read, such as more frames of a file, and why.

    Returns:
        Their names, and N x H x W x C, uint8.

    Raises:
        UserError: something that was given is not there, there is no readable image in all of it, or a folder has no images.
    """
    names: list[str] = []
    arrays: list[NDArray[np.uint8]] = []
    for path in paths:
        if not path.exists():
            raise missing(path)
        alone = len(paths) == 1  # its error says more
        try:
            pictures = _pictures(path)
        except UserError as error:
            if alone or not path.is_file():
                raise
            skipped(str(path), reason_of(error, path))
            continue
        for name, picture in pictures if alone else _until_damage(pictures, path, skipped):
            rests: list[str] = []
            try:
                arrays.append(read(picture, preparation, say_rest=rests.append))
            except Unreadable as reason:
                skipped(name, str(reason))
            else:
                names.append(name)
            for rest in rests:
                left_out(f"{rest} of {name}", "only the first is used")
        if files := getattr(pictures, "left_out", None):
            left_out(f"{files.total()} in {path}", files.in_words())
    if not arrays:
        raise UserError(f"no image can be read from {', '.join(map(str, paths))}")
    return names, np.stack(arrays)


def reason_of(error: UserError, path: str | Path) -> str:
    """Why a file cannot be read, without the name of it."""
    return str(error).removeprefix(f"cannot read {path}: ").removeprefix(f"{path} is ")


def _until_damage(
    pictures: Iterable[tuple[str, Picture]], path: Path, skipped: Callable[[str, str], None]
) -> Iterator[tuple[str, Picture]]:
    """The pictures in an archive or an array, up to where it is damaged."""
    try:
        yield from pictures
    except UserError as error:
        skipped(str(path), reason_of(error, path))


def _pictures(path: Path) -> Listing | Iterable[tuple[str, Picture]]:
    """Each picture in a file, a folder or an archive, with its name."""
    if path.is_dir() or is_archive(path):
        return listing(path)
    if arrays.holds_many(path):
        return ((f"{path.name} {item.name}", item.picture) for item in arrays.source(path).items())
    return [(str(path), File(str(path)))]
