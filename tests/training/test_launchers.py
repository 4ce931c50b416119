"""Who starts several processes, and that they train together, or end together."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import NoneType, SimpleNamespace
from typing import Any

import pytest
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from vaegan import UserError
from vaegan.begin import join
from vaegan.signals import Stopped
from vaegan.this_process import is_first_here, is_leader
from vaegan.training import checkpoint
from vaegan.training.device import Slurm, find_world, make_fabric
from vaegan.workflow import train

from .. import processes
from ..tiny import QUIETLY, flags, tiny

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6"}
JOB = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "faces", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"}  # as its script sees it
STEP = {**JOB, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "2"}  # as srun's tasks do
ALONE = {"SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_TASKS_PER_NODE": "1"}


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nobody has started this process but a person, wherever these tests run."""
    for name in os.environ:
        if name.startswith(("SLURM_", "TORCHELASTIC_")) or name in ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name)
    return monkeypatch


def _set(patch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        patch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "asked", "started", "by"),
    [
        ({}, (None, None), (1, 1), NoneType),
        ({}, (2, 3), (2, 3), NoneType),
        (TORCHRUN, (None, None), (2, 3), TorchElasticEnvironment),
        (TORCHRUN, (2, 3), (2, 3), TorchElasticEnvironment),
        (STEP, (None, None), (2, 1), Slurm),
        ({**STEP, "SLURM_NTASKS": "16", "SLURM_STEP_NUM_TASKS": "16", "SLURM_STEP_TASKS_PER_NODE": "8(x2)"}, (8, None), (8, 2), Slurm),
        ({**STEP, "SLURM_JOB_NAME": "bash"}, (None, None), (2, 1), Slurm),  # srun bash -c "..."
        ({**STEP, **TORCHRUN}, (None, None), (2, 3), TorchElasticEnvironment),  # srun torchrun
        ({**STEP, **ALONE}, (8, None), (8, 1), NoneType),  # one task of 8 GPUs
        ({**JOB, "SLURM_NTASKS": "1"}, (None, None), (1, 1), NoneType),  # a job's script, without srun
        ({**JOB, "SLURM_JOB_NAME": "interactive"}, (2, None), (2, 1), NoneType),  # salloc --ntasks=2
    ],
)
def test_who_has_started_how_many(
    variables: dict[str, str],
    asked: tuple[int | None, int | None],
    started: tuple[int, int],
    by: type[ClusterEnvironment | None],
    outside: pytest.MonkeyPatch,
) -> None:
    _set(outside, variables)
    world = find_world(*asked)
    assert (world.processes, world.nodes) == started
    assert type(world.environment) is by


@pytest.mark.parametrize(
    ("variables", "asked", "words"),
    [
        (JOB, (None, None), "asked for 2 tasks, but has started only this one: put srun before"),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "2,1"}, (None, None), "different numbers of SLURM tasks .2, 1.: .* --ntasks-per-node"),
        (STEP, (3, None), "--processes is 3, but SLURM has started 2"),
        (STEP, (None, 2), "--nodes is 2, but SLURM has started 1"),
        (TORCHRUN, (3, None), "--processes is 3, but torchrun has started 2"),
    ],
)
def test_others_than_were_asked_for(
    variables: dict[str, str], asked: tuple[int | None, int | None], words: str, outside: pytest.MonkeyPatch
) -> None:
    _set(outside, variables)
    with pytest.raises(UserError, match=words):
        find_world(*asked)


def test_a_task_that_sees_one_gpu_of_its_machine(outside: pytest.MonkeyPatch) -> None:
    _set(outside, STEP)
    outside.setattr(torch.cuda, "is_available", lambda: True)
    outside.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(
        UserError,
        match=r"2 processes need one GPU each, but this process sees only 1: ask SLURM for 2 GPUs on each node, with --gpus-per-node",
    ):
        make_fabric("cuda", "32")


@pytest.mark.parametrize(
    ("variables", "leader", "first_here"),
    [
        ({}, True, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True, True),
        ({"RANK": "1", "LOCAL_RANK": "1"}, False, False),
        ({"RANK": "8", "LOCAL_RANK": "0"}, False, True),
        ({"NODE_RANK": "1"}, False, True),
        ({"SLURM_PROCID": "8", "SLURM_LOCALID": "0"}, False, True),
        ({"SLURM_PROCID": "1", "SLURM_LOCALID": "1"}, False, False),
    ],
)
def test_who_speaks(variables: dict[str, str], leader: bool, first_here: bool, outside: pytest.MonkeyPatch) -> None:
    _set(outside, variables)
    assert (is_leader(), is_first_here()) == (leader, first_here)


def test_another_process_that_was_stopped_was_so_by_sigterm() -> None:
    assert Stopped("", None).exit_code == 143  # what jobs look for, to be started again


def test_processes_are_joined_once_or_a_sentence_says_why_not() -> None:
    def launch() -> None:
        raise RuntimeError("nobody answers\nand much more")

    fabric: Any = SimpleNamespace(_launched=True, launch=launch)  # as after `fabric run`
    join(fabric)
    fabric._launched = False
    with pytest.raises(UserError, match=r"cannot connect to each other: nobody answers$"):
        join(fabric)


def torchrun(folder: Path, before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`vaegan` in two processes, each of which runs a line of Python before."""
    script = folder / "rank.py"
    script.write_text(f"import os, sys\nrank = os.environ['RANK']\n{before}\nfrom vaegan.__main__ import main\nmain()\n")
    run = "import sys; from torch.distributed.run import main; main(sys.argv[1:])"
    return processes.run("--standalone", "--nproc-per-node=2", "--", script, *arguments, script=run, cwd=folder)


def test_torchrun_goes_on_with_a_run_of_one_process(tmp_path: Path) -> None:
    """Where they take as many images a step; and only the first one sees the run's folder."""
    (tmp_path / "1").mkdir()
    begun = train(tiny(training__batch=8, training__length="2 steps"), tmp_path / "0" / "run", **QUIETLY).run
    arguments = ["train", "--auto-resume", "--no-report", "--run=run", *flags(training__batch=4, training__length="4 steps")]
    done = torchrun(tmp_path, "os.chdir(rank)", *arguments)
    assert done.returncode == 0, done.stderr
    assert "continues at step 2 of 4 on 2 processes, each on the CPU" in done.stderr
    assert done.stderr.count("The run is run;") == 1
    assert checkpoint.load(begun / "checkpoints")[0]["step"] == 4
    assert not any((tmp_path / "1").iterdir())


def test_what_only_one_process_meets_all_end_with(tmp_path: Path) -> None:
    before = "sys.argv += ['--data=/nowhere'] * (rank == '1')"
    done = torchrun(tmp_path, before, "train", "--run=run", *flags())
    assert done.returncode
    assert [line for line in done.stderr.splitlines() if line.startswith("vaegan:")] == ["vaegan: /nowhere does not exist"]
    assert not (tmp_path / "run").exists()
