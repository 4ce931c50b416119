"""The benchmark compares the same step, counts what it should, and says what it measured."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch.nn import functional

from vaegan import VAEGAN, Recipe, UserError
from vaegan.bench import Benchmark, arithmetic, benchmark
from vaegan.bench.arithmetic import CONVOLUTIONS, alone, count
from vaegan.bench.contenders import BenchmarkCase
from vaegan.bench.textbook import Textbook
from vaegan.bench.timing import ROUNDS, alternate, time_each, with_peak_memory
from vaegan.cli import run
from vaegan.settings import GateSettings, ObjectiveSettings
from vaegan.training.trainer import Trainer

from .processes import start
from .tiny import SILENT, avatars, flags, tiny

FLAGS = ["--sizes", "16", *flags(networks__size=None, training__precision=None)]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few images; and a part of the convolution that shows what a machine can do, which takes minutes where bfloat16 is slow."""
    monkeypatch.setattr(benchmark, "MOST_IMAGES", 16)

    def part(maps: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
        return functional.conv2d(maps[:, :16, :8, :8], weight[:16, :16], padding=padding)

    monkeypatch.setattr(arithmetic, "functional", SimpleNamespace(conv2d=part))


def bench(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the command, and return what is on standard output."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        run(["bench", *FLAGS, "--seconds", "0.001", *map(str, arguments)])
    assert not exit_.value.code
    return capsys.readouterr().out


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "reference": ("reference", {}),
    "reference, large gamma, reconstructions": ("reference", {"objective__gamma": 0.1, "objective__reconstructions": True}),
    "paper": ("larsen-celeba", {"optimizer__weight_decay": 0.1}),
    "quick": ("quick", {}),
    "drawings": ("drawings", {}),
    "quick, clipped": (
        "quick",
        {
            "optimizer__clip": "norm",
            "optimizer__clip_at": (0.1, 0.0, 0.2),
            "optimizer__lr_factors": (1, 0.5, 2),
            "optimizer__posterior_lr_factor": 0.3,
        },
    ),
}


@pytest.mark.parametrize(("name", "overrides"), SETTINGS.values(), ids=SETTINGS.keys())
def test_the_textbook_step_is_the_same_step(name: str, overrides: dict[str, Any]) -> None:
    """All weights and statistics after two of them. With such an epsilon, weights change in proportion to gradients, and visibly."""
    recipe = tiny(name, optimizer__eps=1.0, optimizer__lr=0.1, optimizer__schedule="constant", **overrides)
    recipe = replace(recipe, gate=GateSettings(enabled=False), augmentation=type(recipe.augmentation)())
    trainer = Trainer(recipe, Fabric(accelerator="cpu", devices=1), avatars(), np.arange(24))
    model = VAEGAN(recipe.networks)
    model.load_state_dict(trainer.model.state_dict())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    textbook = Textbook(recipe, model)
    for step in range(2):
        pixels = torch.from_numpy(trainer.batches.pixels(step)).permute(0, 3, 1, 2).contiguous()
        values = textbook.step(pixels, *trainer.inputs().noise)
        means = trainer.train_step().means.tolist()
        assert list(values.values()) == pytest.approx(means[:4], rel=1e-4)
    after = model.state_dict()
    for key, tensor in trainer.model.state_dict().items():
        change, expected = after[key] - before[key], tensor - before[key]
        scale = float(expected.abs().max())
        assert scale > 0 or tensor.numel() == 1, key  # a direction of one number stays as it is
        assert (change - expected).abs().max() <= 1e-3 * scale, key


def test_the_textbook_step_keeps_to_the_gate() -> None:
    recipe = replace(tiny("reference"), gate=GateSettings(equilibrium=50.0, margin=1.0))  # both costs are far below: no discriminator
    model = VAEGAN(recipe.networks)
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    Textbook(recipe, model).step(torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8))
    changed = {name.split(".")[0] for name, tensor in model.named_parameters() if not torch.equal(tensor, before[name])}
    assert changed == {"encoder", "decoder"}


def test_a_textbook_step_in_bfloat16() -> None:
    recipe = tiny("reference")
    model = VAEGAN(recipe.networks)
    work = count(lambda: Textbook(recipe, model, autocast=True).step(torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)))
    assert {call.arguments[0].dtype for call in work.convolutions} == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_arithmetic_is_counted() -> None:
    maps, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 5, 5, requires_grad=True)
    other = torch.randn(6, 7)

    def step() -> None:
        for _ in range(2):
            functional.conv2d(maps, weight, padding=2).sum().backward()
        torch.randn(5, 6) @ other

    work = count(step)
    once = 2 * 2 * 4 * 8 * 8 * 3 * 5 * 5  # of this, forth and back for the weight
    assert work.convolution_flops == 2 * 2 * once
    assert work.flops == work.convolution_flops + 2 * 5 * 6 * 7
    assert sorted(work.convolutions.values()) == [2, 2]
    assert {call.operation for call in work.convolutions} == set(CONVOLUTIONS)
    assert alone(work.convolutions, CPU)(0.001) > 0


def test_a_recorded_convolution_can_be_made_again() -> None:
    """On data of the same shape and layout, and with the same results asked for."""
    maps = torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(3, 4, 5, 5, requires_grad=True)
    work = count(lambda: functional.conv_transpose2d(maps, weight, stride=2, padding=2, output_padding=1).square().sum().backward())
    with torch.no_grad():
        results: dict[Any, Any] = {call.operation: call.work(CPU)() for call in work.convolutions}
    forth, (for_maps, for_weight, for_bias) = (results[operation] for operation in CONVOLUTIONS)
    assert forth.shape == (2, 4, 16, 16)
    assert (for_maps, for_weight.shape, for_bias) == (None, weight.shape, None)
    (like,) = {call.arguments[0] for call in work.convolutions if call.operation == CONVOLUTIONS[0]}
    assert (like.shape, like.stride) == (maps.shape, maps.stride())


def test_contenders_of_a_gpu() -> None:
    """Nothing of them is made yet, so that this takes none."""
    fabric: Any = SimpleNamespace(device=torch.device("cuda"))
    found = [contender.name for contender in BenchmarkCase(tiny("reference"), {"bfloat16": fabric}, avatars()).contenders()]
    ours = ["vaegan, plain", "vaegan, graphed", "vaegan, whole loop"]
    assert found == ["textbook", "textbook + bf16", *ours]
    found = [contender.name for contender in BenchmarkCase(tiny("reference"), {"float32": fabric}, avatars()).contenders()]
    assert found == ["textbook", *ours]
    case = BenchmarkCase(tiny("reference", **{"training.compile": True}), {"float32": fabric}, avatars())
    assert "vaegan, compiled" in [contender.name for contender in case.contenders()]


def test_turns_alternate() -> None:
    order = []

    def timer(name: str, seconds: float) -> float:
        order.append((name, seconds))
        return len(order)

    times = alternate({"a": partial(timer, "a"), "b": partial(timer, "b")}, 10.0, lambda *_: None)
    assert order == [("a", 10 / ROUNDS), ("b", 10 / ROUNDS)] * ROUNDS
    assert times["b"].tolist() == [2 * number + 2 for number in range(ROUNDS)]


def test_time_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only the work moves. The first time, which takes longer, does not count."""
    now, times = 0.0, 0

    def work() -> None:
        nonlocal now, times
        now, times = now + (0.01 if times else 0.05), times + 1

    monkeypatch.setattr("vaegan.bench.timing.time", SimpleNamespace(perf_counter=lambda: now))
    assert time_each(work, CPU, 0.5) == pytest.approx(0.01)
    assert times == 1 + 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_memory_of_some_work() -> None:
    made, memory = with_peak_memory(lambda: torch.ones(10_000_000).sum(), CPU)
    assert float(made) == 1e7
    assert memory is None or 35e6 < memory < 80e6  # None where it may not be asked for


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = bench(capsys, "--precision", "bf16", "--batches", 4)
    for words in (
        "16x16, batch 4",
        "of memory",
        "peak in bfloat16",
        "convolutions alone in float32",
        "making a batch takes",
    ):
        assert words in text
    for name in ("textbook, as users run it", "vaegan, float32", "vaegan, bfloat16", "vaegan, whole loop"):
        assert f" {name} " in text
    assert f"torch {torch.__version__}; bfloat16; 20" in text
    assert "Every step trains all three networks." in text
    assert not [line for line in text[text.index("16x16") :].splitlines()[:12] if len(line.rstrip()) > 80]


def test_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = ["--batches", 4, 6, "--precision", "32", "--recipe", "quick", "--networks.channels", 1, "--json"]
    report = json.loads(bench(capsys, *options))
    assert list(tmp_path.iterdir()) == []
    assert (report["recipe"], report["precision"], report["device"], report["gate"]) == ("quick", "float32", "cpu", "open")
    assert report["threads"] == torch.get_num_threads()
    assert [(result["size"], result["batch"]) for result in report["results"]] == [([16, 16], 4), ([16, 16], 6)]
    for result in report["results"]:
        check(result)


def check(result: dict[str, Any]) -> None:
    """What is printed follows from what was measured."""
    baseline, *others = result["lines"]
    assert baseline["ratio"] == 1
    peak = max(result["peak_gflop_per_second"]["float32"].values())
    for line in result["lines"]:
        assert len(line["rounds_ms"]) == ROUNDS
        assert line["ms"] == pytest.approx(np.median(line["rounds_ms"]))
        assert line["images_per_second"] == pytest.approx(1000 * result["batch"] / line["ms"])
        assert line["ratio"] == pytest.approx(np.median(np.divide(baseline["rounds_ms"], line["rounds_ms"])))
        assert line["gflop_per_second"] == pytest.approx(line["gflop_per_image"] * line["images_per_second"])
        assert line["share_of_peak"] == pytest.approx(line["gflop_per_second"] / peak)
        ours = line["contender"].startswith("vaegan")
        assert line["gflop_per_image"] < baseline["gflop_per_image"] if ours else line["gflop_per_image"] == baseline["gflop_per_image"]
    step = next(line for line in others if line["contender"] == "vaegan, float32")
    alone = result["convolutions_alone"]["float32"]
    assert 0 < alone["gflop"] < result["batch"] * step["gflop_per_image"]
    assert alone["gflop_per_second"] == pytest.approx(1000 * alone["gflop"] / alone["ms"])
    assert alone["step_gflop_per_second"] == pytest.approx(step["gflop_per_second"])
    assert alone["step_share"] == pytest.approx(step["gflop_per_second"] / alone["gflop_per_second"])
    assert result["loading"]["step_share"] == pytest.approx(result["loading"]["ms"] / step["ms"])


MISTAKES = {
    "a wrong size": (["--sizes", "20"], "multiples of 8"),
    "a size that is none": (["--sizes", "big"], "--sizes must be a number of pixels"),
    "a batch of one": (["--batches", "1"], "training.batch must be at least 2"),
    "a wrong one among good ones": (["--batches", "4", "0"], "training.batch must be above 0"),
    "a batch that is none": (["--batches", "many"], "--batches"),
    "no time": (["--seconds", "0"], "--seconds must be a finite number above 0, not 0"),
    "time without end": (["--seconds", "inf"], "--seconds must be a finite number above 0"),
    "no such device": (["--device", "tpu"], "device must be auto, cpu, cuda or mps"),
    "the joint objective": (["--recipe", "reference-joint"], "there is no training step in plain PyTorch for objective.joint"),
    "changes": (["--recipe", "quick", "--objective.diff-augment"], "there is no training step in plain PyTorch for objective.diff_augment"),
    "no such recipe": (["--recipe", "referense"], "Did you mean reference?"),
    "no such setting": (["--networks.widht", "1"], "Did you mean --networks.width?"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        run(["bench", *arguments])
    assert exit_.value.code == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert words in printed.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_contenders_compute_with_as_many_threads_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(benchmark, "_measure", lambda *_: torch.get_num_threads())
    made = Benchmark(tiny(training__threads=before + 2), device="cpu")
    assert made.about()["threads"] == before + 2
    computed_with: list[Any] = list(made.results(SILENT))
    assert computed_with == [before + 2]
    assert torch.get_num_threads() == before


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UserError, match="there is no cuda device on this machine"):
        Benchmark(Recipe(), device="cuda")


@pytest.mark.parametrize("settings", [{"joint": True, "saturating": False}, {"gan": "hinge"}, {"penalty": "r1"}])
def test_what_is_not_the_papers_has_no_textbook_step(settings: dict[str, Any]) -> None:
    recipe = Recipe(objective=ObjectiveSettings(**settings))
    with pytest.raises(UserError, match=rf"objective\.{next(iter(settings))}"):
        Textbook(recipe, VAEGAN(recipe.networks))


def test_an_interrupt(tmp_path: Path) -> None:
    """Ends at once, with one sentence and the usual exit code, and leaves nothing behind."""
    with start("bench", *FLAGS, "--seconds", 1000, env={"TMPDIR": str(tmp_path)}) as process:
        process.until(lambda: list(tmp_path.glob("vaegan-bench-*/set/manifest.json")))
        process.send_signal(signal.SIGINT)
        _, error = process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert error.splitlines()[-1].startswith("vaegan: interrupted")
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
