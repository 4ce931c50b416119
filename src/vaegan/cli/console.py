"""What all commands share: the two consoles, sizes, and how results are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from ..errors import UserError

if TYPE_CHECKING:
    from ..result import Result

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

Json = Annotated[bool, Parameter(negative="", show_default=False)]
"""For --json and --jsonl."""


def parse_size(text: str, flag: str = "--size", what: str = "a number of pixels, or height x width such as 96x64") -> tuple[int, int]:
    """Height and width out of what was given.

    Raises:
        UserError: they are no numbers.
    """
    try:
        sides = text.lower().split("x")
        height, width = map(int, sides * 2 if len(sides) == 1 else sides)
    except ValueError:
        raise UserError(f'{flag} must be {what}, not "{text}"') from None
    return height, width


def name_and_number(text: str, rule: str) -> tuple[str, float]:
    """A name and a number out of "age=40".

    Args:
        text: what was given.
        rule: what the flag must be, for the sentence that refuses anything else.

    Raises:
        UserError: it is something else.
    """
    name, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        name = ""
    if not name:
        raise UserError(f'{rule}, not "{text}"')
    return name, value


def picture_file(path: Path) -> Path:
    """Where a picture will be written: refused now, and not after minutes of work.

    Raises:
        UserError: the name asks for nothing that can be written.
    """
    from ..viz import grid

    grid.kind_of(path)
    return path


def save_picture(result: Any, path: Path, outdir: Path | None = None) -> None:
    """Write the picture of a result, and its single images into a folder if one is named; the result then names these files."""
    from ..viz import grid

    result.files.append(grid.save(result.figure(), path))
    if outdir is not None:
        result.files.extend(result.save_each(outdir))


def print_row(row: Any) -> None:
    """Print a row of a result as a line of JSON, as soon as it is made: for --jsonl."""
    from json import dumps

    from ..result import as_json

    print(dumps(as_json(row)), flush=True)


def wrote(path: Path) -> None:
    """Say where a result is: on standard output, for who looks or for a script."""
    print(f"wrote {path}")


def show(
    result: Result, *, json: bool = False, jsonl: bool = False, table: bool = True, outdir: Path | None = None, console: Console = out
) -> None:
    """Print what a function gave back: as JSON and nothing else, or as a table, its lines, and the files that were written.

    Args:
        result: what to print.
        json: as one object.
        jsonl: nothing, because `print_row` has printed each row.
        table: whether people see the table and its lines; of a picture, they see where it is.
        outdir: the folder of single files, which people are not shown one by one.
        console: where tables are printed.
    """
    from json import dumps

    if json:
        print(dumps(result.to_dict(), indent=2))
    elif not jsonl:
        found = result.table() if table else None
        if found is not None:
            console.print(found)
        for line in result.lines() if table else ():
            console.print(line, soft_wrap=True, markup=False)
        files: list[Path] = getattr(result, "files", [])
        single = [path for path in files[1:] if path.parent == outdir]
        for path in files:
            if path not in single:
                wrote(path)
        if outdir:
            print(f"wrote {len(single):,} images into {outdir}")
