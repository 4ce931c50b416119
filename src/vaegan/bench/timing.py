"""Timing in turns, since the speed of a machine drifts; and how much memory something takes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ..training.device import trim_memory

ROUNDS = 5

Timer = Callable[[float], float]
"""Does its work again and again for about so many seconds, and returns the seconds that each time took."""
T = TypeVar("T")


def alternate(timers: Mapping[str, Timer], seconds: float, progress: Callable[[str, int], None]) -> dict[str, NDArray[np.float64]]:
    """Call each timer in turn, round after round, in all `seconds` long; returns what each says, round by round."""
    measured = {name: np.empty(ROUNDS) for name in timers}
    for number in range(ROUNDS):
        for place, (name, timer) in enumerate(timers.items()):
            progress(name, number * len(timers) + place)
            measured[name][number] = timer(seconds / ROUNDS)
    return measured


def repeated(work: Callable[[], object], device: torch.device, *, share: float = 1.0) -> Timer:
    """Turns of work that is always the same, which take this share of the time."""
    return lambda seconds: time_each(work, device, share * seconds)


def time_each(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds that it takes to do some work, out of doing it for about so long.

    A device may work while the processor has gone on, so it is waited for at both ends. The first time does not count: it finds memory and
    caches as something else left them.
    """

    def elapsed(times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            work()
        synchronize(device)
        return time.perf_counter() - start

    synchronize(device)
    times = max(1, round(seconds / elapsed(1)))
    return elapsed(times) / times


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def with_peak_memory(work: Callable[[], T], device: torch.device) -> tuple[T, int | None]:
    """Do some work; also says by how many bytes the memory in use rose meanwhile, at most, if that can be known.

    On a GPU that is what torch has taken for tensors. On the CPU it is the process's resident memory, as Linux counts it.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        return work(), torch.cuda.max_memory_allocated(device) - before
    if device.type != "cpu" or not _forget_peak():
        return work(), None
    resident = _status("VmRSS")
    return work(), _status("VmHWM") - resident


def _forget_peak() -> bool:
    """Let the process's peak of resident memory begin anew, with all that is free given back."""
    trim_memory()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not Linux, or not allowed
        return False
    return True


def _status(key: str) -> int:
    """An entry of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
