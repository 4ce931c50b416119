"""Table 2 from end to end, stopped and gone on with, and nothing done twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet
from vaegan.experiments.attribute_similarity import attribute_similarity
from vaegan.metrics import regressor
from vaegan.metrics.attribute_similarity import best_samples
from vaegan.signals import Stopped

from ..command import fails, works
from ..tiny import flags
from .small import FLAGS, SMALL, small

MODULE = "vaegan.metrics.attribute_similarity"


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regressor, "STEPS", 10)


def test_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = attribute_similarity(small("attribute-similarity", tmp_path / "out", seeds=2))
    (table,) = found.tables
    assert [name for name, _ in table.rows] == ["real held-out images", "VAE", "GAN", "VAE/GAN", "random real images, best of 10"]
    assert all("±" in cells[0] for _, cells in table.rows[1:4])
    assert {path.name for path in found.files} == {"samples.png", "results.json", "page.html"}
    with Image.open(tmp_path / "out" / "samples.png") as picture:
        assert np.asarray(picture).std() > 1
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["queries"] == 80
    assert set(results["runs"]) == {f"{kind}-{seed}" for kind in ("vae", "gan", "vaegan") for seed in (0, 1)}
    assert results["runs"]["vae-0"] != results["runs"]["vae-1"]
    assert all(-1 <= run["cosine"] <= 1 and run["error"] > 0 for run in results["runs"].values())
    page = (tmp_path / "out" / "page.html").read_text()
    assert "VAE/GAN" in page
    assert page.count("data:image/webp") == 1
    assert "http" not in page.replace("http-equiv", "")

    monkeypatch.setattr("vaegan.experiments.experiment.train", lambda *_, **__: pytest.fail("it is trained already"))
    monkeypatch.setattr(f"{MODULE}.best_samples", lambda *_, **__: pytest.fail("it is measured already"))
    again = attribute_similarity(small("attribute-similarity", tmp_path / "out", seeds=2))
    assert again.tables == found.tables
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == results


def test_stopped_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = attribute_similarity(small("attribute-similarity", tmp_path / "straight"))
    measure = best_samples

    def interrupted(*arguments: Any, progress: Any, **more: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return measure(*arguments, progress=progress, **more)

    with monkeypatch.context() as patch:
        patch.setattr(f"{MODULE}.best_samples", interrupted)
        with pytest.raises(Stopped) as stopped:
            attribute_similarity(small("attribute-similarity", tmp_path / "out"))
    assert stopped.value.exit_code == 130
    assert not (tmp_path / "out" / "results.json").exists()
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 3
    assert attribute_similarity(small("attribute-similarity", tmp_path / "out")).tables == straight.tables


def test_a_run_that_was_changed_is_measured_anew(tmp_path: Path) -> None:
    first = attribute_similarity(small("attribute-similarity", tmp_path / "out"))
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    model, kept = tmp_path / "out" / "runs" / "vae-0" / "model", tmp_path / "kept"
    shutil.copytree(model, kept)
    other = small("attribute-similarity", tmp_path / "other", training__seed=5)
    attribute_similarity(other)
    shutil.copytree(tmp_path / "other" / "runs" / "vae-5" / "model", model, dirs_exist_ok=True)
    again = attribute_similarity(small("attribute-similarity", tmp_path / "out"))
    assert again.tables != first.tables
    shutil.copytree(kept, model, dirs_exist_ok=True)
    attribute_similarity(small("attribute-similarity", tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == results


def test_what_cannot_be_asked_for_is_told_before_anything_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.experiments.experiment.train", lambda *_, **__: pytest.fail("it is trained already"))
    with pytest.raises(UserError, match="only 40 training images, and at least 64 are needed"):
        attribute_similarity(small("attribute-similarity", tmp_path / "few", data__held_out=0.9))
    experiment = small("attribute-similarity", tmp_path / "out")
    attributes = experiment.images.attributes.copy()
    attributes[experiment.parts[1][:]] = np.nan
    monkeypatch.setattr(ImageSet, "attributes", attributes)
    with pytest.raises(UserError, match="the held-out images have no values for these attributes"):
        attribute_similarity(experiment)
    monkeypatch.setattr(ImageSet, "attributes", np.ones_like(attributes))
    with pytest.raises(UserError, match="all training images have the same attributes"):
        attribute_similarity(experiment)


def test_an_attribute_may_be_called_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small("attribute-similarity", tmp_path)
    monkeypatch.setattr("vaegan.experiments.experiment.varying", lambda *_: ("all",))
    assert experiment.recipe_with(0, {"networks.attributes": ("all",)}).networks.attributes == ("all",)


def test_the_command_and_its_mistakes(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "attribute-similarity", "--out", tmp_path / "out", *FLAGS]
    works(*command)
    text = capsys.readouterr().out
    assert "VAE/GAN" in text
    assert f"wrote {tmp_path / 'out' / 'page.html'}" in text
    error = fails(capsys, *command[:4], *flags(**SMALL, networks__width=0.125))
    assert "were trained with networks.width=0.0625, not 0.125: use the same settings, or choose another --out" in error
    assert "were trained with training.length=3 steps, not 4 steps" in fails(
        capsys, *command[:4], *flags(**{**SMALL, "training__length": "4 steps"})
    )
    assert "--seeds must be at least 1" in fails(capsys, *command, "--seeds", 0)
    assert "has no attributes" in fails(capsys, *command[:3], tmp_path / "photos-out", *FLAGS, "--data", photos)
    assert "there is no recipe named slow" in fails(capsys, *command, "--recipe", "slow")
    assert "is a run folder" in fails(capsys, *command[:3], tmp_path / "out" / "runs" / "vae-0", *FLAGS)
    assert "objective.gama" in fails(capsys, *command, "--objective.gama", 3)
    (tmp_path / "out" / "experiment.json").write_text('{"experiment": "samples"}')
    assert 'it holds another experiment, "samples"' in fails(capsys, *command)
