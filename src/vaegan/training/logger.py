"""What people see of a run: the bar, stats.jsonl, and what loggers take of it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..files import append, replacing
from ..losses.routing import evaluating
from ..losses.similarity import relative_to_others
from ..models.vaegan import VAEGAN
from ..progress import PLAIN_SECONDS
from ..recipe import Recipe
from ..run import Run
from ..viz.grid import save as save_picture
from .health import FailureMonitor, SpeedMonitor
from .loggers.base import Logger
from .loggers.registry import find_logger
from .pictures import PictureInputs, draw
from .step import GRADIENTS


class Monitor:
    """Follows a run, as a context manager."""

    def __init__(self, run: Run, recipe: Recipe, *, step: int, steps: int, images_per_step: int, console: Console) -> None:
        self.run, self.recipe, self.steps, self.images_per_step, self.console = run, recipe, steps, images_per_step, console
        self.watch = FailureMonitor(recipe.objective, recipe.networks.latent)
        self._loggers: list[Logger] = []
        self.watch.remember(self._open(step))
        self._pace = SpeedMonitor()
        self._printed = time.perf_counter()
        columns = (TextColumn("training"), BarColumn(None), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, expand=True)
        self._task = self._bar.add_task("training", total=steps, completed=step, speed="")
        self._status = Text()
        self._live = Live(Group(self._bar, self._status), console=console, refresh_per_second=4) if console.is_terminal else None

    def _open(self, step: int) -> list[str]:
        """The logs, of which what is after a step will be written again; returns the warnings that stood at that step."""
        self.step = step
        self._stats = self.run.stats_file
        lines: list[str] = []
        if self._stats.is_file():
            lines = [line for line in self._stats.read_text(encoding="utf-8", errors="replace").splitlines() if _step_of(line) <= step]
            if lines:
                lines[-1] = _with_steps(lines[-1], self.steps)
            with replacing(self._stats) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._close()
        self._loggers = [find_logger(name)(self.run, self.recipe, step) for name in self.recipe.training.loggers]
        self._count, self._since = 0, time.perf_counter()
        standing = json.loads(lines[-1]).get("warnings") if lines else None
        return standing if isinstance(standing, list) else []

    def go_back(self, step: int) -> None:
        """Follow the run from an earlier step on."""
        self._open(step)
        self.watch.forget()
        self._bar.update(self._task, completed=step)

    def __enter__(self) -> Monitor:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._live:
            self._live.stop()
        self._close()

    def _close(self) -> None:
        self._tell("close")
        self._loggers = []

    def _tell(self, method: str, *values: object) -> None:
        """Hand something to all loggers. One that fails at a service that is not ours does not end a training."""
        for logger in list(self._loggers):
            try:
                getattr(logger, method)(*values)
            except Exception as error:
                if not logger.remote:
                    raise
                self._loggers.remove(logger)
                self.say(f"the logger {type(logger).__name__} failed: {' '.join(str(error).split())}; training continues without it")

    def update(self) -> None:
        """Take note of one step."""
        self._count += 1
        self.step += 1
        self._bar.update(self._task, completed=self.step)

    def log(self, means: dict[str, float], **more: float) -> dict[str, float]:
        """Write and show the means of the steps since the last time, and what else is given; returns the curves by their names."""
        now = time.perf_counter()
        speed = self._count * self.images_per_step / (now - self._since)
        line: dict[str, Any] = {"step": self.step, "steps": self.steps, "images": self.step * self.images_per_step}
        line["images_per_second"] = round(speed, 1)
        line |= {name: float(f"{value:.6g}") for name, value in (means | more).items()}
        if slow := self._pace(speed, now - self._since):
            self.say(f"step {self.step}: {slow}")
        for warning in self.watch(self.step, means):
            self.say(f"step {self.step}: {warning}")
            self._tell("text", "health", warning, self.step)
        if self.watch.current:
            line["warnings"] = self.watch.current
        append(self._stats, (json.dumps(line) + "\n").encode())
        curves = {_curve(name): value for name, value in line.items() if name not in ("step", "steps", "images", "warnings")}
        self._tell("scalars", curves, self.step)
        self._count, self._since = 0, now
        self._show(means, speed, now)
        return curves

    def say(self, sentence: str) -> None:
        """Tell whoever looks, in the bar's place or above it."""
        self.console.print(sentence, soft_wrap=True)

    def _show(self, means: dict[str, float], speed: float, now: float) -> None:
        objective = self.watch.objective
        names = (["prior", "similarity"] if objective.autoencodes else []) + (["real", "fake"] if objective.adversarial else [])
        called = {"similarity": "pixels"} if objective.kind == "vae" else {}
        text = "  ".join(f"{called.get(name, name)} {means[name]:.3g}" for name in names)
        if objective.adversarial:
            text += f"  steps: decoder {means['decoder_steps']:.0%}, discriminator {means['discriminator_steps']:.0%}"
        self._bar.update(self._task, speed=f"{speed:,.0f} images/s")
        self._status.plain = text
        for name in self.watch.current:
            self._status.append(f"  {name}", style="yellow")
        if not self._live and (now - self._printed > PLAIN_SECONDS or self.step == self.steps):
            self._printed = now
            left = timedelta(seconds=round((self.steps - self.step) * self.images_per_step / speed))
            self.console.print(
                f"step {self.step}/{self.steps}  {speed:,.0f} images/s  {left} left  {text}", highlight=False, soft_wrap=True
            )

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Time spent within does not count as training in the speed."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._since += time.perf_counter() - started

    def relative_similarity(self, model: VAEGAN, picture_inputs: PictureInputs) -> dict[str, float]:
        """How far the reconstructions of the picture are from their originals in the learned similarity, as a part of how far others are.

        The features of one level grow while the discriminator learns, and the error in them with them: this does not. Empty for other
        objectives, whose error is relative, or whose discriminator does not learn; and where there are not two images that differ.
        """
        objective = self.watch.objective
        if objective.kind != "vaegan" or objective.similarity != "level":
            return {}
        originals, attributes = picture_inputs.originals, picture_inputs.attributes
        with evaluating(model), torch.no_grad():
            images = torch.cat([originals, model.reconstruct(originals, attributes)])
            targets, features = model.discriminator.features(images, model.level).chunk(2)
            value = relative_to_others(features, targets).item()
        return {"relative_similarity": value} if math.isfinite(value) else {}

    def picture(self, model: VAEGAN, picture_inputs: PictureInputs) -> Path:
        """Draw originals, their reconstructions, and samples of a fixed noise; into samples/ and the loggers."""
        picture, variety = draw(model, picture_inputs)
        self.watch.see_samples(variety)
        self._tell("scalars", {"health/variety": variety}, self.step)
        path = save_picture(picture, self.run.picture_file(self.step))
        self._tell("image", "pictures", picture, self.step)
        return path


def _step_of(line: str) -> float:
    """The step that a line of stats.jsonl is of; a line that is not whole is of none."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return math.inf


def _with_steps(line: str, steps: int) -> str:
    """A line of stats.jsonl of a run that is to take so many steps now: whoever looks before the next line sees them."""
    read = json.loads(line)
    return line if read.get("steps") == steps else json.dumps(read | {"steps": steps})


GROUPS = {
    **dict.fromkeys(("real", "fake"), "gan"),
    **dict.fromkeys(("decoder_steps", "discriminator_steps"), "gate"),
    **dict.fromkeys(GRADIENTS, "gradient"),
    **dict.fromkeys(("lr", "gamma"), "schedule"),
    "images_per_second": "speed",
}
"""Under which heading loggers show a curve; the others are losses."""


def _curve(name: str) -> str:
    return f"{GROUPS.get(name, 'loss')}/{name.removesuffix('_gradient')}"
