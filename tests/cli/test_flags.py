"""Flags for settings are read as a person means them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from vaegan import Recipe, UserError
from vaegan.cli.app import UnknownFlagError
from vaegan.cli.flags import LENGTHS, SHORT, BenchFlags, ExperimentFlags, RecipeFlags, RunFlags, TrainingFlags, read_settings
from vaegan.data import prepare
from vaegan.parse_settings import setting_types
from vaegan.recipe import as_flags

from ..command import fails


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("--objective.gamma 0.1", {"objective.gamma": "0.1"}),
        ("--objective.gamma=0.1", {"objective.gamma": "0.1"}),
        ("--training.seed -1 --training.log-every 3", {"training.seed": "-1", "training.log_every": "3"}),
        ("--networks.size 32 48", {"networks.size": ["32", "48"]}),
        ("--networks.size=32 48", {"networks.size": ["32", "48"]}),
        ("--networks.attributes a b --networks.attributes=c", {"networks.attributes": ["a", "b", "c"]}),
        ("--networks.attributes --data.blur", {"networks.attributes": [], "data.blur": True}),
        ("--gate.no-enabled --data.blur=no", {"gate.enabled": False, "data.blur": False}),
        ("--no-gate.enabled --data.blur false --training.seed 3", {"gate.enabled": False, "data.blur": False, "training.seed": "3"}),
        ("--gate.no-enabled false --data.blur off", {"gate.enabled": True, "data.blur": False}),
        ("--data.blur True --objective.reconstructions", {"data.blur": True, "objective.reconstructions": True}),
        ("--data.source=a=b", {"data.source": "a=b"}),
        ("", {}),
    ],
)
def test_read_settings(words: str, settings: dict[str, Any]) -> None:
    assert read_settings(words.split()) == settings


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--objective.gamma", "--objective.gamma needs a value: a number"),
        ("--objective.gamma --data.blur", "--objective.gamma needs a value"),
        ("--data.blur --data.no-blur", "--data.blur was given twice"),
        ("--data.blur=maybe", "--data.blur must be true or false"),
        ("--data.blur maybe", '--data.blur must be true or false, not "maybe"'),
        ("--networks.size 32 48 64", "not clear what 64 is for"),
        ("photos --data.blur", "not clear what photos is for"),
    ],
)
def test_what_cannot_be_read(words: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_settings(words.split())


@pytest.mark.parametrize("flag", ["--objective.gama", "--data.no-source", "-x", "--", "objective.gamma", "--networks"])
def test_unknown_flags(flag: str) -> None:
    with pytest.raises(UserError) as caught:
        read_settings([flag, "1"])
    assert isinstance(caught.value, UnknownFlagError) == flag.startswith("-")


def test_the_flags_of_a_command_are_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean --auto-resume?" in fails(capsys, "train", "--autoresume")
    assert "Did you mean --training.batch?" in fails(capsys, "train", "--batch", 4)
    assert "Did you mean --augmentation.gamma or --objective.gamma?" in fails(capsys, "train", "--gamma", 0.1)
    assert "Did you mean --extractor?" in fails(capsys, "experiment", "samples", "--extracter", "efficientnet")
    assert "Did you mean --batches?" in fails(capsys, "bench", "--batchs", 4)


def test_short_flags() -> None:
    flags = TrainingFlags(data="photos", objective="vae", size="96x64", seed=3, precision="32", threads=2, on_nan="rollback", epochs=5)
    recipe = flags.load_recipe(["--training.batch", "8"])
    assert (recipe.data.source, recipe.objective.kind, recipe.networks.size) == ("photos", "vae", (96, 64))
    training = recipe.training
    assert (training.seed, training.precision, training.threads, training.on_nan) == (3, "32", 2, "rollback")
    assert (training.length, training.batch) == ("5 epochs", 8)
    assert ExperimentFlags(objective="gan").load_recipe().objective.kind == "gan"  # of which only ablation makes use
    assert set(SHORT.values()) < set(setting_types(Recipe))
    assert set(SHORT) < {one.name for one in fields(RunFlags)}


def test_a_length_is_in_steps_epochs_images_or_minutes() -> None:
    for name in LENGTHS:
        values: dict[str, Any] = {name: 10}
        assert RunFlags(**values).load_recipe().training.length == f"10 {name}"


def test_the_defaults_are_the_recipes() -> None:
    assert RecipeFlags().load_recipe() == TrainingFlags().load_recipe() == Recipe.load("quick")
    assert BenchFlags().load_recipe() == Recipe.load("reference")


def test_a_wrong_value_is_named_as_it_was_written() -> None:
    with pytest.raises(UserError, match=r'^--precision must be auto, 32 or bf16, not "16"$'):
        TrainingFlags(precision="16").load_recipe()
    with pytest.raises(UserError, match=r"^--training\.precision must be auto"):
        TrainingFlags().load_recipe(["--training.precision", "16"])
    with pytest.raises(UserError, match=r"^--training\.precision and its short name --precision were both given: leave out one$"):
        TrainingFlags(precision="32").load_recipe(["--training.precision", "32"])


def test_a_packed_set_goes_over_the_recipe(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(str(photos), tmp_path / "set", size=(16, 24), crop="none", progress=lambda *_: None)
    (tmp_path / "mine.yaml").write_text("data:\n  crop: centre\n")
    recipe = TrainingFlags(data=str(tmp_path / "set"), recipe=str(tmp_path / "mine.yaml")).load_recipe()
    assert (recipe.networks.size, recipe.data.crop) == ((16, 24), "none")
    assert "note: the packed set was prepared with crop=none, so this replaces what the recipe" in capsys.readouterr().err


def test_part_of_a_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    fails(capsys, "train", "--seed=1.5", words='--seed must be a whole number, not "1.5"')
    fails(capsys, "search", "run", "image.png", "--count", "2.5", words='--count must be a whole number, not "2.5"')


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("quick", {}),
        ("reference", {"networks.size": (96, 64), "optimizer.kind": "adam"}),
        ("sharp", {"networks.attributes": ("Hat", "No beard"), "data.range": (-5.0, 100.0)}),
        ("quick", {"training.length": "30 steps", "augmentation.flip": True, "objective.images_per_sample": 1, "networks.size": (64, 64)}),
        ("quick-larsen", {"gate.enabled": False, "objective.gan": ""}),
    ],
)
def test_a_recipe_as_flags(name: str, settings: dict[str, Any]) -> None:
    recipe = Recipe.load(name, settings)
    words = as_flags(recipe, packed=False)
    named: dict[str, Any] = {flag: words.pop(words.index(f"--{flag}") + 1) for flag in ("recipe", "size") if f"--{flag}" in words}
    assert TrainingFlags(**named).load_recipe([word for word in words if word not in ("--recipe", "--size")]) == recipe
    assert len(words) <= 8, "the nearest recipe is taken"
    assert not any("size" in word or "data." in word for word in as_flags(recipe, packed=True))
