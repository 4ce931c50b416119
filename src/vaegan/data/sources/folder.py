"""The image files of a folder or an archive, whatever they are called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..listing import listing
from ..source import Item, Source, printable


def source(path: Path) -> Source:
    """All image files in a folder with its subfolders, a zip or a tar.

    Raises:
        UserError: there are none.
    """
    files = listing(path)

    def items() -> Iterator[Item]:
        for name, picture in files:
            yield Item(name, picture)

    return Source(f"folder {printable(path.resolve().name)}", items, files.count, **files.fingerprint.hashes)
