"""What the sets of fixed-size binary records share."""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError
from ...files import read_text


def locate(path: Path, kind: str, *names: str) -> Path:
    """The folder that holds some files: this one, or a folder in it.

    Raises:
        UserError: there is none.
    """
    folders = (path, *(p for p in sorted(path.glob("*")) if p.is_dir()))
    missing = {folder: [name for name in names if not (folder / name).is_file()] for folder in folders}
    nearest = min(folders, key=lambda folder: len(missing[folder]))
    if not missing[nearest]:
        return nearest
    what = "it is a file: unpack it first" if path.is_file() else f"it has no {missing[nearest][0]}"
    raise UserError(f"{path} is not {kind} in its binary form: {what}")


def records(path: Path, size: int) -> int:
    """How many records of so many bytes a file holds.

    Raises:
        UserError: not a whole number.
    """
    count, rest = divmod(path.stat().st_size, size)
    if rest or not count:
        raise UserError(f"{path} is damaged: it should hold records of {size:,} bytes, and has {path.stat().st_size:,}")
    return count


def lines(path: Path) -> list[str]:
    """The names in a text file, one a line."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]
