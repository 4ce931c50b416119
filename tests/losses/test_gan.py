"""A GAN loss and a penalty are seams: what a class or a function says reaches the right networks, exactly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vaegan import VAEGAN, Architecture, Objective, UserError
from vaegan.losses.gan import GAN_LOSSES, GanLoss, Hinge, Relativistic, by_count
from vaegan.losses.penalties import PENALTIES, Seen
from vaegan.models.base import Discriminator
from vaegan.settings import ObjectiveSettings


def of_all(model: VAEGAN, loss: GanLoss, images: Tensor, sampled: Tensor) -> tuple[Tensor, Tensor]:
    """Plainly: what the decoder and the discriminator minimise."""
    logits = model.discriminator(torch.cat([images, sampled])).unflatten(0, (2, -1))
    real, fakes = loss.discriminator(logits[0], logits[1:])
    return loss.decoder(logits[0], logits[1:]).sum(), real + fakes.sum()


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 16), width=0.125, latent=5)).train().double()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(6, 3, 16, 16, dtype=torch.float64) * 2 - 1, *torch.randn(2, 6, 5, dtype=torch.float64)


def gradients(loss: Tensor, network: torch.nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(network.parameters()), retain_graph=True))


def given(network: torch.nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("loss", [Hinge, Relativistic])
def test_another_gan_loss_gives_both_opponents_its_gradients(
    loss: type[GanLoss], model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GAN_LOSSES, "mine", loss)
    of_decoder, of_discriminator = of_all(model, loss(), batch[0], model.decoder(batch[2]))
    wanted = gradients(of_decoder, model.decoder) + gradients(of_discriminator, model.discriminator)
    losses = Objective(kind="gan", gan="mine")(model, *batch)
    losses.backward([*model.decoder.parameters(), *model.discriminator.parameters()])
    torch.testing.assert_close(losses.real + losses.fake, of_discriminator)
    for mine, plain in zip(given(model.decoder) + given(model.discriminator), wanted, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-9, atol=1e-12)


def test_r1_is_half_the_squared_slope_and_reaches_the_discriminator_alone(model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    Objective(saturating=False)(model, *batch).backward(model.parameters())
    wanted = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    images = batch[0].clone().requires_grad_()
    (slopes,) = torch.autograd.grad(model.discriminator(images).sum(), images, create_graph=True)
    penalty = 0.5 * torch.stack([slope.square().sum() for slope in slopes]).mean()
    named = {f"discriminator.{name}": parameter for name, parameter in model.discriminator.named_parameters()}
    for name, extra in zip(named, torch.autograd.grad(penalty, list(named.values()), allow_unused=True), strict=True):
        wanted[name] = wanted[name] if extra is None else wanted[name] + 3 * extra
    model.zero_grad()
    Objective(saturating=False, penalty="r1", penalty_weight=3.0)(model, *batch).backward(model.parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-8, atol=1e-10)


def test_a_penalty_leaves_running_statistics_as_they_are_without_it(model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    other = VAEGAN(model.architecture).train().double()
    Objective()(other, *batch)
    Objective(penalty="r1")(model, *batch)
    assert all(map(torch.equal, model.buffers(), other.buffers()))


def test_a_penalty_of_ones_own(model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def drift(discriminator: Discriminator, images: Seen, generated: Seen) -> Tensor:
        seen.append((len(images.images), len(generated.images)))
        return discriminator(*images).square().mean()

    monkeypatch.setitem(PENALTIES, "drift", drift)
    Objective(penalty="drift", reconstructions=True)(model, *batch).backward(model.parameters())
    assert seen == [(6, 12)]


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"there is no objective\.gan named hing\. Did you mean hinge"):
        Objective(gan="hing")
    with pytest.raises(UserError, match=r"there is no objective\.gan named x: there are saturating, non_saturating, hinge, relativistic"):
        Objective(gan="x")
    with pytest.raises(UserError, match=r"there is no objective\.penalty named r3: there are r1, r1_r2"):
        Objective(penalty="r3")


def test_hinge_and_relativistic_are_what_their_papers_write() -> None:
    images, reconstructions, samples = torch.tensor([[2.0, 0.5], [-3.0, 0.0], [1.0, -0.5]])
    logits = images, (reconstructions, samples)
    real, fakes = Hinge().discriminator(*logits)
    assert real == pytest.approx(0.25)
    assert fakes.tolist() == pytest.approx([0.5, 1.25])
    assert Hinge().decoder(*logits).tolist() == pytest.approx([1.5, -0.25])
    real, fakes = Relativistic().discriminator(*logits)
    for found, generated in zip(fakes, (reconstructions, samples), strict=True):
        assert 2 * found == pytest.approx((1 + (generated - images).exp()).log().mean())
    assert real == fakes.sum()
    assert Relativistic().decoder(*logits)[1] == pytest.approx((1 + (images - samples).exp()).log().mean())


def test_a_kind_of_fewer_images_counts_less_and_is_compared_with_the_images_in_its_places() -> None:
    images, reconstructions, samples = torch.tensor([2.0, 9.0, 0.5, 9.0]), torch.tensor([-3.0, 0.0, 1.0, 2.0]), torch.tensor([1.0, -0.5])
    assert by_count(torch.tensor([3.0, 5.0]), images, (reconstructions, samples)).tolist() == [3, 2.5]
    real, fakes = Relativistic().discriminator(images, (reconstructions, samples))
    torch.testing.assert_close(2 * fakes[1], (1 + (samples - images[[0, 2]]).exp()).log().mean())
    torch.testing.assert_close(real, fakes[0] + fakes[1] / 2)


def test_r2_is_the_same_at_generated_images(model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    images, generated = Seen(batch[0]), Seen(torch.cat([batch[0].flip(0), 0.5 * batch[0]]))
    model.discriminator.eval()
    r1, both = (PENALTIES[name](model.discriminator, images, generated) for name in ("r1", "r1_r2"))
    torch.testing.assert_close(both - r1, PENALTIES["r1"](model.discriminator, generated, images))
    assert both > r1


def test_a_lazy_penalty_counts_for_the_steps_without_it() -> None:
    settings = ObjectiveSettings(penalty="r1", penalty_weight=0.5, penalty_every=4)
    assert [settings.penalty_at(step) for step in range(6)] == [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]
    assert ObjectiveSettings(penalty_every=4).penalty_at(0) == 0


def test_a_step_without_the_penalty_does_no_work_for_it(model: VAEGAN, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    objective = Objective(penalty="r1", penalty_weight=3.0)
    objective(model, *batch, penalty=0.0).backward(model.parameters())
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad()
    Objective()(model, *batch).backward(model.parameters())
    for name, parameter in model.named_parameters():
        assert torch.equal(found[name], parameter.grad), name  # type: ignore[arg-type]


def test_saturating_names_one_of_two_losses() -> None:
    assert Objective().settings.gan_loss == "saturating"
    assert Objective(saturating=False).settings.gan_loss == Objective(gan="non_saturating").settings.gan_loss == "non_saturating"
