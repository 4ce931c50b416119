"""Statistics of a run are read as far as they can be."""

from __future__ import annotations

from pathlib import Path

from vaegan.report.stats import Stats


def test_a_later_line_of_the_same_step_counts(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text('{"step": 2, "prior": 1}\n{"step": 1, "prior": 5}\n{"step": 2, "prior": 3}\n')
    stats = Stats.read(path)
    assert stats.series("prior").values.tolist() == [5, 3]
    assert stats.seconds() is None
