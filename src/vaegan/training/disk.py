"""How much of a disk a run takes."""

from __future__ import annotations

from typing import NamedTuple

from ..settings import Training
from .minutes import Costs

LINE = 1200
"""Bytes of a line of stats.jsonl and of the same numbers for TensorBoard."""
PAGE = 5_000_000
"""Bytes of the largest report."""


class Disk(NamedTuple):
    """What a run writes, in bytes."""

    checkpoints: int
    """As many as are there at the same time at most: an old one is removed when the new one is whole."""
    model: int
    pictures: int
    """In samples/ and for TensorBoard."""
    logs: int
    """stats.jsonl, its numbers for TensorBoard, and the report."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


def disk_of(steps: int, costs: Costs, settings: Training, *, report: bool) -> Disk:
    """What a run of so many steps writes.

    Args:
        steps: how many it is to take.
        costs: how large a picture, a model and a checkpoint are.
        settings: how often they are written, and how many checkpoints stay.
        report: whether there is a report.
    """
    pictures, saves, lines = (-(-steps // every) for every in (settings.picture_every, settings.checkpoint_every, settings.log_every))
    checkpoints = min(saves, settings.keep + 1) + (steps // settings.keep_every if settings.keep_every else 0)
    return Disk(
        checkpoints * costs.checkpoint_bytes,
        costs.model_bytes,
        2 * pictures * costs.picture_bytes,
        lines * LINE + min(PAGE, pictures * costs.picture_bytes) * report,
    )
