"""What a run has learned beside its model: read, or learned now and kept, where the images are at hand. A page and an export have it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import UserError
from ..latent.anomaly import HELD_OUT, OtherWeightsError, Scorer
from ..latent.directions import Directions
from ..latent.learn_directions import learn_from
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..report.facts import RunImages
from ..run import Run


def directions_of(opened: Run, model: VAEGAN, known: RunImages | None, progress: Progress | None) -> tuple[Directions | None, list[str]]:
    """The directions of attributes, and what there is to say of them.

    Args:
        opened: the run.
        model: its model.
        known: its images, if they are at hand.
        progress: called as directions are learned; without it, none are.

    Raises:
        UserError: they are damaged, or none can be learned.
    """
    learned = Directions.load_for(opened.attributes_file, model)
    if learned and learned.of_attributes.names:
        return learned, []
    if progress is None or known is None or not known.images.attribute_names or "encoder" in model.untrained:
        return learned, []
    try:
        found, _ = learn_from(model, known.images, known.training, known.held_out, progress)
    except UserError as error:
        if learned is None or not learned.names:
            raise
        return learned, [str(error)]
    directions, notes = found.beside(opened.attributes_file, opened.argument)
    return directions, [*notes, *_save(opened, directions.save, opened.attributes_file)]


def scorer_of(opened: Run, model: VAEGAN, known: RunImages | None, progress: Progress) -> tuple[Scorer | None, list[str]]:
    """The calibration of the score; made now, where there is none, or one on the held-out images for other weights.

    Returns:
        It, or None if there is none and no images to make one with; and what there is to say.

    Raises:
        UserError: it is damaged, or on other images and for other weights, or there are too few images.
    """
    if opened.score_file.is_file():
        try:
            return Scorer.load(opened.score_file, model), []
        except OtherWeightsError as error:
            if error.source != HELD_OUT or known is None:
                raise
    if known is None:
        return None, []
    images, held_out = known.images.images, known.held_out[:]
    training, name = known.training[:], opened.argument
    scorer = Scorer.calibrate(model, images, held_out, fitted_on=training, source=HELD_OUT, run=name, progress=progress)
    return scorer, _save(opened, scorer.save, opened.score_file)


def _save(opened: Run, save: Callable[[Path], object], path: Path) -> list[str]:
    """Save what was learned now. If it cannot be, as in a folder that is read-only, this returns a note, and it is used all the same."""
    try:
        save(path)
    except OSError as error:
        return [f"cannot write into {opened.argument}: {error.strerror or error}; what was learned of the run is not saved"]
    return []
