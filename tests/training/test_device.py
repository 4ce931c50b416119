"""What the machine can do is asked of the machine."""

from __future__ import annotations

import sys

import pytest
import torch

from vaegan import UserError
from vaegan.training.device import (
    Slurm,
    World,
    computes_in_bf16,
    has_bf16,
    keep_freed_memory,
    make_fabric,
    usual_threads,
)


def test_precision() -> None:
    assert not computes_in_bf16(make_fabric("cpu", "32"))
    assert computes_in_bf16(make_fabric("cpu", "bf16"))
    assert computes_in_bf16(make_fabric("cpu", "auto")) == has_bf16("cpu")


def test_auto_takes_a_gpu_if_there_is_one() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert make_fabric("auto", "32").device.type == expected


@pytest.mark.parametrize(
    ("device", "processes", "words"), [("tpu", 1, "device must be"), ("cuda", 99, "cuda device|99"), ("mps", 2, "mps device")]
)
def test_what_is_not_there(device: str, processes: int, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make_fabric(device, "32", World(processes, 1, None))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's setting")
def test_freed_memory_is_kept() -> None:
    assert keep_freed_memory()


def test_processes_share_the_cores_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.training.device.cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert [usual_threads(World(processes, 1, None)) for processes in (2, 3, 9)] == [4, 2, 1]
    assert usual_threads(World(1, 4, None)) == torch.get_num_threads()
    assert usual_threads(World(8, 1, Slurm())) == 1
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    assert usual_threads(World(8, 1, Slurm())) == 6
    assert usual_threads(World(8, 1, None)) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert usual_threads(World(2, 1, None)) == torch.get_num_threads()
