"""The posterior, and codes like those of a batch."""

from __future__ import annotations

import pytest
import torch

from vaegan.models.posterior import drawn_like


@pytest.mark.parametrize(("count", "used"), [(3, 3), (6, 6), (9, 6)], ids=["fewer codes than numbers", "as many", "more"])
def test_drawn_codes_have_the_mean_and_the_covariance_of_a_batch(count: int, used: int) -> None:
    torch.manual_seed(0)
    codes = torch.randn(count, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64) + 3
    drawn = drawn_like(codes, torch.randn(400_000, 6, dtype=torch.float64))
    scale = codes.var(0).max()
    assert (drawn.mean(0) - codes[:used].mean(0)).abs().max() < 0.01 * scale.sqrt()
    assert (drawn.T.cov() - codes[:used].T.cov()).abs().max() < 0.02 * scale


def test_codes_like_a_single_one_are_it() -> None:
    code = torch.tensor([[1.0, -2.0]])
    assert torch.equal(drawn_like(code, torch.randn(4, 2)), code.expand(4, 2))
