"""Publishing a model: push."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .completion import RunFolder
from .console import Json, err, show


def push(
    run: RunFolder,
    repository: str,
    /,
    *,
    license: str | None = None,  # noqa: A002 (the hub's name)
    private: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Send a model to the Hugging Face hub, with a model card.

    It sends the weights, the prior, the recipe, the directions of attributes and the calibration of the score. The
    model card shows what the report shows. The images of the training set are not sent, and file paths of this
    machine are not sent. The command needs the package huggingface_hub, and an access token with write permission (see hf auth
    login).

    Parameters
    ----------
    run
        The folder of a run or a model.
    repository
        The repository, as USER/NAME. If it does not exist, it is made.
    license
        The license of the model, by its name on the hub, for example mit.
    private
        Make a new repository private, so that only you can see it. An existing repository stays private or public, as it was.
    out
        Write the files of the repository into this new folder, and send nothing.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import hub as api

    show(api.push(run, repository, license=license, private=private, out=out, progress=err), json=json)
