"""A process that ends unasked ends the others that train with it, and says so: none waits for one that is gone.

Processes that torchrun or SLURM started are theirs to mind. Those that were started by another one of this package (`--processes`) mind
each other: the first looks after those that it started, and they look after it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from lightning_fabric import Fabric

INTERVAL = 0.2  # seconds between looks
_speaking = threading.Lock()


def alone(fabric: Fabric) -> bool:
    """Whether this process can end without a word to others: there are none, or it has not started them yet."""
    environment = getattr(fabric.strategy, "cluster_environment", None)
    several_nodes = getattr(fabric.strategy, "num_nodes", 1) > 1
    return environment is None or not (several_nodes or environment.creates_processes_externally)


def guard(fabric: Fabric, farewell: Callable[[], str]) -> None:
    """From now on look after the other processes; `farewell` tells, at the end, what there is to go on from."""
    children: list[subprocess.Popen[bytes]] = getattr(fabric.strategy.launcher, "procs", [])
    environment = getattr(fabric.strategy, "cluster_environment", None)
    if children:
        threading.Thread(target=_mind_children, args=(children, farewell), daemon=True).start()
    elif fabric.local_rank and environment and not environment.creates_processes_externally:
        threading.Thread(target=_mind_parent, args=(os.getppid(), fabric.global_rank), daemon=True).start()


def have_the_last_word() -> None:
    """To be called before a process that has lost another one says so: either it speaks, or its guard does."""
    _speaking.acquire()


def _mind_children(children: list[subprocess.Popen[bytes]], farewell: Callable[[], str]) -> None:
    while True:
        time.sleep(INTERVAL)
        codes = [child.poll() for child in children]
        if all(code == 0 for code in codes):
            return
        if any(codes):
            rank, code = next((rank, code) for rank, code in enumerate(codes, 1) if code)
            _end(f"process {rank} of {len(children) + 1} {_how(code)}, and ended the run; {farewell()}", children)


def _mind_parent(parent: int, rank: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    _end(f"process {rank} ended: the first process has gone", [])


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def _end(sentence: str, others: list[subprocess.Popen[bytes]]) -> None:
    """Without a word to a main thread that waits for an answer that will not come."""
    have_the_last_word()
    os.write(2, f"\nvaegan: {sentence}\n".encode())
    for other in others:
        other.kill()
    os._exit(2)
