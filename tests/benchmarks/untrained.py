"""A contender that learns nothing, for tests."""

from __future__ import annotations

from typing import Any


def train(task: Any) -> None:
    """Count the steps."""
    for _ in range(task.job.steps):
        task.progress()


def fails(task: Any) -> None:
    """End with an error."""
    raise RuntimeError(f"no way to take {task.job.steps} steps")
