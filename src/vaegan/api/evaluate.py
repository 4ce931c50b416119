"""How good a model is: evaluate."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL.Image import Image
from rich.console import Group, RenderableType

from ..data.any_images import AnyImages
from ..data.sources import anchored
from ..metrics.base import RESAMPLINGS, SAMPLES
from ..metrics.context import Context, require_enough
from ..metrics.evaluate import Evaluation
from ..metrics.evaluate import evaluate as measure
from ..metrics.extractors.registry import DEFAULT, ExtractorName, choose
from ..metrics.figure import evaluation_sheet
from ..metrics.tables import tables
from ..result import PYTHON_ONLY, Result
from ..settings import PriorKind
from ..training.device import make_fabric
from .notices import ShowProgress, Talk
from .shared import ModelInMemory, Subject, check_seed, open_run, open_set


@dataclass(frozen=True, repr=False, eq=False)
class MeasuredModel(Result):
    """Measurements of samples, reconstructions and codes."""

    numbers: dict[str, Any]
    """Every number, by the names of metrics.jsonl; see docs/evaluation.md."""
    settings: dict[str, Any]
    """What the numbers depend on."""
    notes: list[str]
    """Sentences on how to read the numbers."""
    evaluation: Evaluation = field(metadata=PYTHON_ONLY)
    context: Context = field(metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def table(self) -> Group:
        """All numbers, in several tables."""
        parts: list[RenderableType] = []
        for table in tables(self.evaluation):
            parts += [table.on_screen(narrow=True), ""]
        return Group(*parts)

    def figure(self) -> Image:
        """Images, reconstructions, samples, and the samples that are nearest to training images."""
        return evaluation_sheet(self.context)


def evaluate(
    run: Subject,
    data: AnyImages | None = None,
    *,
    samples: int = SAMPLES,
    extractor: ExtractorName = DEFAULT,
    seed: int = 0,
    resamplings: int = RESAMPLINGS,
    prior: PriorKind | None = None,
    device: str = "auto",
    progress: ShowProgress = None,
) -> MeasuredModel:
    """Measure samples, reconstructions and codes. A line is added to RUN/metrics.jsonl.

    Args:
        run: a run, a model, or the path of either. A model needs `data`, and stays on its device.
        data: the set to measure on; by default the set that the run was trained on.
        samples: how many of each prior; it also limits the number of training images and of held-out images.
        extractor: the network whose features are compared; see docs/evaluation.md.
        seed: of samples and other random draws.
        resamplings: how many times images are drawn at random.
        prior: which samples are measured; by default those of both priors.
        device: auto, cpu, cuda or mps.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there are too few images, or the model's numbers are not finite.
    """
    talk = Talk(progress)
    check_seed(seed)
    opened = open_run(run)
    model = opened.model(make_fabric(device).device)
    images = open_set(opened, data, "--data", talk)
    training, held_out = opened.split(images)
    if not opened.is_run:
        talk.note(
            f"note: {opened.kind} does not say which images were held out, so this evaluation may use training images as held-out images: "
            "give the run folder instead"
        )
    require_enough(training, held_out, samples, resamplings)
    with talk.bar() as bar:
        features = choose(extractor, images, training, model.device, bar)
        measured: dict[str, Any] = {"samples": samples, "seed": seed, "resamplings": resamplings, "progress": bar, "prior": prior}
        context = Context(model, images, training, held_out, features, **measured)
        found = measure(context)
    found.settings["split"] |= {"train_on": opened.train_on(images), "share_held_out": opened.data.held_out}
    name = str(data) if isinstance(data, (str, Path)) else str(images.folder)
    if data is not None and (not opened.is_run or anchored(name) != anchored(opened.data.source)):
        found.settings["source"] = name  # which is not that of the run
    files = [] if isinstance(opened, ModelInMemory) else [found.append_to(opened.metrics_file)]
    return MeasuredModel(found.numbers(), found.settings, talk.notes, found, context, files)
