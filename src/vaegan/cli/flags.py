"""The flags that stand for settings, declared once for `train`, `bench` and `experiment`, and the recipe that they make.

`--section.name VALUE` sets any setting. Flags go over what a packed set decides, which goes over the recipe.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from cyclopts import Group, Parameter

from .. import old_names
from ..errors import UserError
from ..files import from_home
from ..parse_settings import Layer, as_tree, convert, describe, setting_types
from ..recipe import DEFAULT_RECIPE, Recipe, names, of_run, resolve
from ..recipe import RECIPE as RECIPE_FILE
from ..settings import PriorKind
from ..words import command
from .app import UnknownFlagError
from .completion import completed, recipe_names, runs_and_models
from .console import err, parse_size

BENCH_RECIPE = "reference"
SHORT = {
    "data": "data.source",
    "objective": "objective.kind",
    "size": "networks.size",
    "channels": "networks.channels",
    "range": "data.range",
    "range_percentiles": "data.range_percentiles",
    "seed": "training.seed",
    "precision": "training.precision",
    "threads": "training.threads",
    "on_nan": "training.on_nan",
    "init_from": "training.init_from",
}
"""The settings that short flags stand for."""
LENGTHS = ("steps", "epochs", "images", "minutes")

RECIPE = Group(
    "Recipe", help="Each setting is a flag, for example --objective.gamma 0.1; `vaegan recipes NAME` shows all settings.", sort_key=1
)
DATA = Group(
    "Recipe",
    help="How images are prepared and held out. Each setting is a flag, for example --data.crop pad; "
    "`vaegan recipes NAME` shows all settings.",
    sort_key=1,
)
RUN = Group("Run", sort_key=2)
MACHINE = Group("Machine", sort_key=3)

Settings = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
"""For `*settings`, which takes all flags that a command does not declare."""


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class BaseFlags:
    """A recipe, and the settings that go over it."""

    recipe: Annotated[str | None, completed(recipe_names)] = None
    """The name of a recipe (see `vaegan recipes`), or a YAML file. The default is the quick recipe."""

    def load_recipe(self, settings: Sequence[str] = (), resume: Path | None = None) -> Recipe:
        """The recipe under these flags.

        Args:
            settings: flags such as --objective.gamma 0.1.
            resume: a run whose recipe is taken.

        Raises:
            UserError: see `Recipe.load`; or a setting is given twice.
        """
        name = of_run(from_home(resume)) if resume else self.recipe or DEFAULT_RECIPE
        return resolve(name, self._layer(settings), lambda sentence: err.print(f"note: {sentence}", soft_wrap=True))

    def _layer(self, settings: Sequence[str]) -> Layer:
        values = read_settings(settings)
        flags = {key: f"--{key}" for key in values}
        for name, key, value in self._short_flags():
            if key in values:
                raise UserError(f"--{key} and its short name --{name} were both given: leave out one")
            values[key], flags[key] = value, f"--{name}"
        return Layer(as_tree(values), flags=flags)

    def _short_flags(self) -> list[tuple[str, str, Any]]:
        """The short flags that were given: name, dotted key of the setting, value."""
        short = [(name.replace("_", "-"), key, value) for name, key in SHORT.items() if (value := getattr(self, name, None)) is not None]
        lengths = [name for name in LENGTHS if getattr(self, name, None) is not None]
        if len(lengths) > 1:
            raise UserError(f"--{lengths[0]} and --{lengths[1]} were both given: leave out one")
        short += [(name, "training.length", f"{getattr(self, name)} {name}") for name in lengths]
        return [(name, key, parse_size(value) if name == "size" else value) for name, key, value in short]


@Parameter(name="*", group=DATA)
@dataclass(frozen=True)
class DataFlags(BaseFlags):
    """How images are prepared."""

    size: str | None = None
    """The side of the square images in pixels, or HEIGHTxWIDTH, for example 96x64. The default is that of the packed set, or else of the
    recipe."""
    channels: int | None = None
    """The number of channels of an image, from 1 to 8: 1 for grey, 3 for colour. The default is that of the packed set, or else of the
    recipe."""
    range: Annotated[tuple[float, float] | None, Parameter(negative="")] = None
    """Two values, for images of more than 8 bits: the first becomes 0 and the second becomes 255. The default is the lowest and the highest
    value of all images. To find them, vaegan reads all images once."""
    range_percentiles: Annotated[tuple[float, float] | None, Parameter(negative="")] = None
    """Use two percentiles of all values as --range, for example 0.1 99.9, so that a few extreme values do not count."""


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class RecipeFlags(BaseFlags):
    """A recipe, and how to compute."""

    device: Annotated[str, Parameter(group=MACHINE)] = "auto"
    """The device to compute on: cpu, cuda, mps or auto. With auto, it is a GPU if there is one."""
    precision: Annotated[str | None, Parameter(group=MACHINE)] = None
    """The precision of the numbers: auto, 32 or bf16. With auto, it is bf16 if the device supports it, and 32 if not."""
    threads: Annotated[int | None, Parameter(group=MACHINE)] = None
    """The number of CPU threads in each process. The default is one for each core."""


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class TrainingFlags(RecipeFlags):
    """What to train on, and how long."""

    data: str | None = None
    """A folder or archive of images, a packed set (see vaegan prepare), a public data set (for example celeba:PATH), avatars (the built-in
    drawn faces), or any other SOURCE of vaegan prepare."""
    objective: str | None = None
    """The kind of model: vaegan, vae, gan or vae-dis. The last three are for comparison with vaegan. vae-dis (VAE_Disl of the paper)
    measures the error in features of another run's discriminator. Give that run with --objective.discriminator RUN."""
    size: str | None = None
    """The side of the square images in pixels, or HEIGHTxWIDTH, for example 96x64. Multiples of 16 up to 128 work with every network.
    The default is that of the packed set, or else of the recipe."""
    channels: int | None = None
    """The number of channels of an image, from 1 to 8: 1 for grey, 3 for colour. The default is that of the packed set, or else of the
    recipe."""
    range: Annotated[tuple[float, float] | None, Parameter(negative="")] = None
    """Two values, for images of more than 8 bits: the first becomes 0 and the second becomes 255. The default is the lowest and the highest
    value of all images. To find them, vaegan reads all images once."""
    range_percentiles: Annotated[tuple[float, float] | None, Parameter(negative="")] = None
    """Use two percentiles of all values as --range, for example 0.1 99.9, so that a few extreme values do not count."""
    steps: int | None = None
    """How long to train, in steps. A step takes one batch. Give only one of --steps, --epochs and --images. The default is the length in
    the recipe."""
    epochs: int | None = None
    """How long to train, in passes over the images."""
    images: int | None = None
    """How long to train, in images. An image counts each time it is used."""
    minutes: Annotated[int | None, Parameter(parse=False)] = None
    """No flag of an experiment, whose runs must be equally long."""
    seed: int | None = None
    """The random seed. A different seed gives a different result."""
    on_nan: str | None = None
    """What to do if a loss or a gradient is NaN or infinite: stop, or rollback to the last checkpoint."""


def _flag_for(word: str) -> str:
    """The flag of `vaegan train` that a lone word is probably meant for; empty if it could be anything."""
    from ..data.sources import AVATARS  # it takes a while

    path = from_home(word)
    if word in names() or (path.suffix in {".yaml", ".yml"} and path.is_file()):
        return "--recipe"
    if (path / RECIPE_FILE).is_file():
        return "--resume"
    return "--data" if word == AVATARS or path.exists() else ""


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class RunFlags(TrainingFlags):
    """What a single run takes."""

    steps: int | None = None
    """How long to train, in steps. A step takes one batch. Give only one of --steps, --epochs, --images and --minutes. The default is the
    length in the recipe."""
    minutes: int | None = None
    """How long to train, in minutes on this machine. A short trial measures the speed and sets the number of steps."""
    init_from: Annotated[str | None, completed(runs_and_models)] = None
    """A run folder or a model folder to begin with. Its weights are taken where their names and shapes match. The images, learning rates,
    image size and attributes may differ from those that it was trained with."""

    def load_recipe(self, settings: Sequence[str] = (), resume: Path | None = None) -> Recipe:
        """See `BaseFlags.load_recipe`. A lone word may be meant for images or for a recipe: then the sentence has the whole command.

        Raises:
            UserError: see there.
        """
        if settings and not _is_flag(word := settings[0]):
            flag = "" if resume else _flag_for(word)
            if flag:
                raise UserError(f"it is not clear what {word} is for: settings begin with --, as in: {command('train', flag, word)}")
        return super().load_recipe(settings, resume)


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class BenchFlags(RecipeFlags):
    """The same for random images."""

    recipe: Annotated[str | None, completed(recipe_names)] = BENCH_RECIPE
    """The name of a recipe (see `vaegan recipes`), or a YAML file."""


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class ExperimentFlags(TrainingFlags):
    """What all experiments take."""

    objective: Annotated[str | None, Parameter(show=False)] = None
    """Only for ablation: the other experiments choose it themselves, and refuse another one."""
    seeds: Annotated[int, Parameter(group=RUN)] = 1
    """The number of runs for each model or setting. Their seeds are --seed, --seed + 1 and so on."""
    out: Annotated[Path | None, Parameter(group=RUN)] = None
    """The folder to make for runs and results. The default is experiments/NAME, where NAME is the name of the experiment."""
    prior: Annotated[PriorKind | None, Parameter(group=RUN)] = None
    """Where the codes of samples come from. With --prior fitted, they come from the fitted prior of each run (see vaegan fit-prior). With
    --prior standard, they come from N(0, I). The default is the fitted prior for each run that has one, and N(0, I) for the others."""


def read_settings(tokens: Sequence[str]) -> dict[str, Any]:
    """Settings by dotted key out of flags.

    Such flags are --objective.gamma 0.1, --networks.size 64 48, --data.blur, --data.blur false, --gate.no-enabled and --no-gate.enabled.

    Raises:
        UserError: a flag is unknown, is given twice or lacks its value; or a value has no flag.
    """
    types = setting_types(Recipe)
    found: dict[str, Any] = {}
    rest = deque(tokens)
    while rest:
        token = rest.popleft()
        if not _is_flag(token):
            raise UserError(f"it is not clear what {token} is for: settings begin with --, as in --data FOLDER")
        flag, equals, value = token.partition("=")
        key, negative = _key_of(flag, types)
        if key not in types or not flag.startswith("--"):
            raise UnknownFlagError(flag)
        kind = types[key]
        if key in found and not _any_length(kind):
            raise UserError(f"--{key} was given twice")
        values = [value] if equals else []
        while rest and not _is_flag(rest[0]) and len(values) < _most(kind):
            values.append(rest.popleft())
        if kind is bool:
            found[key] = _truth(flag, values[0] if values else "true") != negative
        elif get_origin(kind) is tuple:
            found[key] = [*found.get(key, []), *values]
        elif values:
            found[key] = values[0]
        else:
            raise UserError(f"{flag} needs a value: {describe(kind)}")
    return found


def _key_of(flag: str, types: Mapping[str, Any]) -> tuple[str, bool]:
    """The setting that a flag sets, and whether it says no: both --gate.no-enabled and --no-gate.enabled do."""
    section, _, name = flag.removeprefix("--").partition(".")
    for of, what in ((section, name.removeprefix("no-")), (section.removeprefix("no-"), name)):
        if (of, what) != (section, name) and types.get(_key(of, what)) is bool:
            return _key(of, what), True
    return _key(section, name), False


def _key(section: str, name: str) -> str:
    return old_names.setting(f"{section}.{name.replace('-', '_')}")


def _any_length(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis


def _most(kind: Any) -> float:
    """How many values a setting takes at most."""
    if _any_length(kind):
        return float("inf")
    return len(get_args(kind)) if get_origin(kind) is tuple else 1


def _truth(flag: str, value: str) -> bool:
    try:
        return bool(convert(value, bool))
    except ValueError:
        raise UserError(f'{flag} must be true or false, not "{value}"') from None


def _is_flag(token: str) -> bool:
    """Whether a word is a flag, and not a value such as -1."""
    try:
        float(token)
    except ValueError:
        return token.startswith("-")
    return False
