"""What all commands share: the two consoles, sizes, and where results are."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from ..errors import UserError

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)


def parse_size(text: str, flag: str = "--size", what: str = "a number of pixels, or height x width such as 96x64") -> tuple[int, int]:
    """Height and width out of what was given.

    Raises:
        UserError: they are no numbers.
    """
    try:
        sides = text.lower().split("x")
        height, width = map(int, sides * 2 if len(sides) == 1 else sides)
    except ValueError:
        raise UserError(f"{flag} must be {what}, not {text}") from None
    return height, width


def check_fps(fps: float) -> None:
    """See that a film can be so fast.

    Raises:
        UserError: it cannot.
    """
    if not 1 <= fps <= 50:  # players of GIFs know no more
        raise UserError(f"--fps must be from 1 to 50, not {fps}")


def wrote(path: Path) -> None:
    """Say where a result is: on standard output, for who looks or for a script."""
    print(f"wrote {path}")
