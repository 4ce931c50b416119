"""The paper's experiments: experiment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console

from ..errors import UserError
from ..metrics.extractors.registry import DEFAULT, ExtractorName
from ..words import quoted
from .console import err, wrote
from .console import out as stdout
from .flags import ExperimentFlags, Settings

if TYPE_CHECKING:
    from ..experiments.experiment import Experiment
    from ..experiments.page import ExperimentResult

experiment = cyclopts.App(
    name="experiment",
    help="Repeat the paper's experiments.\n\nIt trains the models, measures them and writes a page. "
    "If it is interrupted, run the same command again to continue.",
)


Runs = Annotated[list[Path] | None, Parameter(negative="", consume_multiple=True)]


@experiment.command
def attribute_similarity(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    runs: Runs = None,
) -> None:
    """Measure whether samples have the attributes that were asked for.

    This is the paper's table 2, for a conditional VAE, GAN and VAE/GAN.

    Parameters
    ----------
    runs
        Measure the runs in these folders. Nothing is trained.
    """
    from ..experiments.attribute_similarity import attribute_similarity

    _do("attribute-similarity", flags, settings, attribute_similarity, runs)


@experiment.command
def samples(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    samples: int = 2_000,
    extractor: ExtractorName = DEFAULT,
    runs: Runs = None,
) -> None:
    """Compare VAE, GAN, VAE_Disl and VAE/GAN.

    The page shows samples and reconstructions, their Frechet distances (FID if the extractor is Inception), precision, recall and coverage,
    and errors of pixels and features. VAE_Disl is a VAE whose error is measured in the features of a trained GAN.

    Parameters
    ----------
    samples
        The number of samples of each run. It also limits the number of training images and of held-out images.
    extractor
        The network whose features are compared (see vaegan evaluate).
    runs
        Measure the runs in these folders. Nothing is trained.
    """
    from ..experiments.samples import samples as compare

    _do("samples", flags, settings, lambda one: compare(one, count=samples, extractor=extractor), runs)


@experiment.command
def ablation(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    vary: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True, json_list=False)] = None,
    alone: Annotated[bool, Parameter(negative="")] = False,
    samples: int = 2_000,
    extractor: ExtractorName = DEFAULT,
) -> None:
    """Vary settings of the recipe, and measure every run.

    With several seeds, the page shows whether a difference between settings is larger than the differences between seeds.

    Parameters
    ----------
    vary
        A setting and its values, for example objective.gamma=0.01,0.1,1. For several settings, every combination of values is trained.
    alone
        Train the unchanged recipe, and one run for each value. Values are not combined.
    samples
        The number of samples of each run. It also limits the number of training images and of held-out images.
    extractor
        The network whose features are compared (see vaegan evaluate).
    """
    from ..experiments.ablation import ablation as compare
    from ..experiments.ablation import asked

    asked(vary or [], flags.load_recipe(settings), alone=alone)  # a mistake is told before a folder is made
    _do("ablation", flags, settings, lambda one: compare(one, vary or [], alone=alone, count=samples, extractor=extractor))


@experiment.command
def attribute_vectors(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    attributes: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    runs: Runs = None,
) -> None:
    """Add attributes to held-out images.

    The page compares two methods: the paper's difference of means, and linear probes.

    Parameters
    ----------
    attributes
        The attributes in the pictures. The default is the eight attributes that the codes separate best.
    runs
        Measure the runs in these folders. Nothing is trained.
    """
    from ..experiments.attribute_vectors import attribute_vectors as show

    _do("attribute-vectors", flags, settings, lambda one: show(one, tuple(attributes or ())), runs)


@experiment.command
def features(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    draws: int = 5,
    runs: Runs = None,
) -> None:
    """Train linear classifiers on features, with few labels.

    It compares the features of the trained networks with pixels and with an untrained encoder, for 10, 100 and 1,000 labels.

    Parameters
    ----------
    draws
        The number of random draws of labels for each seed. Mean and spread are taken over the draws.
    runs
        Measure the runs in these folders. Nothing is trained.
    """
    from ..experiments.features import features as compare

    _do("features", flags, settings, lambda one: compare(one, draws=draws), runs)


def _do(
    name: str,
    flags: ExperimentFlags,
    settings: Sequence[str],
    work: Callable[[Experiment], ExperimentResult],
    runs: list[Path] | None = None,
) -> None:
    """Do an experiment, print its tables, and say where everything is."""
    from ..experiments.experiment import Experiment
    from ..signals import Stopped

    command = quoted("vaegan", *sys.argv[1:])
    if runs and (settings or replace(flags, out=None, prior=None, device="auto") != ExperimentFlags()):
        raise UserError("--runs measures existing runs: leave out --data, --seeds and all settings of training")
    folder = flags.out or Path("experiments") / name
    try:
        if runs:
            one = Experiment.of_runs(name, folder, runs, prior=flags.prior, device=flags.device, command=command, console=err)
        else:
            recipe = flags.load_recipe(settings)
            one = Experiment(name, folder, recipe, seeds=flags.seeds, prior=flags.prior, device=flags.device, command=command, console=err)
        found = work(one)
    except Stopped as stopped:
        err.print("stopped: run the same command again to continue", soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    wide = Console(width=1_000, highlight=False, emoji=False)  # lines that are too long rather than numbers that are cut short
    for table in found.tables:
        wide.print(table.on_screen())
        for note in table.notes:
            stdout.print(note, style="dim", markup=False)
        stdout.print()
    for path in found.files:
        wrote(path)
