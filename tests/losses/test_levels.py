"""The objective over all levels of a discriminator that judges each image by itself, against the same written out plainly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vaegan import VAEGAN, Architecture, Objective, UserError
from vaegan.bench.textbook import use_plain_convolutions
from vaegan.losses.diff_augment import diff_augment, draw
from vaegan.losses.penalties import PENALTIES, Seen
from vaegan.losses.similarity import Error, relative_error
from vaegan.models.base import Discriminator
from vaegan.settings import ObjectiveSettings

from .. import textbook

LEVELS = {
    "hinge": Objective(similarity="levels", gamma=0.8, gan="hinge", kl_weight=0.01),
    "hinge, with reconstructions": Objective(similarity="levels", gamma=0.8, gan="hinge", reconstructions=True, real_weight=2 / 3),
    "hinge, with an absolute error": Objective(similarity="levels", gamma=0.8, gan="hinge", error="absolute"),
    "hinge, scaled": Objective(similarity="levels", gamma=0.8, gan="hinge", reconstructions=True, logit_scale=8),
    "saturating, scaled": Objective(similarity="levels", gamma=0.5, logit_scale=3),
    "relativistic": Objective(similarity="levels", gamma=0.5, gan="relativistic", reconstructions=True),
    "non-saturating": Objective(similarity="levels", gamma=0.5, saturating=False),
    "saturating": Objective(similarity="levels", gamma=0.5),
    "hinge, with a sample for two images": Objective(
        similarity="levels", gamma=0.8, gan="hinge", reconstructions=True, real_weight=0.6, images_per_sample=2
    ),
    "relativistic, with a sample for three images": Objective(
        similarity="levels", gamma=0.5, gan="relativistic", reconstructions=True, images_per_sample=3
    ),
    "hinge, with samples like the codes": Objective(
        similarity="levels", gamma=0.8, gan="hinge", reconstructions=True, images_per_sample=2, samples="codes"
    ),
    "relativistic, with samples alone, of codes": Objective(similarity="levels", gamma=0.5, gan="relativistic", samples="codes"),
    "saturating, with a sample for two images": Objective(similarity="levels", gamma=0.5, images_per_sample=2),
    "R1": Objective(similarity="levels", gamma=0.8, gan="relativistic", penalty="r1", penalty_weight=0.7),
}


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(family="resize", size=(16, 16), width=0.125, latent=5, attributes=("A",)), level=1).train().double()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    images = torch.rand(6, 3, 16, 16, dtype=torch.float64) * 2 - 1
    noise, prior_noise = torch.randn(2, 6, 5, dtype=torch.float64)
    return images, noise, prior_noise, torch.randn(6, 1, dtype=torch.float64)


def plain(model: VAEGAN, settings: ObjectiveSettings, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """What encoder, decoder and discriminator minimise."""
    images, noise, prior_noise, conditions = batch
    encoder, decoder, discriminator = textbook.losses(model, settings, images, noise, prior_noise, conditions=conditions)
    if settings.penalty:
        points = images.clone().requires_grad_()
        (slopes,) = torch.autograd.grad(model.discriminator(points, conditions).sum(), points, create_graph=True)
        discriminator = discriminator + settings.penalty_weight * slopes.square().sum((1, 2, 3)).mean() / 2
    return encoder, decoder, discriminator


@pytest.mark.parametrize("objective", LEVELS.values(), ids=LEVELS.keys())
def test_gradients_are_those_of_three_separate_losses(objective: Objective, model: VAEGAN, batch: tuple[Tensor, ...]) -> None:
    model.discriminator.eval()  # each pass in training mode moves the estimates of spectral normalisation: no two would be of one network
    losses = objective(model, *batch[:3], conditions=batch[3])
    losses.backward(model.parameters())
    use_plain_convolutions(model)
    for network, loss in zip(("encoder", "decoder", "discriminator"), plain(model, objective.settings, batch), strict=True):
        parameters = dict(getattr(model, network).named_parameters())
        wanted = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True, allow_unused=True)
        for (name, parameter), gradient in zip(parameters.items(), wanted, strict=True):
            if gradient is None:
                assert parameter.grad is None or not parameter.grad.any(), name
            else:
                assert parameter.grad is not None, name
                assert (parameter.grad - gradient).norm() <= 1e-9 * gradient.norm() + 1e-12, name


def test_the_discriminator_sees_an_image_and_what_is_made_in_its_place_with_the_same_changes(
    model: VAEGAN, batch: tuple[Tensor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model.discriminator.eval()
    objective, numbers = LEVELS["hinge, with reconstructions"], draw(6, torch.Generator().manual_seed(2)).double()
    found = objective(model, *batch[:3], conditions=batch[3], numbers=numbers)
    found.backward(model.parameters())
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    judge = model.discriminator.judge
    monkeypatch.setattr(
        model.discriminator, "judge", lambda seen, *more: judge(diff_augment(seen, torch.cat([numbers] * (len(seen) // 6))), *more)
    )
    model.zero_grad()
    losses = objective(model, *batch[:3], conditions=batch[3])
    losses.backward(model.parameters())
    assert losses.similarity == found.similarity
    for name, parameter in model.named_parameters():
        assert name not in gradients or torch.equal(gradients[name], parameter.grad), name  # type: ignore[arg-type]
    monkeypatch.undo()
    assert objective(model, *batch[:3], conditions=batch[3]).similarity != found.similarity


def test_a_penalty_is_at_what_the_discriminator_sees(
    model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def penalty(_: Discriminator, images: Seen, generated: Seen) -> Tensor:
        assert generated.conditions is not None
        assert torch.equal(generated.conditions, torch.cat([batch[3], batch[3][::2]]))
        seen.extend((images.images, generated.images))
        return images.images.new_zeros(())

    monkeypatch.setitem(PENALTIES, "mine", penalty)
    numbers = draw(6, torch.Generator().manual_seed(2)).double()
    Objective(similarity="levels", penalty="mine", images_per_sample=2)(model, *batch[:3], conditions=batch[3], numbers=numbers)
    images, generated = seen
    assert torch.equal(images, diff_augment(batch[0], numbers))
    assert len(generated) == 9
    holes = images.detach() == 0
    assert holes.any()
    assert not generated[:6][holes].any()  # the same changes in the same place
    assert not generated[6:][holes[::2]].any()
    assert not generated.requires_grad


def test_an_autoencoder_alone_has_the_relative_error_of_pixels(model: VAEGAN, batch: tuple[Tensor, ...]) -> None:
    losses = Objective(kind="vae", similarity="levels")(model, *batch[:3], conditions=batch[3])
    mean, logvar = model.encoder(batch[0], batch[3])
    reconstructed = model.decoder(mean + torch.exp(logvar / 2) * batch[1], batch[3])
    variance = batch[0].transpose(0, 1).flatten(1).var(1, correction=0).mean()
    torch.testing.assert_close(losses.similarity, (reconstructed - batch[0]).square().mean() / variance)


def test_an_autoencoder_with_a_borrowed_discriminator(model: VAEGAN, batch: tuple[Tensor, ...]) -> None:
    losses = Objective(kind="vae-dis", discriminator="x", similarity="levels")(model, *batch[:3], conditions=batch[3])
    losses.backward(model.parameters())
    assert losses.similarity > 0
    assert all(parameter.grad is None for parameter in model.discriminator.parameters())
    assert all(parameter.grad is not None for parameter in model.decoder.parameters())


@pytest.mark.parametrize(("error", "expected"), [("squared", 0.25), ("absolute", 0.64)])  # of half a standard deviation
def test_the_relative_error_does_not_depend_on_scale_or_number(error: Error, expected: float) -> None:
    torch.manual_seed(0)
    target, off = torch.randn(40, 3, 4, 4, dtype=torch.float64), 0.5 * torch.randn(40, 3, 4, 4, dtype=torch.float64)
    found = relative_error([target + off], [target], error=error)
    assert found.item() == pytest.approx(expected, rel=0.1)
    torch.testing.assert_close(relative_error([1e3 * (target + off) + 7], [1e3 * target + 7], error=error), found)
    torch.testing.assert_close(relative_error([torch.cat([target + off] * 2, 1)], [torch.cat([target] * 2, 1)], error=error), found)
    assert relative_error([target], [target], error=error).item() == pytest.approx(0, abs=1e-12)


def test_the_squared_error_is_0_for_the_targets_and_1_for_the_mean_of_each_channel() -> None:
    target = torch.randn(40, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert relative_error([target], [target]) == 0
    assert relative_error([target.mean((0, 2, 3), keepdim=True).expand_as(target)], [target]).item() == pytest.approx(1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("error", ["squared", "absolute"])
def test_the_relative_error_of_the_first_maps_has_the_gradient_of_its_formula(error: Error, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    levels = [torch.randn(9, channels, side, side, dtype=dtype) + 1 for channels, side in ((4, 8), (6, 4))]
    maps = [level.contiguous(memory_format=torch.channels_last).requires_grad_() for level in levels]
    targets = [torch.randn_like(level[:6], requires_grad=True) for level in levels]
    plain, constants = [map_.detach().double().requires_grad_() for map_ in maps], [target.detach().double() for target in targets]
    variances = [target.transpose(0, 1).flatten(1).var(1, correction=0).mean() for target in constants]
    squares = [(map_[:6] - target).square() / variance for map_, target, variance in zip(plain, constants, variances, strict=True)]
    costs = squares if error == "squared" else [2 * ((square + 0.01).sqrt() - 0.1) for square in squares]
    expected = torch.stack([cost.mean() for cost in costs]).mean()
    (3 * expected).backward()

    found = relative_error(maps, targets, error=error)
    (3 * found).backward()

    assert found.dtype == torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=0)
    for map_, target, like in zip(maps, targets, plain, strict=True):
        assert target.grad is None
        assert map_.grad is not None
        assert like.grad is not None
        assert map_.grad.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(map_.grad.double(), like.grad, rtol=tolerance, atol=tolerance * like.grad.abs().max().item())


def test_images_that_are_all_alike_have_a_finite_error() -> None:
    assert relative_error([torch.zeros(2, 3, 4, 4)], [torch.full((2, 3, 4, 4), 0.5)]).isfinite()


def test_a_discriminator_that_compares_images_is_refused() -> None:
    discriminator = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).discriminator
    with pytest.raises(UserError, match=r"objective.similarity=levels needs .* networks.family=resize"):
        Objective(similarity="levels").check(discriminator)
    Objective().check(discriminator)
    Objective(similarity="levels", kind="vae").check(discriminator)


def test_samples_like_the_codes_are_like_those_of_all_processes(model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    seen: list[Tensor] = []

    def gather(codes: Tensor) -> Tensor:
        assert not codes.requires_grad
        seen.append(codes)
        return torch.full_like(codes[:1], 0.5)

    decoded: list[Tensor] = []
    model.decoder.register_forward_pre_hook(lambda _, arguments: decoded.append(arguments[0].detach()))
    Objective(similarity="levels", samples="codes", gather=gather)(model, *batch[:3], conditions=batch[3])
    codes, drawn = decoded
    assert torch.equal(seen[0], codes)
    assert torch.equal(drawn, torch.full_like(codes, 0.5))  # the mean of the only code


def test_where_nothing_is_encoded_samples_have_codes_of_the_prior(model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    model.discriminator.eval()
    found, plain = (
        Objective(kind="gan", similarity="levels", samples=name)(model, *batch[:3], conditions=batch[3]) for name in ("standard", "codes")
    )
    assert found.fake == plain.fake
