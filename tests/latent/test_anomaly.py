"""What is foreign is told from what is normal, and normal images are over the threshold as rarely as was you asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaegan import VAEGAN, Architecture, UserError
from vaegan.data.batches import to_tensor
from vaegan.latent.anomaly import FEWEST, MEASUREMENTS, OtherWeightsError, Scorer, joined
from vaegan.latent.measurements import measure
from vaegan.losses.objective import Objective


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()


def smooth(count: int, seed: int) -> NDArray[np.uint8]:
    """Images N x 16 x 16 x 3 of a gradient between two colours: what is normal here."""
    random = np.random.default_rng(seed)
    ends = random.uniform(0, 255, (2, count, 1, 1, 3))
    along = np.linspace(0, 1, 16)[None, :, None, None] * np.ones((1, 16, 16, 1))
    return ((1 - along) * ends[0] + along * ends[1]).astype(np.uint8)


def test_terms_are_what_training_minimises(model: VAEGAN) -> None:
    """The similarity and the prior of the objective, with codes at the mean and networks in evaluation mode."""
    images = to_tensor(smooth(6, 1))
    reconstructions, measured = measure(model, images, 2)
    with torch.inference_mode():
        losses = Objective(level=2)(model, images, torch.zeros(6, 4), torch.zeros(6, 4))
        torch.testing.assert_close(reconstructions, model.reconstruct(images))
    assert measured["similarity"].mean() == pytest.approx(losses.similarity.item(), rel=1e-4)
    assert measured["prior"].mean() == pytest.approx(losses.prior.item(), rel=1e-4)
    assert measured["pixel"].mean() == pytest.approx(losses.pixel.item(), rel=1e-4)
    np.testing.assert_allclose(measured["errors"].sum((1, 2)), 2 * measured["similarity"], rtol=1e-4)


def test_foreign_images_are_over_the_threshold_and_normal_ones_seldom(model: VAEGAN) -> None:
    scorer = Scorer.calibrate(model, smooth(600, 0), np.arange(600), level=2)
    normal = scorer.score(smooth(1000, 5))
    assert 0.02 < normal.over(0.1).mean() < 0.2
    assert 0.4 < normal.p.mean() < 0.6
    noise = np.random.default_rng(1).integers(0, 256, (20, 16, 16, 3), np.uint8)
    foreign = scorer.score(noise)
    assert foreign.over(0.01).all()
    assert foreign.p == pytest.approx(1 / 301)


def test_one_strange_place_is_enough(model: VAEGAN) -> None:
    pixels = smooth(500, 0)
    scorer = Scorer.calibrate(model, pixels, np.arange(400, 500), fitted_on=np.arange(400), level=2)
    spoilt = smooth(20, 7)
    spoilt[:, 5:9, 9:13] = np.indices((4, 4)).sum(0)[..., None] % 2 * 255
    before, after = scorer.score(smooth(20, 7)), scorer.score(spoilt)
    assert (after.measurements["map"] > before.measurements["map"]).mean() > 0.9
    assert after.over(0.05).mean() > 0.7
    assert before.over(0.05).mean() < 0.2


def test_the_combined_number_is_in_standard_deviations(model: VAEGAN) -> None:
    """Of the larger of two numbers, which lies above 0 in three of four cases were they independent."""
    scorer = Scorer.calibrate(model, smooth(600, 0), np.arange(600), level=2)
    combined = scorer.score(smooth(500, 5)).combined
    assert 0.5 < (combined > 0).mean() < 0.9
    assert 0.4 < combined.std() < 2


def test_a_p_value_is_a_rank_among_normal_images(model: VAEGAN) -> None:
    pixels = smooth(140, 0)
    scorer = Scorer.calibrate(model, pixels, np.arange(100, 140), fitted_on=np.arange(100), level=2)
    scores = scorer.score(pixels, np.arange(100, 140))
    assert np.array_equal(np.sort(scores.combined), scorer.ranked)
    for place in range(40):
        assert scores.p[place] == (1 + (scores.combined >= scores.combined[place]).sum()) / 41
    assert np.array_equal(scores.strangest(40), np.argsort(-scores.combined, kind="stable"))


def test_scores_do_not_depend_on_the_company(model: VAEGAN, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = smooth(120, 0)
    scorer = Scorer.calibrate(model, pixels, np.arange(120), level=3)
    together = scorer.score(pixels)
    monkeypatch.setattr("vaegan.latent.measurements.PART", 7)
    apart = joined([scorer.score(pixels, np.arange(50)), scorer.score(pixels, np.arange(50, 120))])
    assert len(apart) == 120
    for name in MEASUREMENTS:
        np.testing.assert_allclose(apart.measurements[name], together.measurements[name], rtol=1e-3)
    np.testing.assert_allclose(apart.combined, together.combined, rtol=1e-3)


def test_a_map_shows_where(model: VAEGAN, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reconstruction is the same but for one corner, so the error is there."""
    pixels = smooth(60, 0)
    scorer = Scorer.calibrate(model, pixels, np.arange(60), level=1)
    assert scorer.source == "images of a program"
    image = model.reconstruct(to_tensor(pixels[:1])).detach()
    spoilt = image.clone()
    spoilt[..., :4, :4] = 1
    monkeypatch.setattr(model.decoder, "forward", lambda *_: image)
    _, times = scorer.maps(spoilt)
    assert times.shape == (1, 16, 16)
    row, column = divmod(int(times[0].argmax()), 16)
    assert max(row, column) < 6
    assert times[0, 10:, 10:].max() == 0


def test_a_calibration_is_kept_whole(model: VAEGAN, tmp_path: Path) -> None:
    pixels = smooth(80, 0)
    scorer = Scorer.calibrate(model, pixels, np.arange(80), level=2, source="gradients")
    path = tmp_path / "score.safetensors"
    scorer.save(path)
    again = Scorer.load(path, model)
    assert (again.source, again.level, again.calibration.usual) == ("gradients", 2, scorer.calibration.usual)
    assert np.array_equal(again.score(pixels).p, scorer.score(pixels).p)
    content = path.read_bytes()
    for damage in (b"", b"nothing", content[:-9]):
        path.write_bytes(damage)
        with pytest.raises(UserError, match="is damaged"):
            Scorer.load(path, model)
    path.write_bytes(content)
    model.get_parameter("encoder.mean.bias").data.add_(1)
    with pytest.raises(OtherWeightsError, match="the weights changed after the calibration"):
        Scorer.load(path, model)
    with pytest.raises(UserError, match="the calibration"):
        Scorer.load(tmp_path / "nothing", model)


def test_what_cannot_be_calibrated(model: VAEGAN) -> None:
    with pytest.raises(UserError, match="too few normal images"):
        Scorer.calibrate(model, smooth(39, 0), np.arange(39))
    model.get_parameter("decoder.image.weight").data.fill_(np.nan)
    with pytest.raises(UserError, match="NaN or infinity"):
        Scorer.calibrate(model, smooth(40, 0), np.arange(40))


def test_the_docs_say_how_many_normal_images_are_needed(model: VAEGAN) -> None:
    """A set for --calibrate is halved."""
    least = 2 * FEWEST
    assert f"needs at least {least} images" in (Path(__file__).parents[2] / "docs" / "score.md").read_text()
    assert len(Scorer.calibrate(model, smooth(least, 0), np.arange(least), level=2).ranked) == FEWEST
    with pytest.raises(UserError, match=f"there are {FEWEST + 19}, and at least {2 * FEWEST} are needed"):
        Scorer.calibrate(model, smooth(least, 0), np.arange(least - 1), level=2)
