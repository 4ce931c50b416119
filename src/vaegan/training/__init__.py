"""Training: from a recipe to a run folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from rich.console import Console

from ..data import AVATARS, ImageSet, open_images, split
from ..data.packed import report_skipped
from ..data.sources import anchored, short_name
from ..errors import UserError
from ..files import replacing
from ..processes import is_leader
from ..progress import progress_bar
from ..recipe import RECIPE, Recipe, of_run
from ..signals import Stopped
from . import checkpoint
from .machine import make_fabric
from .trainer import Trainer

__all__ = ["Result", "Stopped", "resume", "train"]


HEADER = "# Every setting of this run. It is a recipe itself: vaegan train --recipe THIS-FILE\n"


@dataclass(frozen=True)
class Result:
    """Where a finished run put things."""

    run: Path
    picture: Path


def train(
    recipe: Recipe, run: str | Path | None = None, *, device: str = "auto", processes: int = 1, console: Console | None = None
) -> Result:
    """Train a VAE/GAN from scratch.

    Args:
        recipe: all settings; see `Recipe.load`.
        run: the folder to make and write into; by default runs/NAME, with a number where that is taken.
        device: `auto`, `cpu`, `cuda` or `mps`.
        processes: how many devices (or processes on the CPU) train together.
        console: where progress is shown; standard error by default.

    Raises:
        UserError: something in what was asked for is wrong; nothing has been overwritten.
        Stopped: an interrupt or SIGTERM came; the run was saved and can be resumed.
    """
    folder = Path(run).expanduser() if run else _free_name(Path("runs"), recipe)
    if folder.exists():
        raise UserError(f"{folder} exists already: choose another --run, or go on with it by --resume {folder}")
    return _run(recipe, folder, device, processes, console, resumed=False)


def resume(
    run: str | Path, recipe: Recipe | None = None, *, device: str = "auto", processes: int = 1, console: Console | None = None
) -> Result:
    """Go on with a run from its newest checkpoint.

    `recipe` may ask for another length, for pictures and checkpoints at other steps, or name another place where the same images are.

    Raises:
        UserError: there is no such run, it has no checkpoint, the images are others, or `recipe` differs in more than may change.
        Stopped: as for `train`.
    """
    folder = Path(run).expanduser()
    recipe = recipe or Recipe.load(of_run(folder))
    return _run(recipe, folder, device, processes, console, resumed=True)


def _run(recipe: Recipe, folder: Path, device: str, processes: int, console: Console | None, *, resumed: bool) -> Result:
    console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
    if recipe.data.source != AVATARS:  # so that the run can be resumed from anywhere
        recipe = replace(recipe, data=replace(recipe.data, source=anchored(recipe.data.source)))
    fabric = make_fabric(device, recipe.training.precision, processes)
    if processes > 1 and is_leader():  # the images are packed, or found wanting, before the other processes start
        _open(recipe, console)
    fabric.launch()
    console.quiet = console.quiet or not fabric.is_global_zero
    try:
        images = _open(recipe, console)
    except UserError as error:
        raise UserError(f"{error}; if the images have moved, say where they are with --data") if resumed else error from None
    training, held_out = split(images, recipe.data.held_out, recipe.data.train_on)
    trainer = Trainer(recipe, fabric, images, training, note=lambda sentence: console.print(sentence, soft_wrap=True))
    if resumed:
        state, damaged = checkpoint.load(folder / "checkpoints")
        for path in damaged:
            console.print(f"passed over a damaged checkpoint: {path}")
        trainer.load_state_dict(state)
    fabric.barrier()
    if fabric.is_global_zero:
        folder.mkdir(parents=True, exist_ok=resumed)
        with replacing(folder / RECIPE) as path:
            path.write_text(HEADER + recipe.to_yaml(documented=True), encoding="utf-8")
        _report_skipped(images, folder, console)
    where = "a GPU" if fabric.device.type == "cuda" else "the GPU" if fabric.device.type == "mps" else "the CPU"
    kind = "bfloat16" if "bf16" in str(fabric._precision.precision) else "float32"
    what = f"{len(training):,} images to train on, {len(held_out):,} held out; {trainer.steps:,} steps"
    console.print(f"{what} on {where} in {kind}, into {folder}", soft_wrap=True)
    return Result(folder, trainer.train(folder, images, held_out, console))


def _open(recipe: Recipe, console: Console) -> ImageSet:
    with progress_bar(console) as progress:
        return open_images(recipe.data.source, recipe.preparation, count=recipe.data.avatars, progress=progress)


def _report_skipped(images: ImageSet, folder: Path, console: Console) -> None:
    listing = folder / "skipped.txt"
    for line in report_skipped(images, listing):
        listing.write_text("".join(f"{line}\n" for line in images.skipped), encoding="utf-8")
        console.print(line, soft_wrap=True)


def _free_name(parent: Path, recipe: Recipe) -> Path:
    """runs/NAME after the data, or runs/NAME-2 and so on."""
    name = re.sub(r"[^\w.-]+", "-", short_name(recipe.data.source))
    return next(path for n in count(1) if not (path := parent / (name if n == 1 else f"{name}-{n}")).exists())
