"""What each measure brings on a CPU: the training step with all of them, and with one at a time left out.

    python benchmarks/measures.py [--recipe reference] [--seconds 8] [SETTING=VALUE ...]

All take turns in one process; printed are medians of the rounds, and ratios of the rounds' times to the step with everything.
"""

from __future__ import annotations

import argparse
import ctypes
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml
from rich.console import Console

from vaegan import Recipe
from vaegan.bench.benchmark import processor, random_images, steady
from vaegan.bench.contenders import BenchmarkCase
from vaegan.bench.textbook import Textbook, make_optimizer, use_plain_convolutions
from vaegan.bench.timing import ROUNDS, alternate, repeated
from vaegan.progress import progress_bar
from vaegan.settings import GateSettings
from vaegan.training.device import M_MMAP_MAX, M_TRIM_THRESHOLD, has_bf16, keep_freed_memory, make_fabric, trim_memory
from vaegan.training.trainer import Trainer

SHUT = GateSettings(equilibrium=50.0, margin=1.0)
"""Both costs are far below it: the discriminator does not step."""
M_MMAP_THRESHOLD = -3  # of mallopt(3)
LARGEST_MMAP_THRESHOLD = 1 << 25  # on 64 bits


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="reference")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("settings", nargs="*")
    given = parser.parse_args()
    overrides = {key: yaml.safe_load(value) for key, _, value in (text.partition("=") for text in given.settings)}
    asked = Recipe.load(given.recipe, overrides)
    recipe = steady(asked, asked.networks.size, asked.training.batch)
    bf16 = "bf16" if has_bf16("cpu") else "32"
    setting_of = {precision: make_fabric("cpu", precision) for precision in dict.fromkeys(("32", bf16))}
    with tempfile.TemporaryDirectory() as folder, progress_bar(Console(stderr=True)) as progress:
        images = random_images(Path(folder) / "set", recipe, progress)
        case = BenchmarkCase(recipe, setting_of, images)
        steps = {name: repeated(step, torch.device("cpu")) for name, step in ways(case, bf16).items()}

        def turn(name: str) -> Callable[[float], float]:
            def timed(seconds: float) -> float:
                (return_freed_memory if name == RETURNED else keep_freed_memory)()
                return steps[name](seconds)

            return timed

        times = alternate({name: turn(name) for name in steps}, given.seconds, lambda name, done: progress(name, done, ROUNDS * len(steps)))
    base = times[EVERYTHING]
    batch = recipe.training.batch
    what = " ".join([given.recipe, *given.settings, f"at batch {batch}"])
    print(f"{what}: {processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, seconds in times.items():
        middle = float(np.median(seconds))
        print(f"{name:52s} {1000 * middle:8.1f} ms  {batch / middle:7.1f} images/s  {float(np.median(seconds / base)):5.2f} times as long")


def return_freed_memory() -> None:
    """Undo `keep_freed_memory`, where there is glibc.

    Nearly: by itself glibc adapts its thresholds to what is freed, up to these; once it was told any, it adapts no more. And holes in a
    heap that was kept are used again, so that fewer pages are faulted in than in a fresh process.
    """
    if keep_freed_memory():
        libc, largest = ctypes.CDLL(None), LARGEST_MMAP_THRESHOLD
        for setting, value in ((M_MMAP_THRESHOLD, largest), (M_TRIM_THRESHOLD, 2 * largest), (M_MMAP_MAX, 65536)):
            libc.mallopt(setting, value)
        trim_memory()


EVERYTHING, RETURNED = "everything", "freed memory returned to the system"


def ways(case: BenchmarkCase, best: str) -> dict[str, Callable[[], object]]:
    """The step with everything, then with one measure at a time left out, and then other steps."""

    def step(change: Callable[[Trainer], object] = lambda _: None, precision: str = best) -> Callable[[], object]:
        trainer = case.trainer(precision, {})
        change(trainer)
        inputs = trainer.inputs()
        return lambda: trainer.train_step(inputs=inputs)

    def channels_first(trainer: Trainer) -> None:
        trainer.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        augment = trainer.training_step.augment
        trainer.training_step.augment = lambda *inputs: augment(*inputs).contiguous()  # type: ignore[assignment]

    def not_fused(trainer: Trainer) -> None:
        for name, own in trainer.training_step.optimizers.items():
            optimizer = make_optimizer(getattr(trainer.model, name), case.recipe.optimizer, case.recipe.optimizer.lr)
            for group, ours in zip(optimizer.param_groups, own.param_groups, strict=True):
                group["lr_factor"] = ours["lr_factor"]
            optimizer.defaults.setdefault("fused", False)  # torch's RMSprop cannot be
            trainer.training_step.optimizers[name] = optimizer  # type: ignore[assignment]

    held = replace(case, recipe=replace(case.recipe, gate=SHUT)).trainer(best, {})
    held_inputs = held.inputs()
    found = {
        EVERYTHING: step(),
        RETURNED: step(),
        "channels first": step(channels_first),
        "torch's own convolutions to and from images": step(lambda trainer: use_plain_convolutions(trainer.model)),
        "optimisers as torch makes them": step(not_fused),
        "three losses and three passes back": three_passes(case),
        "(the discriminator held by the gate)": lambda: held.train_step(inputs=held_inputs),
    }
    if best != "32":
        found["float32"] = step(precision="32")
    return found


def three_passes(case: BenchmarkCase) -> Callable[[], object]:
    """The textbook step with all measures but its own way back."""
    torch.manual_seed(0)
    trainer = case.trainer("32", {})
    textbook = Textbook(case.recipe, trainer.model, autocast=has_bf16("cpu"))
    textbook.model.to(memory_format=torch.channels_last)
    pixels = trainer.inputs().pixels.permute(0, 3, 1, 2)
    return lambda: textbook.step(pixels)


if __name__ == "__main__":
    main()
