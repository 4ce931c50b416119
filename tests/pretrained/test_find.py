"""The model that comes with the package."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vaegan
from vaegan import Recipe, Run, UserError
from vaegan.begin import anchored_recipe
from vaegan.data.prepare import cache_folder
from vaegan.latent.anomaly import HELD_OUT, Scorer
from vaegan.latent.directions import Directions
from vaegan.pretrained.find import PACKAGED, find, is_name, names

from ..command import fails, size, works
from ..tiny import tiny

MOST_MEGABYTES = 6


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_it_has_all_that_a_run_has() -> None:
    run = Run.open("avatars")
    model = run.model()
    since = {"training.threads"}  # of its machine
    assert not run.recipe.differences(Recipe.load("drawings")).keys() - since
    assert run.metrics[-1]["settings"]["images"]["held_out"] == 800
    assert model.prior is not None
    directions = Directions.load_for(run.attributes_file, model)
    assert directions
    assert {"Smiling", "Eyeglasses", "Beard"} <= set(directions.names)
    assert Scorer.load(run.score_file, model).source == HELD_OUT
    assert max(run.pictures) == 2800
    images = vaegan.load("avatars").sample(4)
    assert images.shape == (4, 3, 48, 48)
    assert torch.equal(images, model.sample(4))


def test_it_is_small_and_names_no_machine() -> None:
    assert names() == ["avatars"]
    files = [path for path in (PACKAGED / "avatars").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_MEGABYTES * 1e6
    here = f"{Path(__file__).parents[3]}/"  # where this repository lies
    for path in files:
        content = path.read_bytes()
        assert not [folder for folder in ("/home/", "/root/", "/tmp/", "/mnt/", "/Users/", here) if folder.encode() in content], path


def test_it_is_used_from_a_copy_which_is_made_once() -> None:
    folder = find("avatars")
    assert folder.is_relative_to(cache_folder())
    assert folder.name == "avatars"
    (folder / "something.txt").write_text("of mine")
    assert find("avatars") == folder
    assert (folder / "something.txt").is_file()
    assert not [path for path in folder.parent.iterdir() if path != folder]


def test_a_damaged_copy_is_repaired() -> None:
    folder = find("avatars")
    samples = vaegan.load("avatars").sample(2)
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in ("model/model.safetensors", "model/prior.safetensors", "attributes.safetensors", "recipe.yaml"):
        (folder / name).write_bytes(whole[folder / name][:1000])
    (folder / "score.safetensors").unlink()
    assert torch.equal(vaegan.load("avatars").sample(2), samples)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == whole
    mine = Directions.load(folder / "attributes.safetensors").select([0, 2])
    mine.save(folder / "attributes.safetensors")
    find("avatars")
    assert Directions.load(folder / "attributes.safetensors").names == mine.names
    (folder / "attributes.safetensors").write_bytes(whole[folder / "attributes.safetensors"])


def test_its_prior_stays_and_a_copy_is_fitted(all_photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prior = find("avatars") / "model" / "prior.safetensors"
    packaged = prior.read_bytes()
    Path("my-avatars").mkdir()
    said = fails(
        capsys,
        "fit-prior",
        "avatars",
        words='cannot change the prior of the model "avatars", because every command that uses this model reads the same files: '
        "fit the prior of a copy with: ",
    )
    copying, _, fitting = said.partition(" with: ")[2].partition(" && ")
    subprocess.run(copying, shell=True, check=True)
    works(*fitting.split()[1:], "--data", all_photos, "--device", "cpu")
    assert (Path("my-avatars-2") / "model" / "prior.safetensors").read_bytes() != packaged == prior.read_bytes()
    assert list(Path("my-avatars").iterdir()) == []


@pytest.mark.parametrize("name", ["./avatars", "avatars/"])
def test_a_path_is_no_name(name: str, run_on_avatars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_name(name)
    with pytest.raises(UserError, match="avatars does not exist"):
        vaegan.load(name)
    fails(capsys, "sample", name, words=f"{Path('avatars').absolute()} does not exist")
    fails(capsys, "compare", name, "avatars", words="does not exist")
    fails(capsys, "experiment", "samples", "--runs", name, words="does not exist")
    shutil.copytree(run_on_avatars, "avatars")
    works("sample", name, "--count", 1)
    assert Path("avatars/samples.png").is_file()


def test_a_folder_goes_before_the_name(run_on_avatars: Path) -> None:
    assert is_name("avatars")
    shutil.copytree(run_on_avatars, "avatars")
    assert not is_name("avatars")
    assert Run.open("avatars").folder == Path("avatars")
    works("sample", "avatars", "--count", 1)
    assert Path("avatars/samples.png").is_file()


def test_results_are_put_into_the_current_folder() -> None:
    works("sample", "avatars", "--count", 4, "--seed", 3)
    assert size(Path("avatars-samples.png"))
    works("sample", "avatars", "--count", 4, "--out", "mine.png")
    assert Path("mine.png").read_bytes() != Path("avatars-samples.png").read_bytes()
    assert sorted(path.name for path in Path().iterdir()) == ["avatars-samples.png", "mine.png"]


def test_so_is_the_picture_of_a_direction() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        place = Path("with" if number < 10 else "without")
        place.mkdir(exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    works("attributes", "avatars", "--with", "with", "--without", "without", "--name", "Noise")
    assert sorted(path.name for path in Path().iterdir()) == ["avatars-attributes-Noise.png", "with", "without"]
    folder = find("avatars")
    assert not list(folder.glob("*.png"))
    (folder / "attributes.safetensors").write_bytes((PACKAGED / "avatars" / "attributes.safetensors").read_bytes())


def test_every_way_to_name_a_run_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.open("avatars")
    (face,) = run.pictures.values()
    works("edit", "avatars", face, "--add", "Smiling")
    assert "learning" not in capsys.readouterr().err
    works("score", "avatars", face)
    assert f"calibrated on {HELD_OUT} (800 images, taken as normal)" in capsys.readouterr().err
    works("compare", "avatars", "avatars")
    assert Path("comparison.html").is_file()
    works("convergence", "avatars")
    assert Path("avatars-convergence.gif").is_file()
    with pytest.raises(UserError, match="avatar does not exist"):
        vaegan.load("avatar")
    fails(capsys, "sample", "avatar", words="avatar does not exist")


@pytest.mark.parametrize("more", [{"training__init_from": ""}, {"objective__discriminator": "", "objective__kind": "vae-dis"}])
def test_a_recipe_that_names_it_keeps_the_name(tmp_path: Path, more: dict[str, str]) -> None:
    """Else it would name a folder of this machine's cache."""
    setting = next(iter(more))
    kept, whole = (anchored_recipe(tiny(**{**more, setting: name}), Run(tmp_path / "run")).flat() for name in ("avatars", "mine"))
    key = setting.replace("__", ".")
    assert (kept[key], whole[key]) == ("avatars", str(Path("mine").absolute()))
