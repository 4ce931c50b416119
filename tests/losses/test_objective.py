"""The objective is exact, its routing is right, and the gate agrees with the authors'."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vaegan import VAEGAN, Architecture, Objective, UserError
from vaegan.losses.objective import Losses
from vaegan.settings import ObjectiveSettings

from .. import textbook

OBJECTIVES = {
    "saturating": Objective(),
    "saturating, large gamma": Objective(gamma=0.1),
    "saturating, with reconstructions": Objective(reconstructions=True),
    "saturating, weighted": Objective(gamma=0.01, real_weight=0.33),
    "saturating, weighted, with reconstructions": Objective(gamma=0.01, real_weight=0.33, reconstructions=True),
    "non-saturating": Objective(saturating=False),
    "non-saturating, large gamma": Objective(gamma=0.1, saturating=False),
    "non-saturating, with reconstructions": Objective(saturating=False, reconstructions=True),
    "non-saturating, weighted": Objective(gamma=0.01, real_weight=0.66, saturating=False),
    "non-saturating, with scaled logits": Objective(gamma=0.01, saturating=False, logit_scale=4),
    "detached target": Objective(gamma=0.1, saturating=False, detach_target=True),
    "weighted prior": Objective(gamma=0.1, saturating=False, kl_weight=0.3),
    "features of level 1": Objective(gamma=0.1, level=1),
    "features of level 2": Objective(gamma=0.1, level=2),
    "joint": Objective(saturating=False, joint=True),
    "joint, large gamma, weighted": Objective(gamma=0.2, saturating=False, joint=True, real_weight=0.4),
    "joint, with scaled logits": Objective(gamma=0.2, saturating=False, joint=True, logit_scale=0.5),
}


def make_model(size: int = 32, channels: int = 3, width: float = 0.125) -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(size, size), channels=channels, width=width, latent=12)).train()


def make_batch(model: VAEGAN, count: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    shape = model.architecture
    return torch.rand(count, shape.channels, *shape.size) * 2 - 1, torch.randn(count, shape.latent), torch.randn(count, shape.latent)


def our_gradients(model: VAEGAN, losses: Losses) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    losses.backward(model.parameters())
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        error = (found[name] - gradient).norm() / gradient.norm()
        assert error < 1e-6, f"{name}: relative error {error:.1e}"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_gradients_are_those_of_three_separate_losses(objective: Objective, size: int, channels: int) -> None:
    model = make_model(size, channels).double()
    batch = [tensor.double() for tensor in make_batch(model)]
    wanted = textbook.gradients(model, objective.settings, *batch)
    assert_same(our_gradients(model, objective(model, *batch)), wanted)


@pytest.mark.parametrize("objective", [Objective(gamma=0.1), Objective(saturating=False), Objective(reconstructions=True)])
def test_gradients_of_a_conditional_model(objective: Objective) -> None:
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(32, 32), width=0.125, latent=12, attributes=("A", "B", "C"))).train().double()
    images, noise, prior_noise = (tensor.double() for tensor in make_batch(model))
    conditions = torch.randn(len(images), 3, dtype=torch.float64)
    wanted = textbook.gradients(model, objective.settings, images, noise, prior_noise, conditions=conditions)
    found = our_gradients(model, objective(model, images, noise, prior_noise, conditions=conditions))
    assert_same(found, wanted)
    others = our_gradients(model, objective(model, images, noise, prior_noise, conditions=-conditions))
    assert all((others[name] != gradient).any() for name, gradient in found.items() if name.endswith("hidden.0.weight"))


@pytest.mark.parametrize(
    "objective",
    [
        Objective(kind="vae"),
        Objective(kind="vae", kl_weight=0.3, gamma=0.1),
        Objective(kind="vae-dis", discriminator="x"),
        Objective(kind="vae-dis", discriminator="x", level=2, gamma=0.1),
    ],
)
def test_gradients_of_an_autoencoder_alone(objective: Objective) -> None:
    model = make_model().double()
    batch = [tensor.double() for tensor in make_batch(model)]
    trained = {name: p for name, p in model.named_parameters() if not name.startswith("discriminator")}
    loss = textbook.vae(model, objective.settings, *batch[:2])
    wanted = dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))
    statistics = [buffer.clone() for buffer in model.discriminator.buffers()]
    losses = objective(model, *batch)
    torch.testing.assert_close(objective.settings.kl_weight * losses.prior + losses.similarity, loss)
    assert losses.real == losses.fake == 0
    losses.backward(trained.values())
    assert_same({name: p.grad for name, p in trained.items() if p.grad is not None}, wanted)
    assert all(map(torch.equal, statistics, model.discriminator.buffers()))
    assert model.discriminator.training


@pytest.mark.parametrize("objective", [Objective(kind="gan", gamma=0.1), Objective(kind="gan", saturating=False)])
def test_gradients_of_a_gan_alone(objective: Objective) -> None:
    model = make_model().double()
    images, noise, prior_noise = (tensor.double() for tensor in make_batch(model))
    wanted: dict[str, Tensor] = {}
    for name, loss in zip(("decoder", "discriminator"), textbook.gan(model, objective.settings, images, prior_noise), strict=True):
        named = {f"{name}.{key}": p for key, p in getattr(model, name).named_parameters()}
        wanted |= dict(zip(named, torch.autograd.grad(loss, list(named.values()), retain_graph=True), strict=True))
    losses = objective(model, images, noise, prior_noise)
    losses.backward(p for name, p in model.named_parameters() if not name.startswith("encoder"))
    assert_same({name: p.grad for name, p in model.named_parameters() if p.grad is not None}, wanted)
    assert losses.prior == losses.similarity == losses.pixel == 0


@pytest.mark.parametrize("objective", [Objective(), Objective(saturating=False), Objective(reconstructions=True)])
def test_the_encoder_gets_no_gan_gradient_and_the_discriminator_no_similarity(objective: Objective) -> None:
    """Checked on the routing itself, with one term of the total at a time made to dominate by what is fed in."""
    model = make_model().double()
    images, noise, prior_noise = (tensor.double() for tensor in make_batch(model))
    encoder_loss, _, gan_loss = textbook.losses(model, objective.settings, images, noise, prior_noise)
    gan_on_encoder = torch.autograd.grad(gan_loss, list(model.encoder.parameters()), retain_graph=True, allow_unused=True)
    similarity_on_discriminator = torch.autograd.grad(
        encoder_loss, list(model.discriminator.parameters()), retain_graph=True, allow_unused=True
    )
    # There is something to leak: both are nonzero in the plain graph (the first only where reconstructions are judged).
    assert any(g is not None and g.abs().max() > 0 for g in gan_on_encoder) == objective.settings.reconstructions
    assert any(g is not None and g.abs().max() > 0 for g in similarity_on_discriminator)

    found = our_gradients(model, objective(model, images, noise, prior_noise))
    only_own = torch.autograd.grad(encoder_loss, list(model.encoder.parameters()), retain_graph=True)
    for (name, _), gradient in zip(model.encoder.named_parameters(), only_own, strict=True):
        torch.testing.assert_close(found[f"encoder.{name}"], gradient, rtol=1e-6, atol=1e-12)
    only_gan = torch.autograd.grad(gan_loss, list(model.discriminator.parameters()))
    for (name, _), gradient in zip(model.discriminator.named_parameters(), only_gan, strict=True):
        torch.testing.assert_close(found[f"discriminator.{name}"], gradient, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("saturating", [True, False])
def test_the_decoder_learns_to_look_real(saturating: bool) -> None:
    """A small step down the decoder's gradient raises the discriminator's score of its samples: the sign is right."""
    model = make_model().double()
    images, noise, prior_noise = (tensor.double() for tensor in make_batch(model, 16))
    objective = Objective(gamma=1e-12, saturating=saturating)

    def score() -> float:
        with torch.no_grad():
            return float(model.discriminator(torch.cat([images, model.decoder(prior_noise)]))[len(images) :].mean())

    before = score()
    objective(model, images, noise, prior_noise).backward(model.decoder.parameters())
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            assert parameter.grad is not None
            parameter.sub_(0.01 * parameter.grad)
    assert score() > before


def test_values_are_means_over_images() -> None:
    model = make_model().double()
    batch = [tensor.double() for tensor in make_batch(model)]
    ours = Objective()(model, *batch)
    encoder, _, gan = textbook.losses(model, ObjectiveSettings(), *batch)
    torch.testing.assert_close(ours.prior + ours.similarity, encoder)
    torch.testing.assert_close(ours.real + ours.fake, gan)


def test_only_the_networks_asked_for_get_gradients() -> None:
    model = make_model()
    Objective()(model, *make_batch(model)).backward(model.encoder.parameters())
    assert all(p.grad is not None for p in model.encoder.parameters())
    assert all(p.grad is None for network in (model.decoder, model.discriminator) for p in network.parameters())


@pytest.mark.parametrize("objective", [Objective(), Objective(saturating=False, joint=True)])
def test_a_step_can_be_replayed(objective: Objective) -> None:
    model = make_model()
    batch = make_batch(model)
    first = our_gradients(model, objective(model, *batch))
    again = our_gradients(model, objective(model, *batch))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_reconstructions_in_the_gan_loss_update_running_statistics_once() -> None:
    """They take a second pass through the decoder, which must not count twice."""
    plain, judged = make_model(), make_model()
    Objective()(plain, *make_batch(plain))
    Objective(reconstructions=True)(judged, *make_batch(judged))
    for ours, theirs in zip(judged.decoder.buffers(), plain.decoder.buffers(), strict=True):
        assert torch.equal(ours, theirs)


def test_running_statistics_move_once_a_step_where_all_images_are_judged_together() -> None:
    model = make_model()
    Objective(saturating=False, joint=True)(model, *make_batch(model))
    moved = {name: int(buffer) for name, buffer in model.named_buffers() if name.endswith("num_batches_tracked")}
    once = {name: 1 + name.startswith("decoder.") for name in moved}  # the decoder makes reconstructions and samples
    assert moved == once


@pytest.mark.parametrize(("saturating", "most"), [(True, 14.2e9), (False, 15.8e9)])
def test_arithmetic_of_a_step(saturating: bool, most: float) -> None:
    """The paper's networks at 64x64; a textbook step takes 27.2 GFLOP an image."""
    model = VAEGAN().train()
    images = torch.zeros(2, 3, 64, 64)
    with FlopCounterMode(display=False) as counter:
        Objective(saturating=saturating)(model, images, torch.randn(2, 128), torch.randn(2, 128)).backward(model.parameters())
    assert 0.95 * most < counter.get_total_flops() / 2 <= most


def test_arithmetic_of_a_textbook_step() -> None:
    """What the documents compare with: three losses over one graph, each taken back through all of it."""
    model = VAEGAN().train()
    with FlopCounterMode(display=False) as counter:
        for loss in textbook.losses(model, ObjectiveSettings(), torch.zeros(2, 3, 64, 64), torch.randn(2, 128), torch.randn(2, 128)):
            loss.backward(retain_graph=True)
    assert counter.get_total_flops() / 2 == pytest.approx(27.2e9, rel=0.005)


def test_a_shut_out_discriminator_costs_no_weight_gradients() -> None:
    model = VAEGAN().train()
    images = torch.zeros(2, 3, 64, 64)

    def flops(parameters: list[torch.nn.Parameter]) -> int:
        with FlopCounterMode(display=False) as counter:
            Objective()(model, images, torch.randn(2, 128), torch.randn(2, 128)).backward(parameters)
        return int(counter.get_total_flops())

    everything = flops(list(model.parameters()))
    assert flops([*model.encoder.parameters(), *model.decoder.parameters()]) < 0.9 * everything
    assert flops([*model.encoder.parameters(), *model.discriminator.parameters()]) < 0.9 * everything


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"gamma": 0.0}, "gamma"),
        ({"gamma": 1.5}, "gamma"),
        ({"gamma": float("nan")}, "gamma"),
        ({"real_weight": 1.0}, "real_weight"),
        ({"level": -1}, "level"),
        ({"logit_scale": 0.0}, "logit_scale"),
        ({"logit_scale": float("inf")}, "logit_scale"),
        ({"kind": "gan", "joint": True, "saturating": False}, "joint"),
        ({"kind": "vae-dis"}, "discriminator"),
        ({"discriminator": "runs/gan"}, "discriminator"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, float], names: str) -> None:
    with pytest.raises(UserError, match=names):
        Objective(**settings)  # type: ignore[arg-type]


def test_gamma_decays_by_the_epoch_and_stops_at_one() -> None:
    objective = Objective(gamma=0.25, gamma_decay=2.0)
    assert [objective.settings.at(epoch).gamma for epoch in (0, 1, 2, 3, 5000)] == [0.25, 0.5, 1.0, 1.0, 1.0]


def test_a_gamma_that_decays_stays_a_number_that_can_be_divided_by() -> None:
    for gamma, least in ((1e-6, 1e-30), (1e-35, 1e-35)):  # a smaller one is as it was asked for
        settings = Objective(gamma=gamma, gamma_decay=0.5).settings
        assert settings.at(0).gamma == gamma
        assert settings.at(1000).gamma == settings.at(5000).gamma == least
    assert (1 / torch.tensor(1e-30)).isfinite()


# e = 0.68, m = 0.35: the discriminator steps where both costs are at least 0.33, the decoder where both are at most 1.03.
