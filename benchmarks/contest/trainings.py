"""Trains and measures contenders, each in processes of its own, and keeps what is done.

OUT/trained/NAME-seedS-KEY/    a training and all that was found of it; KEY is a hash of all that it depends on
  usage.json                   what it took; log.txt what it said
  found-KEY.json               the numbers; shown.npz the pictures
  run/                         the trained model
OUT/plans/NAME-KEY.json        how many steps a contender has in the asked seconds
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vaegan import Recipe, UserError, __version__
from vaegan.data import ImageSet

from .contenders import BENCHMARKS, Contender, OwnRecipe
from .job import Job, parts_of, write_json
from .measure import FOUND, SHOWN
from .plan import CORRECTIONS, FIRST_LOOK, Speed, Usage, corrected, is_near

Item = TypeVar("Item")
Made = TypeVar("Made")


class Failed(Exception):  # noqa: N818 (a name for what happened)
    """A contender could not be trained or measured."""


@dataclass(frozen=True)
class FinishedTraining:
    """A training that is done."""

    folder: Path
    usage: Usage
    steps: int


class Trainings:
    """All trainings of a folder, on one set."""

    def __init__(self, out: Path, images: ImageSet, count: int, extractors: Sequence[str], say: Callable[[str], None]) -> None:
        """Keep everything in `out`, and measure on `count` images by these extractors."""
        self.out, self.images, self.count, self.extractors, self.say = out, images, count, extractors, say

    # One training

    def train(self, contender: Contender, seed: int, steps: int) -> FinishedTraining:
        """Train once, or find that it is done.

        Raises:
            Failed: the process ended with an error.
        """
        folder = self.out / "trained" / f"{contender.name}-seed{seed}-{self._key(contender, seed, steps)}"
        if (usage := Usage.read(folder)) is None:
            usage = self._run(contender, seed, steps, folder)
            shutil.rmtree(folder / "run" / "checkpoints", ignore_errors=True)  # they are large, and nobody goes on from there
        return FinishedTraining(folder, usage, usage.points[-1][0] if contender.function and usage.points else steps)

    def _run(self, contender: Contender, seed: int, steps: int, folder: Path) -> Usage:
        shutil.rmtree(folder, ignore_errors=True)  # half of a training says nothing of what the whole takes
        folder.mkdir(parents=True)
        job = Job(contender.name, contender.function, str(self.images.folder), seed, steps, str(folder.resolve()))
        job.write()
        launcher = [sys.executable, "-S", str(BENCHMARKS / "contest" / "usage.py"), job.folder, str(job.stats_file)]
        self.say(f"{contender.name}, seed {seed}: {steps:,} steps")
        self._call([*launcher, *contender.command(job)], folder / "launcher.txt")
        usage = Usage.read(folder)
        if usage is None:
            raise Failed(_last_line(folder / "log.txt"))
        self.say(f"{contender.name}, seed {seed}: {usage.processor_seconds:,.1f} s of processor")
        return usage

    def found(self, trained: FinishedTraining) -> dict[str, Any]:
        """What is measured of a training, once.

        Raises:
            Failed: its numbers are not finite, or the like.
        """
        key = _hash([self.count, self.extractors])
        path = trained.folder / f"found-{key}.json"
        if not path.is_file() or not (trained.folder / SHOWN).is_file():
            command = [sys.executable, "-m", "contest.measure", str(trained.folder.resolve()), str(self.count), *self.extractors]
            if self._call(command, log := trained.folder / "measure.txt"):
                raise Failed(_last_line(log))
            (trained.folder / FOUND).replace(path)
        content: dict[str, Any] = json.loads(path.read_text())
        return content

    def costs(self, contender: Contender, trained: FinishedTraining) -> Mapping[str, float]:
        """What a training took, as the table has it."""
        return {
            "processor_seconds": trained.usage.processor_seconds,
            "images": trained.steps * contender.batch(str(self.images.folder)),
            "peak_mb": trained.usage.peak_mb,
            "steps": trained.steps,
        }

    def _call(self, command: list[str], log: Path) -> int:
        """Run a command on one thread and without a GPU; returns its exit code."""
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        python_path = os.pathsep.join(filter(None, (str(BENCHMARKS), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, **one_thread, "PYTHONPATH": python_path, "CUDA_VISIBLE_DEVICES": ""}
        with log.open("wb") as file:
            return subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False).returncode  # noqa: S603

    def _key(self, contender: Contender, *more: Any) -> str:
        return _hash([__version__, self.images.identity, contender.depends_on(str(self.images.folder)), *more])

    # Equal time

    def steps_in(self, contender: Contender, seconds: float, seed: int) -> int:
        """How many steps a contender has in so many processor seconds, found once: from short runs, and then from its first whole training.

        Where that ends too far from the asked seconds, the number is corrected, and the training done again, at most `CORRECTIONS` times.

        Raises:
            Failed: the process ended with an error.
        """
        path = self.out / "plans" / f"{contender.name}-{self._key(contender, seconds, seed)}.json"
        if path.is_file():
            return int(json.loads(path.read_text())["steps"])
        speed = self._speed(contender, seconds, seed)
        steps = speed.steps_in(seconds)
        trained = self.train(contender, seed, steps)
        first = {"steps": steps, "processor_seconds": trained.usage.processor_seconds}
        for _ in range(CORRECTIONS):
            better = corrected(speed, trained.usage, steps, seconds)
            if better == steps or is_near(trained.usage.processor_seconds, seconds):
                break
            shutil.rmtree(trained.folder)
            steps = better
            trained = self.train(contender, seed, steps)
        taken = trained.usage.processor_seconds
        write_json(path, {"steps": steps, "processor_seconds": taken, "seconds_a_step": speed.step, "rest": speed.rest, "first": first})
        return steps

    def _speed(self, contender: Contender, seconds: float, seed: int) -> Speed:
        """By a first look, and then by a run of a tenth of the asked seconds, if that has more steps."""
        folder = self.out / "plans" / f"{contender.name}-{os.getpid()}"
        speed, steps = None, FIRST_LOOK
        while speed is None or (more := speed.steps_to_look_at(seconds)) > 1.5 * steps:
            steps = FIRST_LOOK if speed is None else more
            speed = Speed.of(self._run(contender, seed, steps, folder), steps)
            shutil.rmtree(folder)
        return speed

    def own_steps(self, contender: Contender) -> int:
        """How many steps the length is that a recipe names.

        Raises:
            UserError: the contender is no recipe.
        """
        if not isinstance(contender, OwnRecipe):
            raise UserError(
                f"contender {contender.name} has no length of its own: name the seconds or images of all, or a recipe as the first"
            )
        recipe: Recipe = contender.load(str(self.images.folder))
        batch = recipe.training.batch
        return recipe.training.steps(len(parts_of(self.images)[0]) // batch, batch)


def at_a_time(work: Callable[[Item], Made], items: Iterable[Item], jobs: int) -> list[Made]:
    """What `work` makes of each item, so many at a time; after an error or an interrupt no other is begun."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _last_line(log: Path) -> str:
    """What a process said last."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return f"{lines[-1].strip() if lines else 'it said nothing'} (all of it in {log})"
