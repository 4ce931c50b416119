"""Recipes: every setting of a run in one documented tree, and the small YAML files that say what they change in it.

`Recipe()` holds the defaults, which are the reference's. A recipe file names only its differences; `Recipe.load` lays it over the
defaults and refuses an unknown key or a wrong value by name (see parse_settings.py). The command line lays its flags over that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from .data import packed_folder
from .data.dataset import read_manifest
from .data.images import Preparation
from .errors import UserError, unknown_name
from .files import did_you_mean
from .parse_settings import Layer, as_tree, documentation, parse
from .settings import Architecture, Augmentation, Data, GateSettings, ObjectiveSettings, Optimizer, Training, require
from .words import command, plain

DEFAULT_RECIPE = "quick"
RECIPE = "recipe.yaml"
"""The file in a run folder that holds its recipe."""
RUNS = Path("runs")
"""Where runs are made by default."""
PACKAGED = resources.files("vaegan") / "recipes"
OF_A_RUN = (
    *("data.", "networks.size", "networks.channels", "training.length", "training.seed", "training.precision"),
    "training.threads",
    "training.loggers",
    "training.init_from",
    *("training.log_every", "training.picture_every", "training.checkpoint_every"),
)
"""Settings that do not make another recipe of one."""
OF_A_SET = (
    *("networks.size", "networks.channels"),
    *(f"data.{name}" for name in ("crop", "box", "blur", "resampling", "range", "range_percentiles")),
)
"""Settings that a packed set decides."""


@dataclass(frozen=True)
class Recipe:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    augmentation: Augmentation = field(default_factory=Augmentation)
    networks: Architecture = field(default_factory=Architecture)
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    optimizer: Optimizer = field(default_factory=Optimizer)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        objective, training = self.objective, self.training
        saturating = objective.saturating and not objective.gan
        require(not (objective.joint and saturating), "objective.joint needs objective.saturating=false")
        batch, every = training.batch, objective.images_per_sample
        require(
            batch % every == 0,
            f"training.batch is {batch}, and must be a multiple of objective.images_per_sample, which is {every}: change one of the two",
        )
        both = training.compile and bool(objective.penalty)
        require(not both, "objective.penalty needs second derivatives, and training.compile does not support them: leave out one")

    @property
    def preparation(self) -> Preparation:
        """How images are made ready for the networks."""
        data = self.data
        box = data.box if data.crop == "box" else (0, 0, 0, 0)  # which another crop leaves unused
        value_range = data.range if any(data.range) else None
        return Preparation(self.networks.size, self.networks.channels, data.crop, box, data.blur, data.resampling, value_range)

    @staticmethod
    def load(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
        """A recipe by name (see `names`) or from a YAML file, with `overrides` by dotted key, such as {"objective.gamma": 0.1}.

        Where the images are a packed set, its size and preparation go over those of the recipe.

        Raises:
            UserError: no such recipe, an unknown key (with the nearest known one), or a value that does not fit.
        """
        return resolve(name, Layer(as_tree(overrides or {}), "the overrides"))

    def to_yaml(self, *, documented: bool = False) -> str:
        """The whole recipe as YAML that `load` reads back; with what each setting means as comments if `documented`."""
        lines: list[str] = []
        for section in dataclasses.fields(self):
            settings = getattr(self, section.name)
            docs = documentation(type(settings))  # type: ignore[arg-type] # of types, mypy says they have no hash
            lines.append(f"{section.name}:")
            for setting in dataclasses.fields(settings):
                if documented:
                    lines.append(f"  # {docs[setting.name]}")
                lines.append(f"  {setting.name}: {_scalar(getattr(settings, setting.name))}")
        return "\n".join(lines) + "\n"

    def differences(self, other: Recipe) -> dict[str, tuple[Any, Any]]:
        """The settings that differ, by dotted key: (here, there)."""
        here, there = self.flat(), other.flat()
        return {key: (here[key], there[key]) for key in here if here[key] != there[key]}

    def flat(self) -> dict[str, Any]:
        """Every setting by dotted key."""
        sections = {s.name: getattr(self, s.name) for s in dataclasses.fields(self)}
        return {f"{name}.{s.name}": getattr(section, s.name) for name, section in sections.items() for s in dataclasses.fields(section)}


def as_recipe(recipe: Recipe | str | Path | Mapping[str, Any], over: Mapping[str, Any]) -> Recipe:
    """A recipe in any of the forms in which Python takes it, with some settings over it.

    Args:
        recipe: a recipe, its name or file, or settings by dotted key, which go over the default recipe.
        over: more settings by dotted key.

    Raises:
        UserError: see `Recipe.load`.
    """
    if isinstance(recipe, Mapping):
        return Recipe.load(DEFAULT_RECIPE, {**recipe, **over})
    if not isinstance(recipe, Recipe):
        return Recipe.load(recipe, over)
    decided = of_set(over.get("data.source"))
    return parse(Recipe, [Layer(as_tree(over)), Layer(decided, "the packed set"), Layer(as_tree(recipe.flat()))]) if over else recipe


def resolve(name: str | Path, over: Layer, note: Callable[[str], None] = lambda _: None) -> Recipe:
    """A recipe by name or file, under the settings that go over it.

    Args:
        name: see `Recipe.load`.
        over: the settings that go over the recipe, and over those that a packed set decides.
        note: called with a sentence if a packed set was prepared in another way than the recipe asks for.

    Raises:
        UserError: see `Recipe.load`.
    """
    tree = read(name)
    asked = tree.get("data", {})
    named = over.tree.get("data", {}).get("source")
    if getattr(named, "ndim", 0):
        raise UserError("data.source must be a path or a name, not an array: pass the images as vaegan.train(recipe, data=images)")
    decided = of_set(named or asked.get("source"))
    if overruled := {key: value for key, value in decided.get("data", {}).items() if key in asked and asked[key] != value}:
        prepared = ", ".join(f"{key}={plain(value)}" for key, value in overruled.items())
        note(f"the packed set was prepared with {prepared}, so this replaces what the recipe {name} says")
    return parse(Recipe, [over, Layer(decided, "the packed set"), Layer(tree, f"recipe {name}")])


def _scalar(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")


def names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(file.name.removesuffix(".yaml") for file in PACKAGED.iterdir() if file.name.endswith(".yaml"))


def about(name: str) -> str:
    """What a packaged recipe says of itself: the comment at its head, as one paragraph."""
    lines = (PACKAGED / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return " ".join(line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), lines))


def called(recipe: Recipe) -> str:
    """The packaged recipe that this is, or is nearest to, in words."""
    changed = {
        name: [key for key in recipe.differences(packaged) if not key.startswith(OF_A_RUN)]
        for name, packaged in _packaged_recipes().items()
    }
    name, keys = min(changed.items(), key=lambda item: len(item[1]))
    if not keys:
        return name
    what = " and ".join(keys) if len(keys) <= 2 else f"{len(keys)} settings"
    return f"{name}, with {what} changed" if len(keys) <= 5 else "its own"


def as_flags(recipe: Recipe, *, packed: bool) -> list[str]:
    """The flags with which `vaegan train --data IMAGES` takes this recipe, as few as there can be.

    Args:
        recipe: the recipe.
        packed: whether the images are a packed set, which decides how they are prepared.
    """
    settings = {key: value for key, value in recipe.flat().items() if key != "data.source" and not (packed and key in OF_A_SET)}
    different = {}
    for name, packaged in _packaged_recipes().items():
        there = packaged.flat()
        different[name] = {key: value for key, value in settings.items() if value != there[key]}
    nearest = min(different, key=lambda name: (len(different[name]), name != DEFAULT_RECIPE))
    flags = [] if nearest == DEFAULT_RECIPE else ["--recipe", nearest]
    for key, value in different[nearest].items():
        if key == "networks.size":
            flags += ["--size", plain(value[:1] if value[0] == value[1] else value, between="x")]
        elif isinstance(value, tuple):
            flags += [f"--{key}", *map(str, value)]
        elif isinstance(value, bool):
            flags.append(f"--{key}" if value else f"--{key}={value}")
        else:
            flags += [f"--{key}", str(value)]
    return flags


@cache
def _packaged_recipes() -> dict[str, Recipe]:
    """The recipes that come with the package, but those that ask for a packed set that is not here."""
    found = {}
    for name in names():
        with suppress(UserError):
            found[name] = Recipe.load(name)
    return found


def of_run(folder: Path) -> Path:
    """Where a run folder holds its recipe.

    Raises:
        UserError: it is no run folder.
    """
    if not folder.exists():
        raise UserError(f"cannot resume the run {folder}: this folder does not exist{did_you_mean(folder, inside=RUNS)}")
    if not (folder / RECIPE).is_file():
        raise UserError(f"cannot resume the run {folder}: this is not a run folder")
    return folder / RECIPE


def to_resume(folder: Path, recipe: Recipe | str | Path | Mapping[str, Any] | None) -> Recipe | str | Path:
    """The recipe by which a run is resumed: its own, unless another is named. Settings by dotted key go over its own.

    Raises:
        UserError: it is no run folder; or see `Recipe.load`.
    """
    return Recipe.load(of_run(folder), recipe) if recipe is None or isinstance(recipe, Mapping) else recipe


def of_set(source: Any) -> dict[str, Any]:
    """The settings that a packed set decides: how its images were prepared. Nothing for other sources.

    Raises:
        UserError: the set is damaged.
    """
    folder = packed_folder(str(source)) if isinstance(source, (str, Path)) else None
    if folder is None:
        return {}
    preparation: dict[str, Any] = read_manifest(folder)["preparation"]
    networks = {name: preparation.pop(name) for name in ("size", "channels")}
    return {"networks": networks, "data": {"range": list(Data.range), **preparation}}


def read(name: str | Path) -> dict[str, Any]:
    """The differences that a recipe, by name or file, holds.

    Raises:
        UserError: neither a packaged recipe nor a readable YAML file of sections.
    """
    if str(name) in names():
        text = (PACKAGED / f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).is_file():
        text = Path(name).read_text(encoding="utf-8", errors="replace")
    else:
        if str(name).endswith((".yaml", ".yml")):
            raise UserError(f"the recipe {name} does not exist{did_you_mean(Path(name))}")
        if (Path(name) / RECIPE).is_file():
            raise UserError(
                f"{name} is a run folder, not a recipe: use its recipe with: {command('train', '--recipe', Path(name) / RECIPE)}"
            )
        if Path(name).is_dir():
            raise UserError(f"{name} is a folder, not a recipe: train on the images in it with: {command('train', '--data', name)}")
        raise unknown_name("recipe", str(name), names(), more=", or a YAML file")
    try:
        tree = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else ""
        raise UserError(f"recipe {name} is not valid YAML{where}") from error
    if not isinstance(tree, dict) or not all(
        isinstance(s, dict) and all(isinstance(key, str) for key in [*tree, *s]) for s in tree.values()
    ):
        raise UserError(f"recipe {name} must be made of sections with settings, such as 'objective:' with 'gamma: 0.1' under it")
    return tree
