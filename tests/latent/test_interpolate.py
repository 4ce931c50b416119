"""Paths end where they should, and what they pass through is what codes are."""

from __future__ import annotations

import math

import torch

from vaegan.latent import interpolate
from vaegan.models.prior import Mixture


def test_both_ends_are_on_the_way() -> None:
    start, end = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    for course in ("spherical", "linear"):
        codes = interpolate.between(start, end, 7, course)
        assert codes.shape == (7, 16)
        torch.testing.assert_close(codes[[0, -1]], torch.stack([start, end]))


def test_an_arc_keeps_the_norm_and_a_line_does_not() -> None:
    start, end = torch.tensor([3.0, 0]), torch.tensor([0.0, 3])
    torch.testing.assert_close(interpolate.between(start, end, 9).norm(dim=1), torch.full((9,), 3.0))
    torch.testing.assert_close(interpolate.between(start, end, 3)[1], torch.tensor([3.0, 3]) / math.sqrt(2))
    torch.testing.assert_close(interpolate.between(start, end, 3, "linear")[1], torch.tensor([1.5, 1.5]))


def test_where_there_is_no_arc() -> None:
    code = torch.tensor([1.0, 2])
    for end in (code, -code, 2 * code, torch.zeros(2)):
        codes = interpolate.between(code, end, 5)
        assert torch.isfinite(codes).all()
        torch.testing.assert_close(codes[[0, -1]], torch.stack([code, end]))


def test_from_and_to_a_code_of_zeros_it_is_a_line() -> None:
    code, zeros, t = torch.tensor([1.0, 2]), torch.zeros(2), torch.linspace(0, 1, 5)[:, None]
    torch.testing.assert_close(interpolate.between(zeros, code, 5), t * code)
    torch.testing.assert_close(interpolate.between(code, zeros, 5), (1 - t) * code)


def test_through_all_stops() -> None:
    stops = torch.randn(4, 8, generator=torch.Generator().manual_seed(1))
    codes = interpolate.through(stops, 5)
    assert codes.shape == (16, 8)
    torch.testing.assert_close(codes[::5], stops)


def test_a_walk_ends_where_it_began() -> None:
    codes = interpolate.walk(3, 10, 50, periods=2, seed=4)
    assert codes.shape == (50, 3, 10)
    assert torch.equal(codes, interpolate.walk(3, 10, 50, periods=2, seed=4))
    assert not torch.equal(codes, interpolate.walk(3, 10, 50, periods=2, seed=5))
    steps = (codes - codes.roll(1, 0)).norm(dim=2)  # the first is from the last back to the first
    assert (steps[0] <= steps.amax(0)).all()
    assert steps.max() < 0.5 * codes.std() * math.sqrt(10), "frames follow smoothly"


def test_all_of_a_walk_is_as_likely_as_samples() -> None:
    codes = interpolate.walk(20_000, 2, 4, periods=3)
    torch.testing.assert_close(codes.mean(1), torch.zeros(4, 2), rtol=0, atol=0.04)
    torch.testing.assert_close(codes.std(1), torch.ones(4, 2), rtol=0, atol=0.03)


def off_centre(components: int = 1) -> Mixture:
    """A prior around (5, 5), and other places, with its first number ten times as wide as the second."""
    means = torch.tensor([[5.0, 5], [-5, 9], [40, 40]], dtype=torch.float64)[:components]
    factor = torch.tensor([[1.0, 0], [0.05, 0.1]], dtype=torch.float64)
    return Mixture(torch.full((components,), 1 / components, dtype=torch.float64), means, factor.repeat(components, 1, 1), 2)


def test_an_arc_in_a_fitted_prior_keeps_to_its_likely_codes() -> None:
    prior = off_centre()
    noise = torch.tensor([[1.2, 0], [0, 1.2]])
    start, end = prior.codes(noise, torch.zeros(2))
    codes = interpolate.between(start, end, 9, prior=prior)
    torch.testing.assert_close(codes[[0, -1]], torch.stack([start, end]))
    likely = prior.log_density(codes)
    torch.testing.assert_close(likely, likely[:1].expand(9), rtol=0, atol=1e-4)
    assert prior.log_density(interpolate.between(start, end, 9)).std() > 0.1  # an arc around 0 does not
    torch.testing.assert_close(interpolate.through(torch.stack([start, end]), 8, prior=prior), codes)
    line = interpolate.between(start, end, 9, "linear", prior)
    torch.testing.assert_close(line, interpolate.between(start, end, 9, "linear"))


def test_a_walk_through_a_fitted_prior() -> None:
    prior = off_centre(3)
    codes = interpolate.walk(30_000, 2, 4, periods=3, prior=prior)
    drawn = prior.draw(30_000, 1)
    for frame in codes:
        torch.testing.assert_close(frame.mean(0), drawn.mean(0), rtol=0, atol=0.6)
        torch.testing.assert_close(prior.log_density(frame).mean(), prior.log_density(drawn).mean(), rtol=0, atol=0.03)
    near = torch.cdist(codes.double(), prior.means).argmin(2)
    assert (near == near[0]).all(), "each walk stays in one component"
    assert near[0].unique().tolist() == [0, 1, 2]
    few = interpolate.walk(3, 2, 60, periods=2, prior=prior)
    steps = (few - few.roll(1, 0)).norm(dim=2)
    assert (steps[0] <= steps.amax(0)).all()
    assert steps.max() < 0.5
