"""How many parameters a recipe's networks have and how much memory their training takes, counted before anything is built.

Everything is counted on torch's meta device, whose tensors have shapes and no values, which takes no memory.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import UserError
from ..files import free_space
from ..losses.objective import Objective
from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..words import in_bytes
from .device import has_bf16

FLOAT = 4
"""Bytes of a weight: weights, their gradients and what the optimiser keeps are float32 in every precision."""
PLENTY = 40_000
"""Bytes of activations a pixel of a batch: ten times as many as the paper's networks have."""
CGROUPS = Path("/sys/fs/cgroup")
GROUP_OF_PROCESS = Path("/proc/self/cgroup")
MEMORY_OF_MACHINE = Path("/proc/meminfo")


@dataclass(frozen=True)
class Size:
    """What one process needs, in bytes but for `parameters`. Kernels need some memory of their own, which is not in here."""

    parameters: int
    """Of the three networks together."""
    state: int
    """Weights, their average where there is one, and the optimisers' two moments of each weight that learns: what a checkpoint holds."""
    gradients: int
    activations: int
    """What the forward pass of a batch keeps for the backward pass."""
    networks: dict[str, int] = field(default_factory=dict)
    """The parameters of each network."""

    @property
    def step(self) -> int:
        """What a step needs."""
        return self.state + self.gradients + self.activations

    @property
    def run(self) -> int:
        """What a run on the CPU needs: a checkpoint is put together in memory, and what a step has freed is too scattered for that."""
        return self.step + self.state


def size_of(recipe: Recipe, *, bf16: bool = False) -> Size:
    """Count what training by a recipe takes. With `bf16`, activations have half the bytes.

    Raises:
        UserError: there are no such networks or losses.
    """
    objective, model = _on_meta(recipe)
    activations = _saved_for_backward(objective, model, recipe.training.batch)
    return _size(recipe, model, activations // 2 if bf16 else activations)


def check_size(recipe: Recipe, device: str | None, processes: int = 1, folder: Path | None = None) -> None:
    """See that there are such networks and losses, and that this machine has the memory to train them and the room to save them.

    Args:
        recipe: what is to be trained.
        device: `cpu`, `cuda` or `mps`; None to see only that there are such networks and losses.
        processes: how many of this machine train, each with as much.
        folder: where a new run is to be made.

    Raises:
        UserError: there is not.
    """
    _, model = _on_meta(recipe)
    if device is not None:
        _check_memory(recipe, model, device, processes)
    needed, free = checkpoint_and_model(_size(recipe, model, 0)), free_space(folder) if folder else None
    if free is not None and needed > free:
        raise UserError(
            f"a checkpoint and the model take at least {in_bytes(needed)}, but only {in_bytes(free)} are free on the disk of {folder}: "
            "choose another --run, or free some space"
        )


def _check_memory(recipe: Recipe, model: VAEGAN, device: str, processes: int) -> None:
    training = recipe.training
    size = _size(recipe, model, PLENTY * training.batch * math.prod(recipe.networks.size))
    if not any(_lacking(size, device, processes)):
        return  # counting activations takes a fifth of a second, and would change nothing
    size = size_of(recipe, bf16=in_bf16(recipe, device))
    for kind, needed, free in _lacking(size, device, processes):
        raise UserError(
            f"training needs at least {in_bytes(needed)} of {kind}, but only {in_bytes(free)} are free (the networks have "
            f"{size.parameters:,} parameters, and each step takes {training.batch * processes} images): "
            "choose a smaller networks.size, networks.width or training.batch"
        )


def checkpoint_and_model(size: Size) -> int:
    """The bytes of the first checkpoint and of the model beside it."""
    return size.state + FLOAT * size.parameters


def in_bf16(recipe: Recipe, device: str) -> bool:
    """Whether training by a recipe computes in bfloat16 on a device."""
    precision = recipe.training.precision
    return precision == "bf16" or (precision == "auto" and has_bf16(device))


def free_memory() -> int | None:
    """The bytes of memory that this process may still take: what the machine has free, or less where a container or a job has a limit.

    None where the system does not say.
    """
    return min([*_free_of_machine(), *_free_of_groups()], default=None)


def _on_meta(recipe: Recipe) -> tuple[Objective, VAEGAN]:
    """The objective and the networks, without values.

    Raises:
        UserError: there are no such networks or losses, or they do not go together.
    """
    with torch.device("meta"):
        objective = Objective(recipe.objective)
        model = VAEGAN(recipe.networks, level=recipe.objective.level).train()
        objective.check(model.discriminator)
    if (
        recipe.objective.penalty
        and recipe.training.sync_batchnorm
        and any(isinstance(m, _BatchNorm) for m in model.discriminator.modules())
    ):
        raise UserError(
            "objective.penalty needs second derivatives, and training.sync_batchnorm does not support them in a discriminator with batch "
            "normalisation: leave out one of the two settings, or use for example networks.family=resize"
        )
    return objective, model


def _size(recipe: Recipe, model: VAEGAN, activations: int) -> Size:
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in model.named_children()}
    every, learning = sum(counts.values()), sum(counts[name] for name in recipe.objective.trained)
    return Size(every, FLOAT * (every * (1 + recipe.training.averages) + 2 * learning), FLOAT * learning, activations, counts)


def _lacking(size: Size, device: str, processes: int) -> Iterator[tuple[str, int, int]]:
    """Which memory is too small, with what is needed and what is free."""
    needs = [("memory", processes * size.run, free_memory())]
    if device == "cuda":  # networks are made, and checkpoints put together, in the machine's memory
        needs = [("memory", processes * size.state, free_memory()), ("GPU memory", size.step, torch.cuda.mem_get_info()[0])]
    return ((kind, needed, free) for kind, needed, free in needs if free is not None and needed > free)


def _saved_for_backward(objective: Objective, model: VAEGAN, batch: int) -> int:
    """The bytes that the forward pass keeps, float32, each tensor's storage counted once; weights are not among them."""
    weights = {p.untyped_storage()._cdata for p in model.parameters()}
    storages: dict[int, torch.UntypedStorage] = {}  # held, so that no other storage gets the same address

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            storages[storage._cdata] = storage
        return tensor

    a = model.architecture
    with torch.device("meta"):
        images, noise = torch.empty(batch, a.channels, *a.size), torch.empty(batch, a.latent)
        conditions = torch.empty(batch, len(a.attributes)) if model.conditional else None
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            losses = objective(model, images, noise, noise, conditions=conditions)  # noqa: F841 (what it holds is what is counted)
    except (NotImplementedError, RuntimeError):  # a family of a user's own may need values: then weights alone are counted
        return 0
    return sum(storage.nbytes() for storage in storages.values())


def _free_of_machine() -> Iterator[int]:
    if MEMORY_OF_MACHINE.is_file():  # Linux, which also counts what it would give up for the asking
        for line in MEMORY_OF_MACHINE.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
    elif "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_of_groups() -> Iterator[int]:
    """Of the control groups that this process is in, those of its memory, of version 2 or 1, and the groups around them."""
    try:
        lines = GROUP_OF_PROCESS.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, names = CGROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = CGROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                yield from _free_of_group(folder, *names)


def _free_of_group(folder: Path, limit: str, used: str, reclaimable: str) -> Iterator[int]:
    """What is left to a group; nothing if it has no limit, or is not to be seen from within a container."""
    try:
        most, now = (int((folder / name).read_text()) for name in (limit, used))  # "max" is no number
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return
    yield max(0, most - now + int(stat.get(reclaimable, 0)))
