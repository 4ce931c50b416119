"""The report of a run that goes on, written again as it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType

from ..data import ImageSet
from ..run import Run
from ..training.callbacks import Callback
from ..training.trainer import Trainer
from .page import Live, gather, write
from .pictures import Embedded

FIRST_RELOAD, RELOAD = 30, (10, 600)
"""Seconds after which a page loads itself again: of the first page, and the least and most of later ones."""


class LivePage(Callback):
    """Keeps RUN/report.html up to date, as a context manager around a training.

    It is quick: it shows what training wrote down, asks nothing of the model, and draws no random numbers. If it cannot be written,
    training goes on. If training ends by an error or a signal, the page is written once more, and no longer says that the run goes on.
    Otherwise the full report takes its place.
    """

    def __init__(self, run: Run, images: ImageSet | None, steps: int, say: Callable[[str], None], share: float) -> None:
        """Take a run.

        Args:
            run: its page is written.
            images: the set that it is trained on, where there is one.
            steps: how many it is to take.
            say: takes a sentence if the page cannot be written.
            share: the largest part of the time that the page may take; where it would take more, it waits for a later picture.
        """
        self.run, self.images, self.steps, self.say, self.share = run, images, steps, say, share
        self._older: dict[int, Embedded] = {}
        self._written: float | None = None
        self._cost = 0.0
        self._failed = False

    def on_picture(self, trainer: Trainer, picture: Path) -> None:  # noqa: ARG002
        """See `Callback`."""
        self(trainer.step)

    def __call__(self, step: int) -> None:
        """Write the page after a picture, unless that would be too soon."""
        self._older = {older: picture for older, picture in self._older.items() if older < step}  # after a rollback, steps are drawn anew
        now = time.monotonic()
        passed = now - self._written if self._written is not None else None
        if passed is not None and passed * self.share < self._cost:
            return
        least, most = RELOAD
        reload = FIRST_RELOAD if passed is None else round(min(max(passed, least), most))
        self._write(Live(step, self.steps, f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}", reload))
        self._written = time.monotonic()
        self._cost = self._written - now

    def __enter__(self) -> LivePage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is not None and self._written is not None:
            self._write(None)

    def _write(self, live: Live | None) -> None:
        try:
            write(self.run.report_file, gather(self.run, self.images, older=self._older, live=live))
        except Exception as error:  # whatever it is, it is not worth a training
            if not self._failed:
                self.say(f"cannot write {self.run.report_file}: {error}; training continues without it")
            self._failed = True
