"""Linear classifiers from few labels: the arithmetic, what is asked of them, and what they read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaegan import VAEGAN, Architecture
from vaegan.data import open_images
from vaegan.data.images import Preparation
from vaegan.metrics.few_labels import PENALTIES, SPACES, Classification, Targets, fit_ridge, spaces


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
    weights, offsets = fit_ridge(features_, answers)
    wanted = plainly(features_, answers, penalties[int(np.argmin(errors))])
    assert weights == pytest.approx(wanted[0], rel=1e-6, abs=1e-9)
    assert offsets == pytest.approx(wanted[1], rel=1e-6, abs=1e-9)


def test_constant_features_say_nothing_and_raise_nothing() -> None:
    weights, offsets = fit_ridge(np.ones((6, 3)), np.array([[1.0], [1], [1], [-1], [-1], [-1]]))
    assert weights == pytest.approx(0)
    assert offsets == pytest.approx(0)


def test_scores_tell_what_is_there_from_what_is_not() -> None:
    random = np.random.default_rng(0)
    answers = np.where(random.normal(size=(400, 2)) > 0.5, 1.0, -1.0)
    answers[:7, 0] = np.nan
    halves = np.arange(200), np.arange(200, 400)
    question = Classification(Targets(("A", "B"), answers, classes=False), *halves, np.arange(2), [20])
    good = np.nan_to_num(answers) + 0.3 * random.normal(size=answers.shape)
    noise = random.normal(size=(400, 5))
    assert question.score(good[:200], good[200:], 20, [0]) > 0.95
    assert question.score(noise[:200], noise[200:], 20, [0]) == pytest.approx(0.5, abs=0.1)
    kinds = random.integers(0, 3, 400)
    classes = Targets(("a", "b", "c"), np.where(kinds[:, None] == np.arange(3), 1.0, -1.0), classes=True)
    question = Classification(classes, *halves, np.arange(3), [20])
    good = np.eye(3)[kinds] + 0.2 * random.normal(size=(400, 3))
    assert classes.examples(question.training).tolist() == [(kinds[:200] == kind).sum() for kind in range(3)]
    assert question.score(good[:200], good[200:], 20, [0]) > 0.95
    assert question.score(noise[:200], noise[200:], 20, [0]) == pytest.approx(1 / 3, abs=0.1)


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
