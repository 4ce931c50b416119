"""Parameters and memory are counted without building anything, as they then are; what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from vaegan import Recipe, UserError
from vaegan.training import memory
from vaegan.training.memory import Size, check_size, free_memory, size_of
from vaegan.workflow import train

from ..tiny import QUIETLY, make_trainer, tiny


def bytes_of(state: Any) -> int:
    return sum(leaf.nbytes for leaf in tree_leaves(state) if isinstance(leaf, Tensor) and leaf.ndim and leaf.is_floating_point())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"training__average_half_life": 100},
        {"objective__kind": "vae"},
        {"objective__kind": "gan"},
        {"networks__attributes": ["Smiling"]},
    ],
    ids=str,
)
def test_what_is_counted_is_what_there_is(settings: dict[str, Any]) -> None:
    recipe = tiny(gate__enabled=False, data__avatars=24, **settings)
    trainer = make_trainer(recipe)
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in trainer.model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        trainer.train_step()
    size = size_of(recipe)
    assert size.parameters == sum(p.numel() for p in trainer.model.parameters())
    state = trainer.state_dict()
    statistics = bytes_of([buffer for model in (trainer.model, trainer.average) if model for buffer in model.buffers()])
    assert size.state == bytes_of([state[name] for name in ("model", "average", "optimizers")]) - statistics
    assert size.gradients == sum(4 * p.numel() for name in recipe.objective.trained for p in getattr(trainer.model, name).parameters())
    activations = sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights)
    assert size.activations == pytest.approx(activations, rel=0.1)  # augmentation and what torch keeps of a batch's statistics differ


def test_networks_that_no_machine_holds_are_counted() -> None:
    size = size_of(Recipe.load("reference", {"networks.size": (1024, 1024)}))
    assert size.parameters > 6e9
    assert size.step > 16 * size.parameters


def test_what_does_not_fit_is_refused_before_images_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.workflow.images_of", lambda *_, **__: pytest.fail("images were opened"))
    monkeypatch.setattr(memory, "free_memory", lambda: 8_000_000_000)
    with pytest.raises(UserError) as refused:
        train(tiny("reference", networks__size=(1024, 1024), networks__width=None), tmp_path / "run", **QUIETLY)
    sentence = str(refused.value)
    assert " GB of memory, but only 8.0 GB are free (the networks have " in sentence
    assert sentence.endswith("each step takes 4 images): choose a smaller networks.size, networks.width or training.batch")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("free", "processes", "fits"), [(1400, 1, True), (1399, 1, False), (4199, 3, False), (None, 9, True)])
def test_each_process_needs_as_much(free: int | None, processes: int, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "size_of", lambda *_, **__: Size(parameters=1, state=400, gradients=100, activations=500))
    monkeypatch.setattr(memory, "free_memory", lambda: free)
    if fits:
        check_size(tiny(), "cpu", processes)
    else:
        with pytest.raises(UserError, match="choose a smaller"):
            check_size(tiny(), "cpu", processes)


def test_a_penalty_with_batch_normalisation_over_processes_is_refused_where_the_discriminator_has_some() -> None:
    both: dict[str, Any] = {"objective__penalty": "r1", "training__sync_batchnorm": True}
    check_size(tiny(**both), "cpu")  # its discriminator judges each image by itself
    with pytest.raises(UserError, match=r"objective\.penalty .* training\.sync_batchnorm does not support them .*: leave out one"):
        check_size(tiny("reference", **both), "cpu")


def test_activations_are_not_counted_where_they_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "size_of", lambda *_, **__: pytest.fail("they were counted"))
    monkeypatch.setattr(memory, "free_memory", lambda: 10**9)
    check_size(tiny(), "cpu")


def lay_out(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("groups", "free"),
    [
        ({}, 5000 * 1024),
        (
            {
                "group": "0::/job\n",
                "c/job/memory.max": "3000\n",
                "c/job/memory.current": "1200\n",
                "c/job/memory.stat": "inactive_file 200\n",
            },
            2000,
        ),
        ({"group": "0::/job/part\n", "c/job/memory.max": "3000", "c/job/memory.current": "2999", "c/job/memory.stat": "file 1\n"}, 1),
        ({"group": "0::/\n", "c/memory.max": "max\n", "c/memory.current": "7\n", "c/memory.stat": ""}, 5000 * 1024),
        (
            {
                "group": "3:cpu:/x\n2:memory:/out/side\n0::/\n",
                "c/memory/memory.limit_in_bytes": "900",
                "c/memory/memory.usage_in_bytes": "1000",
                "c/memory/memory.stat": "total_inactive_file 150\n",
            },
            50,
        ),
    ],
    ids=["no group", "a limit", "a limit further out", "no limit", "version 1, from within a container"],
)
def test_free_memory_is_what_the_machine_and_its_groups_leave(
    groups: dict[str, str], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, {"machine": "MemTotal: 9000 kB\nMemFree: 100 kB\nMemAvailable:  5000 kB\n", **groups})
    for name, path in {"MEMORY_OF_MACHINE": "machine", "GROUP_OF_PROCESS": "group", "CGROUPS": "c"}.items():
        monkeypatch.setattr(memory, name, tmp_path / path)
    assert free_memory() == free


def test_this_machine_has_some() -> None:
    free = free_memory()
    assert free is None or free > 2**20
