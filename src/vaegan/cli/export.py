"""A model that runs without torch: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from .completion import RunFolder
from .console import Json, err, show

Precision = Literal["float32", "float16", "int8"]  # as in studio/weights.py, without waiting for torch


def export(
    run: RunFolder,
    /,
    *,
    out: Path | None = None,
    precision: Precision = "float32",
    pt2: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Write a model as ONNX files, which run without torch.

    The folder holds prior.onnx (draws codes), decoder.onnx, encoder.onnx, reconstruct.onnx, edit.onnx (adds attributes) and score.onnx.
    Each file takes any number of images or codes at a time. The command checks that each file gives the same results as the model.
    model.json describes the files. example.py shows how to use them with onnxruntime and numpy.

    If the run has no directions of attributes yet, they are learned first (see vaegan attributes). If the score
    of the run is not calibrated yet, the command calibrates it first (see vaegan score).

    Parameters
    ----------
    run
        The folder of a run or a model.
    out
        The folder to make. The default is RUN/export.
    precision
        The precision in which the weights are stored. Everything is computed in float32.
    pt2
        Also write encoder.pt2, decoder.pt2 and reconstruct.pt2, for torch without vaegan.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import export as api

    found = api.export(run, out, precision=precision, pt2=pt2, progress=err)
    show(found, json=json)
