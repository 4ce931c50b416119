"""What all experiments are made of: runs that are trained once, and measurements that are made once.

An experiment is a folder:

    experiment.json       which experiment it is
    recipe.yaml           what all its runs have in common
    runs/KIND-SEED/       run folders as of vaegan train; none where runs that exist are measured
    measurements/*.json   what was measured, each named by a hash of all that it depends on
    results.json          everything together; page.html shows it, with the pictures that lie beside it

An experiment that was stopped continues when it is run again: a run from its checkpoint, the rest from the last measurement.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from .. import __version__
from ..begin import images_of, split_of
from ..data import ImageSet, Indices
from ..data.held_out import held_out_split
from ..data.sources import anchored
from ..errors import UserError
from ..files import final_name, from_home, replacing, sha256
from ..metrics.base import RESAMPLINGS, SAMPLES, Metric, Value
from ..metrics.context import Context
from ..metrics.extractors.base import Extractor
from ..models.vaegan import WEIGHTS
from ..progress import Progress, progress_bar
from ..recipe import RECIPE, Recipe
from ..run import Run
from ..settings import PriorKind
from ..signals import Stopped, StopSignal
from ..training.conditions import varying
from ..training.device import make_fabric
from ..training.trainer import MAY_CHANGE
from ..workflow import train
from .runs import OF_THE_IMAGES, Grid, GridRun, MeasuredGrid, Variant

ABOUT, RESULTS, PAGE = "experiment.json", "results.json", "page.html"
RUNS, MEASUREMENTS = "runs", "measurements"
MAY_DIFFER = MAY_CHANGE - {"training.length", "training.batch"} | {"objective.discriminator"}
"""Settings in which a run that is there already may differ from the one that is wanted; of the last, the path: its weights may not."""


class Experiment:
    """A folder in which runs are trained and measured."""

    def __init__(
        self,
        name: str,
        folder: str | Path,
        recipe: Recipe,
        *,
        seeds: int = 1,
        prior: PriorKind | None = None,
        device: str = "auto",
        command: str = "",
        console: Console | None = None,
    ) -> None:
        """Make the folder, or go on in it.

        Args:
            name: of the experiment.
            folder: where everything is put.
            recipe: what all runs have in common.
            seeds: how many, from the recipe's on.
            prior: that samples are drawn from; see `VAEGAN.find_prior`.
            device: `auto`, `cpu`, `cuda` or `mps`.
            command: what the page says that it was made by.
            console: where progress is shown; standard error by default.

        Raises:
            UserError: the folder holds something else, or what was asked for cannot be.
        """
        if seeds < 1:
            raise UserError(f"--seeds must be at least 1, not {seeds}")
        if recipe.training.minutes:
            raise UserError(
                "the runs of an experiment must be equally long: give training.length in steps, epochs or images, not in minutes"
            )
        self.name, self.folder, self.command = name, from_home(folder), command or f"vaegan experiment {name}"
        self.recipe, self.prior = recipe, prior
        self.existing: dict[str, Run] = {}
        """Runs that are measured in place of a grid, by label."""
        self.first_seed = recipe.training.seed
        self.seeds = tuple(range(self.first_seed, self.first_seed + seeds))
        self.device_name, self.device = device, make_fabric(device).device
        self.console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._begin()

    @classmethod
    def of_runs(cls, name: str, folder: str | Path, runs: Sequence[str | Path], **settings: Any) -> Experiment:
        """An experiment that trains nothing and measures runs that exist.

        Args:
            name: of the experiment.
            folder: where everything but the runs is put.
            runs: run folders, all trained on the same images.
            settings: `prior`, `device`, `command` and `console`, as for any experiment.

        Raises:
            UserError: a run is not there, or has no recipe; or they were not trained on the same images.
        """
        opened = [Run.open(path) for path in runs]
        recipes: list[Recipe] = []
        for run in opened:
            recipes.append(run.recipe)
            for key, (one, other) in recipes[0].differences(run.recipe).items():
                if key.startswith(OF_THE_IMAGES):
                    raise UserError(
                        f"{opened[0].folder} was trained with {key}={one}, and {run.folder} with {key}={other}: they cannot be compared"
                    )
        experiment = cls(name, folder, recipes[0], **settings)
        names = [run.folder.absolute().name for run in opened]
        experiment.existing = {
            name if names.count(name) == 1 else str(path): run for name, path, run in zip(names, runs, opened, strict=True)
        }
        experiment.seeds = tuple(sorted({recipe.training.seed for recipe in recipes}))
        return experiment

    def _begin(self) -> None:
        """Make the folder, or see that it is this experiment's."""
        about = self.folder / ABOUT
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.folder} exists already: it is a file; choose another --out")
        if (self.folder / RECIPE).is_file() and not about.is_file():
            raise UserError(f"{self.folder} exists already: it is a run folder; choose another --out")
        if not about.exists() and self.folder.exists():
            others = [path.name for path in self.folder.iterdir() if not path.name.startswith(".") and final_name(path.name) != ABOUT]
            if others:
                raise UserError(f"{self.folder} exists already: it holds {min(others)}; choose another --out")
        there = _read(about).get("experiment")
        if about.is_file() and there is None:
            mend = json.dumps({"experiment": self.name})
            what = f'{about} is damaged: to continue the experiment "{self.name}", replace the content of this file with {mend}'
            raise UserError(f"{what}; or choose another --out")
        if about.is_file() and there != self.name:
            raise UserError(f'{self.folder} exists already: it holds another experiment, "{there}"; choose another --out')
        if about.is_file() and any((self.folder / RUNS).glob(f"*/{RECIPE}")):
            _see_that_they_agree(self.folder / RECIPE, self.recipe, MAY_DIFFER | {"training.seed"}, f"the runs in {self.folder} were")
        with replacing(about) as partial:
            partial.write_text(json.dumps({"experiment": self.name, "version": __version__}) + "\n")
        with replacing(self.folder / RECIPE) as partial:
            partial.write_text(self.recipe.to_yaml(documented=True), encoding="utf-8")

    @property
    def recipes(self) -> list[Recipe]:
        """Those of the runs that exist, or what all runs to come have in common."""
        return [run.recipe for run in self.existing.values()] or [self.recipe]

    @cached_property
    def images(self) -> ImageSet:
        """The set, packed when it is first needed."""
        return images_of(self.recipe, self.console)

    @cached_property
    def parts(self) -> tuple[Indices, Indices]:
        """Indices of the training and of the held-out images."""
        return split_of(self.recipe, self.images)

    def recipe_with(self, seed: int, settings: Mapping[str, Any]) -> Recipe:
        """The recipe of all runs with a seed, and some settings changed.

        Raises:
            UserError: there is no such setting, or its value does not fit.
        """
        recipe = Recipe.load(self.folder / RECIPE, {"training.seed": seed, **settings})
        if recipe.networks.attributes != ("all",):
            return recipe
        names = varying(self.images, self.parts[0])
        if self.images.attribute_names and not names:
            raise UserError(
                "all training images have the same attributes, so a model cannot learn anything from the attributes: choose other images"
            )
        return dataclasses.replace(recipe, networks=dataclasses.replace(recipe.networks, attributes=names))

    def spread_note(self) -> str:
        """What ± means in the tables."""
        if self.existing:
            return "Each row is one existing run, so the difference between seeds is not known."
        count = len(self.seeds)
        return (
            f"±: standard deviation over {count} seeds."
            if count > 1
            else "There is a single seed, so the difference between seeds is not known."
        )

    def require(self, *, attributes: bool = False, held_out: int = 1, training: int = 1, any_kind: bool = False) -> None:
        """See that the set has what the experiment needs, before anything is trained; and that the kind of its runs is left to it.

        Raises:
            UserError: it is not so.
        """
        if self.recipe.objective.kind != "vaegan" and not any_kind and not self.existing:
            raise UserError(f"the experiment sets objective.kind itself: leave out objective.kind={self.recipe.objective.kind}")
        if attributes and not self.images.attribute_names:
            then = "train the runs on the new set" if self.existing else "use the new set with --data SET"
            way_out = f"add some with: {self.images.preparation.command('--attributes', 'TABLE.csv')}; then {then}"
            raise UserError(f"the set {self.recipe.data.source} has no attributes: {way_out}")
        if len(self.parts[1]) < held_out:
            trained, out = map(len, self.parts)
            raise_it = "train the runs with a larger --data.held_out" if self.existing else "raise --data.held_out"
            way = raise_it if trained + out >= 2 * held_out else "use a set that has more images"
            if out and (own := held_out_split(self.images, self.recipe.data.train_on)):
                way = f"the {own} split of the set is held out; use a set with a larger one, or prepare the images again with --splits"
            few = f"the set has only {out}, beside {trained} training images"
            raise UserError(f"at least {held_out} held-out images are needed, but {few}: {way}")
        if len(self.parts[0]) < training:
            raise UserError(
                f"there are only {len(self.parts[0])} training images, and at least {training} are needed: use a set that has more images"
            )

    def grid(self, variants: Sequence[Variant]) -> Grid:
        """All variants for all seeds, trained where that was not done before; in place of them, the runs that exist if such were named.

        Raises:
            UserError, Stopped: as of `trained`.
        """
        if self.existing:
            return {label: [self._found(label, run)] for label, run in self.existing.items()}
        runs: dict[tuple[str, int], GridRun] = {}
        for seed in self.seeds:
            for variant in variants:
                other = runs[variant.discriminator_of, seed] if variant.discriminator_of else None
                runs[variant.name, seed] = self.trained(variant.name, seed, variant.settings, discriminator_of=other)
        return {variant.label: [runs[variant.name, seed] for seed in self.seeds] for variant in variants}

    def _found(self, label: str, run: Run) -> GridRun:
        """A run that exists.

        Raises:
            UserError: it has no model yet.
        """
        weights = run.model_folder / WEIGHTS
        if not weights.is_file():
            raise run.no_model()
        return GridRun(label, run.recipe.training.seed, run, run.recipe, sha256(weights), self.device, label)

    def trained(self, name: str, seed: int, settings: Mapping[str, Any], *, discriminator_of: GridRun | None = None) -> GridRun:
        """A run of the experiment's recipe with some settings changed; trained now, or gone on with, if it is not finished.

        Args:
            name: of the run, without its seed.
            seed: its seed.
            settings: by dotted name, such as {"objective.kind": "vae"}.
            discriminator_of: the run whose discriminator one of kind vae-dis takes.

        Raises:
            UserError: settings that do not fit, or another run lies in its place, or one that took another discriminator.
            Stopped: an interrupt or SIGTERM came; the run was saved.
        """
        folder = self.folder / RUNS / f"{name}-{seed}"
        if discriminator_of:
            settings = {**settings, "objective.discriminator": str(discriminator_of.run.folder.absolute())}
        recipe = self.recipe_with(seed, settings)
        if (folder / RECIPE).is_file():
            _see_that_they_agree(folder / RECIPE, recipe, MAY_DIFFER, f"the run {folder} was")
        depends_on = {
            "run": folder.name,
            "recipe": {key: value for key, value in recipe.flat().items() if key not in MAY_DIFFER},
            "images": self.images.annotated_identity if recipe.networks.attributes else self.images.identity,
            "discriminator": _discriminator(recipe.objective.discriminator),
        }
        marker = self._path(f"trained-{folder.name}", depends_on)
        finished = _read(marker).get("found")
        if finished is None or _weights_of(folder) != finished:
            self._forget_other_discriminators(folder, recipe, depends_on)
            if depends_on["discriminator"]:  # a run that is stopped has taken it, too
                self._write(marker, depends_on, None)
            self.console.print(f"training {folder.name}", soft_wrap=True)
            train(recipe, folder, auto_resume=True, device=self.device_name, report=False, progress=self.console)
            finished = _weights_of(folder)
            if finished is None:
                raise UserError(f"the run {folder} is finished, but its model does not exist: to train the run again, remove its folder")
            self._write(marker, depends_on, finished)
        return GridRun(name, seed, Run(folder), recipe, finished, self.device, folder.name)

    def _forget_other_discriminators(self, folder: Path, recipe: Recipe, wanted: Mapping[str, Any]) -> None:
        """See that a run which is there took the discriminator that is wanted: gone on with, it would keep the one that it took.

        Raises:
            UserError: it took another.
        """
        for marker in (self.folder / MEASUREMENTS).glob("trained-*.json"):
            about = _read(marker).get("depends_on", {})
            if about.get("run") == folder.name and (taken := about.get("discriminator")) != wanted["discriminator"]:
                if folder.exists() and (taken or not _name_the_same(folder / RECIPE, recipe)):  # one by path was once not noted
                    raise UserError(
                        f"the run {folder} was not trained with the discriminator of this experiment: remove {folder}, "
                        "or choose another --out"
                    )
                marker.unlink(missing_ok=True)  # of a run that was removed

    def measure_grid(
        self, grid: Grid, metrics: Sequence[Metric], *, samples: int = SAMPLES, extractor: Extractor | None = None, strict: bool = False
    ) -> MeasuredGrid:
        """What metrics find of every run; see `measure`."""
        return {
            label: [self.measure(one, metrics, samples=samples, extractor=extractor, strict=strict) for one in runs]
            for label, runs in grid.items()
        }

    def measure(
        self, one: GridRun, metrics: Sequence[Metric], *, samples: int = SAMPLES, extractor: Extractor | None = None, strict: bool = False
    ) -> dict[str, Value]:
        """What metrics find of a run, by name: what `vaegan evaluate` finds with the run's seed. Each is measured once.

        Args:
            one: a run.
            metrics: those that do not fit the run find nothing.
            samples: how many samples, and at most how many training and held-out images.
            extractor: makes features, for metrics that need some.
            strict: refuse a run that a metric does not fit.

        Raises:
            UserError: the model's numbers are not finite; or the run does not fit, where that is asked for.
            Stopped: an interrupt or SIGTERM came, and the measurement was given up.
        """
        contexts: list[Context] = []

        def measure(metric: Metric, progress: Progress) -> list[dict[str, Any]]:
            if not contexts:
                new = Context(one.model(), self.images, *self.parts, extractor, samples=samples, seed=one.seed, prior=self.prior)
                new.metrics = [metric for metric in metrics if not metric.lacking(new)]
                contexts.append(new)
            (context,) = contexts
            context.progress = progress
            if (lacking := metric.lacking(context)) and strict:
                raise UserError(f"{metric.name} cannot measure {one.run.folder}: this metric needs a model with a trained {lacking}")
            return [] if lacking else [value.as_json() for value in metric(context)]

        found: dict[str, Value] = {}
        for metric in metrics:
            depends_on = {
                "metric": [metric.name, metric.version, dataclasses.asdict(metric) if dataclasses.is_dataclass(metric) else {}],
                "weights": one.weights,
                "images": self.images.annotated_identity,
                "split": [hashlib.sha256(np.asarray(part[:], np.int64).tobytes()).hexdigest() for part in self.parts],
                "extractor": extractor and [extractor.name, extractor.weights, extractor.resize],
                "level": one.recipe.objective.level,
                "samples": samples,
                "seed": one.seed,
                "resamplings": RESAMPLINGS,
            }
            if self.prior != "standard" and one.run.prior_file.is_file():
                depends_on["prior"] = sha256(one.run.prior_file)
            name = f"{metric.name}-{one.key}"
            if not self._path(name, depends_on).is_file() and not metric.installed:
                continue  # and nothing is kept of it: it may be installed when this is run again
            for content in self.measured(name, depends_on, partial(measure, metric)):
                value = Value.of_json(content)
                found[value.name or value.label] = value
        return found

    def measured(self, name: str, depends_on: Mapping[str, Any], measure: Callable[[Progress], Any]) -> Any:
        """What `measure` returns, as JSON has it; made once for all that it depends on, and kept.

        Args:
            name: of the file.
            depends_on: weights, images, settings: all that would change the result.
            measure: is given a function to be called as the work goes on.

        Raises:
            Stopped: an interrupt or SIGTERM came, and the measurement was given up.
        """
        path = self._path(name, depends_on)
        stored = _read(path)
        if "found" not in stored:
            with self.bar() as progress:
                found = measure(progress)
            self._write(path, depends_on, found)
            stored = _read(path)  # the same, whether it was made now or before
        return stored["found"]

    @contextmanager
    def bar(self) -> Iterator[Progress]:
        """Yields a function to be called as work goes on, which raises Stopped after an interrupt or SIGTERM came."""
        with progress_bar(self.console) as progress, StopSignal() as signals:

            def report(what: str, done: int, total: int | None) -> None:
                progress(what, done, total)
                if signals.received is not None:
                    raise Stopped("stopped", signals.received)

            yield report

    def write_results(self, results: Mapping[str, Any]) -> Path:
        """Write everything that was found as one file; returns it."""
        path = self.folder / RESULTS
        about: dict[str, Any] = {
            "experiment": self.name,
            "version": __version__,
            "set": self.recipe.data.source,
            "images": self.images.identity,
        }
        about["split"] = {"training": len(self.parts[0]), "held_out": len(self.parts[1])}
        everything = {**about, "seeds": self.seeds, "recipe": self.recipe.flat(), **results}
        with replacing(path) as partial:
            partial.write_text(json.dumps(_finite(everything), indent=2) + "\n", encoding="utf-8")
        return path

    def _path(self, name: str, depends_on: Mapping[str, Any]) -> Path:
        digest = hashlib.sha256(json.dumps([__version__, depends_on], sort_keys=True).encode()).hexdigest()
        file_name = re.sub(r"[^\w.+-]+", "-", name)[-100:]  # runs that exist may be called by their paths
        return self.folder / MEASUREMENTS / f"{file_name}-{digest[:16]}.json"

    def _write(self, path: Path, depends_on: Mapping[str, Any], found: Any) -> None:
        with replacing(path) as partial:
            partial.write_text(json.dumps({"depends_on": depends_on, "found": found}) + "\n", encoding="utf-8")


def _see_that_they_agree(file: Path, recipe: Recipe, may_differ: Collection[str], what: str) -> None:
    """See that what was trained by the recipe in a file is what is wanted.

    Raises:
        UserError: it is not; `what` begins the sentence.
    """
    there = Recipe.load(file)
    changed = {key: values for key, values in there.differences(recipe).items() if key not in may_differ}
    if not any(recipe.data.range):  # it was found when the images were packed
        changed.pop("data.range", None)
    if anchored(there.data.source) != anchored(recipe.data.source):
        changed["data.source"] = (there.data.source, recipe.data.source)
    for key, (was, wanted) in changed.items():
        raise UserError(f"{what} trained with {key}={was}, not {wanted}: use the same settings, or choose another --out")


def _weights_of(folder: str | Path) -> str | None:
    """The sha256 of the weights of a run folder or a model folder, or None where there are none."""
    path = Run(folder).model_folder / WEIGHTS
    return sha256(path) if path.is_file() else None


def _discriminator(run: str) -> str | None:
    """The sha256 of the weights of the run whose discriminator is taken, or None where none is named.

    Raises:
        UserError: it has none.
    """
    weights = _weights_of(run) if run else None
    if run and weights is None:
        raise UserError(f'objective.discriminator must be a trained run, and "{from_home(run)}" is not one')
    return weights


def _name_the_same(file: Path, recipe: Recipe) -> bool:
    """Whether the recipe in a file names the same discriminator, by path."""
    there, wanted = (from_home(one.objective.discriminator).absolute() for one in (Recipe.load(file), recipe))
    return there == wanted


def _read(path: Path) -> dict[str, Any]:
    """What a file holds, or nothing where it is not there or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _finite(value: Any) -> Any:
    """The same for JSON, which knows no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
