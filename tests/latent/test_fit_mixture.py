"""A fitted density is likelier for codes that it has not seen than N(0, I) is; small sets get one Gaussian; copies are not taken."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from vaegan.latent import fit_mixture as fitting
from vaegan.latent.fit_mixture import fit_mixture
from vaegan.models.prior import Mixture


def codes(count: int, latent: int = 4, seed: int = 0) -> Tensor:
    """Of two kinds of images, far apart."""
    random = torch.Generator().manual_seed(seed)
    kind = (torch.arange(count) % 2)[:, None].float()
    return 0.4 * torch.randn(count, latent, generator=random) + 3 * kind - 1.5


def standard(points: Tensor) -> Tensor:
    return torch.distributions.Normal(0.0, 1.0).log_prob(points).sum(1)


def test_it_finds_two_kinds_of_images() -> None:
    prior = fit_mixture(codes(2000))
    assert len(prior) > 1
    new = codes(500, seed=5)
    assert prior.log_density(new).mean() > standard(new).mean() + 2
    sides = prior.draw(1000, 0).mean(1)
    assert ((sides.abs() - 1.5).abs() < 1).float().mean() > 0.95  # nothing in between
    assert 0.4 < (sides > 0).float().mean() < 0.6


def test_codes_of_mirrored_images_are_fitted_to_but_decide_nothing() -> None:
    """Theirs are far from all others here: a mixture reaches them, too, and its density of the left-out codes is as good."""
    plain, mirrored = codes(2000), codes(2000, seed=1) + 20
    prior = fit_mixture(plain, mirrored=mirrored)
    assert prior.about["codes"] == "3800"
    assert 0.45 < (prior.draw(1000, 0).mean(1) > 10).float().mean() < 0.55
    held_out = float(prior.about["held_out_log_density"])
    assert held_out == pytest.approx(float(prior.log_density(codes(500, seed=5)).mean()), abs=0.2)


def kinds(count: int, seed: int = 0) -> Tensor:
    """Of sixty kinds of images."""
    random = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(60, 8, generator=torch.Generator().manual_seed(9))
    return centres[torch.arange(count) % 60] + 0.4 * torch.randn(count, 8, generator=random)


def test_many_kinds_of_images_get_many_components_that_share_a_covariance() -> None:
    prior = fit_mixture(kinds(6000))
    assert len(prior) == 100
    assert prior.factors.shape == (1, 8, 8)
    covariance = prior.factors[0] @ prior.factors[0].mT
    torch.testing.assert_close(covariance.diagonal(), torch.full((8,), 0.16).double(), rtol=0.2, atol=0)
    new = kinds(600, seed=5)
    assert prior.log_density(new).mean() > fit_mixture(kinds(6000), most_components=10).log_density(new).mean() + 1


def test_more_images_get_more_components() -> None:
    random = torch.Generator().manual_seed(0)
    centres = 30 * torch.rand(300, 3, generator=random)
    assert len(fit_mixture(centres.repeat(24, 1) + 0.1 * torch.randn(7200, 3, generator=random))) == 300


def test_sharing_with_mirrored_codes_and_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "COMPONENTS", ())
    monkeypatch.setattr(fitting, "SHARING", (60,))
    attribute = (torch.arange(3000) % 2)[:, None] * 2.0 - 1  # even and odd kinds
    prior = fit_mixture(kinds(3000), attribute, mirrored=kinds(3000, seed=1))
    assert (len(prior), len(prior.factors), prior.attributes) == (60, 1, 1)
    for asked in (-1.0, 1.0):
        nearest = torch.cdist(prior.draw(200, 0, torch.full((200, 1), asked)), kinds(60)).argmin(1)
        assert ((nearest % 2) * 2.0 - 1 == asked).float().mean() > 0.95


@pytest.mark.parametrize("scale", [1e-6, 1e8])
def test_sharing_at_any_scale_far_from_0(scale: float) -> None:
    prior = fit_mixture(scale * (kinds(6000) + 1000))
    assert (len(prior), len(prior.factors)) == (100, 1)
    covariance = (prior.factors[0] @ prior.factors[0].mT) / scale**2
    torch.testing.assert_close(covariance.diagonal(), torch.full((8,), 0.16).double(), rtol=0.2, atol=0)


def test_sharing_is_tried_where_few_components_are_likelier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of mixture is compared with fewer components of its own kind, and the likeliest of all is taken."""
    tried = []
    likeliest = fitting._likeliest

    def noted(*given: Any) -> fitting.Candidate:
        tried.append(likeliest(*given))
        return tried[-1]

    monkeypatch.setattr(fitting, "_likeliest", noted)
    monkeypatch.setattr(fitting, "SHARING", (4, 60))
    prior = fit_mixture(kinds(6000))
    assert [len(one.mixture) for one in tried] == [1, 3, 10, 4, 60]
    assert tried[3].held_out < tried[2].held_out < tried[4].held_out
    assert len(prior) == 60


def test_components_that_share_a_covariance_are_those_of_scikit_learn() -> None:
    """About as likely: both are at a local optimum."""
    fitted = kinds(3000).double().numpy()
    tied = GaussianMixture(60, covariance_type="tied", reg_covar=fitting.LEAST_VARIANCE, max_iter=fitting.ROUNDS, random_state=0)
    ((shrinkage, mixture), *_) = fitting._sharing(fitted, 8, 60, seed=0)
    assert shrinkage == 0
    assert float(mixture.log_density(kinds(3000)).mean()) == pytest.approx(tied.fit(fitted).score(fitted), abs=0.5)


@pytest.mark.parametrize(("most", "components"), [(1, 1), (9, 3), (99, 10)])
def test_a_limit_on_components(most: int, components: int) -> None:
    assert len(fit_mixture(kinds(6000), most_components=most)) == components


@pytest.mark.parametrize("count", [2, 30, 120])
def test_a_small_set_gets_one_shrunk_gaussian(count: int) -> None:
    random = torch.Generator().manual_seed(0)
    scales = torch.linspace(0.3, 2, 64)
    prior = fit_mixture(scales * torch.randn(count, 64, generator=random))
    assert len(prior) == 1
    assert prior.draw(10, 0).isfinite().all()
    if count > 2:
        assert float(prior.about["shrinkage"]) > 0
        new = scales * torch.randn(500, 64, generator=random)
        assert prior.log_density(new).mean() > standard(new).mean() + 1


def test_codes_follow_the_attributes_that_are_asked_for() -> None:
    kind = (torch.arange(2000) % 2)[:, None] * 2.0 - 1
    kind[::7] = torch.nan  # of some it is not known
    prior = fit_mixture(codes(2000), kind)
    assert prior.attributes == 1
    for asked in (-1.0, 1.0):
        sides = prior.draw(500, 0, torch.full((500, 1), asked)).mean(1)
        assert (sides.sign() == asked).float().mean() > 0.97


def test_attributes_that_are_yes_or_no_do_not_decide_how_many_components_there_are() -> None:
    """A component that has one value of an attribute alone has a high joint density, whatever it says of codes."""
    random = torch.Generator().manual_seed(0)
    one_kind, noise = torch.randn(1500, 4, generator=random), torch.randint(0, 2, (1500, 3), generator=random) * 2.0 - 1
    assert len(fit_mixture(one_kind, noise)) == 1


def test_a_mixture_that_copies_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose components lie at single codes, however likely the left-out codes are under it."""
    random = torch.Generator().manual_seed(0)
    points = torch.randn(600, 4, generator=random)

    def at_single_codes(fitted: fitting.Array, latent: int, components: int, seed: int) -> list[tuple[float, Mixture]]:  # noqa: ARG001
        centres, factors = torch.from_numpy(fitted[:100]), 0.02 * torch.eye(4, dtype=torch.float64).repeat(100, 1, 1)
        return [(0.0, Mixture(torch.full((100,), 0.01, dtype=torch.float64), centres, factors, latent))]

    monkeypatch.setattr(fitting, "_mixtures", at_single_codes)
    monkeypatch.setattr(Mixture, "log_density", lambda self, points: torch.full((len(points),), float(len(self))))
    assert len(fit_mixture(points)) == 1
    monkeypatch.setattr(fitting, "UNLIKELY", 0.0)
    assert len(fit_mixture(points)) == 100


def test_the_same_codes_and_seed_give_the_same_density() -> None:
    first, again, other = (fit_mixture(codes(600), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.means, again.means)
    assert torch.equal(first.factors, again.factors)
    assert not torch.equal(first.means, other.means)


@pytest.mark.parametrize("scale", [1e-6, 1e8])
def test_codes_of_any_scale(scale: float) -> None:
    prior = fit_mixture(scale * codes(400))
    assert len(prior) > 1
    torch.testing.assert_close(prior.draw(500, 0) / scale, fit_mixture(codes(400)).draw(500, 0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("count", "value"), [(40, 1.0), (2500, 0.1), (2500, 0.0)])
def test_codes_that_are_all_the_same(count: int, value: float) -> None:
    prior = fit_mixture(torch.full((count, 3), value))
    torch.testing.assert_close(prior.draw(5, 0), torch.full((5, 3), value), atol=0.05, rtol=0)
