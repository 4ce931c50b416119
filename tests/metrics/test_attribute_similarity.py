"""The best of several samples, against cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vaegan import VAEGAN, Architecture
from vaegan.metrics.attribute_similarity import best_of, samples_for

NAN = float("nan")


def test_the_best_is_that_of_the_largest_cosine_and_the_error_is_its_own() -> None:
    queries = np.array([[3.0, 4.0], [1.0, 0.0]])
    readings = np.array([[[3.0, 3.5], [6.0, 8.0], [-3.0, -4.0]], [[0.0, 5.0], [1.0, 1.0], [1.0, -2.0]]])
    found = best_of(queries, readings)
    assert found.number.tolist() == [1, 1]  # for the first query the other one has the smaller error, but not the larger cosine
    assert found.cosine.tolist() == pytest.approx([1.0, 0.5**0.5])
    assert found.error.tolist() == pytest.approx([25.0, 1.0])


def test_what_is_not_known_of_a_query_is_left_out() -> None:
    found = best_of(np.array([[1.0, NAN]]), np.array([[[1.0, 100.0], [0.9, 0.0]]]))
    assert found.cosine[0] == pytest.approx(1)
    assert found.error[0] == pytest.approx(0)
    assert found.number[0] == 0


def test_a_reading_of_nothing_is_like_nothing() -> None:
    assert best_of(np.array([[1.0, 2.0]]), np.zeros((1, 3, 2))).cosine[0] == 0


def test_samples_follow_from_seed_and_place_and_attributes() -> None:
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4, attributes=("A", "B"))).eval()
    attributes = np.array([[0, 1], [1, 0], [0, 1]], np.float32)
    all_three = samples_for(model, attributes, np.arange(3), seed=0, each=2)
    assert all_three.shape == (3, 2, 3, 16, 16)
    assert torch.allclose(all_three[2:], samples_for(model, attributes[2:], np.array([2]), seed=0, each=2), atol=1e-5)
    assert not torch.allclose(all_three, samples_for(model, attributes, np.arange(3), seed=1, each=2))
    assert not torch.allclose(all_three, samples_for(model, 1 - attributes, np.arange(3), seed=0, each=2))
