"""The paper's experiments: experiment."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console

from ..errors import UserError
from ..metrics.extractors.registry import Kind
from ..recipe import Recipe
from .app import DEFAULT_RECIPE, Settings, app, err, wrote
from .app import out as stdout

if TYPE_CHECKING:
    from ..experiments.experiment import Experiment
    from ..experiments.page import Found

experiment = cyclopts.App(
    name="experiment",
    help="Do one of the paper's experiments: train what it takes, measure it, and write a page. Stopped, it goes on when run again.",
)
app.command(experiment)


@dataclass(frozen=True)
class Common:
    """What all experiments can be told."""

    # The parser has used most of these, in _lay_recipe_under_flags.
    data: str | None = None
    """A folder or archive of images, a packed set, a known set such as celeba:PATH, or avatars."""
    recipe: str = DEFAULT_RECIPE
    """A recipe by name (see vaegan recipes) or a YAML file; every flag below with a dot in it changes one of its settings."""
    out: Path | None = None
    """The folder to make for runs and results; experiments/NAME by default."""
    steps: int | None = None
    """How long to train each run, in steps of one batch."""
    epochs: int | None = None
    """How long to train each run, in passes over the images."""
    images: int | None = None
    """How long to train each run, in images seen."""
    size: str | None = None
    """Side of the square images in pixels, or height x width such as 96x64; multiples of 8."""
    seeds: int = 1
    """How many runs of each kind, with seeds from --seed on."""
    seed: int | None = None
    """The first seed."""
    device: str = "auto"
    """auto takes a GPU if there is one; or cpu, cuda, mps."""
    precision: str | None = None
    """auto, 32 or bf16."""


Extractors = Kind | None
Runs = Annotated[list[Path] | None, Parameter(negative="", consume_multiple=True)]
Flags = Annotated[Common, Parameter(name="*")]


@experiment.command
def attribute_similarity(
    *,
    runs: Runs = None,
    common: Flags = Common(),
    settings: Settings = Recipe(),  # noqa: B008
) -> None:
    """Do samples of conditional models have the attributes that were asked for? The paper's table 2, for VAE, GAN and VAE/GAN.

    Parameters
    ----------
    runs
        Run folders to measure, in place of new ones: nothing is trained.
    settings
        Everything a recipe can hold.
    """
    from ..experiments.attribute_similarity import attribute_similarity

    _do("attribute-similarity", common, settings, attribute_similarity, runs)


@experiment.command
def samples(
    *,
    samples: int = 2_000,
    extractor: Extractors = None,
    runs: Runs = None,
    common: Flags = Common(),
    settings: Settings = Recipe(),  # noqa: B008
) -> None:
    """VAE, GAN, VAE with the GAN's features (VAE_Disl) and VAE/GAN side by side: pictures, distances, errors.

    Parameters
    ----------
    samples
        How many samples of each run are measured, and at most how many training and held-out images.
    extractor
        The network whose features are compared; see vaegan evaluate.
    runs
        Run folders to measure, in place of new ones: nothing is trained.
    settings
        Everything a recipe can hold.
    """
    from ..experiments.samples import samples as compare

    _do("samples", common, settings, lambda one: compare(one, count=samples, extractor=extractor), runs)


@experiment.command
def ablation(
    *,
    vary: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True, json_list=False)] = None,
    alone: Annotated[bool, Parameter(negative="")] = False,
    samples: int = 2_000,
    extractor: Extractors = None,
    common: Flags = Common(),
    settings: Settings = Recipe(),  # noqa: B008
) -> None:
    """Vary settings of the recipe, for several seeds, and measure every run alike: what is each worth, beside what chance does?

    Parameters
    ----------
    vary
        A setting and its values, as in objective.gamma=0.01,0.1,1; several for all combinations.
    alone
        Compare the recipe as it is with each of these values alone in it, rather than all combinations.
    samples
        How many samples of each run are measured, and at most how many training and held-out images.
    extractor
        The network whose features are compared; see vaegan evaluate.
    settings
        Everything a recipe can hold.
    """
    from ..experiments.ablation import ablation as compare
    from ..experiments.ablation import asked

    asked(vary or [], settings, alone=alone)  # a mistake is told before a folder is made
    _do("ablation", common, settings, lambda one: compare(one, vary or [], alone=alone, count=samples, extractor=extractor))


@experiment.command
def attribute_vectors(
    *,
    attributes: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    runs: Runs = None,
    common: Flags = Common(),
    settings: Settings = Recipe(),  # noqa: B008
) -> None:
    """Held-out images with attributes added, by the paper's difference of means and by linear probes, and how well both tell images apart.

    Parameters
    ----------
    attributes
        Those in the pictures; by default the eight that are told best.
    runs
        Run folders to measure, in place of new ones: nothing is trained.
    settings
        Everything a recipe can hold.
    """
    from ..experiments.attribute_vectors import attribute_vectors as show

    _do("attribute-vectors", common, settings, lambda one: show(one, tuple(attributes or ())), runs)


@experiment.command
def features(
    *,
    draws: int = 5,
    runs: Runs = None,
    common: Flags = Common(),
    settings: Settings = Recipe(),  # noqa: B008
) -> None:
    """What are the networks' features worth to a linear classifier with 10, 100, 1,000 labels, beside pixels and an untrained encoder?

    Parameters
    ----------
    draws
        How many draws of labels mean and spread are taken over, for each seed.
    runs
        Run folders to measure, in place of new ones: nothing is trained.
    settings
        Everything a recipe can hold.
    """
    from ..experiments.features import features as compare

    _do("features", common, settings, lambda one: compare(one, draws=draws), runs)


def _do(name: str, common: Common, settings: Recipe, work: Callable[[Experiment], Found], runs: list[Path] | None = None) -> None:
    """Do an experiment, print its tables, and say where everything is."""
    from ..experiments.experiment import Experiment
    from ..signals import Stopped

    command = f"vaegan {shlex.join(sys.argv[1:])}"
    if runs and (replace(common, out=None, device="auto") != Common() or settings != Recipe.load(DEFAULT_RECIPE)):
        raise UserError("--runs measures runs that exist: leave out --data, --seeds and all that says how runs are trained")
    folder = common.out or Path("experiments") / name
    try:
        if runs:
            one = Experiment.of_runs(name, folder, runs, device=common.device, command=command, console=err)
        else:
            one = Experiment(name, folder, settings, seeds=common.seeds, device=common.device, command=command, console=err)
        found = work(one)
    except Stopped as stopped:
        err.print("stopped; run the same command again, and it goes on where it was", soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    wide = Console(width=1_000, highlight=False, emoji=False)  # lines that are too long rather than numbers that are cut short
    for table in found.tables:
        wide.print(table.on_screen())
        for note in table.notes:
            stdout.print(note, style="dim", markup=False)
        stdout.print()
    for path in found.files:
        wrote(path)
