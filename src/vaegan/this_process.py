"""What this process may use, which of several it is, and when it is needed no more."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import NoReturn

GOING = 0.2
"""Seconds between a worker's looks for its agent."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_leader() -> bool:
    """Whether this is the process that a person started, or the first of those that torchrun or SLURM did."""
    return _is_first("RANK", "NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first_here() -> bool:
    """Whether this is the first process on its machine, which speaks of what is wrong with that."""
    return _is_first("LOCAL_RANK", "SLURM_LOCALID")


def _is_first(*ranks: str) -> bool:
    return all(os.environ.get(name, "0") == "0" for name in ranks)


def follow(agent: int, folder: Path) -> None:
    """From now on, end this worker when its agent has gone: an agent that is killed cannot end its workers.

    Args:
        agent: the process that started this one, and waits for it.
        folder: what the agent would have removed.
    """

    def watch() -> None:
        while os.getppid() == agent:
            time.sleep(GOING)
        end_without_agent(folder)

    threading.Thread(target=watch, daemon=True).start()


def end_without_agent(folder: Path) -> NoReturn:
    """End this worker, and say so, if it is the first of its machine."""
    if is_first_here():
        shutil.rmtree(folder, ignore_errors=True)
        os.write(2, b"\nvaegan: the process that started this run has ended, so the run ends, too\n")
    os._exit(2)
