"""What an older version wrote is still read: recipes, flags, runs, models, packed sets, calibrations, directions, metrics.

old/36c2805.tar.xz was made by the code of commit 36c2805: a run of 48 avatars at 16x16 with networks of two channels, its checkpoint at
step 3 and its model at step 6 of 6, what `score`, `attributes` and `evaluate` wrote, its packed set, and a recipe. In that version,
objective.kl_weight was called objective.prior_weight, the flag `project --kl-weight` was --prior, and the real baseline in metrics.jsonl
was called floor; in score.safetensors, features were called look; and the flag `score --false-positive-rate` was --alarms.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import vaegan
from vaegan import Recipe, old_names
from vaegan.cli.flags import read_settings
from vaegan.data import open_packed
from vaegan.experiments.ablation import variants_of
from vaegan.latent.anomaly import MEASUREMENTS, Scorer
from vaegan.latent.directions import Directions
from vaegan.run import Run
from vaegan.workflow import resume

from .command import works
from .tiny import QUIETLY

OLD = Path(__file__).parent / "old" / "36c2805.tar.xz"
NOTE = 'note: "objective.prior_weight" has a new name: "objective.kl_weight"\n'


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files, in the cache and elsewhere."""
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    old_names.note.cache_clear()
    return tmp_path


def test_a_recipe(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Recipe.load(old / "recipe.yaml").objective.kl_weight == 0.3
    assert Recipe.load(old / "recipe.yaml", {"objective.prior_weight": 0.1}).objective.kl_weight == 0.1
    assert capsys.readouterr().err == NOTE, "a note, once"


def test_flags(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_settings(["--objective.prior-weight", "0.2"]) == {"objective.kl_weight": "0.2"}
    assert capsys.readouterr().err == NOTE
    assert [variant.settings for variant in variants_of(["objective.prior_weight=0.5"])] == [{"objective.kl_weight": 0.5}]
    Image.new("RGB", (16, 16)).save(old / "grey.png")
    works("project", old / "run", old / "grey.png", "--steps", 1, "--prior", "0.5")
    assert 'note: "project --prior" has a new name: "--kl-weight"\n' in capsys.readouterr().err
    assert old_names.arguments(["score", "run", "--alarms=0.1"]) == ["score", "run", "--false-positive-rate=0.1"]


def test_a_run_goes_on(old: Path) -> None:
    """Its checkpoint of step 3 has the settings under their old names. Step 6 is what it was, but for the rounding of other machines."""
    run = Run.open(old / "run")
    before = load_file(run.model_folder / "model.safetensors")
    resume(run.folder, **QUIETLY)
    after = load_file(run.model_folder / "model.safetensors")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, rtol=1e-4, atol=1e-5)
    assert run.recipe.objective.kl_weight == 0.25
    assert "prior_weight" not in run.recipe_file.read_text()


def test_a_model_its_set_and_what_was_learned_of_it(old: Path) -> None:
    run = Run.open(old / "run")
    model = vaegan.load(run.model_folder)
    assert model.sample(2).shape == (2, 3, 16, 16)
    images = open_packed("avatars", run.preparation, count=48)
    assert images is not None
    assert images.folder.parent == old / "cache", "it need not be drawn again"
    assert all(whole for _, _, whole in images.verify())
    scores = Scorer.load(run.score_file, model).score(images.images, np.arange(3))
    assert tuple(scores.measurements) == MEASUREMENTS
    assert np.isfinite(scores.combined).all()
    assert "Smiling" in Directions.load(run.attributes_file).names


def test_metrics(old: Path) -> None:
    (metrics,) = Run.open(old / "run").metrics
    assert metrics["samples_recall_mobilenet_real_baseline"] == 1.0
    assert "samples_recall_mobilenet_real_baseline_spread" in metrics
    assert not [name for name in metrics if "floor" in name]
