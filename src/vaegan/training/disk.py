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
    """What a run writes, in bytes, beside what is there already."""

    checkpoints: int
    """As many as are there at the same time at most: an old one is removed when the new one is whole."""
    model: int
    pictures: int
    """In samples/ and for TensorBoard."""
    logs: int
    """stats.jsonl, its numbers for TensorBoard, and the pages."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


def disk_of(steps: int, costs: Costs, settings: Training, *, report: bool, studio: bool = False, begun: int = 0, there: int = 0) -> Disk:
    """What a run of so many steps writes. A run that is continued replaces its model, its pages and its older checkpoints.

    Args:
        steps: how many it is to take.
        costs: how large a picture, a model and a checkpoint are.
        settings: how often they are written, and how many checkpoints stay.
        report: whether there is a report.
        studio: whether there is a page that holds the model.
        begun: the step that it is at.
        there: how many checkpoints it has.
    """

    def times(every: int) -> int:
        return max(0, -(-steps // every) - begun // every)

    pictures, saves, lines = map(times, (settings.picture_every, settings.checkpoint_every, settings.log_every))
    replaced = min(there, settings.keep)
    checkpoints = min(saves, settings.keep + 1 - replaced)
    if settings.keep_every:
        checkpoints += max(0, steps // settings.keep_every - begun // settings.keep_every)
    return Disk(
        checkpoints * costs.checkpoint_bytes,
        0 if begun else costs.model_bytes,
        2 * pictures * costs.picture_bytes,
        lines * LINE + min(PAGE, pictures * costs.picture_bytes) * (report and not begun) + costs.model_bytes * (studio and not begun),
    )
