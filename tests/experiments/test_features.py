"""Linear classifiers on features, from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaegan import UserError
from vaegan.data import prepare
from vaegan.experiments.features import features
from vaegan.metrics.few_labels import SPACES, Classification

from ..command import fails, works
from ..tiny import flags
from .small import FLAGS, SMALL, small


def test_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = features(small("features", tmp_path / "out", seeds=2), draws=2)
    (table,) = found.tables
    assert [name for name, _ in table.rows] == list(SPACES.values())
    assert table.heads[0] == "10 of each"
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(results["runs"]) == {"vaegan-0", "vaegan-1"}
    pixels = results["runs"]["vaegan-0"]["pixels"]
    assert len(pixels["10"]) == 2
    assert np.mean(pixels["10"]) > 0.55  # pixels are enough to beat guessing
    monkeypatch.setattr("vaegan.metrics.few_labels.spaces", lambda *_, **__: pytest.fail("it is measured already"))
    assert features(small("features", tmp_path / "out", seeds=2), draws=2).tables == found.tables


def test_what_was_measured_before_a_stop_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.metrics.few_labels.LABELS", (10,))
    score, calls = Classification.score, []

    def counted(*arguments: Any) -> float:
        calls.append(arguments)
        if len(calls) == 4:  # the second draw of the second space
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(Classification, "score", counted)
    with pytest.raises(KeyboardInterrupt):
        features(small("features", tmp_path), draws=2)
    features(small("features", tmp_path), draws=2)
    assert len(calls) == 4 + 2 * (len(SPACES) - 1)


def test_classes_serve_where_there_are_no_attributes(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.metrics.few_labels.LABELS", (5, 1_000))
    folder = tmp_path / "classes"
    for kind in ("cats", "dogs"):
        (folder / kind).mkdir(parents=True)
    for number, photo in enumerate(sorted(photos.iterdir())):
        photo.rename(folder / ("cats", "dogs")[number % 2] / photo.name)
    prepare(f"classes:{folder}", tmp_path / "set", progress=lambda *_: None, size=(16, 16))
    experiment = small("features", tmp_path / "out", data__source=str(tmp_path / "set"), data__held_out=0.5)
    (table,) = features(experiment, draws=2).tables
    assert table.title.startswith("accuracy")
    assert table.heads == ("5 per class",)


def test_the_command_and_its_mistakes(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "features", *FLAGS, "--out", tmp_path / "out"]
    works(*command, "--draws", 2)
    assert "untrained encoder" in capsys.readouterr().out
    assert "--draws must be at least 2" in fails(capsys, *command, "--draws", 1)
    more = flags(**SMALL, data__held_out=0.6)
    error = fails(capsys, "experiment", "features", *more, "--data", photos, "--out", tmp_path / "b")
    assert "neither attributes nor classes" in error
    assert "at least 20 held-out images are needed, but the set has only 8, beside 32 training images: raise --data.held_out" in fails(
        capsys, "experiment", "features", *FLAGS, "--data", photos, "--out", tmp_path / "d"
    )
    with pytest.raises(UserError, match="this experiment needs models that are not conditional"):
        features(small("features", tmp_path / "c", networks__attributes=["Beard"]))
