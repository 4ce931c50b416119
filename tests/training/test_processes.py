"""Several processes train one model: as one would on all their images, and all of them or none."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from vaegan import Objective, UserError
from vaegan.recipe import names
from vaegan.training import checkpoint
from vaegan.training.collective import SharedError, SyncBatchNorm, all_or_none, average_gradients, from_leader, synchronise
from vaegan.training.machine import make_fabric
from vaegan.training.step import Inputs
from vaegan.training.trainer import Trainer

from ..tiny import equal, flags, make_trainer, tiny

NARROW: dict[str, Any] = {"gate__equilibrium": 0.68, "gate__margin": 0.02}  # so that the costs of each process alone would part them


def two(work: Callable[[Fabric], Any]) -> tuple[Any, Any]:
    """What `work` returns in each of two processes, which torch has introduced to each other as torchrun would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        done = [pool.submit(_as_rank, rank, port, work) for rank in (0, 1)]
        return done[0].result(timeout=120), done[1].result(timeout=120)


def _as_rank(rank: int, port: int, work: Callable[[Fabric], Any]) -> Any:
    torch.set_num_threads(1)
    world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": 0, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in world.items()}, MASTER_ADDR="127.0.0.1", TORCHELASTIC_RUN_ID="test")
    fabric = make_fabric("cpu", "32")
    fabric.launch()
    assert (fabric.global_rank, fabric.world_size) == (rank, 2)
    try:
        return work(fabric)
    finally:
        torch.distributed.destroy_process_group()


def _train_a_while(fabric: Fabric) -> dict[str, Any]:
    """200 steps, with what each process by itself would have let step, and which images it saw."""
    trainer = make_trainer(tiny(**NARROW), fabric)
    local, together, images = [], [], []
    original = Objective.__call__

    def record(*arguments: Any, **more: Any) -> Any:
        losses = original(*arguments, **more)
        local.append(tuple(map(bool, trainer.recipe.gate(losses.real.item(), losses.fake.item()))))
        return losses

    second = fabric.global_rank == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Objective, "__call__", record)
        for _ in range(200):
            images.append(trainer.batches.chosen(trainer.step).tolist())
            step = trainer.train_step(stop=second and trainer.step == 199, save=second and trainer.step == 150)
            together.append((*step.players, step.stops, step.saves))
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


def _everything(fabric: Fabric) -> dict[str, Any]:
    """One start of two processes for several tests."""
    return {"trained": _train_a_while(fabric), "gradients": _gradients(fabric), "said": _meet_errors(fabric)}


@cache
def both() -> tuple[Any, Any]:
    """What two processes have found out."""
    return two(_everything)


def test_two_processes_share_the_set_and_agree_where_their_own_costs_would_not() -> None:
    first, second = (found["trained"] for found in both())
    assert first["images_per_step"] == 8
    assert first["together"] == second["together"]
    assert [stops for *_, stops, _ in first["together"]] == [False] * 199 + [True]
    assert [saves for *_, saves in first["together"]] == [False] * 150 + [True] + [False] * 49
    parted = sum(one != other for one, other in zip(first["local"], second["local"], strict=True))
    assert parted > 20, f"left alone, they would have parted ways at {parted} steps"
    assert equal(first["weights"], second["weights"])
    assert first["means"] == second["means"]
    steps = first["steps_per_epoch"]
    for epoch in range(200 // steps):
        seen = [image for rank in (first, second) for batch in rank["images"][epoch * steps :][:steps] for image in batch]
        assert len(seen) == len(set(seen)) == 8 * steps  # of 20 images, 4 are left for another epoch


BATCH = 6


def _inputs(trainer: Trainer, rows: slice) -> Inputs:
    """Of the same batch of twelve in every process, some rows."""
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (2 * BATCH, 16, 16, 3), np.uint8))
    noise = torch.from_numpy(random.standard_normal((2, 2 * BATCH, 4)))
    return Inputs(pixels[rows], torch.from_numpy(trainer.batches.augmentation.draw(BATCH * 2, (16, 16), random))[rows], noise[:, rows], ())  # type: ignore[arg-type]


def _gradients(fabric: Fabric | None = None) -> dict[str, list[Tensor]]:
    """Of each recipe's objective at its first step, and the running statistics after it; in double precision."""
    found = {}
    for name in names():
        batch = BATCH if fabric else 2 * BATCH
        recipe = tiny(name, training__sync_batchnorm=True, training__batch=batch, gate__enabled=False, training__ema=0.0)
        trainer = make_trainer(recipe, fabric)
        trainer.model.double()
        rank = fabric.global_rank if fabric else 0
        inputs = _inputs(trainer, slice(rank * batch, (rank + 1) * batch))
        images = trainer.batches.finish(inputs.pixels, inputs.changes).double()
        losses = recipe.objective(trainer.model, images, inputs.noise[0], inputs.noise[1])
        parameters = list(trainer.model.parameters())
        losses.backward(parameters)
        if fabric:
            average_gradients(fabric, parameters)
        found[name] = [parameter.grad for parameter in parameters if parameter.grad is not None]
        found[name] += [statistics for statistics in trainer.model.buffers() if statistics.is_floating_point()]
    return found


def test_with_synchronised_batch_norm_two_processes_are_one_with_twice_the_batch() -> None:
    alone = _gradients()
    for found in both():
        for name, gradients in alone.items():
            assert len(gradients) == len(found["gradients"][name]) > 50
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


def test_what_one_process_meets_all_are_told() -> None:
    for found in both():
        assert found["said"] == [
            *("met by 0", "met by 1", "the leader met it"),
            *("Permission denied: file 1", "Permission denied: the leader's", "from 0"),
        ]


def test_a_run_goes_on_with_another_number_of_processes() -> None:
    """As on another machine: two processes of four images, then one of eight, which are the same images."""
    first, second = (found["trained"] for found in both())
    with pytest.raises(UserError, match=r"takes 8 images a step, not 4 \(1 process with a batch of 4\): set --training\.batch 8"):
        make_trainer(tiny(**NARROW, training__length="300 steps")).load_state_dict(first["state"])
    trainer = make_trainer(tiny(**NARROW, training__length="300 steps", training__batch=8))
    for step in (0, 7, 199):
        assert trainer.batches.chosen(step).tolist() == sorted(first["images"][step] + second["images"][step])
    trainer.load_state_dict(first["state"])
    trainer.train_step()
    assert trainer.step == 201
    trainer.read()


def _command(run: Path, *more: str, **overrides: Any) -> list[str]:
    return [sys.executable, "-m", "vaegan", "train", *flags(**overrides), "--processes=2", f"--run={run}", *more]


def test_two_processes_train_and_one_of_them_writes(tmp_path: Path) -> None:
    done = subprocess.run(_command(tmp_path / "run"), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [16, 32, 48]
    assert done.stderr.count("The pictures are") == 1
    done = subprocess.run([*_command(Path("x")), "--data=nowhere"], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nowhere: there is no such folder or file" in done.stderr


needs_proc = pytest.mark.skipif(not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="finds processes by /proc")


def _begin(run: Path) -> tuple[subprocess.Popen[str], int]:
    """A run of two processes that has come to its first checkpoint, and the number of the second process."""
    first = subprocess.Popen(_command(run, training__length="1000000 steps"), stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not checkpoint.checkpoints(run / "checkpoints"):
        assert first.poll() is None, first.stderr and first.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.1)
    (second,) = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    return first, int(second)


@needs_proc
def test_a_process_that_dies_ends_the_others_with_a_sentence(tmp_path: Path) -> None:
    first, second = _begin(tmp_path / "run")
    os.kill(second, signal.SIGKILL)
    _, said = first.communicate(timeout=20)
    assert first.returncode == 2
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith(("vaegan: process 1 of 2 was killed by SIGKILL", "vaegan: another process of this run has ended"))
    assert last.endswith(f"go on with: vaegan train --resume {tmp_path / 'run'}")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_while_they_meet_ends_the_other_with_a_sentence(rank: int, tmp_path: Path) -> None:
    """The first one waits for the second, which dies; or the other way round."""
    script = tmp_path / "start.py"
    script.write_text(f"""
import os, signal, time
import torch.distributed
def meet(*_, **__):
    if os.environ["LOCAL_RANK"] == "{rank}":
        time.sleep({0 if rank else 8})  # until the second one is there, too
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
torch.distributed.init_process_group = meet
from vaegan.__main__ import main
main()
""")
    command = [sys.executable, str(script), "train", *flags(), "--processes=2", f"--run={tmp_path / 'run'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)  # until both have closed standard error
    assert done.returncode == (2 if rank else -signal.SIGKILL)
    sentence = (
        "vaegan: process 1 of 2 was killed by SIGKILL, and ended the run; there is no checkpoint yet"
        if rank
        else "vaegan: process 1 ended: the first process has gone"
    )
    assert done.stderr.strip().splitlines()[-1] == sentence


@needs_proc
def test_a_first_process_that_dies_ends_the_others(tmp_path: Path) -> None:
    first, second = _begin(tmp_path / "run")
    first.kill()
    _, said = first.communicate(timeout=20)  # until the second one has closed it, too
    assert "process 1" in said
    assert "Traceback" not in said
    until = time.monotonic() + 10
    while Path(f"/proc/{second}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{second}").exists()


@needs_proc
def test_a_signal_to_any_process_saves_and_ends_all(tmp_path: Path) -> None:
    first, second = _begin(tmp_path / "run")
    os.kill(second, signal.SIGTERM)
    _, said = first.communicate(timeout=30)
    assert first.returncode == 143
    assert "Traceback" not in said
    step = checkpoint.load(tmp_path / "run" / "checkpoints")[0]["step"]
    assert f"stopped at step {step} of 1000000 and saved; go on with" in said
