"""A contender in a process of its own, for what a process does by itself unless it is told otherwise.

The package tells glibc to keep the memory that a step frees. It cannot be told to forget that it was told: by itself it would adapt, and
the heap is full of holes by then, which it uses again. So the textbook step as users run it runs in a fresh process, which does its steps
when asked to and otherwise sleeps.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

import torch

from ..data.dataset import ImageSet
from ..recipe import Recipe
from .contenders import textbook
from .timing import time_each, with_peak_memory


class TimedSubprocess:
    """The textbook step in a fresh process, as a context manager; call it as a `Timer`."""

    def __init__(self, recipe: Recipe, images: Path, warm_up: int) -> None:
        """`images` is a packed set."""
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, recipe, images, warm_up, torch.get_num_threads())
        self._process = context.Process(target=_serve, args=arguments, daemon=True)

    def __enter__(self) -> TimedSubprocess:
        # An interrupt at a terminal goes to both; this process is the one to speak, and it ends the other. A fresh process inherits what
        # is ignored, so that it is deaf from its first moment on.
        if threading.current_thread() is threading.main_thread():
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                self._process.start()
            finally:
                signal.signal(signal.SIGINT, before)
        else:
            self._process.start()
        self.memory: int | None = self._connection.recv()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._process.kill()  # it has nothing to lose
        self._process.join()

    def __call__(self, seconds: float) -> float:
        """Seconds a step, out of steps for about so long."""
        self._connection.send(seconds)
        return float(self._connection.recv())


def _serve(connection: Connection, recipe: Recipe, images: Path, warm_up: int, threads: int) -> None:
    torch.set_num_threads(threads)
    cpu = torch.device("cpu")

    def warmed_up() -> object:
        step = textbook(recipe, ImageSet.open(images), cpu)
        for _ in range(warm_up):
            step()
        return step

    step, memory = with_peak_memory(warmed_up, cpu)
    connection.send(memory)
    while True:
        try:
            seconds = connection.recv()
        except EOFError:
            return
        connection.send(time_each(step, cpu, seconds))  # type: ignore[arg-type]
