"""Projected codes fit better than the encoder's, and never worse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from vaegan import VAEGAN, Architecture, UserError
from vaegan.latent.project import Projection, of_prior, project
from vaegan.models.prior import Mixture


@pytest.fixture(scope="module")
def model() -> VAEGAN:
    """Untrained, but with statistics of what it makes, without which images hardly depend on codes."""
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).train()
    for _ in range(30):
        model.encoder(torch.rand(16, 3, 16, 16) * 2 - 1)
        model.discriminator(model.decoder(torch.randn(16, 4)))
    return model.eval()


@pytest.fixture(scope="module")
def images(model: VAEGAN) -> Tensor:
    """Images that there are codes for, other than the untrained encoder's."""
    with torch.no_grad():
        return model.decode(torch.randn(70, 4, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(params=["N(0, I)", "fitted"])
def prior(model: VAEGAN, request: pytest.FixtureRequest) -> Iterator[torch.distributions.MultivariateNormal]:
    """The prior that the model has for a while."""
    mean, factor = torch.zeros(4), torch.eye(4)
    if request.param == "fitted":
        mean, factor = torch.tensor([3.0, -2.0, 1.0, 0.5]), torch.tensor([[2.0, 0, 0, 0], [1, 1, 0, 0], [0, -1, 3, 0], [0.5, 0, 0, 1]])
        model.prior = Mixture(torch.ones(1).double(), mean[None].double(), factor[None].double(), 4)
    yield torch.distributions.MultivariateNormal(mean, scale_tril=factor)
    model.prior = None


def objective(model: VAEGAN, images: Tensor, codes: Tensor, kl_weight: float, prior: torch.distributions.MultivariateNormal) -> Tensor:
    with torch.no_grad():
        apart = model.discriminator.features(model.decode(codes), 2) - model.discriminator.features(images, 2)
    return 0.5 * apart.square().sum(1) + kl_weight * (prior.log_prob(prior.mean) - prior.log_prob(codes))


@pytest.mark.parametrize("kl_weight", [0.0, 1e-5])
def test_what_is_minimised_falls(model: VAEGAN, images: Tensor, kl_weight: float, prior: torch.distributions.MultivariateNormal) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = project(model, images, 30, lr=0.1, level=2, kl_weight=kl_weight, shown=(0, 30))
    with torch.no_grad():
        start = model.encode(images).mean
    at_first, at_last = (objective(model, images, codes, kl_weight, prior) for codes in (start, found.codes))
    assert (at_last <= at_first).all()
    assert float(at_last.mean()) < 0.7 * float(at_first.mean())
    torch.testing.assert_close(found.path, torch.stack([start, found.codes]), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        pixel = (model.decode(found.codes) - images).square().flatten(1).mean(1)
    torch.testing.assert_close(found.pixel[-1], pixel, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found.similarity[-1], objective(model, images, found.codes, 0, prior), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_prior_is_one_gaussian_with_the_moments_of_the_fitted_one(
    model: VAEGAN, images: Tensor, prior: torch.distributions.MultivariateNormal
) -> None:
    codes = torch.randn(8, 4, generator=torch.Generator().manual_seed(3))
    mean, whitening = of_prior(model)
    distances = 0.5 * ((codes - mean) @ whitening).square().sum(1)
    torch.testing.assert_close(distances, prior.log_prob(prior.mean) - prior.log_prob(codes))
    found = project(model, images[:3], 400, level=2, kl_weight=1e3)  # so much that nothing else counts
    torch.testing.assert_close(found.codes, prior.mean.expand(3, -1), rtol=0, atol=0.05)


def test_steps_that_are_too_long_do_no_harm(model: VAEGAN, images: Tensor) -> None:
    found = project(model, images[:5], 3, lr=1e4, level=2, kl_weight=1.0)
    with torch.no_grad():
        start = model.encode(images[:5]).mean
    torch.testing.assert_close(found.codes, start)


def test_an_image_does_not_depend_on_its_company(model: VAEGAN, images: Tensor) -> None:
    together, alone = (project(model, some, 4, level=2) for some in (images, images[66:67]))
    torch.testing.assert_close(together.codes[66:67], alone.codes, rtol=1e-3, atol=1e-4)
    assert isinstance(together, Projection)
    assert together.similarity.shape == (5, 70)


def test_progress(model: VAEGAN, images: Tensor) -> None:
    told: list[tuple[str, int, int | None]] = []
    project(model, images, 2, level=1, progress=lambda *what: told.append(what))
    assert told == [("projecting", done, 4) for done in (1, 2, 3, 4)]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"lr": 0.0}, {"lr": float("nan")}, {"kl_weight": -1.0}])
def test_settings_out_of_range(model: VAEGAN, images: Tensor, wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong)).replace("_", "-")):
        project(model, images, **wrong)  # type: ignore[arg-type]
