"""Whether a run can be lost: it is killed again and again, and started again each time by the same command.

    python benchmarks/torture.py [--kills 60] [--steps 240] [--processes 2] [--folder DIR]

trains tiny networks with all that changes from step to step (augmentation, averages, annealed rates, a gate that holds both players now and
then), once undisturbed, and then under SIGKILL: at random moments, while it starts, and, as soon as a file is seen that is being written,
while it saves a checkpoint, the model or a picture. Whenever a run is finished before it was killed often enough, the next is begun. In the
end each must hold what the undisturbed one holds, bit for bit: tensors of the last checkpoint, the model, pictures, stats.jsonl (but for
the speed), the curves in TensorBoard; and nothing else, such as a file half written. Printed is what was going on at each kill, and what
differs; the exit code is 1 if anything does. Three to six minutes on one core of a busy machine. Linux only.

Most of the processes are forks of this one, which has imported everything and started no thread: starting them takes no three seconds. With
--processes 2, each run is of two processes, one of which is killed, and all are started afresh.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy and torch look at it when they are imported

import argparse
import json
import logging
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

import vaegan.cli
import vaegan.training.loggers.tensorboard  # noqa: F401 (so that forks need not)
from vaegan.__main__ import main as vaegan_main
from vaegan.files import PARTIAL
from vaegan.training import checkpoint

SETTINGS = {
    "recipe": "quick-larsen",  # it has a gate
    "data.avatars": 48,
    "data.held_out": 0.2,
    "size": 16,
    "networks.width": 0.0625,
    "networks.latent": 4,
    "augmentation.flip": "true",
    "augmentation.shift": 0.05,
    "augmentation.hue": 0.1,
    "objective.gamma": 0.1,
    "objective.gamma_decay": 1.5,
    "gate.equilibrium": 0.45,
    "gate.margin": 0.05,
    "optimizer.schedule": "anneal",
    "training.batch": 4,
    "training.ema": 0.9,
    "training.precision": "32",
    "device": "cpu",
    "training.log_every": 3,
    "training.picture_every": 10,
    "training.checkpoint_every": 2,  # most resumes are between two lines
}
STARTING, TRAINING = "starting", "training"
SAVING = {"checkpoints": "saving a checkpoint", "model": "saving the model", "samples": "writing a picture"}
"""What is going on while a folder of the run holds a file that is half written."""
AFRESH = 8  # one of so many processes is a new one
START_SECONDS = 4.0  # that such a one may take
PATIENCE = 600.0  # seconds until a process that does not end counts as hanging


class Process:
    """`vaegan train` as a process of its own."""

    def __init__(self, arguments: list[str], log: Path, *, afresh: bool) -> None:
        """Start it: as a fork, or `afresh`."""
        self.log, self.afresh = log, afresh
        self.code: int | None = None
        log.touch()
        if afresh:
            with log.open("wb") as file:
                command = [sys.executable, "-m", "vaegan", *arguments]
                self._spawned = subprocess.Popen(command, stdout=file, stderr=file)  # noqa: S603
            self.pid = self._spawned.pid
        else:
            assert len(os.listdir("/proc/self/task")) == 1, "only a process without threads can be forked"  # noqa: PTH208
            self.pid = os.fork() or _become(arguments, log)

    def ended(self) -> bool:
        """Whether it has; `code` is its exit code then, or a signal's number below 0."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self, until: Callable[[], bool] = lambda: False, seconds: float = PATIENCE) -> bool:
        """Wait until it has ended, or something is so, or time is up; says whether it was the second."""
        deadline = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < deadline:
            if until():
                return True
            time.sleep(0.0002)
        return False

    def trains(self) -> bool:
        """Whether it has begun to train."""
        return " to train on" in self.text()

    def text(self) -> str:
        """What it has said."""
        return self.log.read_text(errors="replace")


def _become(arguments: list[str], log: Path) -> int:
    """Turn this fork into the command; does not return."""
    code = 1
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.argv = ["vaegan", *arguments]
        vaegan_main()
        code = 0
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Torture:
    """Kills runs in a folder, and keeps the count."""

    def __init__(self, folder: Path, steps: int, processes: int, seed: int) -> None:
        self.folder, self.processes = folder, processes
        self.random = random.Random(seed)
        self.flags = [f"--{key}={value}" for key, value in SETTINGS.items()] + [f"--steps={steps}", f"--processes={processes}"]
        self.kills: Counter[str] = Counter()
        self.victims: Counter[str] = Counter()
        self.resumes = self.redone = self.damaged = self.started = 0
        self.faults: list[str] = []
        self.undisturbed = folder / "undisturbed"
        process = self.start(self.undisturbed, afresh=processes > 1)
        process.wait(process.trains)
        began = time.monotonic()
        process.wait()
        if not process.ended():
            os.kill(process.pid, signal.SIGKILL)
        if process.code != 0:
            raise SystemExit(f"the undisturbed run ended with {process.code}:\n{process.text()}")
        self.seconds = time.monotonic() - began

    def start(self, run: Path, *, afresh: bool) -> Process:
        """Start or go on with a run, always by the same command."""
        self.started += 1
        arguments = ["train", "--auto-resume", f"--run={run}", "--no-report", *self.flags]
        return Process(arguments, self.folder / f"{self.started}.log", afresh=afresh)

    def torture(self, run: Path, kills: int, a_run: int) -> None:
        """See a run to its end, with `kills` kills at most, and about `a_run` in a run."""
        kinds = ["any moment", *SAVING, "any moment", "start", "line", *SAVING]
        while True:
            before = halves(run)
            kind = self.random.choice(kinds)
            afresh = self.processes > 1 or self.random.randrange(AFRESH) == 0
            process = self.start(run, afresh=afresh)
            if kills:
                self._await(process, run, kind, self.seconds * self.random.uniform(0, 2) / a_run, before)
            else:
                process.wait()
            if not process.ended():
                if not kills:
                    self.faults.append(f"{run.name} did not end in {PATIENCE:.0f} seconds")
                self._kill(process)
            self.resumes += "continues at step " in process.text()
            self.damaged += process.text().count("skipped a damaged checkpoint")
            if process.code == 0:
                return
            if process.code != -signal.SIGKILL and not self._is_orphan(process):
                self.faults.append(f"{run.name} ended with {process.code}: {process.text()}")
                return
            kills -= 1
            self.kills[_doing(process, [path for path in halves(run) if path not in before])] += 1
            reached = max(_steps_logged(run), default=0)
            saved = checkpoint.checkpoints(run / "checkpoints")
            self.redone += max(0, reached - (checkpoint.step_of(saved[0]) if saved else 0))

    def _await(self, process: Process, run: Path, kind: str, seconds: float, before: dict[Path, int]) -> None:
        """Wait for the moment to kill; or for the end, if that comes first."""
        if kind == "start":
            process.wait(seconds=self.random.uniform(0, START_SECONDS * self.processes if process.afresh else 0.5))
            return
        process.wait(process.trains)
        process.wait(seconds=seconds)
        if kind in SAVING:
            process.wait(lambda: any(path not in before for path in (run / kind).glob(f"*{PARTIAL}")))
        elif kind == "line":
            stats = run / "stats.jsonl"
            length = stats.stat().st_size if stats.exists() else 0
            process.wait(lambda: stats.exists() and stats.stat().st_size > length)

    def _kill(self, process: Process) -> None:
        """One of the processes of a run; the others must end by themselves."""
        others = children(process.pid) if self.processes > 1 else []
        victim = self.random.choice([process.pid, *others])
        os.kill(victim, signal.SIGKILL)
        process.wait()
        if self.processes > 1 and process.code != 0:
            names = {process.pid: "the one that starts the others", **dict(zip(sorted(others), ("the first", "the second"), strict=False))}
            self.victims[names.get(victim, "another")] += 1
        deadline = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{pid}").exists() for pid in others):
            if time.monotonic() > deadline:
                self.faults.append(f"a process did not end after {'another' if victim in others else 'the first'} was killed")
                for pid in others:
                    os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.01)

    def _is_orphan(self, process: Process) -> bool:
        """Whether it ended because another process of its run was killed, and said so in one sentence."""
        text = process.text()
        said = text.count("and this ended the run; ") + text.count("look for the error of the other process; ")
        return self.processes > 1 and process.code == 2 and said == 1 and "Traceback" not in text

    def compare(self, run: Path) -> None:
        """Note what is not as in the undisturbed run."""
        mine, wanted = contents(run), contents(self.undisturbed)
        differing = [name for name in sorted(mine.keys() | wanted.keys()) if not equal(mine.get(name), wanted.get(name))]
        self.faults += [f"{run.name}: {name} differs from the undisturbed run's" for name in differing]
        self.faults += [f"{run.name}: {path.relative_to(run)} was left behind" for path in halves(run)]


def _doing(process: Process, halves: list[Path]) -> str:
    """What a process was doing when it was killed, by what it left half written, or has said."""
    otherwise = TRAINING if process.trains() else STARTING
    return next((SAVING[path.parent.name] for path in halves if path.parent.name in SAVING), otherwise)


def halves(run: Path) -> dict[Path, int]:
    """The files of a run that are half written, each with a number that another one of that name would not have."""
    return {path: path.stat().st_mtime_ns for path in run.rglob(f"*{PARTIAL}")}


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that have not ended."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:  # it has just ended
                continue
            if int(parent) == pid and state != "Z":
                found.append(int(folder.name))
    return found


def contents(run: Path) -> dict[str, Any]:
    """All that a run must not lose."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it notes each resume
    events = EventAccumulator(str(run / "tensorboard"), {"scalars": 0, "images": 0})
    events.Reload()
    curves = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    del curves["speed/images_per_second"]
    files = [*(run / "samples").glob("*.png"), *(run / "model").iterdir(), run / "recipe.yaml"]
    return {
        "the last checkpoint": checkpoint.load(run / "checkpoints")[0],
        "stats.jsonl": [line | {"images_per_second": 0} for line in map(json.loads, (run / "stats.jsonl").read_text().splitlines())],
        **{f"TensorBoard's curve {name}": curve for name, curve in curves.items()},
        "TensorBoard's pictures": [(event.step, event.encoded_image_string) for event in events.Images("pictures")],
        **{str(path.relative_to(run)): path.read_bytes() for path in files},
    }


def _steps_logged(run: Path) -> list[int]:
    stats = run / "stats.jsonl"
    lines = stats.read_text().splitlines(keepends=True) if stats.exists() else []
    return [json.loads(line)["step"] for line in lines if line.endswith("\n")]


def equal(one: Any, other: Any) -> bool:
    """Whether two states are the same, bit for bit."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def main() -> None:
    """Torture, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, help="how many; 60 by default, 10 of several processes")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to train; a temporary folder by default")
    given = parser.parse_args()
    kills = given.kills or (60 if given.processes == 1 else 10)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        os.environ["VAEGAN_CACHE"] = f"{name}/cache"
        torture = Torture(Path(name), given.steps, given.processes, given.seed)
        lines = contents(torture.undisturbed)["stats.jsonl"]
        for player in ("decoder_steps", "discriminator_steps"):
            if len({line[player] > 0.5 for line in lines}) == 1:
                torture.faults.append(f"the gate never changed {player}: nothing was learned of it")
        runs = 0
        while sum(torture.kills.values()) < kills and not torture.faults:
            runs += 1
            run = Path(name) / f"run-{runs}"
            torture.torture(run, kills - sum(torture.kills.values()), min(kills, 30))
            if not torture.faults:
                torture.compare(run)
    each = "one process" if given.processes == 1 else f"{given.processes} processes"
    print(f"{runs} runs of {given.steps} steps, each of {each}, killed and started again by the same command\n")
    rows = {f"killed while {what}": torture.kills[what] for what in (STARTING, TRAINING, *SAVING.values())}
    rows |= {f"killed: {what}": count for what, count in torture.victims.items() if count}
    rows |= {
        "kills": sum(torture.kills.values()),
        "resumes from a checkpoint": torture.resumes,
        "steps taken again, at least": torture.redone,
    }
    rows |= {"damaged checkpoints met": torture.damaged, "seconds": round(time.monotonic() - began)}
    for what, count in rows.items():
        print(f"{what:32}{count:6}")
    print("\nall is as in the run that was not disturbed" if not torture.faults else "\n" + "\n".join(torture.faults))
    raise SystemExit(bool(torture.faults))


if __name__ == "__main__":
    main()
