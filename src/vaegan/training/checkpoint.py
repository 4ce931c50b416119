"""All that a run needs to go on: weights, averages, optimisers and the step. Everything else follows from the recipe and the step."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError
from ..files import replacing

KEPT = 2
FORMAT = 2
"""To be raised when the state of a trainer changes."""


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the checkpoint of a step, whole or not at all, and remove all but the newest ones."""
    path = folder / f"step-{step:08d}.pt"
    content = io.BytesIO()
    torch.save({"format": FORMAT, "step": step, **state}, content)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())  # written by torch itself, a full disk would look like a fault of ours
    for old in checkpoints(folder)[KEPT:]:
        old.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, newest first."""
    return sorted(folder.glob("step-*.pt"), reverse=True)


def load(folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """The newest checkpoint that can be read, and the newer ones that could not. No code in the files is run.

    Raises:
        UserError: there is none, or it is of another version of the package.
    """
    damaged: list[Path] = []
    for path in checkpoints(folder):
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # a damaged file may raise anything
            damaged.append(path)
            continue
        if isinstance(state, dict) and "step" in state:
            if state.get("format") != FORMAT:
                raise UserError(f"cannot resume {folder.parent}: {path.name} was written by another version of vaegan")
            return state, damaged
        damaged.append(path)
    what = f"its {len(damaged)} checkpoints are all damaged" if damaged else "it has no checkpoint"
    raise UserError(f"cannot resume {folder.parent}: {what}")
