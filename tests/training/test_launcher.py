"""`--processes`: torch's agent starts the processes; they end together, and one sentence names the cause."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from vaegan import UserError
from vaegan.signals import Stopped
from vaegan.training import checkpoint, launcher

from .. import processes
from ..command import fails
from ..tiny import flags

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by /proc")


def start(run: Path, *more: object, before: str = "", **overrides: Any) -> processes.Process:
    """A run of two processes."""
    return processes.start("train", *flags(**overrides), "--processes=2", f"--run={run}", *(more or ["--no-report"]), before=before)


def workers_of(pid: int) -> list[int]:
    """The processes that a process has started, oldest first."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sorted(int(child) for thread in threads for child in (thread / "children").read_text().split())


def begin(run: Path, *more: object, before: str = "", **overrides: Any) -> tuple[processes.Process, list[int]]:
    """A run of two processes that would not end, and has come to its first checkpoint; and its workers."""
    agent = start(run, *more, before=before, training__length="1000000 steps", **overrides)
    agent.until(lambda: checkpoint.checkpoints(run / "checkpoints") and (run / "stats.jsonl").exists())  # steps are made
    first, second = workers_of(agent.pid)
    return agent, [first, second]


def gone(pid: int) -> bool:
    """Whether a process has ended, even if nobody has you asked for its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_two_processes_train_and_one_of_them_writes(tmp_path: Path) -> None:
    with start(tmp_path / "run", "--report") as agent:
        _, said = agent.communicate()
        assert agent.wait() == 0, said
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [16, 32, 48]
    assert said.count("The pictures are") == 1
    assert f"The report is {tmp_path / 'run' / 'report.html'}" in said
    assert "6 steps on 2 processes, each on the CPU" in said


def test_mistakes_are_found_before_processes_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vaegan.workflow.launch", lambda *_: pytest.fail("processes were started"))
    tiny = ["train", *flags(), f"--run={tmp_path / 'run'}"]
    fails(capsys, *tiny, "--processes=2", "--data=nowhere", words="nowhere does not exist")
    fails(capsys, *tiny, "--processes=0", words="--processes must be at least 1, not 0")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").touch()
    fails(capsys, *tiny, "--processes=2", words=f"{tmp_path / 'run'} exists already")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine"]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_ends_the_others_with_a_sentence(rank: int, tmp_path: Path) -> None:
    agent, workers = begin(tmp_path / "run")
    with agent:
        os.kill(workers[rank], signal.SIGKILL)
        _, said = agent.communicate()
        assert agent.wait() == 2
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert last.startswith(f"vaegan: process {rank} of 2 was killed by SIGKILL, so the run ended; the last checkpoint is ")
    assert last.endswith(f"continue with: vaegan train --resume {tmp_path / 'run'}")
    assert all(gone(pid) for pid in workers)


IN_WORKERS = """
from vaegan.training import launcher
launcher.WORKER = launcher.WORKER.replace("work(folder", {code!r} + "work(folder")
"""
"""Has workers run some lines before they work."""


def test_a_process_that_dies_before_they_meet_ends_the_others_with_a_sentence(tmp_path: Path) -> None:
    code = """
import os, time, torch.distributed
def meet(*_, **__):
    if os.environ["RANK"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)
torch.distributed.init_process_group = meet
"""
    with start(tmp_path / "run", before=IN_WORKERS.format(code=code)) as agent:
        _, said = agent.communicate()
        assert agent.wait() == 2
    dead = "process 0 of 2 was killed by SIGKILL, so the run ended"
    assert said.splitlines()[-1] == f"vaegan: {dead}; there is no checkpoint yet; run the same command again"


def test_a_fault_of_one_process_is_shown_and_ends_the_others(tmp_path: Path) -> None:
    code = """
import os
from vaegan.training import trainer
original = trainer.Trainer.train_step
def train_step(self, *more):
    if os.environ["RANK"] == "1" and self.step == 4:
        raise ZeroDivisionError("a fault")
    return original(self, *more)
trainer.Trainer.train_step = train_step
"""
    with start(tmp_path / "run", before=IN_WORKERS.format(code=code)) as agent:
        _, said = agent.communicate()
        assert agent.wait() == 1
    assert said.count("Traceback") == 1
    assert "ZeroDivisionError: a fault" in said
    assert said.splitlines()[-1].startswith(
        "vaegan: process 1 of 2 failed (see the error above), so the run ended; the last checkpoint is "
    )


def test_workers_end_when_their_agent_was_killed(tmp_path: Path) -> None:
    agent, workers = begin(tmp_path / "run")
    with agent:
        agent.kill()
        _, said = agent.communicate()  # until the workers have closed it, too
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "vaegan: the process that started this run has ended, so the run ends, too"
    began = time.monotonic()
    while not all(gone(pid) for pid in workers):  # what it says is closed before it has ended
        assert time.monotonic() < began + processes.LIMIT
        time.sleep(0.01)


def test_signals_to_any_process_save_or_end_the_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    agent, workers = begin(run, training__checkpoint_every=100_000, training__keep=9, before=FIRST_AT_ONCE)
    with agent:
        agent.send_signal(signal.SIGUSR1)
        agent.until(lambda: len(checkpoint.checkpoints(run / "checkpoints")) == 2)
        os.kill(workers[1], signal.SIGTERM)
        _, said = agent.communicate()
        assert agent.wait() == 143, said
    assert "Traceback" not in said
    last, asked, _ = [checkpoint.step_of(path) for path in checkpoint.checkpoints(run / "checkpoints")]
    assert said.count(f"saved at step {asked}, as you asked") == said.count("as you asked") == 1
    assert said.splitlines()[-1] == f"stopped at step {last} of 1000000 and saved; continue with: vaegan train --resume {run}"


FIRST_AT_ONCE = IN_WORKERS.format(
    code="""
from vaegan.training import trainer
original = trainer.Trainer.train
def train(self, run, *more):
    self.fabric.is_global_zero and self._save_checkpoint(run)
    return original(self, run, *more)
trainer.Trainer.train = train
"""
)


def test_a_second_interrupt_ends_all_at_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    code = f"""
import time
from pathlib import Path
from vaegan.training import trainer
original = trainer.Trainer.train
def train(self, run, *more):
    self.fabric.is_global_zero and self.save(run)
    def save(run):
        Path({str(tmp_path / "saving")!r}).touch()
        time.sleep(600)
    self.save = save
    return original(self, run, *more)
trainer.Trainer.train = train
"""
    agent, workers = begin(run, before=IN_WORKERS.format(code=code), training__checkpoint_every=1_000_000)
    with agent:
        agent.send_signal(signal.SIGINT)
        agent.until((tmp_path / "saving").exists)
        agent.send_signal(signal.SIGINT)
        _, said = agent.communicate()
        assert agent.wait() == 130, said
    assert "Traceback" not in said
    assert said.count("stopping: finishing the step and saving the run ...") == 1
    assert said.endswith("is still there; run the same command again, or continue a run with: vaegan train --resume RUN\n")
    assert all(gone(pid) for pid in workers)


def failure(code: int, second: int) -> ProcessFailure:
    """Of a process that ended with a code in some second."""
    made = ProcessFailure(0, 1, code, os.devnull)
    made.timestamp = second
    return made


KILLED, ABORTED, ENDED, FAULTY = -signal.SIGKILL, -signal.SIGABRT, -signal.SIGTERM, 1


@pytest.mark.parametrize(
    ("failures", "cause"),
    [
        ({0: (ABORTED, 7), 1: (KILLED, 7)}, 1),  # gloo aborts a peer before the agent looks
        ({0: (ABORTED, 7), 1: (KILLED, 8)}, 1),
        ({0: (ENDED, 7), 1: (ABORTED, 7)}, 1),  # the agent ends the others
        ({0: (KILLED, 37), 1: (ABORTED, 7)}, 1),  # or kills them, in the end
        ({0: (KILLED, 37), 1: (FAULTY, 7)}, 1),
        ({0: (ENDED, 7), 1: (ENDED, 7)}, 0),
    ],
)
def test_the_cause_is_named_and_not_a_victim(failures: dict[int, tuple[int, int]], cause: int) -> None:
    assert launcher._cause({rank: failure(*how) for rank, how in failures.items()})[0] == cause


REFUSED = {"kind": launcher.REFUSED, "sentence": "no"}
STOPPED = {"kind": launcher.STOPPED, "sentence": "stopped", "exit_code": 143}
LOST = {
    "kind": launcher.LOST,
    "sentence": "another process of this run has ended, so this process stops, too: look for the error of the other process",
}
UNJOINED = {"kind": launcher.LOST, "sentence": "the processes cannot connect to each other: connection refused"}
FAILED = {"kind": launcher.FAILED}
FINISHED = {"kind": launcher.FINISHED, "run": "run"}


class Received:
    """Signals that the agent has received."""

    def __init__(self, received: int | None = None, insisted: bool = False) -> None:
        self.received, self.insisted = received, insisted


def verdict(outcomes: dict[int, dict[str, Any]], failures: dict[int, tuple[int, int]], received: Received | None = None) -> dict[str, Any]:
    made: Any = {rank: failure(*how) for rank, how in failures.items()}
    signals: Any = received or Received()
    return launcher._verdict(outcomes, made, 2, signals, lambda: "go on")


@pytest.mark.parametrize(
    ("outcomes", "failures", "error", "words"),
    [
        ({0: REFUSED, 1: LOST}, {0: (2, 7), 1: (2, 7)}, UserError, "no"),
        ({0: LOST, 1: REFUSED}, {0: (2, 7), 1: (2, 7)}, UserError, "no"),
        (
            {0: LOST, 1: FAILED},
            {0: (2, 7), 1: (1, 7)},
            launcher.WorkerFault,
            r"process 1 of 2 failed .see the error above., so the run ended; go on",
        ),
        ({0: STOPPED, 1: STOPPED}, {}, Stopped, "stopped"),
        ({0: STOPPED, 1: STOPPED}, {0: (-2, 7)}, Stopped, "stopped"),  # it had said so before
        ({0: STOPPED}, {1: (KILLED, 7)}, UserError, r"process 1 of 2 was killed by SIGKILL, so the run ended; go on"),
        ({0: LOST}, {0: (2, 7), 1: (KILLED, 7)}, UserError, r"process 1 of 2 was killed by SIGKILL, so the run ended; go on"),
        ({1: UNJOINED}, {0: (KILLED, 7), 1: (2, 7)}, UserError, r"process 0 of 2 was killed by SIGKILL, so the run ended; go on"),
        ({0: UNJOINED, 1: UNJOINED}, {0: (2, 7), 1: (2, 7)}, UserError, r"cannot connect to each other: connection refused; go on"),
        (
            {0: LOST, 1: LOST},
            {0: (2, 7), 1: (2, 7)},
            UserError,
            r"another process of this run has ended, so this process stops, too: look for the error of the other process; go on",
        ),  # on another machine
    ],
)
def test_how_a_run_ended(
    outcomes: dict[int, dict[str, Any]], failures: dict[int, tuple[int, int]], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        verdict(outcomes, failures)


def test_a_run_that_finished_is_what_the_first_process_says() -> None:
    assert verdict({1: {**FINISHED, "run": "other"}, 0: FINISHED}, {}) == FINISHED


def test_a_run_that_a_signal_ended_before_it_could_save_ends_as_by_that_signal() -> None:
    for received, failures in (
        (Received(signal.SIGINT), {0: (-signal.SIGINT, 7), 1: (ENDED, 7)}),
        (Received(signal.SIGINT, insisted=True), {0: (KILLED, 7), 1: (KILLED, 7)}),
    ):
        with pytest.raises(KeyboardInterrupt):
            verdict({}, failures, received)
    with pytest.raises(UserError, match="process 1 of 2 was killed by SIGKILL"):  # while the first one still saved
        verdict({}, {0: (ENDED, 7), 1: (KILLED, 7)}, Received(signal.SIGTERM))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "--nodes 2 needs three environment variables on each machine: MASTER_ADDR"),
        ({"MASTER_ADDR": "first", "MASTER_PORT": "x", "NODE_RANK": "0"}, "--nodes 2 needs"),
        ({"MASTER_ADDR": "first", "MASTER_PORT": "1", "NODE_RANK": "2"}, "NODE_RANK must be from 0 to 1 with --nodes 2, not 2"),
    ],
)
def test_several_machines_must_know_who_they_are(variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=words):
        launcher._rendezvous(2)
