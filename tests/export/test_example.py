"""example.py, run where there is neither torch nor this package, makes the pictures that the package makes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import vaegan
from vaegan.latent.anomaly import Scorer
from vaegan.viz.grid import to_array

from .models import learned, mixture, model_of, saved

NEEDED = ("numpy", "numpy.libs", "onnxruntime", "flatbuffers", "google", "packaging")
MAIN = """
import importlib.util, runpy, sys
assert not any(importlib.util.find_spec(name) for name in ("torch", "vaegan", "PIL", "onnx"))
found = runpy.run_path(sys.argv[1])
found["np"].savez("found.npz", **{key: value for key, value in found.items() if isinstance(value, found["np"].ndarray)})
if found.get("scores"):
    found["np"].savez("scores.npz", **found["scores"])
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to import from that has onnxruntime and numpy, with what onnxruntime needs, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    spec = find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    packages = Path(spec.origin).parents[1]
    for name in NEEDED:
        if (packages / name).exists():
            (folder / name).symlink_to(packages / name)
    return folder


def run_example(folder: Path, bare: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run it; returns its arrays, and the scores that it found."""
    environment = {**os.environ, "PYTHONPATH": str(bare), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-S", "-c", MAIN, "example.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "wrote example.png" in done.stdout
    scores = dict(np.load(folder / "scores.npz")) if (folder / "scores.npz").is_file() else {}
    return dict(np.load(folder / "found.npz")), scores


def uniform_of(found: dict[str, Any]) -> Tensor:
    """What the example drew after its noise."""
    random = np.random.default_rng(seed=0)
    random.standard_normal(found["noise"].shape)
    return torch.tensor(random.random(8, dtype=np.float64))


def near(found: Any, wanted: Tensor) -> None:
    assert found.shape == tuple(wanted.shape)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5, atol=1e-5)


def sheet(*rows: Any) -> Any:
    """What example.png should be."""
    return np.concatenate([np.concatenate(list(to_array(torch.tensor(row))), 1) for row in rows])


@torch.no_grad()
def test_a_model_with_everything(tmp_path: Path, bare: Path) -> None:
    model = model_of("quick")
    model.prior = mixture(4)
    folder = saved(model, tmp_path / "model")
    directions = learned(model)
    directions.save(folder / "attributes.safetensors")
    found, scores = run_example(vaegan.export(folder).folder, bare)
    codes = model.prior.codes(torch.tensor(found["noise"]), uniform_of(found))
    assert len(codes.unique(dim=0)) == 8
    near(found["codes"], codes)
    samples = model.decode(codes)
    near(found["samples"], samples)
    near(found["reconstructions"], model.reconstruct(samples))
    edited = directions.edit(model.encode(samples).mean, {"Hat": 1.0})
    near(found["edited_codes"], edited)
    near(found["edited"], model.decode(edited))
    wanted = Scorer.load(folder / "score.safetensors", model)
    expected = wanted.calibration.combined(wanted.calibration.measurements(_measured(wanted, samples)))
    np.testing.assert_allclose(scores["combined"], expected, rtol=1e-4, atol=1e-4)
    with Image.open(folder / "export" / "example.png") as picture:
        assert np.array_equal(np.asarray(picture), sheet(found["samples"], found["reconstructions"], found["edited"]))


def _measured(scorer: Scorer, images: Tensor) -> Any:
    from vaegan.latent.measurements import measure

    return measure(scorer.model, images, scorer.level)[1]


@torch.no_grad()
def test_a_conditional_model(tmp_path: Path, bare: Path) -> None:
    model = model_of("reference", ("Smiling", "Hat"))
    model.prior = mixture(6)
    found, scores = run_example(vaegan.export(model, tmp_path / "out").folder, bare)
    known = torch.tensor(found["attributes"]).float()
    assert known.isnan().tolist() == [[False, True]] * 8
    assert found["noise"].shape == (8, 6)
    samples = model.decode(torch.tensor(found["codes"]), known)
    near(found["samples"], samples)
    near(found["reconstructions"], model.reconstruct(samples, known))
    mean = model.encode(samples, known).mean
    near(found["edited"][-1:], model.decode(mean[1:2], known[:1]))
    assert set(scores) > {"similarity", "pixel", "prior"}


@torch.no_grad()
def test_a_gan_of_grey_images(tmp_path: Path, bare: Path) -> None:
    model = model_of("quick", untrained=("encoder",), channels=1)
    found, scores = run_example(vaegan.export(model, tmp_path / "out", precision="int8").folder, bare)
    assert found["samples"].shape == (8, 1, 16, 24)
    assert not scores
    assert np.abs(found["samples"] - model.decode(torch.tensor(found["codes"]).float()).numpy()).max() < 0.1
