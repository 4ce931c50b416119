"""Pictures that a person names one by one, or a few folders of them: read at once, not packed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .images import Preparation, Unreadable, read
from .sources.base import File
from .sources.files import TARS, listing


def read_images(
    paths: Sequence[Path], preparation: Preparation, skipped: Callable[[str, str], None] = lambda *_: None
) -> tuple[list[str], NDArray[np.uint8]]:
    """The pictures of files, folders and archives, as the model takes them.

    Args:
        paths: image files, or folders or archives of them.
        preparation: how they are made ready; a model has it as `model.preparation`.
        skipped: told the name of a picture that gives no image, and why.

    Returns:
        Their names, and N x H x W x C, uint8.

    Raises:
        UserError: something that was given is not there, or there is no readable image in all of it.
    """
    names: list[str] = []
    arrays: list[NDArray[np.uint8]] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist")
        many = path.is_dir() or path.name.lower().endswith((".zip", *TARS))
        for name, picture in listing(path) if many else [(str(path), File(str(path)))]:
            try:
                arrays.append(read(picture, preparation))
            except Unreadable as reason:
                skipped(name, str(reason))
            else:
                names.append(name)
    if not arrays:
        raise UserError(f"there is no readable image in {', '.join(map(str, paths))}")
    return names, np.stack(arrays)
