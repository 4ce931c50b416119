"""A process that ends unasked ends the others that train with it, and says so: none waits for one that is gone.

Processes that torchrun or SLURM started are theirs to mind. Those that were started by another one of this package (`--processes`) mind
each other from the start: the first looks after those that it started, and they look after it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from lightning_fabric.utilities.distributed import _set_num_threads_if_needed

INTERVAL = 0.2  # seconds between looks
PARENT = "VAEGAN_PARENT"
"""The environment variable by which a process that was started by another one knows it."""
_speaking = threading.Lock()


def alone(fabric: Fabric) -> bool:
    """Whether this process can end without a word to others: there are none, or it has not started them yet."""
    environment = getattr(fabric.strategy, "cluster_environment", None)
    several_nodes = getattr(fabric.strategy, "num_nodes", 1) > 1
    return environment is None or not (several_nodes or environment.creates_processes_externally)


def guard(fabric: Fabric, farewell: Callable[[], str]) -> None:
    """From now on look after the other processes, and after those that `fabric` is yet to start.

    Args:
        fabric: not launched yet, if this process starts others.
        farewell: tells, at the end, what there is to go on from.
    """
    launcher = fabric.strategy.launcher
    if PARENT in os.environ and fabric.local_rank:
        threading.Thread(target=_mind_parent, args=(int(os.environ[PARENT]), fabric.global_rank), daemon=True).start()
    elif isinstance(launcher, _SubprocessScriptLauncher) and not launcher.cluster_environment.creates_processes_externally:
        fabric.strategy._launcher = _Launcher(launcher, farewell)


class _Launcher(_SubprocessScriptLauncher):
    """Starts the other processes of this machine and minds them. Fabric's own would kill this one, too, and without a word."""

    def __init__(self, plain: _SubprocessScriptLauncher, farewell: Callable[[], str]) -> None:
        super().__init__(plain.cluster_environment, plain.num_processes, plain.num_nodes)
        self._farewell = farewell

    def launch(self, function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Start them, and call a function that meets them."""
        os.environ[PARENT] = str(os.getpid())
        self._call_children_scripts()
        threading.Thread(target=_mind_children, args=(self.procs, self._farewell), daemon=True).start()
        _set_num_threads_if_needed(self.num_processes)
        return function(*arguments, **more)


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
