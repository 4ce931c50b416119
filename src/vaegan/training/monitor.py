"""What people see of a run: the bar, stats.jsonl, TensorBoard and the pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from PIL import Image
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from torch import Tensor

from .. import pictures
from ..model import VAEGAN
from ..progress import PLAIN_SECONDS

COLUMNS = 12
RECONSTRUCTIONS, SAMPLES = 2 * COLUMNS, 3 * COLUMNS


class Monitor:
    """Follows a run, as a context manager."""

    def __init__(self, run: Path, *, step: int, steps: int, images_per_step: int, console: Console) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.run, self.step, self.steps, self.images_per_step, self.console = run, step, steps, images_per_step, console
        self._keep_lines_up_to(step)
        self._stats = (run / "stats.jsonl").open("a", encoding="utf-8")
        self._board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1 if step else None)
        self._count = 0
        self._since = self._printed = time.perf_counter()
        columns = (TextColumn("training"), BarColumn(None), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, expand=True)
        self._task = self._bar.add_task("training", total=steps, completed=step, speed="")
        self._status = Text()
        self._live = Live(Group(self._bar, self._status), console=console, refresh_per_second=4) if console.is_terminal else None

    def _keep_lines_up_to(self, step: int) -> None:
        """A run that goes on from a checkpoint writes the steps after it again."""
        path = self.run / "stats.jsonl"
        if path.is_file():
            lines = [line for line in path.read_text().splitlines() if line.endswith("}") and json.loads(line)["step"] <= step]
            path.write_text("".join(f"{line}\n" for line in lines))

    def __enter__(self) -> Monitor:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._live:
            self._live.stop()
        self._stats.close()
        self._board.close()

    def update(self) -> None:
        """Take note of one step."""
        self._count += 1
        self.step += 1
        self._bar.update(self._task, completed=self.step)

    def log(self, means: dict[str, float], **more: float) -> None:
        """Write and show the means of the steps since the last time, and what else is given."""
        now = time.perf_counter()
        speed = self._count * self.images_per_step / (now - self._since)
        line = {"step": self.step, "images": self.step * self.images_per_step, "images_per_second": round(speed, 1)}
        line |= {name: float(f"{value:.6g}") for name, value in (means | more).items()}
        self._stats.write(json.dumps(line) + "\n")
        self._stats.flush()
        for name, value in line.items():
            if name not in ("step", "images"):
                self._board.add_scalar(_board_name(name), value, self.step)
        self._count, self._since = 0, now
        self._show(means, speed, now)

    def _show(self, means: dict[str, float], speed: float, now: float) -> None:
        losses = "  ".join(f"{name} {means[name]:.3g}" for name in ("prior", "similarity", "real", "fake"))
        text = f"{losses}  steps: decoder {means['decoder_steps']:.0%}, discriminator {means['discriminator_steps']:.0%}"
        self._bar.update(self._task, speed=f"{speed:,.0f} images/s")
        self._status.plain = text
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

    def picture(self, model: VAEGAN, originals: Tensor, caption: str) -> Path:
        """Draw originals, their reconstructions, and samples of a fixed noise; into samples/ and TensorBoard."""
        picture = draw(model, originals, caption)
        path = pictures.save(picture, self.run / "samples" / f"step-{self.step:06d}.png")
        self._board.add_image("pictures", np.asarray(picture), self.step, dataformats="HWC")
        return path


def draw(model: VAEGAN, originals: Tensor, caption: str) -> Image.Image:
    """Pairs of originals over their reconstructions (decoding the posterior mean), then samples that have the same codes every time."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        pairs = pictures.pair_rows(originals, model.reconstruct(originals), COLUMNS)
        samples = model.sample(SAMPLES, seed=0)
    model.train(was_training)
    return pictures.sheet([(f"{caption}, each above its reconstruction", pairs), ("samples of the prior", samples)], COLUMNS)


def _board_name(name: str) -> str:
    group = {"real": "gan", "fake": "gan", "decoder_steps": "gate", "discriminator_steps": "gate", "lr": "schedule", "gamma": "schedule"}
    return f"{group.get(name, 'speed' if name == 'images_per_second' else 'loss')}/{name}"
