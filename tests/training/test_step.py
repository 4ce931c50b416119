"""Where the device decides, a step does what it does where the host decides, and no one waits for the device."""

from __future__ import annotations

import copy
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vaegan import UserError
from vaegan.losses import penalties
from vaegan.recipe import names
from vaegan.settings import Optimizer
from vaegan.training import cuda_graph
from vaegan.training.cuda_graph import WARM_UP, GraphedStep
from vaegan.training.device import compile_networks, make_fabric
from vaegan.training.optimizers import make_optimizer, step_if
from vaegan.training.step import NO_REQUESTS, Inputs, Requests, StepResult, TrainingStep
from vaegan.training.trainer import Trainer
from vaegan.workflow import Stopped, train

from ..tiny import QUIETLY, of_levels, tiny
from ..tiny import make_trainer as tiny_trainer

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
EVERYTHING: dict[str, Any] = {
    "augmentation.flip": True,
    "augmentation.shift": 0.05,
    "augmentation.hue": 0.1,
    "training.ema": 0.0,
    "training.average_half_life": 40,
    "objective.gamma_decay": 1.5,
    "objective.gamma": 0.1,
    "gate.enabled": True,
    "gate.equilibrium": 0.6,
    "gate.margin": 0.02,  # narrow, so that both players are held now and then
    "gate.margin_decay": 0.95,
    "optimizer.clip": "norm",
    "optimizer.clip_at": (1.0, 0.5, 2.0),
}
OF_LEVELS: dict[str, Any] = {
    "objective.diff_augment": True,
    "objective.penalty": "r1_r2",
    "objective.penalty_every": 2,
    "gate.equilibrium": 0.95,  # hinge costs begin at 1
    "gate.margin": 0.4,
}
"""What the objective over levels has besides."""


def everything_of(name: str) -> dict[str, Any]:
    """The settings of a recipe by which a step does all that it can."""
    return EVERYTHING | (OF_LEVELS if of_levels(name) else {})


def make_trainer(name: str = "quick", device: str = "cpu", **overrides: Any) -> Trainer:
    recipe = tiny(name, **{"training.length": "40 steps", **overrides})
    return tiny_trainer(recipe, make_fabric(device, recipe.training.precision))


def let_device_decide(trainer: Trainer) -> Trainer:
    trainer.training_step.device_decides = True
    return trainer


def everything(trainer: Trainer) -> dict[str, Tensor]:
    """All that a checkpoint holds, flat."""
    state = trainer.state_dict()
    found = {f"model {key}": value for key, value in state["model"].items()}
    found |= {f"average {key}": value for key, value in (state["average"] or {}).items()}
    for network, parameters in state["optimizers"].items():
        found |= {f"{network} {number} {key}": value for number, kept in parameters.items() for key, value in kept.items()}
    return {key: value.clone() for key, value in found.items()}


@pytest.mark.parametrize("name", names())
def test_the_device_decides_as_the_host_does(name: str) -> None:
    """On a CPU, where both can be had, and bit for bit."""
    host, device = make_trainer(name, **everything_of(name)), let_device_decide(make_trainer(name, **everything_of(name)))
    held = [0, 0]
    for _ in range(16):
        inputs = device.inputs()
        one, other = host.train_step(inputs=inputs), device.train_step(inputs=inputs)
        assert [bool(active) for active in other.decision] == list(one.decision)
        held = [count + (not active) for count, active in zip(held, one.decision, strict=True)]
        assert torch.equal(one.means, other.means)
    assert min(held) > 0, held  # or nothing was tested
    assert host.read() == device.read()
    mine, wanted = everything(device), everything(host)
    assert all(torch.equal(mine[key], value) for key, value in wanted.items())


@pytest.mark.parametrize("decides", [True, False])
def test_a_penalty_is_computed_in_its_steps_alone(decides: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []

    def r1(*seen: Any) -> Tensor:
        computed.append(trainer.step)
        return penalties.r1(*seen)

    monkeypatch.setitem(penalties.PENALTIES, "r1", r1)
    penalty: dict[str, Any] = {"objective.penalty": "r1", "objective.penalty_every": 3}
    trainer = make_trainer(**penalty)
    trainer.training_step.device_decides = decides
    for _ in range(7):
        trainer.train_step()
    assert computed == [0, 3, 6]


@pytest.mark.parametrize("name", ["quick", "reference"])
@pytest.mark.parametrize(
    ("gate", "stepping"),
    [
        ({"gate.equilibrium": 50.0, "gate.margin": 1.0}, {"encoder", "decoder"}),
        ({"gate.equilibrium": 0.001, "gate.margin": 0.001}, {"encoder", "discriminator"}),
        ({"gate.enabled": False}, {"encoder", "decoder", "discriminator"}),
    ],
)
def test_a_held_network_and_its_optimiser_do_not_change_by_a_bit(name: str, gate: dict[str, Any], stepping: set[str]) -> None:
    trainer = let_device_decide(make_trainer(name, **{"gate.enabled": True, "training.average_half_life": 0, **gate}))
    trainer.train_step()
    parameters = {f"model {key}" for key, _ in trainer.model.named_parameters()}
    before = everything(trainer)
    trainer.train_step()
    after = everything(trainer)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert {key.split()[1].split(".")[0] for key in changed & parameters} == stepping
    assert {key.split()[0] for key in changed if not key.startswith("model")} == stepping


class OnMetaAlone(TorchDispatchMode):
    """Nothing with the values of the host goes into an operation."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert all(leaf.is_meta for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)), func
        return func(*args, **(kwargs or {}))


@pytest.fixture
def optimisers_on_meta(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    library = torch.library.Library("aten", "IMPL")
    library.impl("_fused_adam_.tensor_lr", lambda *_, **__: None, "Meta")
    monkeypatch.setattr(sys.modules["torch.optim.adam"], "_device_dtype_check_for_fused", lambda *_, **__: None)
    yield
    library._destroy()


@pytest.mark.usefixtures("optimisers_on_meta")
@pytest.mark.parametrize("name", names())
def test_where_the_device_decides_nothing_is_read_from_it_or_mixed_with_the_hosts(name: str) -> None:
    """Run on torch's meta device, whose tensors have no values: reading one, or mixing it with one of the CPU, is an error."""
    trainer = let_device_decide(make_trainer(name, **everything_of(name)))
    inputs = trainer.inputs()
    on_meta: dict[str, Any] = {part: value.to("meta") for part, value in inputs._asdict().items() if isinstance(value, Tensor)}
    inputs = inputs._replace(**on_meta)
    step = TrainingStep(trainer.recipe, trainer.fabric, trainer.model.to("meta"))
    assert step.average is not None
    for decides in (True, False):
        step.device_decides = decides
        if decides:
            step(inputs)  # optimisers make their state
            with OnMetaAlone():
                assert step(inputs).means.is_meta
        else:
            with pytest.raises(NotImplementedError, match="no data"):
                step(inputs)


def test_a_loss_that_is_no_number_leaves_the_weights_and_is_named_with_its_step() -> None:
    trainer = let_device_decide(make_trainer("reference"))
    for _ in range(3):
        trainer.train_step()
    trainer.read()
    trainer.train_step()
    before = {key: value.clone() for key, value in trainer.model.named_parameters()}
    bad = trainer.inputs()
    trainer.train_step(inputs=bad._replace(noise=bad.noise * torch.tensor([1.0, torch.nan])[:, None, None]))
    for _ in range(2):
        trainer.train_step()  # all is well again, but nobody steps any more
    assert all(torch.equal(before[key], value) for key, value in trainer.model.named_parameters())
    for ask in (trainer.check, trainer.read):
        with pytest.raises(UserError, match=r"the real loss \(discriminator\) is no longer finite at step 5"):
            ask()


@pytest.fixture
def device_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.training.step.device_decides", lambda _: True)
    monkeypatch.setattr("vaegan.training.trainer.GraphedStep", lambda step, _: step)


def run(folder: Path, **overrides: Any) -> list[dict[str, float]]:
    every = {"training.log_every": 3, "training.picture_every": 4, "training.checkpoint_every": 5}
    train(tiny(**{**every, "training.length": "11 steps", **overrides}), folder, **QUIETLY)
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def test_a_whole_run_is_the_same_whoever_decides(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    host = run(tmp_path / "host")
    request.getfixturevalue("device_decides")
    device = run(tmp_path / "device")
    assert [line["step"] for line in device] == [3, 6, 9, 11]
    for mine, theirs in zip(device, host, strict=True):
        assert mine.keys() == theirs.keys()
        assert all(mine[key] == pytest.approx(theirs[key], rel=0.02) for key in mine if key != "images_per_second")
    for name in ("samples", "checkpoints"):
        assert [path.name for path in sorted((tmp_path / "device" / name).iterdir())] == [
            path.name for path in sorted((tmp_path / "host" / name).iterdir())
        ]


@pytest.mark.usefixtures("device_decides")
def test_a_run_that_breaks_between_two_readings_leaves_no_picture_or_checkpoint_of_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is no longer finite at step [23]; there is no checkpoint yet"):
        run(tmp_path / "run", **{"optimizer.lr": 1e30, "gate.enabled": False, "training.log_every": 100})
    assert not (tmp_path / "run" / "samples").exists()
    assert not list((tmp_path / "run").glob("checkpoints/*"))


@pytest.mark.usefixtures("device_decides")
def test_a_run_stops_at_the_step_after_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Trainer.train_step

    def interrupted(self: Trainer, requests: Requests = NO_REQUESTS) -> StepResult:
        if self.step == 6:
            signal.raise_signal(signal.SIGTERM)
        return original(self, requests)

    monkeypatch.setattr(Trainer, "train_step", interrupted)
    with pytest.raises(Stopped, match="stopped at step 8 of 11"):
        run(tmp_path / "run")


def test_a_schedule_is_logged_as_it_is_whatever_the_networks_factors(tmp_path: Path) -> None:
    lines = run(tmp_path / "run", **{"optimizer.lr_factors": (0.5, 1.0, 1.0), "optimizer.schedule": "constant", "optimizer.lr": 1e-3})
    assert {line["lr"] for line in lines} == {1e-3}


@pytest.mark.parametrize("kind", ["rmsprop", "adam"])
def test_optimisers_are_those_of_torch(kind: str) -> None:
    torch.manual_seed(0)
    settings = Optimizer(kind=kind, lr=1e-2, weight_decay=1e-3, schedule="constant")  # type: ignore[arg-type]
    ours, theirs = nn.Linear(7, 5), nn.Linear(7, 5)
    theirs.load_state_dict(ours.state_dict())
    optimizer = make_optimizer(list(ours.parameters()), settings)
    groups: list[dict[str, Any]] = [{"params": [theirs.weight], "weight_decay": 1e-3}, {"params": [theirs.bias]}]
    plain: torch.optim.Optimizer = torch.optim.RMSprop(groups, lr=1e-2, alpha=settings.alpha, eps=settings.eps)
    if kind == "adam":
        plain = torch.optim.Adam(groups, lr=1e-2, betas=settings.betas, eps=settings.eps)
    for step in range(30):
        held = step % 3 == 1
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.grad = torch.randn_like(other)
            mine.grad = other.grad.clone() if not held else torch.full_like(other, torch.nan)
        step_if(optimizer, 1e-2, go=torch.tensor(not held))
        if not held:
            plain.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_compiled_networks_compute_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With torch.compile's front end alone: its back end needs a C++ compiler and a minute."""
    plain, compiled = make_trainer(), make_trainer()
    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **more: original(function, backend="eager", **more))
    said: list[str] = []
    compile_networks(compiled.model, said.append)
    for _ in range(3):
        plain.train_step()
        compiled.train_step()
    assert not said
    assert compiled.model.state_dict().keys() == plain.model.state_dict().keys()
    for mine, theirs in zip(compiled.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_without_a_compiler_a_run_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A true failure: torch is told of a compiler that is not there, and has none of what it compiled before."""
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
    said: list[str] = []
    trainer = make_trainer()
    compile_networks(trainer.model, said.append)
    assert len(said) == 1
    assert said[0].startswith("torch.compile does not work on this machine, so the networks run without it: ")
    trainer.train_step()


class Tape:
    """Stands in for a CUDA graph: what is recorded is run at each replay, on the tensors that it was recorded with."""

    def __init__(self) -> None:
        self.replay: Callable[[], None] = lambda: None


def test_a_recording_is_replayed_on_the_inputs_of_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bookkeeping around recordings, on a CPU, where there are no graphs. Every third step has a penalty."""
    seen: list[tuple[bool, float]] = []
    results = Tensor(1)

    class Counting:
        def __call__(self, inputs: Inputs) -> StepResult:
            seen.append((inputs.penalised, float(inputs.noise.sum())))
            results.copy_(inputs.noise.sum())
            return StepResult(results, None, Requests())  # type: ignore[arg-type]

    step, made = Counting(), list[bool]()
    recorded = GraphedStep(step, pytest.fail)  # type: ignore[arg-type]

    def record(inputs: Inputs) -> tuple[Any, StepResult]:
        made.append(inputs.penalised)
        tape = Tape()
        tape.replay = lambda: step(inputs) and None
        return tape, StepResult(results, None, Requests())  # type: ignore[arg-type]

    monkeypatch.setattr(recorded, "_aside", step)
    monkeypatch.setattr(cuda_graph, "_record", lambda _, inputs, __: record(inputs))
    steps = range(3 * WARM_UP + 4)
    for number in steps:
        pixels, changes, noise, rates = (torch.full((2,), float(number)) for _ in range(4))
        taken = recorded(Inputs(pixels, changes, noise, rates, penalised=number % 3 == 0))
        assert taken.means.item() == 2 * number
    assert seen == [(number % 3 == 0, 2.0 * number) for number in steps]
    assert made == [False, True]


def test_a_step_that_cannot_be_recorded_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, trainer = let_device_decide(make_trainer()), let_device_decide(make_trainer())
    said: list[str] = []
    recorded = GraphedStep(trainer.training_step, said.append)
    monkeypatch.setattr(recorded, "_aside", trainer.training_step)

    def fail(step: TrainingStep, *_: object) -> None:
        for parameter in step.model.parameters():
            parameter.grad = torch.full_like(parameter, torch.nan)  # what is left of a step that was begun
        raise RuntimeError("no room\nfor this")

    monkeypatch.setattr(cuda_graph, "_record", fail)
    trainer.advance = recorded
    for _ in range(WARM_UP + 3):
        plain.train_step()
        trainer.train_step()
    assert said == ["the step could not be recorded as a CUDA graph, so it runs operation by operation, which is slower: no room"]
    assert not recorded.replays
    mine, wanted = copy.deepcopy(everything(trainer)), everything(plain)
    assert all(torch.equal(mine[key], value) for key, value in wanted.items())


@GPU
@pytest.mark.parametrize("precision", ["32", "bf16"])
@pytest.mark.parametrize("name", names())
def test_a_recorded_step_computes_what_a_plain_one_does(name: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**EVERYTHING, "gate.equilibrium": 0.68, "gate.margin": 0.35, "training.precision": precision}
    settings |= {"objective.penalty": "r1", "objective.penalty_every": 2}  # two recordings
    plain, recorded = (make_trainer(name, "cuda", **settings, **{"training.graph": graphs}) for graphs in (False, True))
    for switch, value in {"benchmark": False, "deterministic": True, "allow_tf32": False}.items():  # or each chooses kernels of its own
        monkeypatch.setattr(torch.backends.cudnn, switch, value)
    for _ in range(WARM_UP + 8):
        one, other = plain.train_step().means.clone(), recorded.train_step().means.clone()
        torch.testing.assert_close(one, other, rtol=1e-3 if precision == "32" else 3e-2, atol=1e-3)
    assert isinstance(recorded.advance, GraphedStep)
    assert recorded.advance.replays
    for mine, theirs in zip(recorded.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-3 if precision == "32" else 1e-2)


@GPU
@pytest.mark.parametrize("name", names())
def test_a_gpu_computes_what_a_cpu_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    cpu, gpu = make_trainer(name, **EVERYTHING), make_trainer(name, "cuda", **EVERYTHING)
    for _ in range(5):
        one, other = cpu.train_step(), gpu.train_step()
        torch.testing.assert_close(one.means, other.means.cpu(), rtol=1e-2, atol=1e-3)
        assert [bool(active) for active in other.decision] == list(one.decision)
