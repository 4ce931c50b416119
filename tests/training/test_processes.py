"""Several processes train one model: as one would on all their images, and all of them or none."""

from __future__ import annotations

import errno
import itertools
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined] # is not named in __all__

from vaegan import EquilibriumGate, Objective, UserError
from vaegan.recipe import names
from vaegan.training import minutes
from vaegan.training.device import make_fabric
from vaegan.training.distributed import (
    SharedError,
    SyncBatchNorm,
    all_or_none,
    average_gradients,
    from_leader,
    synchronise,
)
from vaegan.training.minutes import in_steps
from vaegan.training.step import Inputs, Requests
from vaegan.training.trainer import Trainer

from .. import processes
from ..tiny import avatars, equal, make_trainer, tiny

NARROW: dict[str, Any] = {"name": "quick-larsen", "gate__equilibrium": 0.68, "gate__margin": 0.02}
"""A gate by which the costs of each process alone would part them."""


def in_two(found: Path) -> list[dict[str, Any]]:
    """What `find_everything` finds in each of two processes, which torch introduces to each other as torchrun would."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    world = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    world |= {"TORCHELASTIC_RUN_ID": "test", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    script = "import sys; sys.path.insert(0, sys.argv[1]); from tests.training.test_processes import find_everything; find_everything()"
    with ExitStack() as both:
        ranks = []
        for rank in "01":
            env = {**world, "RANK": rank, "LOCAL_RANK": rank, "FOUND": str(found / rank)}
            ranks.append(both.enter_context(processes.start(processes.ROOT, script=script, env=env)))
        for process in ranks:
            _, said = process.communicate()
            assert process.wait() == 0, said
    return [torch.load(found / rank, weights_only=False) for rank in "01"]


def find_everything() -> None:
    """In each of the two processes: all that several tests look at."""
    fabric = make_fabric("cpu", "32")
    fabric.launch()
    assert (str(fabric.global_rank), fabric.world_size) == (os.environ["RANK"], 2)
    found = {"trained": _train_a_while(fabric), "gradients": _gradients(fabric), "said": _meet_errors(fabric), "minutes": _minutes(fabric)}
    torch.save(found, os.environ["FOUND"])
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What two processes have found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAEGAN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        make_trainer(tiny())  # so that its images are drawn
        return in_two(tmp_path_factory.mktemp("found"))


def _train_a_while(fabric: Fabric) -> dict[str, Any]:
    """200 steps, with what each process by itself would have let step, and which images it saw."""
    trainer = make_trainer(tiny(**NARROW), fabric)
    local, together, images = [], [], []
    original = Objective.__call__

    def record(*arguments: Any, **more: Any) -> Any:
        losses = original(*arguments, **more)
        local.append(tuple(map(bool, EquilibriumGate(trainer.recipe.gate)(losses.real.item(), losses.fake.item()))))
        return losses

    second = fabric.global_rank == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Objective, "__call__", record)
        for _ in range(200):
            images.append(trainer.batches.indices_of(trainer.step).tolist())
            asked = {"stop": 199, "save": 150, "end": 160}
            requests = Requests(**{name: second and trainer.step == step for name, step in asked.items()})
            step = trainer.train_step(requests)
            together.append((*step.decision, *step.requests))
    return {
        "local": local,
        "together": together,
        "images": images,
        "means": trainer.read(),
        "weights": dict(trainer.model.named_parameters()),
        "steps_per_epoch": trainer.batches.steps_per_epoch,
        "images_per_step": trainer.images_per_step,
        "state": {"step": trainer.step, **trainer.state_dict()},
    }


def test_two_processes_share_the_set_and_agree_where_their_own_costs_would_not(both: list[dict[str, Any]]) -> None:
    first, second = (found["trained"] for found in both)
    assert first["images_per_step"] == 8
    assert first["together"] == second["together"]
    assert [stops for *_, stops, _, _ in first["together"]] == [False] * 199 + [True]
    assert [saves for *_, saves, _ in first["together"]] == [False] * 150 + [True] + [False] * 49
    assert [ends for *_, ends in first["together"]] == [False] * 160 + [True] + [False] * 39
    parted = sum(one != other for one, other in zip(first["local"], second["local"], strict=True))
    assert parted > 20, f"left alone, they would have parted ways at {parted} steps"
    assert equal(first["weights"], second["weights"])
    assert first["means"] == second["means"]
    steps = first["steps_per_epoch"]
    for epoch in range(200 // steps):
        seen = [image for rank in (first, second) for batch in rank["images"][epoch * steps :][:steps] for image in batch]
        assert len(seen) == len(set(seen)) == 8 * steps  # of 20 images, 4 are left for another epoch


def _minutes(fabric: Fabric) -> tuple[str, int]:
    """What a minute becomes by clocks that do not agree, and how many steps it took to find out."""
    taken: list[int] = []
    now = itertools.count(0.0, 0.01 if fabric.global_rank else 1.0)  # seconds pass with every look
    original = Trainer.train_step

    def train_step(self: Trainer, *more: Any) -> Any:
        taken.append(self.step)
        return original(self, *more)

    recipe = tiny(training__length="1 minutes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minutes, "clock", lambda: next(now))
        patch.setattr(Trainer, "train_step", train_step)
        found = in_steps(recipe, fabric, avatars(), np.arange(20), np.arange(20, 24), began=0.0, after=0.0)
    return found.training.length, len(taken)


def test_the_first_process_says_how_many_steps_the_minutes_are(both: list[dict[str, Any]]) -> None:
    first, second = (found["minutes"] for found in both)
    assert first == second
    length, taken = first
    assert taken == 4  # two to warm up, one that takes a second, and one more in the 1.2 seconds
    assert 20 < int(length.removesuffix(" steps")) < 60


BATCH = 6


def _inputs(trainer: Trainer, rows: slice) -> Inputs:
    """Of the same batch of twelve in every process, some rows."""
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (2 * BATCH, 16, 16, 3), np.uint8))
    noise = torch.from_numpy(random.standard_normal((2, 2 * BATCH, 4)))
    return Inputs(pixels[rows], torch.from_numpy(trainer.batches.augment.draw(BATCH * 2, (16, 16), random))[rows], noise[:, rows], ())  # type: ignore[arg-type]


def _gradients(fabric: Fabric | None = None) -> dict[str, list[Tensor]]:
    """Of each recipe's objective at its first step, and the running statistics after it; in double precision."""
    found = {}
    for name in names():
        batch = BATCH if fabric else 2 * BATCH
        recipe = tiny(name, training__sync_batchnorm=True, training__batch=batch, gate__enabled=False)
        recipe = replace(recipe, training=replace(recipe.training, ema=0.0, average_half_life=0))
        trainer = make_trainer(recipe, fabric)
        trainer.model.double()
        rank = fabric.global_rank if fabric else 0
        inputs = _inputs(trainer, slice(rank * batch, (rank + 1) * batch))
        images = trainer.batches.finish(inputs.pixels, inputs.changes).double()
        losses = trainer.training_step.objective(trainer.model, images, inputs.noise[0], inputs.noise[1])
        parameters = list(trainer.model.parameters())
        losses.backward(parameters)
        if fabric:
            average_gradients(fabric, parameters)
        found[name] = [parameter.grad for parameter in parameters if parameter.grad is not None]
        found[name] += [statistics for statistics in trainer.model.buffers() if statistics.is_floating_point()]
    return found


def test_with_synchronised_batch_norm_two_processes_are_one_with_twice_the_batch(both: list[dict[str, Any]]) -> None:
    alone = _gradients()
    for found in both:
        for name, gradients in alone.items():
            assert len(gradients) == len(found["gradients"][name]) >= 30
            for mine, theirs in zip(found["gradients"][name], gradients, strict=True):
                difference = (mine - theirs).norm() / theirs.norm() if theirs.any() else mine.norm()
                assert difference < 1e-4, (name, difference)


def test_synchronising_keeps_parameters_names_and_mode() -> None:
    trainer = make_trainer(tiny())
    before = {name: tensor.data_ptr() for name, tensor in trainer.model.state_dict().items()}

    class Two:
        world_size, device = 2, torch.device("cpu")

    synchronise(trainer.model, Two())  # type: ignore[arg-type]
    norms = [module for module in trainer.model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert all(isinstance(norm, SyncBatchNorm) and norm.training for norm in norms)
    assert {name: tensor.data_ptr() for name, tensor in trainer.model.state_dict().items()} == before
    trainer.model.eval()
    assert torch.isfinite(trainer.model.sample(3)).all()  # alone, without a word to others


def _meet_errors(fabric: Fabric) -> list[str]:
    said = []

    def meet(rank: int) -> None:
        with all_or_none(fabric):
            if fabric.global_rank == rank:
                raise UserError(f"met by {rank}")

    def fail() -> None:
        raise UserError("the leader met it")

    def be_refused(rank: int) -> None:
        with all_or_none(fabric):
            if fabric.global_rank == rank:
                raise PermissionError(errno.EACCES, "", f"file {rank}")

    def fail_to_read() -> None:
        raise PermissionError(errno.EACCES, "", "the leader's")

    meetings = (lambda: meet(0), lambda: meet(1), lambda: from_leader(fabric, fail))
    for meeting in (*meetings, lambda: be_refused(1), lambda: from_leader(fabric, fail_to_read)):
        with pytest.raises(SharedError) as error:
            meeting()
        said.append(str(error.value))
    return [*said, from_leader(fabric, lambda: f"from {fabric.global_rank}")]


def test_what_one_process_meets_all_are_told(both: list[dict[str, Any]]) -> None:
    for found in both:
        assert found["said"] == [
            *("met by 0", "met by 1", "the leader met it"),
            *("Permission denied: file 1", "Permission denied: the leader's", "from 0"),
        ]


def test_a_run_goes_on_with_another_number_of_processes(both: list[dict[str, Any]]) -> None:
    """As on another machine: two processes of four images, then one of eight, which are the same images."""
    first, second = (found["trained"] for found in both)
    with pytest.raises(
        UserError,
        match=r"was trained with 8 images a step, and .* 4 \(1 process with a batch of 4\): set --training\.batch 8, or add --processes 2",
    ):
        make_trainer(tiny(**NARROW, training__length="300 steps")).load_state_dict(first["state"])
    trainer = make_trainer(tiny(**NARROW, training__length="300 steps", training__batch=8))
    for step in (0, 7, 199):
        assert trainer.batches.indices_of(step).tolist() == sorted(first["images"][step] + second["images"][step])
    trainer.load_state_dict(first["state"])
    trainer.train_step()
    assert trainer.step == 201
    trainer.read()
