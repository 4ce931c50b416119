"""What this machine can do, and how to make it do that: device, precision, memory, processes."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from ..errors import UserError
from ..models.vaegan import VAEGAN
from ..this_process import cores

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


class World(NamedTuple):
    """How many processes train together."""

    processes: int
    """On each machine."""
    nodes: int
    """Machines."""
    environment: ClusterEnvironment | None
    """What torchrun, `fabric run` or SLURM tells the processes that it has started; None if this process is the only one so far."""

    @property
    def size(self) -> int:
        """All processes."""
        return self.processes * self.nodes


def find_device(device: str, world: World) -> str:
    """`cpu`, `cuda` or `mps`, for each process.

    Raises:
        UserError: the device is not there, or not as often as there are processes.
    """
    if device not in ("auto", "cpu", "cuda", "mps"):
        raise UserError(f"device must be auto, cpu, cuda or mps, not {device}")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available[device]:
        raise UserError(f"there is no {device} device on this machine: leave out --device to use a device that this machine has")
    if device == "mps" and world.processes > 1:
        raise UserError("training on mps works with one process only: leave out --processes")
    if device == "cuda" and world.processes > torch.cuda.device_count():
        seen = torch.cuda.device_count()
        slurm = f"ask SLURM for {world.processes} GPUs on each node, with --gpus-per-node (each task must see all GPUs of its node)"
        way_out = slurm if isinstance(world.environment, Slurm) else f"use at most {seen} process{'es' * (seen > 1)}"
        raise UserError(f"{world.processes} processes need one GPU each, but this process sees only {seen}: {way_out}")
    return device


def make_fabric(device: str = "auto", precision: str = "auto", world: World | None = None) -> Fabric:
    """Fabric for this machine.

    Args:
        device: `auto` (a GPU if there is one), `cpu`, `cuda` or `mps`.
        precision: `32`, `bf16`, or `auto`: bf16 where the device computes in it.
        world: the processes that train together; by default those that torchrun, `fabric run` or SLURM started, or this one alone.

    Raises:
        UserError: the device is not there, or there are not as many as were asked for.
    """
    world = world or find_world()
    device = find_device(device, world)
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "32"
    if device == "cpu":
        keep_freed_memory()
    if device == "cuda":
        torch.backends.cudnn.benchmark = True  # all steps are of one shape: the fastest kernels are found out once, by timing
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # what it would say is said where a run begins
    kind = "bf16-mixed" if precision == "bf16" else "32-true"
    try:
        return Fabric(
            accelerator=device,
            devices=world.processes,
            num_nodes=world.nodes,
            strategy="auto" if world.size == 1 else "ddp",
            precision=kind,  # type: ignore[arg-type]
            plugins=[world.environment or LightningEnvironment()],
        )
    except ValueError as error:
        if "through the CLI" not in str(error):
            raise
        raise UserError(
            "`fabric run` was given a device or precision, and vaegan does not read these: give --device and --precision to vaegan instead"
        ) from error


class Slurm(SLURMEnvironment):
    """The tasks of a SLURM step. Fabric would have them asked for in one way only, which `find_world` need not mind."""

    @staticmethod
    def _validate_srun_used() -> None:
        pass

    @staticmethod
    def _validate_srun_variables() -> None:
        pass

    def validate_settings(self, num_devices: int, num_nodes: int) -> None:
        """Nothing: these were counted."""


def find_world(processes: int | None = None, nodes: int | None = None) -> World:
    """How many processes train together: as whoever started this one says, or else as is asked for.

    Args:
        processes: how many devices, or processes on the CPU, of each machine.
        nodes: how many machines.

    Raises:
        UserError: others were started than are asked for; or several should be, and only this one was; or not as many on each machine.
    """
    for name, asked in (("processes", processes), ("nodes", nodes)):
        if asked is not None and asked < 1:
            raise UserError(f"--{name} must be at least 1, not {asked}")
    environment: ClusterEnvironment
    if TorchElasticEnvironment.detect():
        who, here = "torchrun", int(os.environ["LOCAL_WORLD_SIZE"])
        there = int(os.environ["WORLD_SIZE"]) // here
        environment = TorchElasticEnvironment()
    elif _slurm_tasks() > 1:
        who, on_nodes = "SLURM", os.environ["SLURM_STEP_TASKS_PER_NODE"]  # such as 8(x2); or 2,1
        same = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", on_nodes)
        if not same:
            tasks = on_nodes.replace(",", ", ")
            raise UserError(f"the nodes have different numbers of SLURM tasks ({tasks}): ask for equal numbers with --ntasks-per-node")
        here, there = int(same[1]), int(same[2] or 1)
        environment = Slurm()
    else:
        return World(processes or 1, nodes or 1, None)
    for name, asked, started in (("processes", processes, here), ("nodes", nodes, there)):
        if asked is not None and asked != started:
            raise UserError(f"--{name} is {asked}, but {who} has started {started}: leave out --{name}, or ask {who} for {asked}")
    return World(here, there, environment)


def _slurm_tasks() -> int:
    """How many tasks SLURM has started together with this one; 1 outside of SLURM, and for a shell on one of its machines.

    Raises:
        UserError: this is the script of a job of several tasks, which only srun starts.
    """
    if "SLURM_STEP_ID" in os.environ:
        return int(os.environ["SLURM_STEP_NUM_TASKS"])
    tasks = int(os.environ.get("SLURM_NTASKS", "1"))
    by_hand = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")  # as salloc calls it, where a person types
    if tasks > 1 and not by_hand:
        raise UserError(f"SLURM was asked for {tasks} tasks, but has started only this one: put srun before the command")
    return 1


def usual_threads(world: World) -> int:
    """How many threads each process computes with: those of a machine have together one for each core, unless OMP_NUM_THREADS says."""
    if world.processes == 1 or "OMP_NUM_THREADS" in os.environ:
        return torch.get_num_threads()
    if isinstance(world.environment, Slurm) and (own := int(os.environ.get("SLURM_CPUS_PER_TASK", "0"))):
        return own
    return max(1, cores() // world.processes)


def compile_networks(model: VAEGAN, note: Callable[[str], None]) -> None:
    """Have torch.compile write kernels for the networks, when they are first run. `note` takes the reason if that cannot be."""
    tried = torch.ones(8, device=next(model.parameters()).device, requires_grad=True)
    try:
        torch.compile(lambda values: (values * 2).relu())(tried).sum().backward()
    except Exception as error:  # a compiler, its headers, a driver: there is much to miss, and as many ways to say so
        reason = str(error).strip().splitlines()[0]
        note(f"torch.compile does not work on this machine, so the networks run without it: {reason}")
        return
    model.encoder.compile(dynamic=False)
    model.decoder.compile(dynamic=False)
    for name in ("stem", "features_of", "logits_of", "judge"):  # what the objective calls; the rest of `Discriminator` is made of these
        setattr(model.discriminator, name, torch.compile(getattr(model.discriminator, name), dynamic=False))


def computes_in_bf16(fabric: Fabric) -> bool:
    """Whether Fabric was told to multiply matrices in bfloat16."""
    with fabric.autocast():
        return torch.is_autocast_enabled(fabric.device.type)


def has_bf16(device: str) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware; emulated, it is slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "cpu":
        asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private in torch, so they may go away
        return any(getattr(torch.cpu, name, bool)() for name in asked)
    return False


def keep_freed_memory() -> bool:
    """Tell glibc not to return freed memory to the kernel, which would zero it and fault it in again at each step; whether it took it.

    It returns every large tensor at once by default, and that is half the time of a step on a CPU.
    """
    libc = _glibc()
    return bool(libc and libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def trim_memory() -> bool:
    """Give back now what is free; whether glibc could be asked to."""
    libc = _glibc()
    if libc is None:
        return False
    libc.malloc_trim(0)
    return True


def _glibc() -> Any:
    """The C library, if it is one that has these settings."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None)
        return libc if libc.mallopt and libc.malloc_trim else None
    except (AttributeError, OSError):  # another libc
        return None
