"""Kinds of run side by side, from end to end, and settings varied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vaegan import Recipe, UserError
from vaegan.experiments.ablation import ablation, asked, changes_of, variants_of
from vaegan.experiments.samples import samples

from ..command import fails, works
from .small import FLAGS, small


def test_the_four_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = samples(small("samples", tmp_path / "out"), count=60, extractor="attributes")
    assert [table.title for table in found.tables] == [
        "60 samples of the prior against 60 training images",
        "60 reconstructions of held-out images against 60 training images",
        "60 held-out images and their reconstructions",
        "codes of 60 held-out images",
        "copies: distance to the nearest of 60 training images",
        "grain, relative to real images",
    ]
    assert "320 training and 80 held-out images. Seed 0" in found.tables[0].notes[0]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["extractor_weights_sha256"][:8] in found.tables[0].notes[0]
    assert results["preparation"]["size"] == [16, 16]
    assert results["runs"]["gan-0"]["samples_images_a_half"] == 30
    of_samples, of_reconstructions = (dict(table.rows) for table in found.tables[:2])
    assert list(of_samples) == ["VAE", "GAN", "VAE_Disl", "VAE/GAN", "real images"]
    assert all("-" not in cells for cells in of_samples.values())
    assert set(of_reconstructions["GAN"]) == {"-"}
    assert "-" not in of_reconstructions["VAE_Disl"]
    assert float(of_samples["real images"][0]) < float(of_samples["VAE/GAN"][0])  # after three steps
    with Image.open(tmp_path / "out" / "samples.png") as picture:
        assert np.asarray(picture).std() > 1
    taken = Recipe.load(tmp_path / "out" / "runs" / "vae-dis-0" / "recipe.yaml").objective.discriminator
    assert taken == str(tmp_path / "out" / "runs" / "gan-0")
    monkeypatch.setattr("vaegan.experiments.experiment.train", lambda *_, **__: pytest.fail("it is trained already"))
    monkeypatch.setattr("vaegan.experiments.experiment.Context", lambda *_, **__: pytest.fail("it is measured already"))
    (tmp_path / "out").rename(tmp_path / "moved")
    assert samples(small("samples", tmp_path / "moved"), count=60, extractor="attributes").tables == found.tables


def test_a_run_keeps_the_discriminator_that_it_took(tmp_path: Path) -> None:
    runs = [small("samples", tmp_path / "gans", seeds=2).trained("gan", seed, {"objective.kind": "gan"}) for seed in (0, 1)]
    experiment, kind = small("samples", tmp_path / "out"), {"objective.kind": "vae-dis"}
    first = experiment.trained("vae-dis", 0, kind, discriminator_of=runs[0])
    for another in (
        lambda: experiment.trained("vae-dis", 0, kind, discriminator_of=runs[1]),
        lambda: experiment.trained("vae-dis", 0, {**kind, "objective.discriminator": str(runs[1].run.folder)}),
    ):
        with pytest.raises(
            UserError,
            match=r"vae-dis-0 was not trained with the discriminator of this experiment: remove .*vae-dis-0, or choose",
        ):
            another()
    (marker,) = (tmp_path / "out" / "measurements").glob("trained-vae-dis-0-*.json")
    content = json.loads(marker.read_text())
    content["depends_on"]["discriminator"] = None  # as it was noted once, of a run that was named by path
    marker.unlink()
    old = marker.with_name("trained-vae-dis-0-0.json")
    old.write_text(json.dumps(content))
    assert experiment.trained("vae-dis", 0, {**kind, "objective.discriminator": str(runs[0].run.folder)}).weights == first.weights
    moved = runs[0].run.folder.rename(tmp_path / "moved")
    assert experiment.trained("vae-dis", 0, {**kind, "objective.discriminator": str(moved)}).weights == first.weights
    shutil.rmtree(first.run.folder)
    anew = experiment.trained("vae-dis", 0, kind, discriminator_of=runs[1])
    assert anew.weights != first.weights
    with pytest.raises(UserError, match="was not trained with the discriminator of this experiment"):
        experiment.trained("vae-dis", 0, {**kind, "objective.discriminator": str(moved)})
    with pytest.raises(UserError, match=r"objective\.discriminator must be a trained run, and \"nowhere\" is not one"):
        experiment.trained("vae-dis", 1, {**kind, "objective.discriminator": "nowhere"})


def test_a_model_that_is_gone(tmp_path: Path) -> None:
    run = small("samples", tmp_path).trained("vae", 0, {"objective.kind": "vae"})
    shutil.rmtree(run.run.folder / "model")
    with pytest.raises(UserError, match="vae-0 is finished, but its model does not exist: to train the run again, remove its folder"):
        small("samples", tmp_path).trained("vae", 0, {"objective.kind": "vae"})
    shutil.rmtree(run.run.folder)
    assert small("samples", tmp_path).trained("vae", 0, {"objective.kind": "vae"}).weights == run.weights


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"exists already: it holds notes\.txt; choose another --out"):
        small("samples", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "notes.txt").unlink()
    (tmp_path / ".DS_Store").touch()
    small("samples", tmp_path)
    (tmp_path / "experiment.json").write_text("{")
    with pytest.raises(
        UserError,
        match=r'is damaged: to continue the experiment .samples., replace the content of this file with {"experiment": "samples"}',
    ):
        small("samples", tmp_path)


def test_conditional_models_are_told_of_the_images(tmp_path: Path) -> None:
    found = samples(small("samples", tmp_path / "out", networks__attributes=["Beard", "Eyeglasses"]), count=40, extractor="attributes")
    assert all("-" not in cells for _, cells in found.tables[0].rows)
    assert (tmp_path / "out" / "samples.png").is_file()


def test_each_change_alone(tmp_path: Path) -> None:
    experiment = small("ablation", tmp_path / "out", seeds=2)
    tables = ablation(experiment, ["objective.gamma=0.8,1", "training.batch=4"], alone=True, count=40, extractor="attributes").tables
    assert [name for name, _ in tables[0].rows] == ["the recipe as it is", "gamma 1", "batch 4", "real images"]
    assert [name for name, _ in tables[1].rows] == ["gamma 1", "batch 4"]
    runs = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    (found,) = (table for table in tables if "squared pixel error" in table.heads and "difference" in table.title)
    errors = {name: run["pixel_error"] for name, run in runs.items()}
    of_pixels = {name: cells[found.heads.index("squared pixel error")] for name, cells in found.rows}["batch 4"]
    mean = np.mean([errors[f"batch-4-{seed}"] - errors[f"as-it-is-{seed}"] for seed in (0, 1)])
    assert float(of_pixels.split(" ")[0]) == pytest.approx(mean, abs=0.01)
    recipes = {name: Recipe.load(tmp_path / "out" / "runs" / f"{name}-0" / "recipe.yaml") for name in ("as-it-is", "gamma-1", "batch-4")}
    changes = {name: recipe.differences(experiment.recipe) for name, recipe in recipes.items()}
    assert all(change.pop("training.threads") == (torch.get_num_threads(), 0) for change in changes.values())  # chosen when a run begins
    assert changes == {"as-it-is": {}, "gamma-1": {"objective.gamma": (1.0, 0.8)}, "batch-4": {"training.batch": (4, 8)}}


def test_values_that_the_recipe_has_already_are_no_changes() -> None:
    recipe = Recipe.load("quick-larsen")
    vary = ["optimizer.lr=1e-3,2e-3", "networks.decoder=[256,128,64,64]", "objective.saturating=false", "optimizer.kind=adam,rmsprop"]
    assert [change.label for change in changes_of(vary, recipe)] == ["the recipe as it is", "lr 2e-3", "kind rmsprop"]


def test_other_settings_leave_the_folder_alone(tmp_path: Path) -> None:
    found = ablation(small("ablation", tmp_path), ["objective.gamma=1"], count=40, extractor="none")
    assert not [head for table in found.tables for head in table.heads if "distance" in head]
    assert "features" not in found.tables[0].notes[0]
    assert json.loads((tmp_path / "results.json").read_text())["extractor"] is None
    before = (tmp_path / "recipe.yaml").read_bytes()
    with pytest.raises(UserError, match=r"were trained with networks.latent=4, not 5: use the same settings, or choose another --out"):
        small("ablation", tmp_path, networks__latent=5)
    assert (tmp_path / "recipe.yaml").read_bytes() == before
    small("ablation", tmp_path, training__seed=1)  # more seeds may be asked for


def test_settings_are_varied(tmp_path: Path) -> None:
    found = ablation(
        small("ablation", tmp_path / "out", seeds=2), ["objective.gamma=0.1,1", "training.batch=4,8"], count=40, extractor="attributes"
    )
    labels = [name for name, _ in found.tables[0].rows]
    assert labels == ["gamma 0.1, batch 4", "gamma 0.1, batch 8", "gamma 1, batch 4", "gamma 1, batch 8", "real images"]
    assert all("±" in cell for _, cells in found.tables[0].rows[:-1] for cell in cells)
    recipe = Recipe.load(tmp_path / "out" / "runs" / "gamma-1-batch-4-1" / "recipe.yaml")
    assert (recipe.objective.gamma, recipe.training.batch, recipe.training.seed) == (1, 4, 1)
    runs = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    assert len(runs) == 8
    assert len({run["pixel_error"] for run in runs.values()}) == 8


def test_values_as_they_are_written() -> None:
    (one, other) = variants_of(["objective.saturating=true,false"])
    assert (one.settings, other.label) == ({"objective.saturating": True}, "saturating false")
    (only,) = variants_of(["networks.encoder=[8, 16, 32]"])
    assert (only.settings, only.name) == ({"networks.encoder": [8, 16, 32]}, "encoder-8-16-32")


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ([], "ablation needs a setting and its values"),
        (["objective.gamma"], "must be a setting and its values"),
        (["objective.gamma="], "must be a setting and its values"),
        (["objective.gamma=[1"], "cannot read the values of .--vary objective.gamma=.1.: write values"),
        (["objective.gamma=1,1"], "has a value twice"),
        (["objective.gamma=1,0.1,1e0"], "has a value twice"),
        (["objective.discriminator=runs/a b,runs/a-b"], "would both give runs named .discriminator-runs-a-b."),
        (["objective.gamma=1", "objective.gamma=2"], "was given twice"),
        (["training.seed=1,2"], "cannot be varied with --vary: use --seeds"),
        (["networks.size=16,32"], "cannot be varied"),
        (["data.avatars=16,32"], "cannot be varied"),
    ],
)
def test_what_cannot_be_varied(vary: list[str], words: str) -> None:
    for alone in (False, True):
        with pytest.raises(UserError, match=words):
            asked(vary, Recipe.load("quick"), alone=alone)


def test_the_commands_and_their_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", tmp_path / "out"]
    command = ["experiment", "ablation", *out, *FLAGS, "--samples", 30, "--extractor", "attributes"]
    works(*command, "--seeds", 2, "--vary", "objective.gamma=0.1,1", "objective.saturating=false,true")
    text = capsys.readouterr().out
    assert "gamma 0.1, saturating false" in text
    assert "…" not in text
    assert f"wrote {tmp_path / 'out' / 'page.html'}" in text
    assert "objective.gama" in fails(capsys, *command, "--vary", "objective.gama=1,2")
    assert "objective.gamma must be above 0" in fails(capsys, *command, "--vary", "objective.gamma=0.1,-1")
    assert "ablation needs a setting and its values" in fails(capsys, *command)
    many = [f"{key}=2,3,4,5,6,7,8,9" for key in Recipe.load("quick").flat() if key.startswith(("optimizer.", "gate."))]
    assert "--seeds must be at least 1" in fails(capsys, *command, "--seeds", 0, "--alone", "--vary", *many)  # no product is made of them
    assert "--samples must be at least 20" in fails(capsys, "experiment", "samples", *FLAGS, "--samples", 3, "--out", tmp_path / "b")
    assert "--extractor" in fails(capsys, "experiment", "samples", *FLAGS, "--extractor", "eyes")
    kind = ["--objective.kind", "gan", "--out", tmp_path / "d"]
    assert "the experiment sets objective.kind itself" in fails(capsys, "experiment", "samples", *FLAGS, *kind)
    assert not (tmp_path / "b" / "runs").exists()
