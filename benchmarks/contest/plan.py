"""How many steps take how many processor seconds: the arithmetic of equal time."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WARM_UP = 10
"""Steps that say nothing of the speed: memory is found, and files are read for the first time."""
FIRST_LOOK = 3 * WARM_UP
"""Steps of the shortest run."""
SHARE = 0.1
"""How large a part of the asked time the run may take that the speed is measured in, where `FIRST_LOOK` steps take less."""
TOLERANCE = 0.03
"""How far from the asked seconds a training may end."""
CORRECTIONS = 2
"""How often a number of steps is corrected: where other programs ran during the short runs, the first correction is not enough."""


@dataclass(frozen=True)
class Usage:
    """What a training took."""

    processor_seconds: float
    """Of the whole process, from its start to its end."""
    peak_mb: float
    """The most memory that it had, in millions of bytes."""
    points: Sequence[tuple[int, float]] = ()
    """Pairs of a step and the processor seconds until then."""

    @staticmethod
    def read(folder: Path) -> Usage | None:
        """What contest/usage.py wrote of a process that ended well, or None."""
        try:
            found = json.loads((folder / "usage.json").read_text())
        except (OSError, ValueError):
            return None
        if found["exit_code"]:
            return None
        return Usage(found["processor_seconds"], found["peak_mb"], [(step, seconds) for step, seconds in found["points"]])


@dataclass(frozen=True)
class Speed:
    """Seconds of processor that a training takes, as a function of its steps."""

    step: float
    """Of a step."""
    rest: float
    """Of all that is done once: the start, the first steps, the last picture, the fit of the prior, the report."""

    @staticmethod
    def of(usage: Usage, steps: int) -> Speed:
        """From a run of so many steps.

        Raises:
            ValueError: it was too short.
        """
        points = [point for point in usage.points if point[0] >= WARM_UP]
        if len(points) < 2 or points[-1][0] == points[0][0]:
            raise ValueError(f"a run of {steps} steps does not say how long a step takes")
        (first, began), (last, ended) = points[0], points[-1]
        step = (ended - began) / (last - first)
        return Speed(step, usage.processor_seconds - steps * step)

    def steps_in(self, seconds: float) -> int:
        """How many steps, and all that is done once, come nearest to so many seconds; at least `WARM_UP`."""
        return max(WARM_UP, round((seconds - self.rest) / self.step))

    def steps_to_look_at(self, seconds: float) -> int:
        """How many steps a run should have that says more of the speed, and has drawn a picture if it draws many in `seconds`."""
        return max(FIRST_LOOK, round(SHARE * seconds / self.step))


def is_near(found: float, asked: float) -> bool:
    """Whether a training took the seconds that it should."""
    return abs(found / asked - 1) <= TOLERANCE


def corrected(speed: Speed, usage: Usage, steps: int, asked: float) -> int:
    """How many steps would have taken the asked seconds, after a whole training of `steps`."""
    step = speed.step
    if len([point for point in usage.points if point[0] >= WARM_UP]) > 1:
        step = Speed.of(usage, steps).step
    return max(WARM_UP, steps + round((asked - usage.processor_seconds) / step))


def epochs_of(steps: int, steps_an_epoch: int) -> tuple[int, int]:
    """How many epochs of how many steps come nearest to so many steps, for a trainer that knows whole epochs alone.

    An epoch is never longer than `steps_an_epoch`, by more than rounding.
    """
    epochs = math.ceil(steps / max(1, steps_an_epoch))
    return epochs, max(1, round(steps / epochs))
