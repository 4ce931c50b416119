"""Recipes: every setting of a run in one documented tree, and the small YAML files that say what they change in it.

`Recipe()` holds the defaults, which are the reference's. A recipe file names only its differences; `Recipe.load` lays it over the
defaults and refuses an unknown key or a wrong value by name. The command line lays its flags over that in the same way (see cli/app.py).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import cyclopts
import docstring_parser
import yaml

from .data import packed_folder
from .data.dataset import read_manifest
from .data.images import Preparation
from .errors import UserError
from .settings import Architecture, Augmentation, Data, GateSettings, ObjectiveSettings, Optimizer, Training, require

RECIPE = "recipe.yaml"
"""The file in a run folder that holds its recipe."""
PACKAGED = resources.files("vaegan") / "recipes"


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
        objective = self.objective
        plain = objective.saturating and not objective.gan
        compiled = self.training.compile and bool(objective.regularizer)
        require(not compiled, "objective.regularizer needs second derivatives, which training.compile does not support: leave one out")
        require(not (objective.joint and plain), "objective.joint is non-saturating: set objective.saturating to false")

    @property
    def preparation(self) -> Preparation:
        """How images are made ready for the networks."""
        data = self.data
        box = data.box if data.crop == "box" else (0, 0, 0, 0)  # which another crop leaves unused
        return Preparation(self.networks.size, self.networks.channels, data.crop, box, data.blur, data.resampling)

    @staticmethod
    def load(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
        """A recipe by name (see `names`) or from a YAML file, with `overrides` by dotted key, such as {"objective.gamma": 0.1}.

        Where the images are a packed set, its size and preparation go over those of the recipe.

        Raises:
            UserError: no such recipe, an unknown key (with the nearest known one), or a value that does not fit.
        """
        tree = read(name)
        source = (overrides or {}).get("data.source") or tree.get("data", {}).get("source")
        layers = {"the overrides": as_tree(overrides or {}), "the packed set": of_set(source), f"recipe {name}": tree}
        key = repr(layers)
        if key not in _PARSED:
            config = [as_config(layer, where) for where, layer in layers.items()]
            app = cyclopts.App(config=config, default_command=_identity, result_action="return_value", help_flags=(), version_flags=())
            try:
                _PARSED[key] = app([], exit_on_error=False, print_error=False)
            except cyclopts.CycloptsError as error:
                raise UserError(one_sentence(error)) from error
        return _PARSED[key]

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


_PARSED: dict[str, Recipe] = {}
"""Recipes by what they were made of: a report compares with all that there are, and to check the settings of one takes some 70 ms."""


def _identity(recipe: Annotated[Recipe, cyclopts.Parameter(name="*")] = Recipe()) -> Recipe:
    return recipe


def _scalar(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")


@cache
def documentation(settings: type) -> dict[str, str]:
    """What each field of a settings class means, from the text under it."""
    parsed = docstring_parser.parse_from_object(settings)
    return {parameter.arg_name: " ".join((parameter.description or "").split()) for parameter in parsed.params}


def names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(file.name.removesuffix(".yaml") for file in PACKAGED.iterdir() if file.name.endswith(".yaml"))


def about(name: str) -> str:
    """What a packaged recipe says of itself: the comment at its head, as one paragraph."""
    lines = (PACKAGED / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return " ".join(line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), lines))


def of_run(folder: Path) -> Path:
    """Where a run folder holds its recipe.

    Raises:
        UserError: it is no run folder.
    """
    if not folder.is_dir():
        raise UserError(f"cannot resume {folder}: there is no such folder")
    if not (folder / RECIPE).is_file():
        raise UserError(f"cannot resume {folder}: it is not a run folder")
    return folder / RECIPE


def of_set(source: Any) -> dict[str, Any]:
    """The settings that a packed set decides: how its images were prepared. Nothing for other sources.

    Raises:
        UserError: the set is damaged.
    """
    folder = packed_folder(source) if isinstance(source, str) else None
    if folder is None:
        return {}
    preparation: dict[str, Any] = read_manifest(folder)["preparation"]
    networks = {name: preparation.pop(name) for name in ("size", "channels")}
    return {"networks": networks, "data": preparation}


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
        from difflib import get_close_matches

        if str(name).endswith((".yaml", ".yml")):
            raise UserError(f"there is no recipe file {name}")
        nearest = get_close_matches(str(name), names(), n=1)
        hint = f"Did you mean {nearest[0]}?" if nearest else f"There are {', '.join(names())}; or give a YAML file."
        raise UserError(f"there is no recipe {name}. {hint}")
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


def as_tree(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key as sections.

    Raises:
        UserError: a key has no dot.
    """
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        section, dot, setting = key.partition(".")
        require(bool(dot), f'{key} is not a setting: settings are named by section and key, such as "objective.gamma"')
        tree.setdefault(section, {})[setting] = value
    return tree


def as_config(tree: Mapping[str, Any], source: str, commands: tuple[str, ...] = ()) -> cyclopts.config.Dict:
    """A tree of settings as a layer for the command line's parser, which checks keys and values.

    Under its commands, where there are some: at the top, sections that are called like a command would be passed over.
    """
    nested = dict(tree)
    for command in reversed(commands):
        nested = {command: nested}
    return cyclopts.config.Dict(nested, source=source)


def one_sentence(error: cyclopts.CycloptsError) -> str:
    """The parser's complaint, with a key of a file written as it is on the command line."""
    if isinstance(error, cyclopts.UnusedCliTokensError):
        return f"it is not clear what {' '.join(error.unused_tokens or [])} is for: settings begin with --, as in --data FOLDER"
    text = re.sub(r'"?((?:\[\w+\])+)"?', lambda match: match[1].replace("][", ".").strip("[]"), " ".join(str(error).split()))
    name = getattr(error.argument, "name", "").lstrip("-") if error.argument else ""
    return text if name in text else f"{name}: {text[0].lower()}{text[1:]}"
