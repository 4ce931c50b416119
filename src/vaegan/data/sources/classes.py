"""A folder a class: NAME/image.jpg, or SPLIT/NAME/image.jpg with splits such as train and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ..listing import listing
from ..source import Item, Source, printable
from ..tables import SPLITS


def source(path: Path) -> Source:
    """The images of a folder or an archive, labelled by the folders that they lie in.

    Raises:
        UserError: there are no images, or they do not lie in folders.
    """
    files = listing(path)
    tops = {name.partition("/")[0] for name, _ in files if "/" in name}
    if not tops:
        raise UserError(f"the images in {path} do not lie in a folder a class")
    split = all(top.lower() in SPLITS for top in tops)
    depth = 2 if split else 1

    def items() -> Iterator[Item]:
        for name, picture in files:
            *folders, _ = name.split("/")
            label = folders[depth - 1] if len(folders) >= depth else ""
            yield Item(name, picture, SPLITS.get(folders[0].lower(), "") if split and folders else "", label)

    return Source(f"classes {printable(path.resolve().name)}", items, files.count, **files.fingerprint.hashes)
