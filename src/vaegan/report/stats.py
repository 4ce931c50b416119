"""What training wrote down in stats.jsonl, as far as it can be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from .charts import Series

LARGEST = 1e100
"""Numbers beyond are no measurements."""


@dataclass(frozen=True)
class Stats:
    """The lines of stats.jsonl, one a step and rising."""

    lines: list[dict[str, Any]]
    damaged: int
    """How many lines could not be read, or had no step."""

    @staticmethod
    def read(path: Path) -> Stats:
        """Read the lines; where there are two of one step, as after a crash, the later one counts."""
        lines: dict[int, dict[str, Any]] = {}
        damaged = 0
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for line in text.splitlines():
            try:
                read = json.loads(line)
                step = int(read["step"])
                if not 0 <= step < LARGEST:
                    raise ValueError
                lines[step] = read | {"step": step}
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                damaged += 1
        return Stats([lines[step] for step in sorted(lines)], damaged)

    @property
    def steps(self) -> int:
        """The last step that was written down; 0 where there is none."""
        return int(self.lines[-1]["step"]) if self.lines else 0

    @property
    def asked(self) -> int | None:
        """How many steps the run was to take when the last line was written; None where it does not say."""
        steps = self.lines[-1].get("steps") if self.lines else None
        return int(steps) if is_number(steps) else None

    @property
    def images_per_step(self) -> int | None:
        """Images a step over all processes, if that is known."""
        last = self.lines[-1] if self.lines else {}
        return round(last["images"] / self.steps) if is_number(last.get("images")) and self.steps else None

    @property
    def names(self) -> list[str]:
        """What was written down as numbers, in the order in which it first occurs, other than the counts of steps and images."""
        names = dict.fromkeys(name for line in self.lines for name, value in line.items() if is_number(value))
        return [name for name in names if name not in ("step", "steps", "images")]

    @property
    def warnings(self) -> list[tuple[str, int, int]]:
        """What training warned of: the sentence, at which step first, and how many times."""
        found: dict[str, tuple[int, int]] = {}
        for line in self.lines:
            warned = line.get("warnings") or []
            for sentence in warned if isinstance(warned, list) else [warned]:
                first, times = found.get(str(sentence), (line["step"], 0))
                found[str(sentence)] = (first, times + 1)
        return [(sentence, first, times) for sentence, (first, times) in found.items()]

    def series(self, name: str, called: str = "", factor: float = 1.0) -> Series:
        """One of the numbers over the steps, times `factor`."""
        there = [(line["step"], line[name]) for line in self.lines if is_number(line.get(name))]
        pairs: NDArray[np.float64] = np.array(there, np.float64).reshape(-1, 2)
        return Series(called or name, pairs[:, 0], pairs[:, 1] * factor)

    def seconds(self) -> float | None:
        """How long the steps took, without pictures and checkpoints; None where a speed is missing."""
        before, seconds = 0.0, 0.0
        for line in self.lines:
            images, speed = line.get("images"), line.get("images_per_second")
            if not (is_number(images) and is_number(speed) and speed > 0):
                return None
            seconds, before = seconds + (images - before) / speed, images
        return seconds or None


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value can be drawn; numbers that are not finite cannot."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
