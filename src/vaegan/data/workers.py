"""Work shared out over processes, its results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing.connection import wait
from typing import TypeVar

from ..errors import UserError
from ..words import command

MOST = 61  # processes: more than that Windows does not wait for

Key = TypeVar("Key")
T = TypeVar("T")
R = TypeVar("R")


class WorkerKilled(UserError):  # noqa: N818 (nothing here is in error)
    """A process that shared in the work was killed."""


def in_order(work: Callable[[T], R], tasks: Iterable[tuple[Key, T]], workers: int) -> Generator[tuple[Key, R], None, None]:
    """Each task's result beside what came with the task, in order; only a few more tasks than there are workers are under way at a time.

    A single task, or a single worker, needs no other process. Processes, because Pillow holds the interpreter's lock for much of its work:
    two threads were no faster than one.

    Raises:
        WorkerKilled: a worker was.
    """
    remaining = iter(tasks)
    first = list(islice(remaining, 2))
    if workers <= 1 or len(first) < 2:
        yield from ((key, work(task)) for key, task in chain(first, remaining))
        return
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(min(workers, MOST), mp_context=context, initializer=_begin) as pool:
            waiting: deque[tuple[Key, Future[R]]] = deque()
            try:
                for key, task in chain(first, remaining):
                    with _script_hidden():  # handing in a task may start a worker
                        waiting.append((key, pool.submit(work, task)))
                    if len(waiting) > 2 * workers:
                        done, future = waiting.popleft()
                        yield done, future.result()
                while waiting:
                    done, future = waiting.popleft()
                    yield done, future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    except BrokenProcessPool as error:
        fewer = command("prepare", "SOURCE", "OUT", "--workers", 1)
        raise WorkerKilled(
            f"a worker process was killed, probably because there was not enough memory: pack the images with fewer workers, with: {fewer}"
        ) from error


def _begin() -> None:
    """In a worker: leave interrupts to the process that started it, and end when that one does, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _script_hidden() -> Iterator[None]:
    """Within, new processes do not import the user's script, which would run all of it again if it has no `__main__` guard."""
    script = sys.modules["__main__"].__dict__
    hidden: dict[str, object] = {name: script.get(name) for name in ("__file__", "__spec__") if name in script}
    script.pop("__file__", None)
    script["__spec__"] = None
    try:
        yield
    finally:
        script.update(hidden)
