"""One training of one contender: what is asked for, where it is done, and what is found there afterwards."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaegan.data import ImageSet, Indices, split
from vaegan.files import replacing

HELD_OUT = 0.2
"""Share of the images that is held out, of a set that has no validation or test images of its own."""
LOG_EVERY = 10
"""Steps between lines of stats.jsonl, by which the benchmark sees how fast a contender is."""


@dataclass(frozen=True)
class Job:
    """What one process trains."""

    contender: str
    """Its name."""
    function: str
    """Of a contender that is no recipe, MODULE:FUNCTION or FILE.py:FUNCTION; see `contest.train`."""
    images: str
    """The folder of the packed set."""
    seed: int
    steps: int
    folder: str
    """Where all of this is kept."""

    @property
    def run(self) -> Path:
        """The run folder, or model folder, that is trained."""
        return Path(self.folder) / "run"

    @property
    def stats_file(self) -> Path:
        """A line of JSON with a number `step`, every `LOG_EVERY` steps."""
        return self.run / "stats.jsonl"

    @property
    def file(self) -> Path:
        """Where this is written down for the process."""
        return Path(self.folder) / "job.json"

    def write(self) -> None:
        """Write it down."""
        write_json(self.file, dataclasses.asdict(self))

    @staticmethod
    def read(folder: Path) -> Job:
        """What `write` wrote into a folder."""
        return Job(**json.loads((folder / "job.json").read_text()))


def parts_of(images: ImageSet) -> tuple[Indices, NDArray[np.int64]]:
    """Numbers of the images to train on, and of those to measure on, which no contender sees.

    A set with splits is trained on its split `train`, and measured on validation and test images together.
    """
    training, held_out = split(images, HELD_OUT)
    others = [images.split(name) for name in ("validation", "test") if images.splits.get(name)]
    return training, np.unique(np.concatenate(others)) if others else held_out[:]


def write_json(path: Path, content: Any) -> None:
    """Write a file of JSON, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
