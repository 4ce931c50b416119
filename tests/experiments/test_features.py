"""Linear classifiers on features: the arithmetic, the tasks, and the experiment from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaegan import VAEGAN, UserError
from vaegan.data import open_images, prepare
from vaegan.data.images import Preparation
from vaegan.experiments.features import SPACES, Numbering, Task, features, spaces
from vaegan.experiments.linear import PENALTIES, fit
from vaegan.settings import Architecture

from ..command import fails, works
from ..tiny import flags
from .small import FLAGS, SMALL, small


@pytest.mark.parametrize(("count", "dimensions"), [(12, 40), (60, 7)])
def test_the_fit_is_ridge_regression_with_the_penalty_of_the_least_error_left_out(count: int, dimensions: int) -> None:
    random = np.random.default_rng(0)
    features_, truth = random.normal(size=(count, dimensions)), random.normal(size=(dimensions, 2))
    answers = np.sign(features_ @ truth + random.normal(size=(count, 2)))

    def plainly(x: NDArray[np.float64], y: NDArray[np.float64], penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        centre, middle = x.mean(0), y.mean(0)
        weights = np.linalg.solve((x - centre).T @ (x - centre) + penalty * np.eye(dimensions), (x - centre).T @ (y - middle))
        return weights, middle - centre @ weights

    errors = []
    penalties = PENALTIES * np.square(features_ - features_.mean(0)).sum()
    for penalty in penalties:
        left_out = []
        for one in range(count):
            others = np.arange(count) != one
            weights, offsets = plainly(features_[others], answers[others], penalty)
            left_out.append(answers[one] - features_[one] @ weights - offsets)
        errors.append(np.square(left_out).mean())
    weights, offsets = fit(features_, answers)
    wanted = plainly(features_, answers, penalties[int(np.argmin(errors))])
    assert weights == pytest.approx(wanted[0], rel=1e-6, abs=1e-9)
    assert offsets == pytest.approx(wanted[1], rel=1e-6, abs=1e-9)


def test_constant_features_say_nothing_and_raise_nothing() -> None:
    weights, offsets = fit(np.ones((6, 3)), np.array([[1.0], [1], [1], [-1], [-1], [-1]]))
    assert weights == pytest.approx(0)
    assert offsets == pytest.approx(0)


def test_scores_tell_what_is_there_from_what_is_not() -> None:
    random = np.random.default_rng(0)
    answers = np.where(random.normal(size=(400, 2)) > 0.5, 1.0, -1.0)
    answers[:7, 0] = np.nan
    numbers = Numbering(np.arange(200), np.arange(200, 400), np.arange(2))
    task = Task(("A", "B"), answers, classes=False)
    good = np.nan_to_num(answers) + 0.3 * random.normal(size=answers.shape)
    noise = random.normal(size=(400, 5))
    assert task.score(good[:200], good[200:], numbers, 20, [0]) > 0.95
    assert task.score(noise[:200], noise[200:], numbers, 20, [0]) == pytest.approx(0.5, abs=0.1)
    kinds = random.integers(0, 3, 400)
    task = Task(("a", "b", "c"), np.where(kinds[:, None] == np.arange(3), 1.0, -1.0), classes=True)
    numbers = Numbering(np.arange(200), np.arange(200, 400), np.arange(3))
    good = np.eye(3)[kinds] + 0.2 * random.normal(size=(400, 3))
    assert task.examples(numbers.training).tolist() == [(kinds[:200] == kind).sum() for kind in range(3)]
    assert task.score(good[:200], good[200:], numbers, 20, [0]) > 0.95
    assert task.score(noise[:200], noise[200:], numbers, 20, [0]) == pytest.approx(1 / 3, abs=0.1)


def test_spaces_are_what_the_networks_make() -> None:
    images = open_images("avatars", Preparation((16, 16), 3), count=400, progress=lambda *_: None)
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()
    found = spaces(model, images, np.arange(300), 1)
    assert set(found) == set(SPACES)
    assert all(len(values) == 300 for values in found.values())
    with torch.inference_mode():
        pixels = torch.from_numpy(images.images[np.arange(3)]).permute(0, 3, 1, 2) / 127.5 - 1
        assert found["codes"][:3] == pytest.approx(model.encode(pixels).mean.numpy(), abs=1e-5)
        assert found["pixels"][:3] == pytest.approx(pixels.flatten(1).numpy(), abs=1e-5)
    assert not np.allclose(found["hidden"], found["random"])


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
    monkeypatch.setattr("vaegan.experiments.features.spaces", lambda *_, **__: pytest.fail("it is measured already"))
    assert features(small("features", tmp_path / "out", seeds=2), draws=2).tables == found.tables


def test_what_was_measured_before_a_stop_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.experiments.features.LABELS", (10,))
    score, calls = Task.score, []

    def counted(*arguments: Any) -> float:
        calls.append(arguments)
        if len(calls) == 4:  # the second draw of the second space
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(Task, "score", counted)
    with pytest.raises(KeyboardInterrupt):
        features(small("features", tmp_path), draws=2)
    features(small("features", tmp_path), draws=2)
    assert len(calls) == 4 + 2 * (len(SPACES) - 1)


def test_classes_serve_where_there_are_no_attributes(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.experiments.features.LABELS", (5, 1_000))
    folder = tmp_path / "classes"
    for kind in ("cats", "dogs"):
        (folder / kind).mkdir(parents=True)
    for number, photo in enumerate(sorted(photos.iterdir())):
        photo.rename(folder / ("cats", "dogs")[number % 2] / photo.name)
    prepare(f"classes:{folder}", tmp_path / "set", progress=lambda *_: None, size=(16, 16))
    experiment = small("features", tmp_path / "out", data__source=str(tmp_path / "set"), data__held_out=0.5)
    (table,) = features(experiment, draws=2).tables
    assert table.title.startswith("accuracy")
    assert table.heads == ("5 a class",)


def test_the_command_and_its_mistakes(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "features", *FLAGS, "--out", tmp_path / "out"]
    works(*command, "--draws", 2)
    assert "untrained encoder" in capsys.readouterr().out
    assert "--draws of at least 2" in fails(capsys, *command, "--draws", 1)
    more = flags(**SMALL, data__held_out=0.6)
    error = fails(capsys, "experiment", "features", *more, "--data", photos, "--out", tmp_path / "b")
    assert "neither attributes nor classes" in error
    assert "8 images are held out of 40, and at least 20 are needed: raise --data.held_out" in fails(
        capsys, "experiment", "features", *FLAGS, "--data", photos, "--out", tmp_path / "d"
    )
    with pytest.raises(UserError, match="need not find them out"):
        features(small("features", tmp_path / "c", networks__attributes=["Beard"]))
