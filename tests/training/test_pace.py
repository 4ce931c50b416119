"""A run that has become much slower says so."""

from __future__ import annotations

import pytest

from vaegan.training.health import SLOW_SECONDS, SpeedMonitor


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with two cores and much to do."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (5.25, 0, 0), raising=False)
    return monkeypatch


@pytest.mark.usefixtures("load")
def test_once_each_time_it_becomes_slow() -> None:
    pace = SpeedMonitor()
    assert not any(pace(400 + 50 * (line % 3), 2) for line in range(30))
    slow = [pace(150, SLOW_SECONDS / 4) for _ in range(20)]
    assert [line for line, sentence in enumerate(slow) if sentence] == [3]
    assert slow[3] == (
        "training has slowed from 450 to 150 images/s: the processor is overloaded (load 5.2, 2 cores). "
        "If that lasts, stop this run and resume it: it then adapts"
    )
    assert pace(430, 2) is None
    assert pace(150, SLOW_SECONDS) is not None


@pytest.mark.usefixtures("load")
def test_a_short_delay_is_not_worth_a_word() -> None:
    pace = SpeedMonitor()
    for speed in (400, 10, 400, 10, 250, 10):
        assert pace(speed, SLOW_SECONDS / 2) is None


def test_where_others_do_not_compute_it_says_where_to_look(load: pytest.MonkeyPatch) -> None:
    load.setattr("os.getloadavg", lambda: (1.0, 0, 0), raising=False)
    pace = SpeedMonitor()
    pace(400, 1)
    assert (pace(100, SLOW_SECONDS) or "").endswith("(load 1.0), so look at the disk, the memory and the temperature of this machine")
    load.delattr("os.getloadavg")
    pace = SpeedMonitor()
    pace(400, 1)
    assert (pace(100, SLOW_SECONDS) or "").endswith("other programs may use this machine")
