"""A model that runs without torch: export."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..export.folder import ExportedModel, write_export
from ..studio.weights import Precision
from .notices import ShowProgress, Talk
from .shared import ModelInMemory, Subject, open_run


def export(
    run: Subject,
    out: str | Path | None = None,
    *,
    precision: Precision = "float32",
    pt2: bool = False,
    progress: ShowProgress = None,
) -> ExportedModel:
    """Write a model as ONNX files, with model.json and example.py, which says how to use them.

    The files are prior, decoder, encoder, reconstruct, edit and score: those that the model and what it has learned allow.

    Each file is compared with the model as soon as it is written. If the run has no directions of attributes, or its score is not
    calibrated, this is done first, where the images are at hand.

    Args:
        run: a run, a model, or the path of either.
        out: the folder to make; by default RUN/export.
        precision: how the networks' weights are stored: float32, float16 or int8. All files take, compute and give float32.
        pt2: whether to write encoder, decoder and reconstruct for torch, too, by torch.export.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: onnx or onnxruntime is not installed; the folder exists; there is no model; or it has an operation that is not known.
    """
    opened = open_run(run)
    if out is None and isinstance(opened, ModelInMemory):
        raise UserError("a model in memory has no folder for its export: give a folder with out=")
    talk = Talk(progress)
    with talk.bar() as bar:
        exported = write_export(opened, out, precision=precision, pt2=pt2, progress=bar)
    for note in exported.notes:
        talk.say(f"note: {note}")
    return exported
