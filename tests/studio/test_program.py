"""A network as a list of operations computes what the network computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vaegan import VAEGAN, UserError
from vaegan.studio.contents import Maps
from vaegan.studio.program import run, trace
from vaegan.studio.weights import Packed

from ..tiny import tiny


def model_of(recipe: str, attributes: tuple[str, ...] = (), size: tuple[int, int] = (16, 24)) -> VAEGAN:
    """A tiny model whose batch normalisation has seen images."""
    torch.manual_seed(0)
    model = VAEGAN(tiny(recipe, networks__size=size, networks__attributes=attributes).networks).train()
    conditions = torch.randn(8, len(attributes)) if attributes else None
    images = torch.randn(8, 3, *size)
    with torch.no_grad():
        model.encoder(images, conditions)
        model.decoder(torch.randn(8, 4), conditions)
        model.discriminator.logits_of(model.discriminator.stem(images), conditions)
    return model.eval()


@pytest.mark.parametrize("attributes", [(), ("Smiling", "Hat")])
@pytest.mark.parametrize("recipe", ["quick", "quick-larsen", "reference"])
def test_programs_compute_what_the_networks_do(recipe: str, attributes: tuple[str, ...]) -> None:
    model = model_of(recipe, attributes)
    conditions = (torch.randn(3, 2),) if attributes else ()
    images, codes = torch.rand(3, 3, 16, 24) * 2 - 1, torch.randn(3, 4)
    networks: list[tuple[nn.Module, tuple[Tensor, ...]]] = [
        (model.decoder, (codes, *conditions)),
        (model.encoder, (images, *conditions)),
        (Maps(model.discriminator), (images,)),
    ]
    for network, inputs in networks:
        program = trace(network, [one[:1] for one in inputs], "")
        with torch.no_grad():
            wanted, found = network(*inputs), run(program, inputs)
        for one, other in zip(found, [wanted] if isinstance(wanted, Tensor) else wanted, strict=True):
            torch.testing.assert_close(one.reshape(other.shape), other, rtol=1e-5, atol=1e-5)


def test_batch_normalisation_and_activations_are_part_of_what_is_before_them() -> None:
    kinds = [(op.kind, op.activation) for op in trace(model_of("quick").decoder, [torch.zeros(1, 4)], "").ops]
    assert kinds == [("linear", "relu"), ("conv_transpose", "relu"), ("conv", "tanh")]


class Odd(nn.Module):
    def forward(self, codes: Tensor) -> Tensor:
        return codes.cumsum(1)


class Residual(nn.Module):
    """A network of somebody else: a sum, a result that is read twice, and batch normalisation of a result that is an output, too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.norm.running_mean = torch.tensor([0.3, -0.2, 0.1])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.first(images)
        return maps, nn.functional.leaky_relu(self.norm(maps), 0.1) + torch.sigmoid(self.second(maps))


def test_results_that_are_read_twice_stay_as_they_are() -> None:
    network, images = Residual().eval(), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        found, wanted = run(trace(network, [images[:1]], ""), [images]), network(images)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_an_operation_that_a_page_does_not_know_is_refused() -> None:
    with pytest.raises(UserError, match='cannot convert the operation "cumsum"'):
        trace(Odd(), [torch.zeros(1, 4)], "")


def test_dilated_convolutions_are_refused() -> None:
    with pytest.raises(UserError, match="dilated or grouped"):
        trace(nn.Conv2d(3, 3, 3, dilation=2), [torch.zeros(1, 3, 8, 8)], "")


def test_rounded_weights_are_near() -> None:
    tensors = {"weight": torch.randn(8, 30), "bias": torch.randn(8)}
    for precision, error in (("float32", 0.0), ("float16", 2e-3), ("int8", 0.02)):
        packed = Packed()
        packed.add(tensors, precision)  # type: ignore[arg-type]
        assert (packed.rounded["bias"] == tensors["bias"]).all()
        assert float((packed.rounded["weight"] - tensors["weight"]).abs().max()) <= error
    assert packed.index["weight"]["kind"] == "int8"


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(UserError, match="the weights of the model contain NaN or infinity"):
        Packed().add({"weight": torch.tensor([[torch.nan]])}, "float16")


def test_numbers_too_large_for_float16_stay_float32() -> None:
    packed = Packed()
    packed.add({"weight": torch.tensor([[1e6]])}, "float16")
    assert packed.index["weight"]["kind"] == "float32"
