"""Which runs there are in a folder, and how far each is. A few lines of each run are read, and torch is not loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from . import old_names
from .errors import UserError
from .files import from_home, is_locked, missing
from .parse_settings import Layer, parse
from .recipe import RUNS, Recipe, called, read
from .run import Run

DEEPEST = 3
"""How many folders down runs are looked for: an experiment keeps its own in a folder of its folder."""
MODEL_MARKS = {"config.json", "model.safetensors"}  # as in models/vaegan.py, which loads torch
TAIL = 1 << 16
"""Bytes at the end of a log in which its last line is looked for."""

UNCERTAINTY = ("_halves", "_real_baseline", "_spread", "_standard_error", "_a_half")
"""How the names of numbers in metrics.jsonl end that say how sure another one is."""

State = Literal["training", "finished", "interrupted", "no checkpoint", "model folder"]
"""`interrupted`: it can be continued from a checkpoint. `no checkpoint`: it ended before its first one, or has none any more.
`model folder`: there is a model, and no run."""


@dataclass(frozen=True)
class RunStatus:
    """How far a run is, as far as its files say."""

    folder: Path
    state: State
    recipe: str = ""
    """The packaged recipe that its own is, or is nearest to, in words; empty where it is not known."""
    step: int | None = None
    """How many steps are done: of a run that goes on, by its last line of stats.jsonl, else by its newest checkpoint."""
    steps: int | None = None
    """How many it is to take; None where its files do not say."""
    losses: dict[str, float] = field(default_factory=dict)
    """The numbers of its last line of stats.jsonl."""
    metrics: dict[str, float] = field(default_factory=dict)
    """The numbers of its last evaluation, by the names of metrics.jsonl."""
    changed: datetime | None = None
    """When something was last written, in UTC."""
    damaged: tuple[str, ...] = ()
    """Names of its files that cannot be read."""

    @property
    def headlines(self) -> dict[str, float]:
        """The metrics without the numbers that say how sure they are."""
        return {name: value for name, value in self.metrics.items() if not name.endswith(UNCERTAINTY)}


def runs(folder: str | Path = RUNS) -> list[RunStatus]:
    """The runs and model folders in a folder and in the folders in it, the newest first.

    Damaged files of a run keep none of the runs from being listed: they are named in its status.

    Raises:
        UserError: there is no such folder.
    """
    folder = from_home(folder)
    if not folder.is_dir():
        raise missing(folder, "give the folder that holds your runs")
    found = [status_of(run) for run in _find(folder, DEEPEST)]
    oldest = datetime.min.replace(tzinfo=timezone.utc)
    return sorted(found, key=lambda status: (status.changed or oldest, str(status.folder)), reverse=True)


def status_of(folder: str | Path) -> RunStatus:
    """How far one run is. A folder that is not there counts as a run that has written nothing."""
    run = Run(folder)
    if not _is_run(run):
        return RunStatus(run.folder, "model folder", metrics=_metrics(run), changed=_changed(run))
    damaged = []
    recipe = None
    if run.is_run:  # else it ended before its recipe was written
        try:  # not by `run.recipe`, for which a packed set must be there
            recipe = parse(Recipe, [Layer(read(run.recipe_file), str(run.recipe_file))])
        except (UserError, OSError):
            damaged.append(run.recipe_file.name)
    line = _last_line(run.stats_file)
    if line is None:
        damaged.append(run.stats_file.name)
    line = line or {}
    training, saved = is_locked(run.lock_file), None
    try:
        saved = max(run.checkpoints, default=None)
    except OSError:
        damaged.append(run.checkpoints_folder.name)
    logged = line.get("step")
    logged = logged if isinstance(logged, int) else None
    steps = _steps(recipe, line)
    step = logged if training or saved is None else saved
    has_model = saved is not None or (run.model_folder.is_dir() and run.model_folder != run.folder)
    done = has_model and step is not None and steps is not None and step >= steps
    return RunStatus(
        run.folder,
        "training" if training else "finished" if done else "no checkpoint" if saved is None else "interrupted",
        called(recipe) if recipe else "",
        step,
        steps,
        _numbers({name: value for name, value in line.items() if name not in ("step", "steps", "images")}),
        _metrics(run),
        _changed(run),
        tuple(damaged),
    )


def _find(folder: Path, deep: int) -> Iterator[Path]:
    """Runs are not searched for runs."""
    try:
        found = _is_run(Run(folder)) or all((folder / name).is_file() for name in MODEL_MARKS)
        within = folder.iterdir() if deep and not found else ()
        inside = sorted(path for path in within if path.is_dir() and not path.name.startswith("."))
    except OSError:  # it may not be read
        return
    if found:
        yield folder
    for path in inside:
        yield from _find(path, deep - 1)


def _is_run(run: Run) -> bool:
    """Whether training has begun here. A recipe alone is that of an experiment."""
    return (
        run.lock_file.exists() or run.stats_file.exists() or (run.is_run and run.model_folder.is_dir() and run.model_folder != run.folder)
    )


def _steps(recipe: Recipe | None, line: dict[str, Any]) -> int | None:
    """How many steps a run is to take. Runs of older versions say it only in their recipe, and in epochs not there either."""
    if isinstance(steps := line.get("steps"), int):
        return steps
    if recipe is None or "epoch" in recipe.training.length or recipe.training.minutes:
        return None
    step, images = line.get("step"), line.get("images")
    known = isinstance(step, int) and isinstance(images, int) and step > 0 and images > 0
    return recipe.training.steps(1, images // step if known else recipe.training.batch)  # type: ignore[operator]


def _last_line(path: Path) -> dict[str, Any] | None:
    """The last line that can be read of a file of lines of JSON: {} where there are none, None where none can be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    except OSError:
        return None
    for line in reversed(lines):
        try:
            read_line = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(read_line, dict):
            return read_line
    return None if lines else {}


def _metrics(run: Run) -> dict[str, float]:
    return old_names.metrics(_numbers(_last_line(run.metrics_file)))


def _numbers(line: dict[str, Any] | None) -> dict[str, float]:
    return {name: value for name, value in (line or {}).items() if isinstance(value, (int, float)) and not isinstance(value, bool)}


def _changed(run: Run) -> datetime | None:
    """When one of the files was written that a run writes as it goes."""
    times = []
    for path in (run.recipe_file, run.stats_file, run.metrics_file, run.checkpoints_folder, run.model_folder):
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return datetime.fromtimestamp(max(times), timezone.utc) if times else None
