"""Line charts as geometry: what a template needs to draw them as SVG, and to say them in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 24
"""What lies around the plot, in the chart's own pixels: room for the labels of the axes."""
BUCKETS = 120
"""A longer series is drawn as the means of so many parts of it, in a band from the smallest to the largest value of each."""
LOGARITHMIC = 30.0
"""The axis is logarithmic where the largest value is so many times the middle one: else all of the curve would lie at its foot."""


LEAST = 1e-100
"""Values that are nearer to each other are the same."""


class Series(NamedTuple):
    """One curve of a chart."""

    name: str
    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    """As many; those that are not finite are left out."""


@dataclass(frozen=True)
class Curve:
    """One curve, as drawn."""

    name: str
    path: str
    band: str
    """From the smallest to the largest value, where the series was thinned; else empty."""


@dataclass(frozen=True)
class Chart:
    """A chart, as drawn."""

    lines: list[Curve]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    bounds: list[float]
    """Heights of straight lines across the plot."""
    readings: list[tuple[float, str, list[str]]]
    """Places along the x axis, which step each is, and the value of every line there; the last is the newest."""
    summary: str
    """The chart in words."""
    logarithmic: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def chart(series: Sequence[Series], bounds: Sequence[float] = (), unit: str = "") -> Chart | None:
    """Draw curves over the same steps; None where there is no value to draw.

    Args:
        series: the curves.
        bounds: values to mark by lines across; those off the chart are left out.
        unit: written behind values, such as "%".
    """
    series = [finite for one in series if len((finite := _finite(one)).steps)]
    if not series:
        return None
    thinned = [_thin(one) for one in series]
    low, high = (pick([pick(one.values) for one in series]) for pick in (min, max))
    middle = float(np.median(np.concatenate([one.values for one in series])))
    logarithmic = low > 0 and high > LOGARITHMIC * middle
    y_ticks = _decades(low, high) if logarithmic else _ticks(min(low, 0.0), max(high, 0.0))
    y = _Axis(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP, logarithmic)
    first, last = min(one.steps[0] for one in series), max(one.steps[-1] for one in series)
    x = _Axis(0.0 if last > 2 * first else first, last, LEFT, WIDTH - RIGHT)
    return Chart(
        lines=[_line(name, parts, x, y) for (name, _, _), parts in zip(series, thinned, strict=True)],
        x_ticks=[(x(tick), number(tick)) for tick in _ticks(x.low, x.high, 4) if x.low <= tick <= x.high],
        y_ticks=[(y(tick), number(tick) + unit) for tick in y_ticks],
        bounds=[y(bound) for bound in bounds if y_ticks[0] < bound < y_ticks[-1]],
        readings=_readings(series, thinned, x, unit),
        summary=" ".join(_in_words(series, one, unit) for one in series),
        logarithmic=logarithmic,
    )


class _Thinned(NamedTuple):
    steps: NDArray[np.float64]
    means: NDArray[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]


def _finite(series: Series) -> Series:
    there = np.isfinite(series.values)
    return Series(series.name, series.steps[there], series.values[there])


def _thin(series: Series) -> _Thinned:
    """Means and extremes of at most BUCKETS parts of a series; no spike is lost, however narrow it is."""
    _, steps, values = series
    if len(values) <= BUCKETS:
        return _Thinned(steps, values, values, values)
    starts = np.unique(np.linspace(0, len(values), BUCKETS, endpoint=False).astype(int))
    counts = np.diff([*starts, len(values)])
    middles, means = (np.add.reduceat(part, starts) / counts for part in (steps, values))
    return _Thinned(middles, means, np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts))


class _Axis:
    """From values to places."""

    def __init__(self, low: float, high: float, start: float, end: float, logarithmic: bool = False) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end
        self.scale = math.log if logarithmic else float

    def __call__(self, value: float) -> float:
        low, high = self.scale(self.low), self.scale(self.high)
        part = (self.scale(value) - low) / (high - low) if high > low else 0.5
        return round(self.start + part * (self.end - self.start), 1)


def _ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that are evenly spaced, from at or below `low` to at or above `high`."""
    if high - low < LEAST:
        high = low + 1
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [float(f"{n * step:.12g}") for n in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _line(name: str, parts: _Thinned, x: _Axis, y: _Axis) -> Curve:
    xs = [x(step) for step in parts.steps]
    path, top, foot = ([f"{place:g},{y(value):g}" for place, value in zip(xs, values, strict=True)] for values in parts[1:])
    if len(path) == 1:  # a line to itself is drawn as a dot
        path = path * 2
    return Curve(name, "M" + "L".join(path), "" if top == foot else "M" + "L".join([*top, *reversed(foot)]) + "Z")


def _readings(series: Sequence[Series], thinned: Sequence[_Thinned], x: _Axis, unit: str) -> list[tuple[float, str, list[str]]]:
    latest = [number(one.values[-1]) + unit for one in series]  # the value itself, not the mean of the last part
    steps = thinned[0].steps[:-1]
    between = [[number(float(np.interp(step, parts.steps, parts.means))) + unit for parts in thinned] for step in steps]
    last = max(one.steps[-1] for one in series)
    xs = [(x(step), f"{step:,.0f}", values) for step, values in zip(steps, between, strict=True)]
    return [*xs, (x(last), f"{last:,.0f}", latest)]


def _in_words(series: Sequence[Series], one: Series, unit: str) -> str:
    first, last = (f"{number(one.values[place])}{unit} at step {one.steps[place]:,.0f}" for place in (0, -1))
    least, most = (
        f"{number(one.values[place])}{unit} at step {one.steps[place]:,.0f}" for place in (one.values.argmin(), one.values.argmax())
    )
    sentence = f"from {first} to {last}; lowest {least}, highest {most}."
    return f"{one.name}: {sentence}" if len(series) > 1 else sentence[0].upper() + sentence[1:]


def number(value: float) -> str:
    """A number with as many digits as are worth reading: 1,234, 12.3, 0.0123, 8e-07."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size >= 1e6:
        return next(f"{value / part:.3g}{letter}" for part, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if size >= 0.9995 * part)
    if size >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= 1e-3 or value == 0 else f"{value:.2g}"
