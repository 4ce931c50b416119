"""The numbers of an evaluation: worse images get worse ones, the same seed the same, with or without the cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vaegan import VAEGAN, Architecture, Run, old_names
from vaegan.data import ImageSet, dataset, prepare
from vaegan.data.batches import to_tensor
from vaegan.errors import UserError
from vaegan.metrics import collect as collecting
from vaegan.metrics import figure
from vaegan.metrics.base import Resampled, Value
from vaegan.metrics.collect import collect, features_of, sample_parts
from vaegan.metrics.context import Context, images_for_attributes
from vaegan.metrics.evaluate import Evaluation, evaluate
from vaegan.metrics.figure import evaluation_sheet
from vaegan.metrics.registry import metrics
from vaegan.metrics.tables import _notes_on_precision, tables
from vaegan.models.posterior import Posterior
from vaegan.models.prior import Mixture
from vaegan.viz.grid import pair_rows

from .fixed import RandomFeatures, squares

EXTRACTOR = RandomFeatures()


REAL = squares(400, 0)


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    folder = tmp_path / "squares"
    folder.mkdir()
    for number, pixels in enumerate(squares(150, 0)):
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return prepare(str(folder), tmp_path / "set", size=(16, 16), progress=lambda *_: None)


@pytest.fixture
def model() -> VAEGAN:
    torch.manual_seed(0)
    return VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()


def context(model: VAEGAN, images: ImageSet, seed: int = 0) -> Context:
    return Context(model, images, np.arange(100), np.arange(100, 150), EXTRACTOR, samples=60, resamplings=2, seed=seed)


def evaluated(model: VAEGAN, images: ImageSet, seed: int = 0) -> Evaluation:
    return evaluate(context(model, images, seed))


def test_the_same_seed_gives_the_same_numbers(model: VAEGAN, images: ImageSet) -> None:
    one, again, other = (evaluated(model, images, seed=seed).numbers() for seed in (3, 3, 4))
    assert one == again
    assert one != other
    assert all(np.isfinite(value).all() for value in one.values())


def test_a_damaged_cache_is_made_anew(model: VAEGAN, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    first = evaluated(model, images).numbers()
    kept = {file: file.read_bytes() for file in (tmp_path / "cache" / "features").iterdir()}
    assert len(kept) == 2  # of training and of held-out images
    assert evaluated(model, images).numbers() == first
    for file, content in kept.items():
        file.write_bytes(content[: len(content) // 2])
    assert evaluated(model, images).numbers() == first
    assert {file: file.read_bytes() for file in kept} == kept
    (tmp_path / "file").touch()
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "file"))  # where nothing can be kept
    assert evaluated(model, images).numbers() == first


def test_the_cache_knows_what_it_is_of(images: ImageSet) -> None:
    progress_calls: list[str] = []

    def asked(numbers: NDArray[np.int64], extractor: RandomFeatures = EXTRACTOR) -> bool:
        progress_calls.clear()
        features_of(extractor, images, numbers, "features", lambda what, *_: progress_calls.append(what))
        return bool(progress_calls)

    other = RandomFeatures()
    other.weights = "1" * 64
    assert asked(np.arange(30))
    assert not asked(np.arange(30))
    assert asked(np.arange(31))
    assert asked(np.arange(30)[::-1])
    assert asked(np.arange(30), other)


def test_features_are_counted_beyond_those_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_VECTORS", 150)
    found = collect(EXTRACTOR, to_tensor(REAL).split(100), len(REAL))
    features = EXTRACTOR(to_tensor(REAL)).numpy()
    assert (found.moments.count, len(found.vectors)) == (len(REAL), 150)
    np.testing.assert_allclose(found.vectors, features[:150], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.moments.covariance, np.cov(features.astype(np.float64).T), rtol=1e-4, atol=1e-5)


def test_samples_are_those_of_the_model(model: VAEGAN) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(torch.cat([*sample_parts(model, 300, seed=5)]), model.sample(300, seed=5))


class Perfect(VAEGAN):
    """It reconstructs what it is given: the last images that were encoded."""

    def encode(self, images: Any, attributes: Tensor | None = None, *, check: bool = True) -> Posterior:
        self.seen = images
        return super().encode(images, attributes, check=check)

    def decode(self, codes: Tensor, attributes: Tensor | None = None) -> Tensor:
        assert attributes is None
        assert len(codes) == len(self.seen)
        return self.seen


def test_reconstructions(images: ImageSet, model: VAEGAN) -> None:
    torch.manual_seed(0)
    perfect = context(Perfect(model.architecture).eval(), images)
    measured = perfect.measure(metrics(["image_errors", "similarity_error", "feature_error"]))
    means = {value.name: value.value for values in measured.values() for value in values}
    exactly = {"psnr": np.inf, "ssim": 1, "ms_ssim": 1, "similarity_error": 0, "pixel_error": 0, "feature_error_random": 0}
    assert means == pytest.approx(exactly, abs=1e-9)
    assert perfect.posterior.mean.shape == (50, 4)

    model.level = 2
    other = context(model, images)
    other.measure(metrics(["image_errors", "similarity_error"]))
    originals = to_tensor(images.images[other.held_out_indices[-3:]])
    with torch.inference_mode():
        made = model.reconstruct(originals)
        expected = 0.5 * (model.discriminator.features(originals, 2) - model.discriminator.features(made, 2)).square().sum(1)
    each = {name: values for metric in other.metrics for name, values in other.of_reconstructions(metric).items()}
    np.testing.assert_allclose(each["similarity_error"][-3:], expected, rtol=1e-4)
    np.testing.assert_allclose(each["pixel_error"][-3:], (made - originals).square().mean((1, 2, 3)), rtol=1e-4)


def test_metrics_may_be_asked_for_one_after_the_other(model: VAEGAN, images: ImageSet) -> None:
    names = ["feature_error", "image_errors", "posterior"]
    together = context(model, images).measure(metrics(names))
    measuring = context(model, images)
    assert {name: measuring.measure(metrics([name]))[name] for name in names} == together


def test_samples_get_attributes_of_images_that_they_are_not_compared_with() -> None:
    training, compared = np.arange(10, 30), np.array([11, 17, 25])
    asked = images_for_attributes(training, compared, 40)
    assert len(asked) == 40
    assert set(asked) == set(training) - set(compared)
    assert set(images_for_attributes(training, training, 8)) <= set(training)  # there are no others


def test_a_conditional_model_gets_attributes(tmp_path: Path) -> None:
    avatars = prepare("avatars", tmp_path / "set", size=(16, 16), count=90, progress=lambda *_: None)
    torch.manual_seed(0)
    names = ("Dark_Skin", "Smiling")
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4, attributes=names)).eval()
    found = Context(model, avatars, np.arange(60), np.arange(60, 90), EXTRACTOR, samples=150, resamplings=2)
    found.measure(metrics())
    assert found.sample_attributes is not None
    assert set(map(tuple, found.sample_attributes.tolist())) == {(a, b) for a in (0, 1) for b in (0, 1)}
    originals, cond = (
        to_tensor(avatars.images[found.held_out_indices]),
        torch.from_numpy(avatars.attributes_named(names)[found.held_out_indices]),
    )
    measured = {name: values for metric in found.metrics for name, values in found.of_reconstructions(metric).items()}["pixel_error"]
    with torch.inference_mode():
        for attributes, alike in ((cond, True), (None, False)):
            errors = (model.reconstruct(originals, attributes) - originals).square().mean((1, 2, 3)).numpy()
            assert np.allclose(errors, measured, rtol=1e-5) == alike
    with patch.object(dataset, "read_table", wraps=dataset.read_table) as reads:
        assert evaluation_sheet(found).size[0] > 0
    assert reads.call_count == 1
    other = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4, attributes=("Dark_Skn",))).eval()
    with pytest.raises(UserError, match=r"Did you mean Dark_Skin\?"):
        Context(other, avatars, np.arange(60), np.arange(60, 90), samples=60)


def test_what_is_written(model: VAEGAN, images: ImageSet, tmp_path: Path) -> None:
    measured = context(model, images)
    found = evaluate(measured)
    for _ in range(2):
        path = found.append_to(tmp_path / "metrics.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == lines[1]
    path.write_text(path.read_text()[:-9])  # as a full disk leaves it
    found.append_to(path)
    assert Run(tmp_path).metrics == [old_names.metrics(lines[0])] * 2
    settings = lines[0]["settings"]
    assert settings["extractor"] == "random"
    assert settings["extractor_weights_sha256"] == "0" * 64
    assert settings["images"] == {"samples": 60, "training": 60, "held_out": 50}
    assert settings["split"] == {"training": 100, "held_out": 50}
    assert settings["preparation"]["size"] == [16, 16]
    assert len(lines[0]["kl_of_dimensions"]) == 4
    assert lines[0]["kl"] == pytest.approx(sum(lines[0]["kl_of_dimensions"]), abs=1e-5)
    for name in ("samples_frechet_distance_random", "reconstructions_coverage_random_real_baseline_spread", "psnr", "copying_p"):
        assert isinstance(lines[0][name], float)
    assert evaluation_sheet(measured).size[0] > 12 * 64


def test_a_network_that_was_never_trained_measures_nothing(images: ImageSet, tmp_path: Path) -> None:
    architecture = Architecture(size=(16, 16), width=0.0625, latent=4)
    for untrained, words in (("encoder", ("reconstructions_", "psnr", "similarity", "kl", "active")), ("discriminator", ("similarity",))):
        model = VAEGAN(architecture, untrained=(untrained,)).eval()
        measured = context(model, images)
        found = evaluate(measured)
        (line,) = (json.loads(text) for text in found.append_to(tmp_path / f"{untrained}.jsonl").read_text().splitlines())
        assert not [name for name in line if name.startswith(words)]
        assert "samples_frechet_distance_random" in line
        assert ("pixel_error" in line) == (untrained == "discriminator")
        assert len(tables(found)) == (7 if untrained == "discriminator" else 4)
        assert evaluation_sheet(measured).size[0] > 0


def test_both_priors_are_measured_side_by_side(model: VAEGAN, images: ImageSet) -> None:
    standard = evaluated(model, images)
    eye = torch.eye(4, dtype=torch.float64)[None]
    model.prior = Mixture(torch.ones(1, dtype=torch.float64), torch.full((1, 4), 3.0, dtype=torch.float64), 0.1 * eye, 4)
    measured = context(model, images)
    both = evaluate(measured)
    beside = {name.removeprefix("standard_prior_"): number for name, number in both.numbers().items() if name.startswith("standard_prior_")}
    alone = standard.numbers()
    assert beside == {name: alone[name] for name in beside}
    names = ("samples_frechet_distance_random", "samples_recall_random_halves", "samples_grain", "copying_p")
    assert set(names) <= set(beside)
    mine = both.numbers()
    same = [name for name in ("samples_frechet_distance_random", "samples_grain") if mine[name] == alone[name]]
    assert not same
    assert mine["psnr"] == alone["psnr"]
    assert not [name for name in beside if name.startswith(("psnr", "kl", "reconstructions"))]
    assert (both.settings["prior"], standard.settings["prior"]) == ("the fitted prior", "N(0, I)")
    (table,) = (table for table in tables(both) if table.heads[:2] == ("fitted prior", "N(0, I)"))
    assert {"Frechet distance (random)", "precision", "recall", "copies"} <= {name for name, _ in table.rows}
    assert all(cells[2] for name, cells in table.rows if name == "precision"), "the real baseline is beside it"
    assert not [table for table in tables(standard) if "N(0, I)" in table.heads]
    assert evaluation_sheet(measured).size[1] > evaluation_sheet(context(VAEGAN(model.architecture).eval(), images)).size[1]
    named = Context(model, images, np.arange(100), np.arange(100, 150), EXTRACTOR, samples=60, resamplings=2, prior="standard")
    assert evaluate(named).numbers() == alone


@pytest.mark.parametrize(("precision", "noted"), [(0.98, True), (0.85, False)])
def test_a_precision_above_that_of_real_images_is_noted(precision: float, *, noted: bool) -> None:
    drawn = {"halves": Resampled(precision, 0.01), "real_baseline": Resampled(0.9, 0.01)}
    notes = _notes_on_precision([Value("samples_precision_random", precision, "precision", "samples", **drawn)])  # type: ignore[arg-type]
    assert (notes != ()) == noted


def test_the_picture_shows_samples_that_were_measured(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 5 numbers each: 12 such codes drawn alone are others than the first 12 of 60."""
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=5)).eval()
    shown: list[Tensor] = []

    def watched(above: Tensor, below: Tensor, columns: int) -> Tensor:
        shown.append(above)
        return pair_rows(above, below, columns)

    monkeypatch.setattr(figure, "pair_rows", watched)
    shown_of = context(model, images, seed=3)
    shown_of.measure(metrics())
    evaluation_sheet(shown_of)
    measured = torch.cat([*sample_parts(model, 60, 3)])
    torch.testing.assert_close(shown[0], measured[:12])


def test_too_little_to_measure(model: VAEGAN, images: ImageSet) -> None:
    def wrong(training: int = 100, held_out: int = 50, samples: int = 60, resamplings: int = 2) -> str:
        with pytest.raises(UserError) as error:
            Context(model, images, np.arange(training), np.arange(held_out), EXTRACTOR, samples=samples, resamplings=resamplings)
        return str(error.value)

    assert "--samples must be at least 20, not 5" in wrong(samples=5)
    assert "--resamplings must be at least 2, not 1" in wrong(resamplings=1)
    assert "has no held-out images" in wrong(held_out=0)
    assert "only 19 held-out images" in wrong(held_out=19)
    assert "only 3 training images" in wrong(training=3)


def test_a_posterior_that_went_astray(model: VAEGAN, images: ImageSet) -> None:
    """A logvar of 800 is finite; the variance, and with it the KL, is not."""
    encode = model.encode
    model.encode = lambda *given, **how: encode(*given, **how)._replace(logvar=torch.full((len(given[0]), 4), 800.0))  # type: ignore[method-assign]
    with pytest.raises(UserError, match="NaN or infinity"):
        evaluated(model, images)


def test_a_model_that_went_astray(model: VAEGAN, images: ImageSet) -> None:
    torch.nn.init.constant_(model.get_parameter("decoder.image.weight"), float("nan"))
    with pytest.raises(UserError, match="NaN or infinity"):
        evaluated(model, images)
