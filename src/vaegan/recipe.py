"""Recipes: every setting of a run in one documented tree, and the small YAML files that say what they change in it.

`Recipe()` holds the defaults, which are the reference's. A recipe file names only its differences; `Recipe.load` lays it over the
defaults and refuses an unknown key or a wrong value by name (see parse_settings.py). The command line lays its flags over that.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import takewhile
from math import inf
from pathlib import Path
from typing import Any, Literal

import yaml

from .data import packed_folder
from .data.augmentation import Augmentation
from .data.dataset import read_manifest
from .data.images import Crop, Preparation, Resampling
from .errors import UserError
from .losses.objective import EquilibriumGate, Objective
from .models.larsen import Architecture
from .parse_settings import Layer, as_tree, documentation, parse
from .words import plain

PerNetwork = tuple[float, float, float]
"""One value each for encoder, decoder, discriminator."""


RECIPE = "recipe.yaml"
"""The file in a run folder that holds its recipe."""
PACKAGED = resources.files("vaegan") / "recipes"


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise UserError(sentence)


@dataclass(frozen=True)
class Data:
    """Images: where they come from and how they are made ready."""

    source: str = "avatars"
    """`avatars`, the built-in cartoon faces; a folder, zip or tar of images; a packed set; a set in its published layout, as in
    `celeba:PATH` (celeba, lfw, stl10, cifar10, cifar100, mnist, classes); or one of the Hugging Face hub, as in `hf:NAME`."""
    crop: Crop = "centre"
    """`centre`: the largest centred part of the right shape. `none`: the whole image, squeezed. `celeba`: the 148x148 pixels around
    the face in CelebA's aligned 178x218 images, or the like part of a smaller copy; images of another shape are cropped as by `centre`.
    `box`: the pixels that `data.box` names."""
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Left, top, right and bottom of what crop `box` keeps, in pixels."""
    blur: bool = False
    """Blur before shrinking, as the authors do: a Gaussian of sqrt(scale) / 2 pixels, then bicubic values at points."""
    resampling: Resampling = "fast"
    """How images are resized. `fast`: bicubic, after JPEGs were decoded at a half, quarter or eighth where that is enough. `bicubic`,
    `lanczos`, `bilinear`: over all pixels. `nearest`: one pixel of each place, for drawings."""
    train_on: str = "train"
    """Which split to train on, of a set that has splits; several as in `train+unlabeled`."""
    held_out: float = 0.05
    """Share of the images that training never sees; the reconstructions shown are of these. Where a set has a split `validation` or
    `test`, that is held out instead, unless this is 0."""
    avatars: int = 16_000
    """How many avatars to draw, where the source is `avatars`."""

    def __post_init__(self) -> None:
        _require(0 <= self.held_out < 1, f"data.held_out must be at least 0 and below 1, not {self.held_out}")
        _require(self.avatars > 0, f"data.avatars must be above 0, not {self.avatars}")


@dataclass(frozen=True)
class Optimizer:
    """How the three networks step; each has an optimiser of its own."""

    kind: Literal["rmsprop", "adam"] = "rmsprop"
    """The optimiser."""
    lr: float = 3e-4
    """Learning rate at the start."""
    lr_factors: PerNetwork = (1.0, 1.0, 1.0)
    """Learning rate of encoder, decoder, discriminator as multiples of `lr`."""
    schedule: Literal["constant", "exponential", "anneal"] = "exponential"
    """`exponential`: times `decay` after every epoch. `anneal`: lr - (t/T)^power (lr - final_lr) at step t of T, as the authors do."""
    decay: float = 0.75
    """Factor an epoch of the exponential schedule."""
    power: float = 0.75
    """Exponent of the annealing."""
    final_lr: float = 0.0
    """Where the annealing ends."""
    alpha: float = 0.9
    """RMSProp: how much of the mean square is kept."""
    betas: tuple[float, float] = (0.5, 0.99)
    """Adam: how much of the mean gradient and of the mean square is kept."""
    eps: float = 1e-8
    """Added to the root of the mean square."""
    weight_decay: float = 0.0
    """L2 penalty on weights; not on biases and batch normalisation."""
    clip: Literal["none", "value", "norm"] = "none"
    """Clip each element of a gradient to +-`clip_at`, or scale a network's whole gradient to a norm of at most `clip_at`."""
    clip_at: PerNetwork = (1.0, 1.0, 1.0)
    """Where to clip for encoder, decoder, discriminator; 0 leaves a network unclipped."""

    def __post_init__(self) -> None:
        for name in ("lr", "decay", "power", "eps"):
            _require(0 < getattr(self, name) < inf, f"optimizer.{name} must be above 0 and finite, not {getattr(self, name)}")
        for name in ("final_lr", "weight_decay"):
            _require(0 <= getattr(self, name) < inf, f"optimizer.{name} must be at least 0 and finite, not {getattr(self, name)}")
        for name in ("lr_factors", "clip_at"):
            values = getattr(self, name)
            _require(all(0 <= value < inf for value in values), f"optimizer.{name} must be at least 0 and finite, not {values}")
        for name, values in (("alpha", (self.alpha,)), ("betas", self.betas)):
            _require(all(0 <= value < 1 for value in values), f"optimizer.{name} must be at least 0 and below 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Training:
    """How long, how much at a time, and what is shown and kept on the way."""

    length: str = "13 epochs"
    """How long to train: a number of `epochs`, `steps` or `images`, such as "1500 steps"."""
    batch: int = 64
    """Images a step, in each process."""
    seed: int = 0
    """Everything random follows from it: weights, order, flips, noise."""
    ema: float = 0.0
    """Show and save the exponential moving average of the weights: how much of the old average a step keeps; 0 for no average."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Of matrix products and convolutions; weights are always float32. `auto` is bf16 where the machine computes in it, else 32."""
    threads: int = 0
    """Threads that compute on the CPU, in each process. 0: as many as the process has cores; the run keeps that number when it is resumed,
    because another one adds in another order."""
    graph: bool = True
    """With one GPU: record the whole step once as a CUDA graph, and replay it, so that the host need not start its hundreds of
    operations one by one. Where it cannot be done, the run says why and goes on without."""
    compile: bool = False
    """Let torch.compile write kernels for the networks, which takes a while before the first step. It needs a compiler for the device;
    without one, the run says so and goes on without."""
    log_every: int = 10
    """Steps between lines of stats.jsonl and points in TensorBoard."""
    picture_every: int = 200
    """Steps between pictures."""
    checkpoint_every: int = 1000
    """Steps between checkpoints; one is always written at the end and when a run is stopped."""
    keep: int = 2
    """How many checkpoints to keep, the newest ones. Two: should the disk damage one, there is another."""
    keep_every: int = 0
    """Keep those of every so many steps, too, which must be a multiple of `checkpoint_every` to meet any; 0 for none."""
    on_nan: Literal["stop", "rollback"] = "stop"
    """Where a loss or a gradient is no longer a number: stop, or go back to the last checkpoint and on from there with half the learning
    rates."""
    rollbacks: int = 3
    """How often at most to go back in a run."""
    sync_batchnorm: bool = False
    """With several processes: batch normalisation takes its statistics over the images of all of them, not of each."""

    def __post_init__(self) -> None:
        for name in ("batch", "log_every", "picture_every", "checkpoint_every", "keep"):
            _require(getattr(self, name) > 0, f"training.{name} must be above 0, not {getattr(self, name)}")
        for name in ("threads", "keep_every", "rollbacks"):
            _require(getattr(self, name) >= 0, f"training.{name} must be at least 0, not {getattr(self, name)}")
        _require(self.keep_every % self.checkpoint_every == 0, "training.keep_every must be a multiple of training.checkpoint_every")
        _require(self.batch > 1, "training.batch must be at least 2: batch normalisation needs more than one image")
        _require(0 <= self.seed < 2**63, f"training.seed must be at least 0 and below 2^63, not {self.seed}")
        _require(0 <= self.ema < 1, f"training.ema must be at least 0 and below 1, not {self.ema}")
        self.steps(1, 1)

    def steps(self, steps_per_epoch: int, images_per_step: int) -> int:
        """The length in steps."""
        match = re.fullmatch(r"(\d[\d_,]*) ?(epoch|step|image)s?", self.length.strip())
        _require(
            match is not None, f'training.length must be a number of epochs, steps or images such as "1500 steps", not "{self.length}"'
        )
        assert match is not None
        count = int(re.sub("[_,]", "", match[1]))
        _require(count > 0, f"training.length must be above 0, not {self.length}")
        return {"epoch": count * steps_per_epoch, "step": count, "image": -(-count // images_per_step)}[match[2]]


@dataclass(frozen=True)
class Recipe:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    augmentation: Augmentation = field(default_factory=Augmentation)
    networks: Architecture = field(default_factory=Architecture)
    objective: Objective = field(default_factory=Objective)
    gate: EquilibriumGate = field(default_factory=EquilibriumGate)
    optimizer: Optimizer = field(default_factory=Optimizer)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        objective = self.objective
        _require(not (objective.joint and objective.saturating), "objective.joint is non-saturating: set objective.saturating to false")

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
    decided = of_set(over.tree.get("data", {}).get("source") or asked.get("source"))
    if overruled := {key: value for key, value in decided.get("data", {}).items() if key in asked and asked[key] != value}:
        kept = ", ".join(f"{key} {plain(value)}" for key, value in overruled.items())
        note(f"the packed set was prepared with {kept}, other than recipe {name} asks for")
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
    folder = packed_folder(str(source)) if isinstance(source, (str, Path)) else None
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
