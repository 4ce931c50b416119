"""What functions say as they work: a bar, notes, and the files that gave no image."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..data.dataset import ImageSet, report_skipped
from ..data.left_out import LISTED, name_and_reason
from ..progress import Progress, console_of, progress_bar

if TYPE_CHECKING:
    from rich.console import Console

ShowProgress: TypeAlias = "bool | Console | None"
"""Whether a function shows a bar and notes as it works: True on standard error, False nowhere, a console of rich there. None, the default,
shows them in a notebook only."""
MOST_ROWS = 50
"""Rows of a picture that has one for each image."""


@dataclass(frozen=True)
class Skipped:
    """A file that gave no image."""

    name: str
    error: str
    """The reason."""

    @staticmethod
    def of(line: str) -> Skipped:
        """A line of skipped.txt."""
        return Skipped(*name_and_reason(line))


class Talk:
    """What a function says as it works. Its notes are kept for the result."""

    def __init__(self, progress: ShowProgress) -> None:
        self.console = console_of(progress)
        self.notes: list[str] = []
        self.skipped: list[Skipped] = []

    def bar(self) -> AbstractContextManager[Progress]:
        """A bar, for a while."""
        return progress_bar(self.console)

    def say(self, sentence: str) -> None:
        """Show what goes on, which is of no interest later."""
        self.console.print(sentence, soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Show a sentence that belongs to the result."""
        self.notes.append(sentence)
        self.say(sentence)

    def skip(self, name: str, error: str) -> None:
        """Show that a file gave no image."""
        self.skipped.append(Skipped(name, error))
        self.say(f"skipped {name}: {error}")

    def left_out(self, what: str, reason: str) -> None:
        """Show what else is not read, such as more frames of a file."""
        self.note(f"left out {what}: {reason}")

    def skipped_of(self, images: ImageSet) -> None:
        """Show which files of a set gave no image."""
        self.skipped += map(Skipped.of, images.skipped)
        for line in report_skipped(images):
            self.say(line)

    def not_read_of(self, images: ImageSet) -> None:
        """Show which files of a set gave no image, and what was left out."""
        self.skipped_of(images)
        for stored, note in zip(images.manifest["notes"], images.notes(), strict=True):
            if LISTED in stored:
                self.note(note)

    def how_many(self, images: int) -> None:
        """Say so where a picture has a row for each image, and there are too many."""
        if images > MOST_ROWS:
            self.say(f"the picture shows the first {MOST_ROWS} of {images:,} images")
