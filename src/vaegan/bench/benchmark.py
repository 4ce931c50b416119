"""Setting a benchmark up and running it."""

from __future__ import annotations

import math
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console

from ..data.dataset import ImageSet
from ..data.images import Preparation
from ..data.sources.base import Item, Pixels, Source
from ..data.writer import pack
from ..errors import UserError
from ..progress import Progress, progress_bar
from ..recipe import Recipe
from ..settings import GateSettings
from ..this_process import cores
from ..training.cuda_graph import WARM_UP as BEFORE_RECORDING
from ..training.device import computes_in_bf16, keep_freed_memory, make_fabric
from .arithmetic import alone, count, yardsticks
from .contenders import BenchmarkCase, Contender, StepFunction
from .results import BenchmarkResult, RoundTimes
from .subprocess import TimedSubprocess
from .textbook import textbook_only
from .timing import ROUNDS, Timer, alternate, repeated, with_peak_memory

MOST_IMAGES, MOST_BYTES = 4096, 4096 * 64 * 64 * 3
"""Of random images to read, unless that is less than two batches."""
WARM_UP = {"cuda": BEFORE_RECORDING + 1}
"""Steps before timing begins: the first ones compile, make the optimisers' state, and are recorded. Elsewhere 2."""
LOADING_SHARE = 0.25
"""Of a timer's seconds."""
LR = 1e-12
"""So small that weights stay as they were drawn. Faster contenders make more steps, and all should have the same numbers at each."""


class Benchmark:
    """What is to be measured. What can be wrong with it is found before it begins."""

    def __init__(
        self,
        recipe: Recipe,
        sizes: Sequence[tuple[int, int]] = (),
        batches: Sequence[int] = (),
        *,
        seconds: float = 8.0,
        device: str = "auto",
    ) -> None:
        """Take the networks and settings to compare.

        Args:
            recipe: of everything but the images, which are random ones.
            sizes: heights and widths; by default the recipe's.
            batches: images a step; by default the recipe's.
            seconds: how long each contender is timed at each size and batch.
            device: `auto`, `cpu`, `cuda` or `mps`.

        Raises:
            UserError: something in this is wrong.
        """
        if not 0 < seconds < math.inf:
            raise UserError(f"--seconds must be a finite number above 0, not {seconds:g}")
        textbook_only(recipe.objective)
        self.seconds = seconds
        self.threads = recipe.training.threads or torch.get_num_threads()
        self.recipes = [
            steady(recipe, size, batch) for size in sizes or [recipe.networks.size] for batch in batches or [recipe.training.batch]
        ]
        asked = make_fabric(device, recipe.training.precision)
        self.device = asked.device
        precision = "bfloat16" if computes_in_bf16(asked) else "float32"
        self.fabrics: dict[str, Fabric] = {precision: asked}
        if precision != "float32" and self.device.type != "cuda":  # where there are other ways to compare
            self.fabrics = {"float32": make_fabric(device, "32"), precision: asked}
        for fabric in self.fabrics.values():
            fabric.launch()

    def about(self) -> dict[str, Any]:
        """On what it is measured, and how."""
        return {
            "processor": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else processor(),
            "device": self.device.type,
            "cores": cores(),
            "threads": self.threads,
            "torch": torch.__version__,
            "precision": list(self.fabrics)[-1],
            "seconds": self.seconds,
            "rounds": ROUNDS,
            "gate": "open",
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        }

    def results(self, console: Console) -> Iterator[BenchmarkResult]:
        """Measure at one size and batch after another; what is under way is shown on the console.

        Raises:
            UserError: a batch does not fit into memory.
        """
        for recipe in self.recipes:
            with tempfile.TemporaryDirectory(prefix="vaegan-bench-") as folder, progress_bar(console) as progress, ExitStack() as undo:
                undo.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(self.threads)
                images = random_images(Path(folder) / "set", recipe, progress)
                try:
                    result = _measure(BenchmarkCase(recipe, self.fabrics, images), self.seconds, progress, undo)
                except RuntimeError as error:
                    if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
                        raise
                    raise UserError(
                        f"a training step at {_what(recipe)} does not fit into memory: give smaller --batches or --sizes"
                    ) from None
            yield result


def processor() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def steady(recipe: Recipe, size: tuple[int, int], batch: int) -> Recipe:
    """The recipe at a size and batch, with all steps alike: the gate is open for all three networks, and nothing decays."""
    return replace(
        recipe,
        networks=replace(recipe.networks, size=size),
        gate=GateSettings(enabled=False),
        objective=replace(recipe.objective, gamma_decay=1.0),
        optimizer=replace(recipe.optimizer, lr=LR, schedule="constant"),
        training=replace(recipe.training, batch=batch),
    )


def _what(recipe: Recipe) -> str:
    height, width = recipe.networks.size
    return f"{height}x{width}, batch {recipe.training.batch}"


def random_images(folder: Path, recipe: Recipe, progress: Progress) -> ImageSet:
    """A packed set of noise, made like any other."""
    size, channels = recipe.networks.size, recipe.networks.channels
    shape = size if channels == 1 else (*size, channels)
    number = max(2 * recipe.training.batch, min(MOST_IMAGES, MOST_BYTES // math.prod(shape)))

    def items() -> Iterator[Item]:
        random = np.random.default_rng(0)
        return (Item(f"{place:06}", Pixels(random.integers(0, 256, shape, dtype=np.uint8))) for place in range(number))

    source = Source("random", items, number, listing="", state="")
    return pack(source, Preparation(size, channels, "none"), folder, workers=1, progress=progress)


def _measure(case: BenchmarkCase, seconds: float, progress: Progress, processes: ExitStack) -> BenchmarkResult:
    """All contenders and yardsticks, in turns; `processes` ends those that are begun."""
    recipe, device, what = case.recipe, case.device, _what(case.recipe)
    keep_freed_memory()
    works, arithmetics = {}, case.arithmetics()
    for number, (kind, build) in enumerate(arithmetics.items()):
        progress(f"{what}: counting {kind}", number, len(arithmetics))
        works[kind] = count(build())

    contenders: dict[Contender, Timer] = {}
    memory: dict[Contender, int | None] = {}
    left_out: dict[str, str] = {}
    found, warm_up = case.contenders(), WARM_UP.get(device.type, 2)
    for number, contender in enumerate(found):
        progress(f"{what}: warming up {contender.name}", number, len(found))
        if contender.in_subprocess:
            timed = processes.enter_context(TimedSubprocess(recipe, case.images.folder, warm_up))
            contenders[contender], memory[contender] = timed, timed.memory
        else:
            case.notes.clear()
            step, rise = with_peak_memory(partial(_warmed_up, contender.build, warm_up), device)
            if case.notes:  # what would be timed is not what it is called
                left_out[contender.name] = case.notes[-1]
                continue
            contenders[contender], memory[contender] = repeated(step, device), rise
    peaks = {precision: yardsticks(precision, device, seconds / ROUNDS) for precision in {c.precision: None for c in contenders}}
    convolutions = {precision: alone(works[f"vaegan {precision}"].convolutions, device) for precision in case.fabrics}
    loading = repeated(case.loading(), device, share=LOADING_SHARE)

    timers: dict[str, Timer] = {contender.name: timer for contender, timer in contenders.items()}
    timers |= {f"{yardstick.name}, {precision}": yardstick.timer for precision, found in peaks.items() for yardstick in found}
    timers |= {f"convolutions alone, {precision}": timer for precision, timer in convolutions.items()}
    timers["loading"] = loading
    total = ROUNDS * len(timers)
    times = alternate(timers, seconds, lambda name, done: progress(f"{what}: timing {name}", done, total))
    measured = RoundTimes(
        {contender: times[contender.name] for contender in contenders},
        memory,
        works,
        {precision: {yardstick: times[f"{yardstick.name}, {precision}"] for yardstick in found} for precision, found in peaks.items()},
        {precision: times[f"convolutions alone, {precision}"] for precision in convolutions},
        times["loading"],
        left_out,
    )
    return measured.result(recipe.networks.size, recipe.training.batch)


def _warmed_up(build: Callable[[], StepFunction], times: int) -> StepFunction:
    """A contender's step, made and done a few times."""
    step = build()
    for _ in range(times):
        step()
    return step
