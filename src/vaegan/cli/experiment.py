"""The paper's experiments: experiment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter
from rich.console import Console

from ..errors import UserError
from ..metrics.extractors.registry import DEFAULT, ExtractorName
from ..words import quoted
from .completion import as_typed
from .console import Json, err, show, wrote
from .console import out as stdout
from .flags import ExperimentFlags, Settings

experiment = cyclopts.App(
    name="experiment",
    help="Repeat the paper's experiments.\n\nIt trains the models, measures them and writes a page. "
    "If it is interrupted, run the same command again to continue.",
)


Runs = Annotated[list[Path] | None, Parameter(negative="", consume_multiple=True, converter=as_typed)]


@experiment.command
def attribute_similarity(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Measure whether samples have the attributes that were asked for.

    This is the paper's table 2, for a conditional VAE, GAN and VAE/GAN.

    Parameters
    ----------
    runs
        The folders of finished runs. These are measured, and nothing is trained.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    _do("attribute-similarity", flags, settings, runs, json=json)


@experiment.command
def samples(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    samples: int = 2_000,
    extractor: ExtractorName = DEFAULT,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Compare VAE, GAN, VAE_Disl and VAE/GAN.

    The page shows samples and reconstructions, their Frechet distances (FID if the extractor is Inception), precision, recall and coverage,
    and errors of pixels and features. VAE_Disl is a VAE whose error is measured in the features of a trained GAN.

    Parameters
    ----------
    samples
        The number of samples of each run. Samples are compared with at most this number of training images, and at most this number of
        held-out images. Each run trains on all training images.
    extractor
        The network whose features are compared (see vaegan evaluate).
    runs
        The folders of finished runs. These are measured, and nothing is trained.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    _do("samples", flags, settings, runs, json=json, samples=samples, extractor=extractor)


@experiment.command
def ablation(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    vary: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True, json_list=False)] = None,
    alone: Annotated[bool, Parameter(negative="")] = False,
    samples: int = 2_000,
    extractor: ExtractorName = DEFAULT,
    json: Json = False,
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
        The number of samples of each run. Samples are compared with at most this number of training images, and at most this number of
        held-out images. Each run trains on all training images.
    extractor
        The network whose features are compared (see vaegan evaluate).
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    _do("ablation", flags, settings, json=json, vary=vary or (), alone=alone, samples=samples, extractor=extractor)


@experiment.command
def attribute_vectors(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    attributes: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Add attributes to held-out images.

    The page compares two methods: the paper's difference of means, and linear probes.

    Parameters
    ----------
    attributes
        The attributes in the pictures. The default is the eight attributes that are easiest to read from the codes.
    runs
        The folders of finished runs. These are measured, and nothing is trained.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    _do("attribute-vectors", flags, settings, runs, json=json, attributes=attributes or ())


@experiment.command
def features(
    *settings: Settings,
    flags: ExperimentFlags = ExperimentFlags(),
    draws: int = 5,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Train linear classifiers on features, with few labels.

    It compares the features of the trained networks with pixels and with an untrained encoder. The classifiers learn
    from the labels of 10, 100 and 1,000 images of each class. The set needs labels or attributes.

    Parameters
    ----------
    draws
        The number of random draws of labels for each seed. The table has the mean and the standard deviation over the draws.
    runs
        The folders of finished runs. These are measured, and nothing is trained.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    _do("features", flags, settings, runs, json=json, draws=draws)


def _do(name: str, flags: ExperimentFlags, settings: Sequence[str], runs: list[Path] | None = None, *, json: bool, **options: Any) -> None:
    """Do an experiment, print its tables, and say where everything is."""
    from ..api import experiment as api
    from ..signals import Stopped

    if runs and (settings or replace(flags, out=None, prior=None, device="auto") != ExperimentFlags()):
        raise UserError("--runs measures existing runs: leave out --data, --seeds and all settings of training")
    recipe = None if runs else flags.load_recipe(settings)
    common: dict[str, Any] = {"out": flags.out, "seeds": flags.seeds, "prior": flags.prior, "device": flags.device, "progress": err}
    try:
        found = api.experiment(name, recipe, runs=runs or (), command=quoted("vaegan", *sys.argv[1:]), **common, **options)
    except Stopped as stopped:
        err.print("stopped: run the same command again to continue", soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    if json:
        show(found, json=True)
        return
    wide = Console(width=1_000, highlight=False, emoji=False)  # lines that are too long rather than numbers that are cut short
    for table in found.tables:
        wide.print(table.on_screen())
        for note in table.notes:
            stdout.print(note, style="dim", markup=False)
        stdout.print()
    for path in found.files:
        wrote(path)
