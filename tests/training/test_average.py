"""The average of the weights: what it keeps, and what belongs to it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vaegan import VAEGAN, Architecture, UserError
from vaegan.settings import Training
from vaegan.training.average import WeightAverage, averaging_weight

from ..tiny import equal, make_trainer, tiny


def kept(images: int, batch: int, start: int = 10**6, half_life: int = 1000) -> float:
    """What is left of the average after so many images more."""
    settings, left = Training(average_half_life=half_life), 1.0
    for step in range(start // batch, (start + images) // batch):
        left *= 1 - averaging_weight(settings, step, batch)
    return left


@pytest.mark.parametrize("batch", [10, 40, 200])
def test_a_half_life_is_in_images_whatever_the_batch(batch: int) -> None:
    assert kept(1000, batch) == pytest.approx(0.5)
    assert kept(2000, batch) == pytest.approx(0.25)


def test_early_the_half_life_is_a_twentieth_of_what_was_seen() -> None:
    settings = Training(average_half_life=1000)
    assert averaging_weight(settings, 0, 40) == 1  # of the weights as they were drawn, nothing stays
    assert averaging_weight(settings, 100, 40) == pytest.approx(1 - 0.5 ** (40 / 200))
    assert averaging_weight(settings, 499, 40) == pytest.approx(1 - 0.5 ** (40 / 998))
    assert averaging_weight(settings, 501, 40) == pytest.approx(1 - 0.5 ** (40 / 1000))


def test_the_older_average_keeps_a_share_a_step() -> None:
    assert averaging_weight(Training(ema=0.9), 5, 40) == pytest.approx(1 - 6 / 15)
    assert averaging_weight(Training(ema=0.9), 1000, 40) == pytest.approx(0.1)


def test_there_is_one_average() -> None:
    with pytest.raises(UserError, match=r"training\.ema and training\.average_half_life cannot both be above 0: set one of them"):
        Training(ema=0.9, average_half_life=100)


@pytest.mark.parametrize("settings", [{"ema": 0.5}, {"average_half_life": 4}])
def test_statistics_of_batches_are_averaged_or_copied_and_other_buffers_copied(settings: dict[str, Any]) -> None:
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).train()
    image: Any = model.decoder.image
    model.decoder.image = nn.utils.parametrizations.spectral_norm(image)
    average = WeightAverage(model, Training(**settings))
    before = {name: tensor.clone() for name, tensor in average.model.state_dict().items()}
    model.decoder(torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        torch._foreach_add_(list(model.parameters()), 1)
    average.follow(torch.tensor(0.25))
    theirs, mine = model.state_dict(), average.model.state_dict()
    followed = 0
    for name, tensor in mine.items():
        statistic = name.endswith(("running_mean", "running_var"))
        if name in dict(model.named_parameters()) or (statistic and "average_half_life" in settings):
            torch.testing.assert_close(tensor, before[name] * 0.75 + theirs[name] * 0.25, msg=name)
            followed += statistic and not torch.equal(tensor, before[name])
        else:
            assert torch.equal(tensor, theirs[name]), name
    assert followed == (8 if "average_half_life" in settings else 0)  # of the decoder, which alone has run
    assert not torch.equal(mine["decoder.image.parametrizations.weight.0._u"], before["decoder.image.parametrizations.weight.0._u"])


def test_a_trainer_shows_the_average_and_takes_it_up_again() -> None:
    trainer, again = (make_trainer(tiny(training__average_half_life=8)) for _ in range(2))
    assert trainer.shown is trainer.average
    for _ in range(4):
        trainer.train_step()
    assert not equal(trainer.shown.state_dict(), trainer.model.state_dict())
    again.load_state_dict({"step": trainer.step, **trainer.state_dict()})
    for _ in range(2):
        trainer.train_step()
        again.train_step()
    assert equal(trainer.shown.state_dict(), again.shown.state_dict())
