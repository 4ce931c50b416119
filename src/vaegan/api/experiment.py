"""The paper's experiments: experiment."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from ..errors import UserError, unknown_name
from ..experiments import ablation, attribute_similarity, attribute_vectors, features
from ..experiments import samples as comparison
from ..experiments.experiment import RESULTS, Experiment
from ..experiments.page import ExperimentResult
from ..metrics.extractors.registry import DEFAULT, ExtractorName
from ..metrics.tables import MetricTable
from ..recipe import Recipe
from ..result import PYTHON_ONLY, Result
from ..run import Run
from ..settings import PriorKind
from .notices import ShowProgress, Talk

EXPERIMENTS = ("attribute-similarity", "samples", "ablation", "attribute-vectors", "features")


@dataclass(frozen=True, repr=False)
class FinishedExperiment(Result):
    """What an experiment found."""

    name: str
    """The experiment."""
    folder: Path
    """Where its runs and results are."""
    results: Any
    """What is in its results.json."""
    tables: list[MetricTable] = field(metadata=PYTHON_ONLY)
    files: list[Path]
    """The page, and what lies beside it."""

    def table(self) -> Group:
        """All tables, with their notes."""
        parts: list[RenderableType] = []
        for table in self.tables:
            parts += [table.on_screen(), *table.notes, ""]
        return Group(*parts)


def experiment(
    name: str,
    recipe: Recipe | str | None = None,
    *,
    runs: Sequence[Run | str | Path] = (),
    out: str | Path | None = None,
    seeds: int = 1,
    prior: PriorKind | None = None,
    device: str = "auto",
    samples: int = 2_000,
    extractor: ExtractorName = DEFAULT,
    vary: Sequence[str] = (),
    alone: bool = False,
    attributes: Sequence[str] = (),
    draws: int = 5,
    command: str = "",
    progress: ShowProgress = None,
) -> FinishedExperiment:
    """Repeat one of the paper's experiments: train the models, measure them, and write a page. Call it again to continue.

    Args:
        name: attribute-similarity, samples, ablation, attribute-vectors or features; see docs/experiments.md.
        recipe: what all runs have in common; by default quick.
        runs: measure these runs; nothing is trained.
        out: the folder to make; by default experiments/NAME.
        seeds: how many times each kind is trained.
        prior: of samples; by default the fitted prior of each run.
        device: auto, cpu, cuda or mps.
        samples: of samples and ablation: the number of samples of each run.
        extractor: of samples and ablation: the network whose features are compared.
        vary: of ablation: settings and their values, such as "objective.gamma=0.01,0.1,1".
        alone: of ablation: whether values are not combined.
        attributes: of attribute-vectors: those in the pictures.
        draws: of features: random draws of labels for each seed.
        command: what the page says that it was made by.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no such experiment, or something in what was asked for is wrong.
        Stopped: an interrupt came; what is done stays.
    """
    works: dict[str, Callable[[Experiment], ExperimentResult]] = {
        "attribute-similarity": attribute_similarity.attribute_similarity,
        "samples": lambda one: comparison.samples(one, count=samples, extractor=extractor),
        "ablation": lambda one: ablation.ablation(one, list(vary), alone=alone, count=samples, extractor=extractor),
        "attribute-vectors": lambda one: attribute_vectors.attribute_vectors(one, tuple(attributes)),
        "features": lambda one: features.features(one, draws=draws),
    }
    if name not in works:
        raise unknown_name("experiment", name, EXPERIMENTS)
    if runs and recipe is not None:
        raise UserError("--runs measures existing runs: leave out --data, --seeds and all settings of training")
    folder = Path(out) if out else Path("experiments") / name
    console = Talk(progress).console
    common: dict[str, Any] = {"prior": prior, "device": device, "command": command or f"vaegan.experiment({name!r})", "console": console}
    if runs:
        one = Experiment.of_runs(name, folder, [run.folder if isinstance(run, Run) else Path(run) for run in runs], **common)
    else:
        settings = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe or "quick")
        if name == "ablation":
            ablation.asked(list(vary), settings, alone=alone)  # a mistake is told before a folder is made
        one = Experiment(name, folder, settings, seeds=seeds, **common)
    found = works[name](one)
    path = folder / RESULTS
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return FinishedExperiment(name, folder, results, found.tables, found.files)
