"""A folder a class: NAME/image.jpg, or SPLIT/NAME/image.jpg with splits such as train and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from .base import Item, Source, printable
from .files import listing
from .tables import SPLITS


def _has_one_root(folders: set[tuple[str, ...]]) -> bool:
    """Whether all classes lie in one folder, as they do in most archives."""
    return len({folder[:1] for folder in folders}) == 1 and all(len(folder) > 1 and folder[0].lower() not in SPLITS for folder in folders)


def source(path: Path) -> Source:
    """The images of a folder or an archive, labelled by the folders that they lie in.

    Raises:
        UserError: there are no images, or they do not lie in folders.
    """
    files = listing(path)
    parents = {tuple(name.split("/")[:-1]) for name, _ in files}
    if parents == {()}:
        raise UserError(f"the images in {path} are not in folders of classes: make a folder for each class, and put its images into it")
    root = 1 if _has_one_root(parents) else 0
    split = any(len(folder) > root and folder[root].lower() in SPLITS for folder in parents)

    def items() -> Iterator[Item]:
        for name, picture in files:
            folders = name.split("/")[root:-1]
            group = folders.pop(0) if split and folders else ""
            yield Item(name, picture, SPLITS.get(group.lower(), group), folders[0] if folders else "")

    name = f"classes {printable(path.resolve().name)}"
    found = Source(name, items, files.count, left_out=files.left_out, **files.fingerprint.hashes)
    if without := sum(not item.label for item in items()):
        found.notes.append(f"images without a label, because they are not in the folder of a class: {without}")
    return found
