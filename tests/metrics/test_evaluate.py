"""The numbers of an evaluation: worse images get worse ones, real images the floor, the same seed the same, with or without the cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vaegan import VAEGAN, Architecture
from vaegan.data import ImageSet, prepare
from vaegan.data.batches import to_tensor
from vaegan.errors import UserError
from vaegan.metrics import collect as collecting
from vaegan.metrics import figure
from vaegan.metrics.collect import cloud_of, collect, sample_parts
from vaegan.metrics.evaluate import Evaluation, asked_of, evaluate, named
from vaegan.metrics.features import Cloud, compare, compare_resampled
from vaegan.metrics.figure import evaluation_sheet
from vaegan.metrics.reconstruction import reconstruct_all
from vaegan.metrics.tables import tables
from vaegan.models.posterior import Posterior
from vaegan.viz.grid import pair_rows

from .fixed import RandomFeatures, squares

EXTRACTOR = RandomFeatures()
COUNT = 400


def cloud(pixels: NDArray[np.uint8]) -> Cloud:
    return collect(EXTRACTOR, [to_tensor(pixels)], len(pixels))


REAL, OTHERS = squares(COUNT, 0), squares(COUNT, 1)


def blurred(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    soft = torch.nn.functional.avg_pool2d(images, 7, 1, 3, count_include_pad=False)
    return (images + strength * (soft - images)).permute(0, 2, 3, 1).round().byte().numpy()


def noisy(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(2).normal(0, 80 * strength, pixels.shape)
    return (pixels + noise).clip(0, 255).round().astype(np.uint8)


def tinted(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    return (pixels + strength * np.array([40, 0, -30])).clip(0, 255).round().astype(np.uint8)


def with_fewer_kinds(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    return squares(len(pixels), 1, first=round(3 * strength))


@pytest.mark.parametrize("worse", [blurred, noisy, tinted, with_fewer_kinds])
def test_the_worse_the_images_the_larger_the_distances(worse: Callable[[NDArray[np.uint8], float], NDArray[np.uint8]]) -> None:
    real = cloud(REAL)
    found = [compare(cloud(worse(OTHERS, strength)), real) for strength in (0, 1 / 3, 2 / 3, 1)]
    for measure in ("frechet_distance", "kernel_distance"):
        values = [one[measure] for one in found]
        assert values == sorted(values), measure
        assert values[1] > 1.5 * abs(values[0]), measure
        assert values[3] > 5 * abs(values[0]), measure
    assert found[3]["coverage"] < 0.8 * found[0]["coverage"]
    if worse is with_fewer_kinds:
        assert found[3]["precision"] > 0.8  # what is left looks right
        assert found[3]["recall"] < 0.5 * found[0]["recall"]
    else:
        assert found[3]["precision"] < 0.8 * found[0]["precision"]


def test_real_images_are_at_the_floor() -> None:
    found = compare_resampled(cloud(OTHERS), cloud(REAL), 4, seed=0)
    assert found.each == COUNT // 2
    for measure, floor in found.floor.items():
        assert found.halves[measure].mean == pytest.approx(floor.mean, abs=4 * (floor.spread + found.halves[measure].spread)), measure
        assert floor.spread > 0
    assert found.value["frechet_distance"] < found.halves["frechet_distance"].mean  # of more images it is less biased
    bad = compare_resampled(cloud(noisy(OTHERS, 1)), cloud(REAL), 4, seed=0)
    assert bad.halves["frechet_distance"].mean > found.floor["frechet_distance"].mean + 8 * found.floor["frechet_distance"].spread
    assert bad.floor == found.floor


def test_neighbourhoods_are_of_equally_many() -> None:
    few, many = cloud(OTHERS[:60]), cloud(REAL)
    found, equal = compare(few, many), compare(few, cloud(REAL[:60]))
    for share in ("precision", "recall", "density", "coverage"):
        assert found[share] == equal[share]
    assert found["frechet_distance"] != equal["frechet_distance"]
    assert found["coverage"] > 0.8


def test_draws_follow_from_the_seed() -> None:
    one, again, other = (compare_resampled(cloud(OTHERS[:80]), cloud(REAL), 2, seed) for seed in (0, 0, 1))
    assert one == again
    assert one.value == other.value
    assert one.halves != other.halves
    assert one.each == 40


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


def evaluated(model: VAEGAN, images: ImageSet, seed: int = 0) -> Evaluation:
    return evaluate(model, EXTRACTOR, images, np.arange(100), np.arange(100, 150), samples=60, resamplings=2, seed=seed)


def test_the_same_seed_gives_the_same_numbers(model: VAEGAN, images: ImageSet) -> None:
    one, again, other = (evaluated(model, images, seed=seed).numbers() for seed in (3, 3, 4))
    assert one == again
    assert one != other
    assert all(np.isfinite(value) for value in one.values())


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
        cloud_of(extractor, images, numbers, "features", lambda what, *_: progress_calls.append(what))
        return bool(progress_calls)

    other = RandomFeatures()
    other.weights = "1" * 64
    assert asked(np.arange(30))
    assert not asked(np.arange(30))
    assert asked(np.arange(31))
    assert asked(np.arange(30)[::-1])
    assert asked(np.arange(30), other)


def test_features_are_counted_beyond_those_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_KEPT", 150)
    found = collect(EXTRACTOR, to_tensor(REAL).split(100), COUNT)
    features = EXTRACTOR(to_tensor(REAL)).numpy()
    assert (len(found), len(found.vectors)) == (COUNT, 150)
    np.testing.assert_allclose(found.vectors, features[:150], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.moments.covariance, np.cov(features.astype(np.float64).T), rtol=1e-4, atol=1e-5)


def test_samples_are_those_of_the_model(model: VAEGAN) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(torch.cat([*sample_parts(model, 300, seed=5)]), model.sample(300, seed=5))


class Perfect(VAEGAN):
    """It reconstructs what it is given: the last images that were encoded."""

    def encode(self, images: Tensor, attributes: Tensor | None = None) -> Posterior:
        self.seen = images
        return super().encode(images, attributes)

    def decode(self, codes: Tensor, attributes: Tensor | None = None) -> Tensor:
        assert attributes is None
        assert len(codes) == len(self.seen)
        return self.seen


def test_reconstructions(images: ImageSet, model: VAEGAN) -> None:
    torch.manual_seed(0)
    perfect = Perfect(model.architecture).eval()
    numbers = np.arange(140)
    errors, again, posterior = reconstruct_all(perfect, EXTRACTOR, images.images, numbers, 2)
    assert posterior.mean.shape == (140, 4)
    assert {name: float(values.mean()) for name, values in errors.items() if name != "lpips"} == pytest.approx(
        {"psnr": np.inf, "ssim": 1, "ms_ssim": 1, "similarity_error": 0, "pixel_error": 0}, abs=1e-9
    )
    np.testing.assert_allclose(again.vectors, EXTRACTOR(to_tensor(images.images[numbers])), rtol=1e-5, atol=1e-5)

    errors, _, _ = reconstruct_all(model, EXTRACTOR, images.images, numbers, 2)
    originals = to_tensor(images.images[numbers[-3:]])
    with torch.inference_mode():
        made = model.reconstruct(originals)
        expected = 0.5 * (model.discriminator.features(originals, 2) - model.discriminator.features(made, 2)).square().sum(1)
    np.testing.assert_allclose(errors["similarity_error"][-3:], expected, rtol=1e-4)
    np.testing.assert_allclose(errors["pixel_error"][-3:], (made - originals).square().mean((1, 2, 3)), rtol=1e-4)


def test_samples_are_told_of_images_that_they_are_not_compared_with() -> None:
    training, compared = np.arange(10, 30), np.array([11, 17, 25])
    asked = asked_of(training, compared, 40)
    assert len(asked) == 40
    assert set(asked) == set(training) - set(compared)
    assert set(asked_of(training, training, 8)) <= set(training)  # there are no others


def test_a_conditional_model_is_told_attributes(tmp_path: Path) -> None:
    avatars = prepare("avatars", tmp_path / "set", size=(16, 16), count=90, progress=lambda *_: None)
    torch.manual_seed(0)
    names = ("Dark_Skin", "Smiling")
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4, attributes=names)).eval()
    found = evaluate(model, EXTRACTOR, avatars, np.arange(60), np.arange(60, 90), samples=150, resamplings=2)
    assert found.told is not None
    assert set(map(tuple, found.told.tolist())) == {(a, b) for a in (0, 1) for b in (0, 1)}
    originals, told = to_tensor(avatars.images[found.held_out]), torch.from_numpy(avatars.attributes_named(names)[found.held_out])
    with torch.inference_mode():
        for attributes, alike in ((told, True), (None, False)):
            errors = (model.reconstruct(originals, attributes) - originals).square().mean((1, 2, 3)).numpy()
            assert np.allclose(errors, found.errors["pixel_error"], rtol=1e-5) == alike
    assert evaluation_sheet(model, avatars, found).size[0] > 0
    other = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4, attributes=("Dark_Skn",))).eval()
    with pytest.raises(UserError, match="did you mean Dark_Skin"):
        evaluate(other, EXTRACTOR, avatars, np.arange(60), np.arange(60, 90), samples=60)


def test_what_is_written(model: VAEGAN, images: ImageSet, tmp_path: Path) -> None:
    found = evaluated(model, images)
    for _ in range(2):
        path = found.append_to(tmp_path / "metrics.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == lines[1]
    settings = lines[0]["settings"]
    assert settings["extractor"] == "random"
    assert settings["extractor_weights_sha256"] == "0" * 64
    assert settings["images"] == {"samples": 60, "training": 60, "held_out": 50}
    assert settings["split"] == {"training": 100, "held_out": 50}
    assert settings["preparation"]["size"] == [16, 16]
    assert len(lines[0]["kl_of_dimensions"]) == 4
    assert lines[0]["kl"] == pytest.approx(sum(lines[0]["kl_of_dimensions"]), abs=1e-5)
    for name in ("samples_frechet_distance_random", "reconstructions_coverage_random_floor_spread", "psnr", "copying_p"):
        assert isinstance(lines[0][name], float)
    assert evaluation_sheet(model, images, found).size[0] > 12 * 64


def test_a_network_that_was_never_trained_measures_nothing(images: ImageSet, tmp_path: Path) -> None:
    architecture = Architecture(size=(16, 16), width=0.0625, latent=4)
    for untrained, words in (("encoder", ("reconstructions_", "psnr", "similarity", "kl", "active")), ("discriminator", ("similarity",))):
        model = VAEGAN(architecture, untrained=(untrained,)).eval()
        found = evaluated(model, images)
        (tmp_path / untrained).mkdir()
        (line,) = (json.loads(text) for text in found.append_to(tmp_path / untrained / "metrics.jsonl").read_text().splitlines())
        assert not [name for name in line if name.startswith(words)]
        assert "samples_frechet_distance_random" in line
        assert ("pixel_error" in line) == (untrained == "discriminator")
        assert len(tables(found)) == (6 if untrained == "discriminator" else 3)
        assert evaluation_sheet(model, images, found).size[0] > 0


def test_the_picture_shows_samples_that_were_measured(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 5 numbers each: 12 such codes drawn alone are others than the first 12 of 60."""
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=5)).eval()
    shown: list[Tensor] = []

    def watched(above: Tensor, below: Tensor, columns: int) -> Tensor:
        shown.append(above)
        return pair_rows(above, below, columns)

    monkeypatch.setattr(figure, "pair_rows", watched)
    evaluation_sheet(model, images, evaluated(model, images, seed=3))
    measured = torch.cat([*sample_parts(model, 60, 3)])
    torch.testing.assert_close(shown[0], measured[:12])


def test_only_inception_gives_fid() -> None:
    assert named("frechet_distance", "Inception") == "fid"
    assert named("frechet_distance", "MobileNetV2") == "frechet_distance_mobilenet"
    assert named("kernel_distance", "Inception") == "kernel_distance_inception"
    assert named("recall", "attributes") == "recall_attributes"


def test_too_little_to_measure(model: VAEGAN, images: ImageSet) -> None:
    def wrong(training: int = 100, held_out: int = 50, samples: int = 60, resamplings: int = 2) -> str:
        with pytest.raises(UserError) as error:
            evaluate(model, EXTRACTOR, images, np.arange(training), np.arange(held_out), samples=samples, resamplings=resamplings)
        return str(error.value)

    assert "--samples must be at least 20, not 5" in wrong(samples=5)
    assert "--resamplings of at least 2, not 1" in wrong(resamplings=1)
    assert "holds out no images" in wrong(held_out=0)
    assert "only 19 held-out images" in wrong(held_out=19)
    assert "only 3 training images" in wrong(training=3)


def test_a_posterior_that_went_astray(model: VAEGAN, images: ImageSet) -> None:
    """A logvar of 800 is finite; the variance, and with it the KL, is not."""
    encode = model.encode
    model.encode = lambda *given: encode(*given)._replace(logvar=torch.full((len(given[0]), 4), 800.0))  # type: ignore[method-assign]
    with pytest.raises(UserError, match="not finite"):
        evaluated(model, images)


def test_a_model_that_went_astray(model: VAEGAN, images: ImageSet) -> None:
    torch.nn.init.constant_(model.get_parameter("decoder.image.weight"), float("nan"))
    with pytest.raises(UserError, match="not finite"):
        evaluated(model, images)
