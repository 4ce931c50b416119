"""Charts show what was measured, where their axes say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from vaegan.report.charts import BUCKETS, HEIGHT, TOP, Series, chart, number


def test_a_spike_survives_thinning() -> None:
    values = np.ones(100_000)
    values[61_803] = 20.0
    drawn = chart([Series("loss", np.arange(1, 100_001.0), values)])
    assert drawn is not None
    assert len(drawn.readings) == BUCKETS
    assert drawn.lines[0].path.count("L") == BUCKETS - 1
    heights = [float(point.split(",")[1]) for point in re.split("[MLZ]", drawn.lines[0].band) if point]
    assert min(heights) == TOP  # 20 is the last tick
    assert "highest 20 at step 61,804" in drawn.summary


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [0.0, 0.0],
        [3.0],
        [-2.0, -2.0],
        [1e-9, 2e-9],
        [1e30, -1e30],
        [0.1, 1e6, 0.1, 0.1],
        [5.0, np.inf],
        [5e-324, 1e-323],
        [1e100, 1.0],
    ],
)
def test_any_values_can_be_drawn(values: list[float]) -> None:
    drawn = chart([Series("x", np.arange(1.0, len(values) + 1), np.array(values))])
    assert drawn is not None
    points = [float(y) for y in re.findall(r",(-?[\d.]+)", drawn.lines[0].path)]
    assert all(TOP <= y <= HEIGHT for y in points)
    assert len({label for _, label in drawn.y_ticks}) == len(drawn.y_ticks) >= 2
    assert drawn.logarithmic == (values == [0.1, 1e6, 0.1, 0.1])


def test_nothing_to_draw() -> None:
    assert chart([]) is None
    assert chart([Series("x", np.array([1.0]), np.array([np.nan]))]) is None


def test_a_line_is_where_its_axis_says() -> None:
    drawn = chart([Series("x", np.array([0.0, 10.0, 20.0]), np.array([0.0, 1.0, 2.0]))], bounds=[1.0, 9.0])
    assert drawn is not None
    at = {label: y for y, label in drawn.y_ticks}
    across = {label: x for x, label in drawn.x_ticks}
    assert drawn.lines[0].path == f"M{across['0']:g},{at['0']:g}L{across['10']:g},{at['1']:g}L{across['20']:g},{at['2']:g}"
    assert drawn.bounds == [at["1"]]  # 9 is off the chart


def test_numbers() -> None:
    numbers = [0, 0.5, 12.34, 1234.5, 1.5e6, -0.00081234, float("nan"), 999.6, 999.7e6]
    assert [number(value) for value in numbers] == ["0", "0.5", "12.3", "1,234", "1.5M", "-0.00081", "nan", "1,000", "1G"]
