"""The pictures that training drew, from the first to the newest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..pictures import drawn, open_picture
from .embedded import Embedded, embed, thinned

MOST = 20
"""Pictures in the page; of more, some evenly spaced ones are taken."""
NEWEST_BYTES, OLDER_BYTES = 900_000, 3_600_000
"""As text in the page: the newest picture, and all others together."""
OLDER_WIDTH = 1200


@dataclass(frozen=True)
class Frame:
    """A picture after some step."""

    step: int
    picture: Embedded


@dataclass(frozen=True)
class Frames:
    """The pictures to look at, oldest first."""

    shown: list[Frame]
    left_out: int
    """How many more there are in the run."""
    damaged: list[str]
    """Names of files that could not be read."""

    @staticmethod
    def of(run: Path) -> Frames:
        """Take the pictures that training drew."""
        steps = drawn(run)
        ordered = thinned(list(steps.items()), MOST)
        frames, damaged = [], []
        for step, path in ordered:
            picture = open_picture(path)
            if picture is None:
                damaged.append(path.name)
            elif step == ordered[-1][0]:
                frames.append(Frame(step, embed(picture, NEWEST_BYTES)))
            else:
                frames.append(Frame(step, embed(picture, OLDER_BYTES // len(ordered), OLDER_WIDTH, quality=75)))
        return Frames(frames, len(steps) - len(ordered), damaged)
