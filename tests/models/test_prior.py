"""The mixture that codes are drawn from agrees with scipy, with closed forms, and with its own draws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from vaegan.errors import UserError
from vaegan.models.posterior import Posterior
from vaegan.models.prior import FILE, Mixture

LATENT, ATTRIBUTES = 3, 2


def mixture(components: int = 2, dimensions: int = LATENT + ATTRIBUTES, latent: int = LATENT) -> Mixture:
    random = torch.Generator().manual_seed(4)
    weights = torch.rand(components, generator=random, dtype=torch.float64) + 0.2
    means = 2 * torch.randn(components, dimensions, generator=random, dtype=torch.float64)
    factors = torch.randn(components, dimensions, dimensions, generator=random, dtype=torch.float64).tril()
    factors.diagonal(dim1=1, dim2=2).abs_().add_(0.3)
    return Mixture(weights / weights.sum(), means, factors, latent)


def test_a_covariance_that_all_components_share_is_that_of_each(tmp_path: Path) -> None:
    own = mixture(components=5)
    shared = replace(own, factors=own.factors[:1])
    each = replace(shared, factors=shared.factors.repeat(5, 1, 1))
    points = torch.randn(7, LATENT + ATTRIBUTES, dtype=torch.float64)
    torch.testing.assert_close(shared.log_density(points), each.log_density(points))
    for one, other in zip(shared.moments(), each.moments(), strict=True):
        torch.testing.assert_close(one, other)
    for attributes in (None, torch.tensor([[0.4, torch.nan]]).repeat(50, 1), torch.randn(50, ATTRIBUTES)):
        torch.testing.assert_close(shared.draw(50, 3, attributes), each.draw(50, 3, attributes))
    shared.save(tmp_path)
    again = Mixture.load(tmp_path, LATENT, ATTRIBUTES)
    assert again.factors.shape == (1, 5, 5)
    torch.testing.assert_close(again.draw(50, 3), shared.draw(50, 3))


def test_the_density_is_scipys() -> None:
    found, points = mixture(latent=5), torch.randn(7, 5, dtype=torch.float64)
    parts = zip(found.weights, found.means, found.factors, strict=True)
    wanted = sum(float(w) * multivariate_normal(m.numpy(), (f @ f.mT).numpy()).pdf(points.numpy()) for w, m, f in parts)
    np.testing.assert_allclose(found.log_density(points).exp(), wanted, rtol=1e-9)


def test_the_density_of_codes_given_attributes_is_scipys() -> None:
    """log p(codes, attributes) - log p(attributes)."""
    found, points = mixture(), torch.randn(7, 5, dtype=torch.float64)

    def density(columns: slice) -> np.ndarray:
        parts = zip(found.weights, found.means, found.factors, strict=True)
        return sum(
            float(w) * multivariate_normal(m.numpy()[columns], (f @ f.mT).numpy()[columns, columns]).pdf(points.numpy()[:, columns])
            for w, m, f in parts
        )

    np.testing.assert_allclose(found.log_density(points).exp(), density(slice(0, 5)) / density(slice(3, 5)), rtol=1e-9)


def test_draws_have_the_moments_of_the_density() -> None:
    found = mixture()
    codes = found.draw(200_000, seed=0).double()
    mean = found.weights @ found.means[:, :LATENT]
    off = found.means[:, :LATENT] - mean
    within = (found.factors @ found.factors.mT)[:, :LATENT, :LATENT]
    covariance = torch.einsum("k,kij->ij", found.weights, within + off[:, :, None] * off[:, None, :])
    torch.testing.assert_close(codes.mean(0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(codes.T.cov(), covariance, atol=0.05, rtol=0.02)
    moments = found.moments()
    torch.testing.assert_close(moments[0], mean)
    torch.testing.assert_close(moments[1] @ moments[1].mT, covariance)


def test_the_same_seed_draws_the_same_codes() -> None:
    found = mixture()
    assert torch.equal(found.draw(9, 1), found.draw(9, 1))
    assert not torch.equal(found.draw(9, 1), found.draw(9, 2))


def test_codes_drawn_anew_given_their_attributes_have_the_same_joint_density() -> None:
    found = mixture()
    joint = Mixture(found.weights, found.means, found.factors, LATENT + ATTRIBUTES).draw(100_000, 0)
    again = torch.cat([found.draw(100_000, 1, joint[:, LATENT:]), joint[:, LATENT:]], 1)
    assert not torch.equal(again, joint)
    torch.testing.assert_close(again.mean(0), joint.mean(0), atol=0.03, rtol=0)
    torch.testing.assert_close(again.T.cov(), joint.T.cov(), atol=0.06, rtol=0.03)
    density = Mixture(found.weights, found.means, found.factors, LATENT + ATTRIBUTES).log_density
    torch.testing.assert_close(density(again).mean(), density(joint).mean(), atol=0.02, rtol=0)


def test_draws_do_not_change_from_version_to_version() -> None:
    """Nor from machine to machine."""
    weights, means = torch.tensor([0.25, 0.75], dtype=torch.float64), torch.tensor([[0.0, 1.0], [10.0, 11.0]], dtype=torch.float64)
    found = Mixture(weights, means, torch.eye(2, dtype=torch.float64).repeat(2, 1, 1), 2)
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(7))
    codes = found.codes(noise, torch.tensor([0.2, 0.3, 0.9]))
    torch.testing.assert_close(codes, noise + torch.tensor([[0.0, 1.0], [10.0, 11.0], [10.0, 11.0]]))
    assert codes.dtype == torch.float32


def test_an_attribute_that_is_not_known_changes_nothing() -> None:
    found = mixture()
    torch.testing.assert_close(found.draw(50, 3, torch.full((50, ATTRIBUTES), torch.nan)), found.draw(50, 3))
    first = torch.tensor([[0.4, torch.nan]]).expand(50, -1)
    columns = [0, 1, 2, 3]
    covariances = (found.factors @ found.factors.mT)[:, columns][:, :, columns]
    without = Mixture(found.weights, found.means[:, columns], torch.linalg.cholesky(covariances), LATENT)
    torch.testing.assert_close(found.draw(50, 3, first), without.draw(50, 3, first[:, :1]))


def test_attributes_must_be_as_many_as_the_density_has() -> None:
    with pytest.raises(ValueError, match="attributes must be 4 x 2, not 4 x 3"):
        mixture().draw(4, 0, torch.zeros(4, 3))
    with pytest.raises(ValueError, match="attributes must be 4 x 0"):
        mixture(dimensions=LATENT).draw(4, 0, torch.zeros(4, 1))


def test_saving_and_loading(tmp_path: Path) -> None:
    found = mixture()
    rounded = Mixture(
        found.weights.float().double(), found.means.float().double(), found.factors.float().double(), LATENT, "abc", {"images": "9"}
    )
    rounded.save(tmp_path)
    again = Mixture.load(tmp_path, LATENT, ATTRIBUTES)
    torch.testing.assert_close(again.draw(5, 0), rounded.draw(5, 0))
    assert (again.model, again.about) == ("abc", {"images": "9"})


def test_a_damaged_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = mixture().save(tmp_path)
    with pytest.raises(UserError, match="is damaged, or belongs to another model: fit the prior again with: vaegan fit-prior RUN"):
        Mixture.load(tmp_path, LATENT + 1, ATTRIBUTES)
    whole = path.read_bytes()
    assert rb"\"format\": 1" in whole
    for content in (whole[:-5], whole[:20], b"", b"no tensors"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{FILE} is damaged: fit the prior again"):
            Mixture.load(tmp_path, LATENT, ATTRIBUTES)
    for value in (torch.nan, -1.0, 0.0):
        broken = mixture()
        broken.factors[0, 0, 0] = value
        broken.save(tmp_path)
        with pytest.raises(UserError, match="is damaged"):
            Mixture.load(tmp_path, LATENT, ATTRIBUTES)
    path.write_bytes(whole.replace(rb"\"format\": 1", rb"\"format\": 9"))
    with pytest.raises(UserError, match="was written by another version"):
        Mixture.load(tmp_path, LATENT, ATTRIBUTES)


def test_the_gaussian_has_the_moments_of_the_codes() -> None:
    random = torch.Generator().manual_seed(1)
    posterior = Posterior(
        torch.randn(30, 5, generator=random) @ torch.randn(5, 5, generator=random) + 2, torch.randn(30, 5, generator=random)
    )
    gaussian = Mixture.gaussian([Posterior(*part) for part in zip(posterior.mean.split(7), posterior.logvar.split(7), strict=True)])
    assert gaussian is not None
    noise = torch.randn(4_000, 30, 5, generator=random)
    codes = posterior.sample(noise).reshape(-1, 5).double()
    mean, factor = gaussian.moments()
    torch.testing.assert_close(mean, codes.mean(0), atol=0.02, rtol=0.02)
    torch.testing.assert_close(factor @ factor.mT, torch.cov(codes.T), atol=0.05, rtol=0.02)


def test_the_gaussian_of_a_single_image_is_its_posterior() -> None:
    gaussian = Mixture.gaussian([Posterior(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]]))])
    assert gaussian is not None
    torch.testing.assert_close(gaussian.means, torch.tensor([[1.0, -2.0]]).double())
    torch.testing.assert_close(gaussian.factors[0], torch.tensor([1.0, torch.e]).diag().double())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_there_is_no_gaussian_of_codes_that_are_not_finite(value: float) -> None:
    mean = torch.zeros(3, 2)
    assert Mixture.gaussian([Posterior(mean, torch.full((3, 2), value))]) is None
    assert Mixture.gaussian([Posterior(mean + value, mean)]) is None
    assert Mixture.gaussian([]) is None
