"""What the pictures of a training show: samples of one Gaussian that fits the codes, until the prior is fitted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vaegan.models.prior import FEWEST, Mixture
from vaegan.training.pictures import ENCODED, SAMPLES, PictureInputs, draw
from vaegan.viz import grid

from ..tiny import avatars, make_trainer, tiny

GAUSSIAN = "samples of one fitted Gaussian"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Tensor]]:
    """The last of the parts of each picture that is drawn: its caption and its images."""
    seen: list[tuple[str, Tensor]] = []
    sheet = grid.sheet

    def watched(parts: list[tuple[str, Tensor]], columns: int) -> object:
        seen.append(parts[-1])
        return sheet(parts, columns)

    monkeypatch.setattr(grid, "sheet", watched)
    return seen


def test_samples_are_of_a_gaussian_that_fits_the_codes(shown: list[tuple[str, Tensor]]) -> None:
    """Drawing changes neither the model nor the random numbers of the training."""
    trainer = make_trainer(tiny())
    images = avatars()
    held_out, model = np.arange(4), trainer.model
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.add_(0.1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    draw(model, inputs := trainer.picture_inputs(images, held_out))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training
    assert model.prior is None

    model.eval()
    with torch.no_grad():
        posteriors = [model.encode(part) for part, _ in inputs.to_encode()]
        gaussian = Mixture.gaussian(posteriors)
        assert gaussian is not None
        assert sum(len(posterior.mean) for posterior in posteriors) == len(trainer.batches.indices)
        assert gaussian.means.abs().max() > 0.05
        expected = model.decode(gaussian.draw(SAMPLES, seed=0))
    caption, samples = shown.pop()
    assert caption == GAUSSIAN
    torch.testing.assert_close(samples, expected)

    model.prior = gaussian
    draw(model, inputs)
    assert shown.pop()[0] == "samples of the fitted prior"


def test_of_many_images_few_are_encoded() -> None:
    trainer, images = make_trainer(tiny()), avatars()
    trainer.batches.indices = np.arange(3 * ENCODED) % len(images)
    count = sum(len(part) for part, attributes in trainer.picture_inputs(images, np.arange(4)).to_encode() if attributes is None)
    assert count == ENCODED


def test_a_conditional_model_encodes_and_decodes_with_attributes(shown: list[tuple[str, Tensor]]) -> None:
    recipe = tiny(networks__attributes=("Eyeglasses", "Beard"))
    trainer, images = make_trainer(recipe), avatars()
    model = trainer.model
    draw(model, inputs := trainer.picture_inputs(images, np.arange(4)))
    known = torch.from_numpy(images.attributes_named(recipe.networks.attributes))
    model.eval()
    with torch.no_grad():
        parts = list(inputs.to_encode())
        assert torch.equal(torch.cat([theirs for _, theirs in parts if theirs is not None]), known[trainer.batches.indices[:]])
        gaussian = Mixture.gaussian([model.encode(part, theirs) for part, theirs in parts])
        assert gaussian is not None
        expected = model.decode(gaussian.draw(SAMPLES, seed=0), known[torch.arange(SAMPLES) % 4])
    caption, samples = shown.pop()
    assert caption == GAUSSIAN
    torch.testing.assert_close(samples, expected)


@pytest.mark.parametrize("why", ["no encoder", "not finite", "no images", "few images"])
def test_otherwise_samples_are_of_the_standard_normal_distribution(why: str, shown: list[tuple[str, Tensor]]) -> None:
    trainer = make_trainer(tiny(objective__kind="gan" if why == "no encoder" else "vaegan", gate__enabled=False))
    if why == "few images":
        trainer.batches.indices = np.arange(FEWEST - 1)
    model, inputs = trainer.model, trainer.picture_inputs(avatars(), np.arange(4))
    if why == "not finite":
        with torch.no_grad():
            next(model.encoder.parameters()).fill_(torch.nan)
    if why == "no images":
        inputs = PictureInputs(*inputs[:4])
    draw(model, inputs)
    caption, samples = shown.pop()
    assert caption == "samples of N(0, I)"
    torch.testing.assert_close(samples, model.eval().sample(SAMPLES, seed=0, prior="standard"))
