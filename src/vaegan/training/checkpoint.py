"""All that a run needs to go on: weights, averages, optimisers and the step. Everything else follows from the recipe and the step.

A checkpoint is what torch.save writes, then a mark with the format's number, then the SHA-256 of all that is before it. So a file that
lost its end or a bit is known to be damaged before anything in it is believed; and torch.load still reads it.
"""

from __future__ import annotations

import errno
import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError
from ..files import replacing
from ..recipe import RECIPE
from ..run import checkpoints_in, start_again
from ..words import command

FORMAT = 4
"""To be raised when the state of a trainer changes."""
MARK = b"vaegan checkpoint "
DIGEST = hashlib.sha256().digest_size
TRAILER = len(MARK) + 4 + DIGEST


class DamagedError(Exception):
    """A file is no checkpoint, or not all of one, or not any more."""


def save(folder: Path, step: int, state: dict[str, Any], *, keep: int, keep_every: int = 0) -> Path:
    """Write the checkpoint of a step, whole or not at all, and remove older ones.

    Those that stay are the newest `keep`, and those of every `keep_every` steps.
    """
    path = folder / f"step-{step:08d}.pt"
    content = io.BytesIO()
    torch.save({"step": step, **state}, content)
    content.seek(0, io.SEEK_END)
    content.write(MARK + b"%04d" % FORMAT)
    content.write(hashlib.sha256(content.getbuffer()).digest())
    with replacing(path) as temporary:
        # Written by torch itself, a full disk would look like a fault of ours. getvalue does not copy here; a view of the buffer would
        # live on in the traceback of a failed write, and Python 3.13 then says so when it frees the buffer.
        temporary.write_bytes(content.getvalue())
    for old in checkpoints(folder)[keep:]:
        if not (keep_every and step_of(old) and step_of(old) % keep_every == 0):
            old.unlink(missing_ok=True)
    return path


def step_of(path: Path) -> int:
    """The step that a checkpoint's name tells."""
    return int(path.stem.removeprefix("step-"))


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, newest first; see `Run.checkpoints`."""
    return [*checkpoints_in(folder).values()][::-1]


def read(path: Path) -> dict[str, Any]:
    """The state in a checkpoint. No code in the file is run.

    Raises:
        DamagedError: it is not what was written.
        UserError: it was written by another version of the package.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        if error.errno != errno.EIO:  # nothing is wrong with it, but with who reads it
            raise
        raise DamagedError(error.strerror) from error
    mark = content[-TRAILER:-DIGEST]
    if not mark.startswith(MARK) or hashlib.sha256(memoryview(content)[:-DIGEST]).digest() != content[-DIGEST:]:
        raise DamagedError("its checksum does not fit its content")
    if mark != MARK + b"%04d" % FORMAT:
        anew = command("train", "--data", "IMAGES", "--init-from", path.parents[1])
        raise UserError(
            f"cannot resume from {path}: it was written by another version of vaegan; train a new run from its weights with: {anew}"
        )
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return {**state, "step": int(state["step"])}
    except Exception as error:  # whoever made a checksum for it can have put anything in
        if isinstance(error, MemoryError) or "alloc" in str(error):  # torch has no error of its own for want of memory
            raise
        raise DamagedError("it is not a checkpoint") from error


def load(folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """The newest checkpoint that is whole, and the newer ones that are not. No code in the files is run.

    Raises:
        UserError: there is none, or it was written by another version of the package.
    """
    damaged: list[Path] = []
    for path in checkpoints(folder):
        try:
            return read(path), damaged
        except DamagedError:
            damaged.append(path)
    recipe = folder.parent / RECIPE
    what = f"its {len(damaged)} checkpoints are all damaged" if damaged else "it has no checkpoint"
    way_out = f"train a new run with: {command('train', '--recipe', recipe, '--run', 'NEW-RUN')}"
    if not damaged and not (folder.parent / "model").exists():  # which a start in the same folder would replace
        way_out = f"start it again with: {start_again(folder.parent)}"
    raise UserError(f"cannot resume {folder.parent}: {what}; {way_out}")


def take(folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """As `load`, to go on from: damaged ones get another name, so that they are not counted among those to come, and push them out."""
    state, damaged = load(folder)
    for path in damaged:
        path.replace(path.with_name(path.name + ".damaged"))
    return state, damaged
