"""ONNX files compute what the model computes, for any number of images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

import vaegan
from vaegan import VAEGAN, UserError
from vaegan.data.batches import to_tensor
from vaegan.latent.anomaly import MEASUREMENTS, Scorer

from .models import Size, learned, mixture, model_of, noise, saved

PEOPLE = ("Smiling", "Hat")


def run(folder: Path, name: str, **inputs: Any) -> dict[str, NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, inputs), strict=True))


def near(found: Any, wanted: torch.Tensor, most: float = 1e-5) -> None:
    assert found.shape == tuple(wanted.shape)
    assert float(np.abs(found - wanted.numpy()).max()) <= most


@torch.no_grad()
def compare(folder: Path, model: VAEGAN, scorer: Scorer) -> None:
    """Of 1, 2 and 7 images."""
    names = model.architecture.attributes
    for count in (1, 2, 7):
        pixels = noise(count, model.architecture.size, seed=count)
        images, codes = to_tensor(pixels).contiguous(), torch.randn(count, 4)
        known = torch.tensor([[1.0, torch.nan], [torch.nan, 0.5], [9.0, -9.0]])[torch.arange(count) % 3] if names else None
        more = {} if known is None else {"attributes": known.numpy()}
        posterior = model.encode(images, known)
        found = run(folder, "encoder", images=images.numpy(), **more)
        near(found["mean"], posterior.mean)
        near(found["logvar"], posterior.logvar)
        decoded = model.decode(codes, known)
        assert float(decoded.std()) > 0.02
        near(run(folder, "decoder", codes=codes.numpy(), **more)["images"], decoded)
        near(run(folder, "reconstruct", images=images.numpy(), **more)["reconstructions"], model.reconstruct(images, known))
        scores, (reconstructions, times) = scorer.score(pixels), scorer.maps(images)
        found = run(folder, "score", images=images.numpy())
        assert list(found) == ["p", "combined", *MEASUREMENTS, "anomaly_map", "reconstructions"]
        for name in MEASUREMENTS:
            np.testing.assert_allclose(found[name], scores.measurements[name], rtol=1e-4)
        np.testing.assert_allclose(found["combined"], scores.combined, rtol=1e-4, atol=1e-4)  # it is a logarithm, which may be near 0
        np.testing.assert_allclose(found["p"], scores.p, rtol=1e-6)
        np.testing.assert_allclose(found["anomaly_map"], times, rtol=1e-4, atol=1e-4)
        near(found["reconstructions"], reconstructions)


def check(tmp_path: Path, recipe: str, attributes: tuple[str, ...], size: Size) -> None:
    model = model_of(recipe, attributes, size)
    folder = saved(model, tmp_path / "model")
    exported = vaegan.export(folder)
    assert exported.folder == folder / "export"
    assert all(row.largest <= 1e-4 for row in exported.rows)
    compare(exported.folder, model, Scorer.load(folder / "score.safetensors", model))


@pytest.mark.parametrize(
    ("recipe", "attributes", "size"),
    [("quick", (), (32, 32)), ("quick", PEOPLE, (48, 64)), ("reference", PEOPLE, (32, 32)), ("reference", (), (48, 64))],
)
def test_files_compute_what_the_model_computes(recipe: str, attributes: tuple[str, ...], size: Size, tmp_path: Path) -> None:
    check(tmp_path, recipe, attributes, size)


@pytest.mark.heavy
@pytest.mark.parametrize("recipe", ["quick", "reference"])
def test_large_images_too(recipe: str, tmp_path: Path) -> None:
    check(tmp_path, recipe, PEOPLE, (128, 128))


def test_what_a_model_lacks_is_said(tmp_path: Path) -> None:
    gan = vaegan.export(model_of("reference", untrained=("encoder",)), tmp_path / "gan")
    assert [row.name for row in gan.rows] == ["decoder.onnx"]
    assert gan.notes == ["the model has no encoder, so encoder.onnx, reconstruct.onnx and score.onnx are not written"]
    vae = vaegan.export(model_of("quick", untrained=("discriminator",)), tmp_path / "vae")
    assert [row.name for row in vae.rows] == ["decoder.onnx", "encoder.onnx", "reconstruct.onnx"]
    assert vae.notes == ["the model has no trained discriminator, so score.onnx is not written"]


@pytest.mark.parametrize("recipe", ["quick", "reference"])
def test_without_a_calibration_there_are_no_p_values(recipe: str, tmp_path: Path) -> None:
    model, pixels = model_of(recipe, PEOPLE), noise(3, (16, 24))
    exported = vaegan.export(model, tmp_path / "out")
    assert "score.onnx gives no p-values, because the score is not calibrated" in exported.notes[0]
    found = run(exported.folder, "score", images=to_tensor(pixels).contiguous().numpy())
    assert list(found) == ["similarity", "pixel", "prior", "error_map", "reconstructions"]
    scores = Scorer.calibrate(model, noise(80, (16, 24)), np.arange(80)).score(pixels)
    for name in ("similarity", "pixel", "prior"):
        np.testing.assert_allclose(found[name], scores.measurements[name], rtol=1e-4)
    assert found["error_map"].shape == (3, 16, 24)


@pytest.mark.parametrize(("components", "factors"), [(1, 1), (3, 3), (3, 1)])
def test_codes_of_the_prior_given_attributes(components: int, factors: int, tmp_path: Path) -> None:
    """A code is an affine function of its noise: the columns of its matrix show the covariance."""
    model = model_of("quick", ("Smiling", "Hat", "Beard"))
    prior = mixture(7, components=components)
    model.prior = replace(prior, factors=prior.factors[:factors])
    folder = vaegan.export(model, tmp_path / "out").folder
    unknown = torch.nan
    for known in [[1.0, unknown, 0.3], [unknown, 1.5, unknown], [0.2, -1.0, 0.9], [unknown] * 3, [9.0, unknown, -9.0]]:
        attributes, standardised = torch.tensor([known]), model.standardised(torch.tensor([known]))
        for uniform in (0.05, 0.4, 0.75, 0.99):
            noise = np.concatenate([np.zeros((1, 7)), np.eye(7)]).astype(np.float32)
            repeated = {"uniform": np.full(8, uniform, np.float32), "attributes": attributes.repeat(8, 1).numpy()}
            mean, *moved = run(folder, "prior", noise=noise, **repeated)["codes"]
            uniforms = torch.full((5,), uniform)
            wanted, *columns = model.prior.codes(torch.cat([torch.zeros(1, 4), torch.eye(4)]), uniforms, standardised.repeat(5, 1))
            near(mean, wanted)
            off, other = np.stack(moved) - mean, torch.stack(columns) - wanted
            near(off.T @ off, other.T @ other)


def largest_result(model: Path, folder: Path, **inputs: Any) -> int:
    """The bytes of the largest result of a node of a graph."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(None, inputs)
    events = json.loads(Path(session.end_profiling()).read_text())
    return max(int(event["args"].get("output_size", 0)) for event in events if event.get("cat") == "Node")


def test_a_prior_of_many_attributes_has_no_covariance_of_each_code(tmp_path: Path) -> None:
    """Only of each set of attributes that are known together, and of the component that a code is drawn from."""
    count, attributes, components = 200, 20, 3
    model = model_of("quick", tuple(f"a{number}" for number in range(attributes)))
    model.prior = mixture(4 + attributes, components=components)
    file = vaegan.export(model, tmp_path / "out").folder / "prior.onnx"
    known = np.random.default_rng(0).standard_normal((count, attributes)).astype(np.float32)
    known[: count // 2, ::2] = np.nan
    noise, uniform = np.zeros((count, 4 + attributes), np.float32), np.linspace(0, 1, count, dtype=np.float32)
    largest = largest_result(file, tmp_path, noise=noise, uniform=uniform, attributes=known)
    assert 0 < largest <= count * (4 + attributes) ** 2 * 8 < count * components * attributes**2 * 8


def test_edits_are_those_of_the_package(tmp_path: Path) -> None:
    model = model_of("quick")
    folder = saved(model, tmp_path / "model")
    directions = learned(model)
    directions.save(folder / "attributes.safetensors")
    exported = vaegan.export(folder).folder
    codes = torch.randn(3, 4)
    for row in ([1.0, 0, 0], [0, -0.5, 2], [1, 1, -1]):
        found = run(exported, "edit", codes=codes.numpy(), strengths=np.array([row] * 3, np.float32))
        near(found["edited_codes"], directions.edit(codes, dict(zip(directions.names, row, strict=True))))


def test_rounded_weights_are_smaller_and_near(tmp_path: Path) -> None:
    model = model_of("reference", PEOPLE, (32, 32))
    exported = {name: vaegan.export(model, tmp_path / name, precision=name) for name in ("float32", "float16", "int8")}
    sizes = {name: sum(row.bytes for row in one.rows) for name, one in exported.items()}
    assert sizes["float16"] < 0.65 * sizes["float32"]
    assert sizes["int8"] < 0.45 * sizes["float32"]
    codes, known = torch.randn(5, 4), torch.full((5, 2), torch.nan)
    with torch.no_grad():
        exact = model.decode(codes, known).numpy()
    off = {
        name: np.abs(run(one.folder, "decoder", codes=codes.numpy(), attributes=known.numpy())["images"] - exact).max()
        for name, one in exported.items()
    }
    assert off["float32"] < 1e-5 < off["float16"] < 1e-2 < 3 * off["int8"] < 0.3


def test_a_file_says_what_it_is_and_names_no_folder(tmp_path: Path) -> None:
    model = model_of("quick", PEOPLE)
    model.prior = mixture(6)
    exported = vaegan.export(model, tmp_path / "out")
    file = onnx.load(exported.folder / "decoder.onnx")
    about = {one.key: one.value for one in file.metadata_props}["vaegan"]
    assert '"size": [16, 24]' in about
    assert '"attributes": ["Smiling", "Hat"]' in about
    assert [one.type.tensor_type.shape.dim[0].dim_param for one in (*file.graph.input, *file.graph.output)] == ["N"] * 3
    assert (file.opset_import[0].version, file.ir_version) == (17, 8)
    for path in exported.folder.iterdir():
        content = path.read_bytes()
        assert str(Path(vaegan.__file__).parents[2]).encode() not in content
        assert str(tmp_path).encode() not in content
    again = vaegan.export(model, tmp_path / "again")
    for path in exported.folder.iterdir():
        assert path.read_bytes() == (again.folder / path.name).read_bytes()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    model = model_of("quick")
    with torch.no_grad():
        next(model.decoder.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="NaN or infinity"):
        vaegan.export(model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_operation_that_is_not_known_is_named(tmp_path: Path) -> None:
    class Sorted(torch.nn.Module):
        def forward(self, codes: torch.Tensor) -> torch.Tensor:
            return codes.sort(1).values.tanh()

    model = model_of("quick")
    model.decoder = Sorted()  # type: ignore[assignment]
    with pytest.raises(
        UserError, match=r"vaegan cannot convert the operation .sort. in the networks of this model, so they cannot run without torch"
    ):
        vaegan.export(model, tmp_path / "out")
