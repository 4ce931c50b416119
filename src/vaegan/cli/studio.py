"""A page to play with a model: studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from .completion import RunFolder
from .console import Json, err, show

Precision = Literal["float32", "float16", "int8"]  # as in studio/weights.py, without waiting for torch


def studio(
    run: RunFolder,
    /,
    *,
    out: Path | None = None,
    examples: int = 12,
    precision: Precision | None = None,
    score: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Write studio.html, one page in which anyone can try a model.

    The page draws samples, encodes photos, edits attributes, mixes pictures and walks through the latent space. It is one file. The model
    runs in the browser, so the page works offline and sends nothing.

    If the run has no directions of attributes yet, they are learned first (see vaegan attributes).

    Parameters
    ----------
    run
        The folder of a run or a model.
    out
        The page to write. The default is RUN/studio.html.
    examples
        The number of held-out images in the page. With 0, the page contains no image of the set.
    precision
        The precision of the weights in the page. The default is float16, and int8 for networks of more than 4 million parameters.
    score
        Also show how unusual an image is (see vaegan score). The page is then larger, because it needs the discriminator.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import studio as api

    show(api.studio(run, out, examples=examples, precision=precision, score=score, progress=err), json=json)
