"""`--processes N`: torch's elastic agent starts the processes of this machine, watches them, and ends them together.

The process that a person started becomes the agent and trains nothing. Each worker is a fresh Python. It reads the job from a folder,
trains as torchrun's processes do, and writes into that folder how it ended.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import UserError
from ..files import replacing
from ..signals import Stopped
from .collective import LostProcessError

if TYPE_CHECKING:
    from torch.distributed.elastic.agent.server.api import RunResult
    from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
    from torch.distributed.elastic.rendezvous import RendezvousHandler

WORKER = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before it can stop well
hasattr(signal, "SIGUSR1") and signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # there is nothing to save yet
sys.path[:] = json.loads(sys.argv[1])  # import from where the agent did
from vaegan.training import work
work(sys.argv[2], int(sys.argv[3]))
"""
JOB = "job.json"
LOST, REFUSED, STOPPED, FAILED, FINISHED = "lost", "refused", "stopped", "failed", "finished"
SOON = 10
"""Seconds after the first failure in which others can have the same cause. The agent kills what does not end after 30."""
GOING = 0.2
"""Seconds between a worker's looks for its agent."""

Outcome = dict[str, Any]


def launch(job: dict[str, Any], processes: int, nodes: int, stop_notice: str, way_on: Callable[[], str]) -> Outcome:
    """Run a job in several processes; returns how it ended, as the first process of this machine that finished says.

    Args:
        job: all that a worker needs to know, for JSON.
        processes: how many on this machine.
        nodes: how many machines; MASTER_ADDR, MASTER_PORT and NODE_RANK say which of them this is.
        stop_notice: what to say at the first SIGINT or SIGTERM.
        way_on: says what there is to go on from, if a process was lost.

    Raises:
        UserError: a process met a mistake of the user's, or ended without a word.
        Stopped: the run was asked to stop, and has saved.
    """
    from torch.distributed.elastic.agent.server.api import WorkerSpec
    from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs

    rendezvous = _rendezvous(nodes)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):  # each has a level of its own; what they would say, one sentence says
            logging.getLogger(name).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="vaegan-processes-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
        spec = WorkerSpec(
            role="vaegan",
            local_world_size=processes,
            entrypoint=sys.executable,
            args=("-c", WORKER, json.dumps(sys.path), name, os.getpid()),
            rdzv_handler=rendezvous,
            max_restarts=0,
        )
        agent = LocalElasticAgent(spec, DefaultLogsSpecs())
        with _Signals(agent, stop_notice) as signals:
            result = _in_a_thread(agent.run)
        outcomes = {}
        for path in folder.glob("[0-9]*.json"):
            outcomes[int(path.stem)] = json.loads(path.read_text(encoding="utf-8"))
    return _verdict(outcomes, result.failures, processes * nodes, signals.received, way_on)


def _rendezvous(nodes: int) -> RendezvousHandler:
    """Where the agents of all machines meet."""
    from torch.distributed.elastic.rendezvous import RendezvousParameters
    from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler

    if nodes == 1:
        return get_rendezvous_handler(RendezvousParameters("c10d", "localhost:0", uuid.uuid4().hex, 1, 1, local_addr="localhost"))
    try:
        endpoint, rank = f"{os.environ['MASTER_ADDR']}:{int(os.environ['MASTER_PORT'])}", int(os.environ["NODE_RANK"])
    except (KeyError, ValueError):
        raise UserError(
            f"--nodes {nodes} needs MASTER_ADDR, MASTER_PORT and NODE_RANK in the environment of each machine: the first machine's "
            f"address, a free port there, and this machine's number from 0"
        ) from None
    if not 0 <= rank < nodes:
        raise UserError(f"NODE_RANK must be from 0 to {nodes - 1} with --nodes {nodes}, not {rank}")
    return get_rendezvous_handler(RendezvousParameters("static", endpoint, "vaegan", nodes, nodes, rank=rank, timeout=900))


def _in_a_thread(run: Callable[[], RunResult]) -> RunResult:
    """What it returns or raises.

    In the main thread, the agent would take SIGINT and SIGTERM for the end, and kill its workers after 30 seconds, in the middle of a save.
    """
    found: list[RunResult | BaseException] = []

    def keep() -> None:
        try:
            found.append(run())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


class _Signals:
    """Within, signals go on to the workers.

    The first SIGINT or SIGTERM, and each SIGUSR1, goes to the first worker, which tells the others at the same step. A second one goes to
    all, and insists.
    """

    def __init__(self, agent: LocalElasticAgent, notice: str) -> None:
        self.received: int | None = None
        self._agent, self._notice = agent, notice
        self._before: dict[int, Any] = {}

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        workers = [worker.id for worker in self._agent.get_worker_group().workers if worker.id]
        stops = number in {signal.SIGINT, signal.SIGTERM}
        if stops and not workers:  # there is nothing to save
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
        elif stops and self.received is None and self._notice:
            os.write(2, f"\n{self._notice}\n".encode())
        for worker in workers if stops and self.received else workers[:1]:
            with suppress(ProcessLookupError):
                os.kill(worker, number)
        if stops:
            self.received = number

    def __enter__(self) -> _Signals:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
                if hasattr(signal, name):  # Windows has no SIGUSR1
                    number = getattr(signal, name)
                    self._before[number] = signal.signal(number, self._forward)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _verdict(
    outcomes: dict[int, Outcome], failures: dict[int, ProcessFailure], processes: int, received: int | None, way_on: Callable[[], str]
) -> Outcome:
    """How the run ended, out of how its workers did."""
    for kind in (REFUSED, STOPPED):
        for _, outcome in sorted(outcomes.items()):
            if outcome["kind"] == kind and (kind == REFUSED or not failures):
                raise UserError(outcome["sentence"]) if kind == REFUSED else Stopped(outcome["sentence"], outcome["exit_code"] - 128)
    for rank, outcome in sorted(outcomes.items()):
        if outcome["kind"] == FAILED:
            raise UserError(f"a fault ended process {rank} of {processes}, and the run with it: see above; {way_on()}")
    silent = {rank: failure for rank, failure in failures.items() if rank not in outcomes}
    if received and any(failure.exitcode == -received for failure in silent.values()):  # before it could stop well, or insisted
        signal.raise_signal(received)
    if silent:
        rank, failure = _cause(silent)
        raise UserError(f"process {rank} of {processes} {_how(failure.exitcode)}, and ended the run; {way_on()}")
    if any(outcome["kind"] == LOST for outcome in outcomes.values()):
        raise UserError(f"another process of this run has ended; {way_on()}")
    return min(outcomes.items())[1]


def _cause(failures: dict[int, ProcessFailure]) -> tuple[int, ProcessFailure]:
    """Which process failed by itself, and is no victim of another.

    The agent cannot say: its failures carry whole seconds, and the others fail some milliseconds after the first. But a victim has left a
    word, and is not here; or a thread of gloo, which saw the connection break, has aborted it; or the agent has sent it SIGTERM.
    """
    first = min(failure.timestamp for failure in failures.values())

    def order(item: tuple[int, ProcessFailure]) -> tuple[bool, int, int]:
        rank, failure = item
        suspicion = {-signal.SIGABRT: 1, -signal.SIGTERM: 2}.get(failure.exitcode, 0)
        return failure.timestamp > first + SOON, suspicion, rank

    return min(failures.items(), key=order)


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def take_part(do: Callable[[dict[str, Any]], Outcome], folder: Path, agent: int) -> NoReturn:
    """What a worker does: the job in the folder.

    Args:
        do: takes the job; returns what is to be known of how it ended.
        folder: where the job is, and where to say how it ended.
        agent: the process that waits for this one.
    """
    threading.Thread(target=_end_with, args=(agent, folder), daemon=True).start()
    code = 0
    try:
        outcome = {"kind": FINISHED, **do(json.loads((folder / JOB).read_text(encoding="utf-8")))}
    except Stopped as stopped:
        outcome = {"kind": STOPPED, "sentence": str(stopped), "exit_code": stopped.exit_code}
    except UserError as error:
        outcome, code = {"kind": REFUSED, "sentence": str(error)}, 2
    except LostProcessError:
        if os.getppid() != agent:  # the other one has seen it first
            _end_without_agent(folder)
        outcome, code = {"kind": LOST}, 2
    except Exception:
        traceback.print_exc()
        outcome, code = {"kind": FAILED}, 1
    with replacing(folder / f"{os.environ['RANK']}.json") as path:
        path.write_text(json.dumps(outcome), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    if code:
        os._exit(code)  # at once: to take down connections to a process that is gone takes long, and can abort
    raise SystemExit


def _end_with(agent: int, folder: Path) -> NoReturn:
    """End when the agent has gone: it can be killed, and cannot end its workers then."""
    while os.getppid() == agent:
        time.sleep(GOING)
    _end_without_agent(folder)


def _end_without_agent(folder: Path) -> NoReturn:
    if os.environ["LOCAL_RANK"] == "0":
        shutil.rmtree(folder, ignore_errors=True)
        os.write(2, b"\nvaegan: the process that started this run has gone, and the run ends\n")
    os._exit(2)
