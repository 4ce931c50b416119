"""What model.json says: how images go in, what the files take and give, and the numbers that no network holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..errors import UserError
from ..latent.anomaly import Scorer
from ..latent.directions import Directions
from ..models.prior import Mixture
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..report.facts import RunImages
from ..run import Run
from ..studio.learned import directions_of, scorer_of
from ..words import command
from .graph import Graph

FORMAT = 1
"""Of model.json."""
OF_DIRECTIONS = ("vectors", "lengths", "probes", "offsets", "exclusive", "means")


@dataclass(frozen=True)
class Learned:
    """What a run has learned of its codes, beside its model; learned now, where there is nothing yet and the images are at hand."""

    classes: Sequence[str] = ()
    """The labels that the run's images have."""
    directions: Directions | None = None
    scorer: Scorer | None = None
    notes: list[str] = field(default_factory=list)
    """What is missing, and why."""

    @classmethod
    def of(cls, opened: Run, model: VAEGAN, progress: Progress) -> Learned:
        """Read it or learn it."""
        notes: list[str] = []
        known, reason = None, f"{opened.kind} does not say which images it was trained on"
        if opened.is_run:
            try:
                known = RunImages.of(opened)
            except (UserError, OSError) as error:
                reason = str(error)
        if "encoder" in model.untrained:
            return cls(known.images.classes if known else (), notes=notes)
        directions = scorer = None
        try:
            directions, notes = directions_of(opened, model, known, progress)
        except UserError as error:
            notes.append(f"the export has no directions of attributes: {error}")
        if "discriminator" not in model.untrained:
            try:
                scorer, more = scorer_of(opened, model, known, progress)
                notes = list(dict.fromkeys([*notes, *more]))
            except UserError as error:
                reason = str(error)
            if scorer is None:
                notes.append(
                    f"score.onnx gives no p-values, because the score is not calibrated: {reason}; "
                    f"calibrate the score with: {command('score', opened.argument, 'IMAGES', '--calibrate', 'SET')}"
                )
        return cls(known.images.classes if known else (), directions, scorer, notes)


def describe(opened: Run, model: VAEGAN, precision: str) -> dict[str, Any]:
    """What each file says of the model."""
    a = model.architecture
    return {
        "name": opened.folder.resolve().name,
        "images": {"layout": "N x C x H x W, float32", "channels": a.channels, "size": list(a.size), "range": [-1, 1]},
        "preparation": model.preparation.as_dict(),
        "latent": a.latent,
        "attributes": list(a.attributes),
        "precision": precision,
    }


def model_json(about: Mapping[str, Any], model: VAEGAN, graphs: Mapping[str, Graph], learned: Learned) -> dict[str, Any]:
    """All of model.json.

    Args:
        about: what `describe` gave.
        model: the model.
        graphs: what is in each file.
        learned: what else is known.
    """
    files = {name: {"inputs": graph.inputs, "outputs": graph.outputs} for name, graph in graphs.items()}
    conditions = None
    if model.conditional:
        conditions = {"mean": _numbers(model.attribute_mean), "scale": _numbers(model.attribute_scale)}
    return {
        "format": FORMAT,
        **about,
        "files": files,
        "classes": list(learned.classes),
        "conditions": conditions,
        "directions": _of_directions(learned.directions),
        "prior": _prior(model.prior),
        "score": _score(learned.scorer),
    }


def _numbers(tensor: torch.Tensor) -> Any:
    """As lists: each number with as many digits as float32 has."""
    if tensor.dtype == torch.bool:
        return tensor.tolist()
    return np.array([float(f"{number:.9g}") for number in tensor.flatten().tolist()]).reshape(tensor.shape).tolist()


def _of_directions(directions: Directions | None) -> dict[str, Any] | None:
    if directions is None:
        return None
    return {"names": list(directions.names), **{name: _numbers(getattr(directions, name)) for name in OF_DIRECTIONS}}


def _prior(prior: Mixture | None) -> dict[str, Any] | None:
    """None for N(0, I)."""
    return None if prior is None else {name: _numbers(getattr(prior, name)) for name in ("weights", "means", "factors")}


def _score(scorer: Scorer | None) -> dict[str, Any] | None:
    if scorer is None:
        return None
    return {
        "calibrated_on": scorer.source,
        "normal_images": len(scorer.ranked),
        "level": scorer.level,
        "usual": dict(scorer.calibration.usual),
    }
