"""Recipes say what they change, and refuse what they do not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vaegan import Recipe, UserError
from vaegan.recipe import about, names, read


def test_the_recipes_there_are() -> None:
    assert names() == [
        "drawings",
        "larsen-celeba",
        "larsen-cifar",
        "larsen-lfw",
        "larsen-stl",
        "quick",
        "quick-larsen",
        "reference",
        "reference-joint",
        "sharp",
        "sharp-128",
    ]


@pytest.mark.parametrize("name", names())
def test_a_recipe_is_documented_and_made_of_differences(name: str) -> None:
    assert len(about(name)) > 40
    differences = Recipe.load(name).differences(Recipe())
    named = {f"{section}.{key}" for section, settings in read(name).items() for key in settings}
    assert named == set(differences), "a recipe file names what it changes, and nothing else"


def test_the_defaults_are_the_references() -> None:
    recipe = Recipe.load("reference")
    assert (recipe.networks.size, recipe.networks.latent, recipe.objective.level) == ((64, 64), 128, 3)
    assert (recipe.objective.gamma, recipe.objective.saturating, recipe.objective.reconstructions) == (1e-6, True, False)
    assert (recipe.gate.equilibrium, recipe.gate.margin) == (0.68, 0.35)
    optimizer = recipe.optimizer
    assert (optimizer.kind, optimizer.lr, optimizer.alpha, optimizer.eps, optimizer.decay) == ("rmsprop", 3e-4, 0.9, 1e-8, 0.75)
    assert recipe.training.batch == 64


@pytest.mark.parametrize(
    ("name", "lr", "steps", "weight", "gamma"),
    [
        ("larsen-celeba", 0.025 / 64, 250 * 250, 0.5, 1e-6),
        ("larsen-lfw", 0.01 / 64, 150 * 250, 0.33, 1e-6),
        ("larsen-stl", 0.01 / 64, 200 * 250, 0.5, 1e-6),
        ("larsen-cifar", 0.025 / 64, 200 * 250, 0.5, 1e-5),
    ],
)
def test_the_authors_settings(name: str, lr: float, steps: int, weight: float, gamma: float) -> None:
    recipe = Recipe.load(name)
    assert recipe.optimizer.lr == pytest.approx(lr)
    assert recipe.optimizer.final_lr == pytest.approx(1e-5 / 64)
    assert recipe.optimizer.weight_decay == 1e-5
    assert recipe.training.steps(1000, 64) == steps
    assert (recipe.objective.real_weight, recipe.objective.gamma) == (weight, gamma)


@pytest.mark.parametrize("documented", [False, True])
@pytest.mark.parametrize("name", names())
def test_a_resolved_recipe_reads_back(name: str, documented: bool, tmp_path: Path) -> None:
    recipe = Recipe.load(name, {"data.source": "a folder: with 'odd' # signs", "networks.size": (48, 32), "optimizer.lr": 1e-5})
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml(documented=documented))
    assert Recipe.load(path) == recipe


def test_every_setting_is_documented() -> None:
    lines = Recipe().to_yaml(documented=True).splitlines()
    for number, line in enumerate(lines):
        if line.startswith("  ") and not line.startswith("  #"):
            assert len(lines[number - 1]) > len("  # ...")
            assert lines[number - 1].startswith("  # ")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"objective.gama": 1}, "the overrides: there is no setting named objective.gama. Did you mean objective.gamma"),
        ({"traning.batch": 1}, "traning.batch"),
        ({"objective.gamma": "much"}, 'objective.gamma.*"much"'),
        ({"objective.gamma": 2}, "objective.gamma"),
        ({"optimizer.kind": "sgd"}, "optimizer.kind.*rmsprop"),
        ({"optimizer.lr": 0}, "optimizer.lr"),
        ({"optimizer.betas": (0.5, 1.0)}, "optimizer.betas"),
        ({"optimizer.clip_at": (1, -1, 1)}, "optimizer.clip_at"),
        ({"optimizer.posterior_lr_factor": -1}, "optimizer.posterior_lr_factor"),
        ({"networks.size": (64, 63)}, "networks.size"),
        ({"networks.size": 64}, "networks.size"),
        ({"data.held_out": 1}, "data.held_out"),
        ({"data.avatars": 0}, "data.avatars"),
        ({"training.batch": 1}, "training.batch"),
        ({"training.batch": "six"}, "training.batch"),
        ({"training.ema": 1}, "training.ema"),
        ({"training.average_half_life": -1}, "training.average_half_life"),
        ({"training.length": "3 parsecs"}, "3 parsecs"),
        ({"training.length": "0 steps"}, "training.length must be above 0, not 0 steps"),
        ({"training.length": "-5 steps"}, "training.length must be above 0, not -5 steps"),
        ({"gate.margin": -1}, "gate.margin"),
        ({"gamma": 1}, "objective.gamma"),
        ({"optimizer.lr_factors": (1, float("nan"), 1)}, "optimizer.lr_factors"),
        ({"training.seed": -1}, "training.seed"),
        ({"objective.joint": True, "objective.saturating": True}, "objective.joint"),
        ({"objective.images_per_sample": 7}, "training.batch is 24, and must be a multiple of objective.images_per_sample, which is 7"),
        ({"objective.images_per_sample": 0}, "objective.images_per_sample must be above 0, not 0"),
        ({"objective.penalty": "r1", "training.compile": True}, "objective.penalty .* training.compile"),
    ],
)
def test_wrong_settings_are_named(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        Recipe.load("quick", overrides)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match="Did you mean quick"):
        Recipe.load("quik")
    with pytest.raises(UserError, match="there are drawings"):
        Recipe.load("zzzz")


@pytest.mark.parametrize("text", ["{", "- a", "gamma: 1", "objective: 3", "a: [1", "\x00", "42", "1: {a: 2}", "objective: {1: 2}"])
def test_a_file_that_is_no_recipe(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml"):
        Recipe.load(path)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("# nothing\n")
    assert Recipe.load(path) == Recipe()


@pytest.mark.parametrize(
    ("length", "steps"), [("3 epochs", 30), ("1 epoch", 10), ("500 steps", 500), ("1_000 images", 16), ("10,000 images", 157)]
)
def test_length(length: str, steps: int) -> None:
    assert Recipe.load("reference", {"training.length": length}).training.steps(10, 64) == steps


def test_images_are_no_name_of_images() -> None:
    with pytest.raises(UserError, match=r"data.source must be a path or a name, not an array: pass the images as .*data=images"):
        Recipe.load("quick", {"data.source": np.zeros((2, 4, 4, 3), np.uint8)})
