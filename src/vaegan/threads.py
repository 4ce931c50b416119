"""How threads of torch wait for each other: chosen once, before torch starts them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from .this_process import cores

SPINS = "1000"
"""How often a thread looks before it sleeps, beside other programs: some microseconds."""
LOOKS = 5
"""How often to look whether other programs compute."""


def set_wait_policy() -> None:
    """On a busy machine, let threads that wait for each other sleep soon.

    OpenMP keeps such a thread looking for 3 ms. On an idle machine that is right: the thread is there at once when there is work. Beside
    another program it takes the processor from the thread that it waits for, and training slows down to a half or less
    (benchmarks/threads.py). OpenMP reads its setting when torch is loaded; later changes have no effect. What the user has set stays,
    and workers keep what their agent has chosen.
    """
    if "torch" in sys.modules or {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        return
    if os.environ.get("LOCAL_WORLD_SIZE", "1") == "1" and others_compute():  # of several workers, each would count the others
        os.environ["GOMP_SPINCOUNT"] = SPINS


def others_compute() -> bool:
    """Whether other programs leave too few cores for the threads of this one. Where the system does not say: no."""
    spare = (os.cpu_count() or 1) - cores()
    crowded = 0
    try:
        for _ in range(LOOKS):
            running = Path("/proc/loadavg").read_text(encoding="ascii").split()[3]  # such as 3/250: threads that run now, and all
            crowded += int(running.partition("/")[0]) - 1 > spare  # this one runs, too
            time.sleep(0.002)
    except (OSError, ValueError, IndexError):  # not Linux
        return False
    return crowded > LOOKS // 2
