"""How fast a run is beside how fast it was: a sentence when it has become much slower."""

from __future__ import annotations

import os
from collections import deque
from statistics import median

SLOW = 0.5
"""The part of its usual speed below which a run has become much slower."""
PATIENCE = 20.0
"""Seconds that this must last."""
REMEMBERED = 100
"""Lines of the log whose median is the usual speed."""


class Pace:
    """Follows the speed of a run."""

    def __init__(self) -> None:
        self._speeds: deque[float] = deque(maxlen=REMEMBERED)
        self._slow_for = 0.0
        self._warned = False

    def __call__(self, speed: float, seconds: float) -> str | None:
        """Take in a speed in images a second, and for how long it was so; returns a sentence, once each time the run becomes slow."""
        usual = median(self._speeds) if self._speeds else speed
        if speed >= SLOW * usual:
            self._speeds.append(speed)
            self._slow_for, self._warned = 0.0, False
            return None
        self._slow_for += seconds
        if self._slow_for < PATIENCE or self._warned:
            return None
        self._warned = True
        return f"training has slowed from {usual:,.0f} to {speed:,.0f} images/s: {_reason()}"


def _reason() -> str:
    """What the system says of the last minute."""
    here = os.cpu_count() or 1
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return "other programs may use this machine"
    if load > here + 0.5:
        cores = f"{here} core{'s' * (here > 1)}"
        return f"the processor is overloaded (load {load:.1f}, {cores}). If that lasts, stop this run and resume it: it then adapts"
    return f"the processor is not busy (load {load:.1f}), so look at the disk, the memory and the temperature of this machine"
