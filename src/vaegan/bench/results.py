"""What comes of a benchmark, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from .arithmetic import Work, Yardstick
from .contenders import WHOLE_LOOP, Contender

GIGA = 1e9


@dataclass(frozen=True)
class ContenderResult:
    """How one contender did."""

    contender: str
    precision: str
    ms: float
    """Milliseconds a step: the median of the rounds."""
    images_per_second: float
    ratio: float
    """How many times as fast as the first line: the median of the rounds' ratios."""
    gflop_per_image: float
    gflop_per_second: float
    share_of_peak: float
    """That rate as a share of the fastest yardstick's in the same precision."""
    memory_mb: float | None
    """By how much memory in use rose, at most, from before the contender was made until after its first steps."""
    rounds_ms: list[float]


@dataclass(frozen=True)
class ConvolutionsAlone:
    """A step's convolutions where nothing else is done, and the whole step beside them."""

    ms: float
    gflop: float
    gflop_per_second: float
    step_gflop_per_second: float
    """All arithmetic of the package's step over all its time; on a GPU, of its fastest step."""
    step_share: float
    """That rate as a share of the convolutions'."""


@dataclass(frozen=True)
class Loading:
    """Making batches where nothing else is done."""

    ms: float
    step_share: float
    """As a share of the package's step in the precision that was asked for; on a GPU, of its fastest step."""


@dataclass(frozen=True)
class BenchmarkResult:
    """What was measured at one size and batch."""

    size: tuple[int, int]
    batch: int
    lines: list[ContenderResult]
    peak_gflop_per_second: dict[str, dict[str, float]]
    """By precision and yardstick."""
    convolutions_alone: dict[str, ConvolutionsAlone]
    """By precision."""
    loading: Loading
    left_out: dict[str, str]
    """Contenders that this machine cannot do, and why."""


@dataclass(frozen=True)
class RoundTimes:
    """All that was seen at one size and batch, by names; times are seconds, round by round."""

    contenders: dict[Contender, NDArray[np.float64]]
    memory: dict[Contender, int | None]
    works: dict[str, Work]
    """By what contenders compute."""
    peaks: dict[str, dict[Yardstick, NDArray[np.float64]]]
    """By precision."""
    alone: dict[str, NDArray[np.float64]]
    """By precision."""
    loading: NDArray[np.float64]
    left_out: dict[str, str]

    def result(self, size: tuple[int, int], batch: int) -> BenchmarkResult:
        """What it comes to."""
        peaks = {
            precision: {yardstick.name: yardstick.flops / float(np.median(times)) / GIGA for yardstick, times in found.items()}
            for precision, found in self.peaks.items()
        }
        lines = [self._line(contender, batch, max(peaks[contender.precision].values())) for contender in self.contenders]
        fastest = {  # seconds of the package's step
            precision: min(
                float(np.median(times))
                for contender, times in self.contenders.items()
                if contender.arithmetic == f"vaegan {precision}" and contender.name != WHOLE_LOOP
            )
            for precision in self.alone
        }
        alone = {precision: self._alone(precision, float(np.median(times)), fastest[precision]) for precision, times in self.alone.items()}
        loading = float(np.median(self.loading))
        return BenchmarkResult(
            size, batch, lines, peaks, alone, Loading(1000 * loading, loading / list(fastest.values())[-1]), self.left_out
        )

    def _line(self, contender: Contender, batch: int, peak: float) -> ContenderResult:
        times, memory = self.contenders[contender], self.memory[contender]
        baseline = next(iter(self.contenders.values()))
        seconds, gflop = float(np.median(times)), self.works[contender.arithmetic].flops / GIGA
        return ContenderResult(
            contender.name,
            contender.precision,
            ms=1000 * seconds,
            images_per_second=batch / seconds,
            ratio=float(np.median(baseline / times)),
            gflop_per_image=gflop / batch,
            gflop_per_second=gflop / seconds,
            share_of_peak=gflop / seconds / peak,
            memory_mb=None if memory is None else memory / 1e6,
            rounds_ms=[1000 * float(time) for time in times],
        )

    def _alone(self, precision: str, seconds: float, step: float) -> ConvolutionsAlone:
        work = self.works[f"vaegan {precision}"]
        rate, step_rate = work.convolution_flops / seconds / GIGA, work.flops / step / GIGA
        return ConvolutionsAlone(1000 * seconds, work.convolution_flops / GIGA, rate, step_rate, step_rate / rate)


def table(result: BenchmarkResult) -> Table:
    """The contenders of a result."""
    height, width = result.size
    title = f"{height}x{width}, batch {result.batch}"
    drawn = Table(box=box.SIMPLE_HEAD, padding=0, title=title, title_justify="left")  # fits into 80 columns
    drawn.add_column("\nmethod", no_wrap=True)
    for heading in ("ms/\nstep", "images/\nsecond", "times\ntextbook", "GFLOP/\nimage", "GFLOP/\nsecond", "of\npeak", "memory\nMB"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    for line in result.lines:
        memory = "-" if line.memory_mb is None else f"{line.memory_mb:,.0f}"
        rates = (_short(line.ms), _short(line.images_per_second), f"{line.ratio:.2f}")
        arithmetic = (_short(line.gflop_per_image), _short(line.gflop_per_second), f"{line.share_of_peak:.0%}")
        drawn.add_row(line.contender, *rates, *arithmetic, memory)
    return drawn


def notes(result: BenchmarkResult) -> list[str]:
    """What else is to be said of a result, a line each."""
    found = []
    for precision, rates in result.peak_gflop_per_second.items():
        best = max(rates, key=lambda name: rates[name])
        found.append(f"peak in {precision}: {rates[best]:,.0f} GFLOP/s (a large {best})")
    for precision, alone in result.convolutions_alone.items():
        speed = f"{_short(alone.ms)} ms a step, {alone.gflop_per_second:,.0f} GFLOP/s"
        found.append(f"vaegan's convolutions alone in {precision}: {speed}; the whole step reaches {alone.step_share:.0%} of this rate")
    found += [f"{name} was left out: {reason}" for name, reason in result.left_out.items()]
    loading = result.loading
    found.append(f"making a batch takes {_short(loading.ms)} ms, {loading.step_share:.1%} of a step")
    return found


def header(about: Mapping[str, object]) -> list[str]:
    """On what it is measured and how, a line each; see `Benchmark.about`."""
    cores, threads = (f"{about[name]} {name if about[name] != 1 else str(name)[:-1]}" for name in ("cores", "threads"))
    return [
        f"{about['processor']} ({about['device']}), {cores}, {threads}; torch {about['torch']}; {about['precision']}; {about['date']}",
        f"{about['rounds']} rounds, {about['seconds']:g} s for each method in each round; times are medians over the rounds, "
        "and times textbook is the median of the ratios in each round.",
        "Every step trains all three networks. Memory is the most that a method uses while it is set up and takes its first "
        "steps, without what was used before.",
    ]


def _short(value: float) -> str:
    """Three digits, or more before the point."""
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{max(0, digits)}f}"
