"""`--processes N`: torch's elastic agent starts the processes of this machine, watches them, and ends them together.

The process that a person started becomes the agent and trains nothing. Each worker is a fresh Python. It reads the job from a folder,
trains as torchrun's processes do, and writes into that folder how it ended.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import UserError
from ..files import replacing
from ..recipe import RECIPE
from ..signals import Stopped
from ..this_process import end_without_agent
from .distributed import JoinError, LostProcessError

if TYPE_CHECKING:
    from torch.distributed.elastic.agent.server.api import RunResult
    from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
    from torch.distributed.elastic.rendezvous import RendezvousHandler

WORKER = """
import sys
sys.path[:] = sys.argv[3:]  # import from where the agent did
import pathlib, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before it can stop well
folder, agent = pathlib.Path(sys.argv[1]), int(sys.argv[2])
from vaegan.this_process import follow
follow(agent, folder)
from vaegan.workflow import work
work(folder, agent)
"""
JOB = "job.json"
LOST, REFUSED, STOPPED, FAILED, FINISHED = "lost", "refused", "stopped", "failed", "finished"
SOON = 10
"""Seconds after the first failure in which others can have the same cause. The agent kills what does not end after 30."""
LOOKING = 0.2
"""Seconds between looks whether the workers are there, and whether they have ended."""

ProcessResult = dict[str, Any]


class WorkerFault(UserError):  # noqa: N818 (a name for what happened)
    """A worker met a fault of the program, and has shown it."""

    exit_code = 1


def launch(  # noqa: PLR0917
    job: dict[str, Any], recipe: str, processes: int, nodes: int, stop_notice: str, resume_hint: Callable[[], str]
) -> ProcessResult:
    """Run a job in several processes; returns what the first process of this machine says of how it ended.

    Args:
        job: what a worker needs to know beside the recipe, for JSON.
        recipe: as YAML.
        processes: how many on this machine.
        nodes: how many machines; MASTER_ADDR, MASTER_PORT and NODE_RANK say which of them this is.
        stop_notice: what to say at the first SIGINT or SIGTERM.
        resume_hint: says what there is to go on from, if a process was lost.

    Raises:
        UserError: a process met a mistake of the user's or a fault, or was lost; or the machines did not meet.
        Stopped: the run was asked to stop, and has saved.
    """
    if sys.platform == "win32":  # it has no signals to pass on, and no way to see that the agent has gone
        raise UserError("several processes need Linux or macOS: leave out --processes")
    from torch.distributed.elastic.agent.server.api import WorkerSpec
    from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.rendezvous import RendezvousError

    with tempfile.TemporaryDirectory(prefix="vaegan-processes-", ignore_cleanup_errors=True) as name, _silence():
        folder = Path(name)
        (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
        (folder / RECIPE).write_text(recipe, encoding="utf-8")
        arguments = [name, *map(str, (os.getpid(), *sys.path))]
        try:
            rendezvous = _rendezvous(nodes)
            spec = WorkerSpec(
                role="vaegan",
                local_world_size=processes,
                entrypoint=sys.executable,
                args=("-c", WORKER, *(argument.replace("$", "$$") for argument in arguments)),  # to torch, $ is a macro's
                rdzv_handler=rendezvous,
                max_restarts=0,
            )
            agent = LocalElasticAgent(spec, DefaultLogsSpecs(str(folder / "logs")))
            with _Signals(agent, stop_notice) as signals:
                result = _in_a_thread(agent.run, signals.look)
            rendezvous.shutdown()
        except (RendezvousError, RuntimeError, ValueError) as error:  # of which kind, differs between ways to meet
            raise JoinError.of(error) from error
        outcomes = {int(path.stem): json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("[0-9]*.json")}
    return _verdict(outcomes, result.failures, processes * nodes, signals, resume_hint)


@contextmanager
def _silence() -> Iterator[None]:
    """Within, torch's agent logs nothing: one sentence says what it would say."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("torch.distributed.elastic")]
    before = {name: logging.getLogger(name).level for name in names}  # each has a level of its own
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


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
            f"--nodes {nodes} needs three environment variables on each machine: MASTER_ADDR (the address of the first machine), "
            "MASTER_PORT (a free port of the first machine) and NODE_RANK (the number of this machine: 0, 1 and so on)"
        ) from None
    if not 0 <= rank < nodes:
        raise UserError(f"NODE_RANK must be from 0 to {nodes - 1} with --nodes {nodes}, not {rank}")
    return get_rendezvous_handler(RendezvousParameters("static", endpoint, "vaegan", nodes, nodes, rank=rank, timeout=900))


def _in_a_thread(run: Callable[[], RunResult], look: Callable[[], None]) -> RunResult:
    """What `run` returns or raises; `look` is called now and then.

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
    while thread.is_alive():
        thread.join(LOOKING)
        look()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


class _Signals:
    """Within, signals go on to the workers.

    The first SIGINT or SIGTERM, and each SIGUSR1, goes to the first worker, which tells the others at the same step. A second SIGINT or
    SIGTERM kills all: workers note a signal and never insist, because a service manager sends it to them, too.
    """

    def __init__(self, agent: LocalElasticAgent, notice: str) -> None:
        self.received: int | None = None
        self.insisted = False
        self._agent, self._notice = agent, notice
        self._before: dict[int, Any] = {}

    def _workers(self) -> list[int]:
        return [worker.id for worker in self._agent.get_worker_group().workers if worker.id]

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        workers = self._workers()
        if not workers:  # there is nothing to save
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
            return
        self.insisted = self.received is not None
        if self._notice and not self.insisted:
            os.write(2, f"\n{self._notice}\n".encode())
        self.received = number
        _send(signal.SIGKILL, workers) if self.insisted else _send(number, workers[:1])

    def _save(self, number: int, _frame: FrameType | None) -> None:
        _send(number, self._workers()[:1])

    def look(self) -> None:
        """Pass SIGUSR1 on, once the workers are there. They start while it is ignored, and so ignore it until they can save."""
        if signal.SIGUSR1 in self._before and signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN and self._workers():
            signal.signal(signal.SIGUSR1, self._save)

    def __enter__(self) -> _Signals:
        if threading.current_thread() is threading.main_thread():
            handlers: dict[int, Any] = {signal.SIGINT: self._stop, signal.SIGTERM: self._stop, signal.SIGUSR1: signal.SIG_IGN}
            self._before = {number: signal.getsignal(number) for number in handlers}
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _send(number: int, workers: list[int]) -> None:
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker, number)


def _verdict(
    outcomes: dict[int, ProcessResult],
    failures: dict[int, ProcessFailure],
    processes: int,
    signals: _Signals,
    resume_hint: Callable[[], str],
) -> ProcessResult:
    """How the run ended, out of how its workers did."""
    silent = {rank: failure for rank, failure in failures.items() if rank not in outcomes}
    by_kind = {outcome["kind"]: (rank, outcome) for rank, outcome in sorted(outcomes.items(), reverse=True)}  # of the first such process
    if REFUSED in by_kind:
        raise UserError(by_kind[REFUSED][1]["sentence"])
    if FAILED in by_kind:
        raise WorkerFault(f"process {by_kind[FAILED][0]} of {processes} failed (see the error above), so the run ended; {resume_hint()}")
    if silent:
        rank, failure = _cause(silent)
        if signals.received and (signals.insisted or failure.exitcode == -signals.received):  # or the workers could not save yet
            if signals.received == signal.SIGINT:
                raise KeyboardInterrupt
            signal.raise_signal(signals.received)
        raise UserError(f"process {rank} of {processes} {_how(failure.exitcode)}, so the run ended; {resume_hint()}")
    if LOST in by_kind:
        raise UserError(f"{by_kind[LOST][1]['sentence']}; {resume_hint()}")
    if STOPPED in by_kind:
        raise Stopped(by_kind[STOPPED][1]["sentence"], by_kind[STOPPED][1]["exit_code"] - 128)
    return by_kind[FINISHED][1]


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


def run_worker(do: Callable[[dict[str, Any]], ProcessResult], folder: Path, agent: int) -> NoReturn:
    """What a worker does: the job in the folder.

    Args:
        do: takes the job; returns what is to be known of how it ended.
        folder: where the job is, and where to say how it ended.
        agent: the process that waits for this one.
    """
    try:
        job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    except FileNotFoundError:  # the agent was interrupted while it started this process
        os._exit(2)
    try:
        outcome, code = {"kind": FINISHED, **do(job)}, 0
    except Stopped as stopped:
        outcome, code = {"kind": STOPPED, "sentence": str(stopped), "exit_code": stopped.exit_code}, 0
    except (JoinError, LostProcessError) as error:
        if os.getppid() != agent:  # the other one has seen it first
            end_without_agent(folder)
        outcome, code = {"kind": LOST, "sentence": str(error)}, 2
    except UserError as error:
        outcome, code = {"kind": REFUSED, "sentence": str(error)}, 2
    except Exception:
        traceback.print_exc()
        outcome, code = {"kind": FAILED}, 1
    with replacing(folder / f"{os.environ['RANK']}.json") as path:
        path.write_text(json.dumps(outcome), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # at once: to take down connections to a process that is gone takes long, and can abort
