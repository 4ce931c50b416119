"""What the sets of fixed-size binary records share."""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError


def locate(path: Path, kind: str, *names: str) -> Path:
    """The folder that holds some files: this one, or a folder in it.

    Raises:
        UserError: there is none.
    """
    for folder in (path, *(p for p in sorted(path.glob("*")) if p.is_dir())):
        if all((folder / name).is_file() for name in names):
            return folder
    what = "a file: unpack it first" if path.is_file() else f"it has no {names[0]}"
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
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
