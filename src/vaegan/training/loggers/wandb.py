"""Weights & Biases, an extra. Its own environment variables say where runs go: WANDB_MODE=offline, WANDB_PROJECT, WANDB_ENTITY."""

from __future__ import annotations

import os
import uuid

import wandb
from PIL import Image

from ...errors import UserError
from ...recipe import Recipe
from ...run import Run
from .base import Logger

ID = "wandb-id.txt"
PROJECT = "vaegan"
STEP = "step"


class WandbLogger(Logger):
    """A run of Weights & Biases, which a resumed training goes on with. Its curves are over the curve `step`.

    That service takes nothing back: after a rollback, the points of the steps that are trained again are there twice.
    """

    remote = True

    def __init__(self, run: Run, recipe: Recipe, step: int) -> None:
        super().__init__(run, recipe, step)
        file = run.folder / ID
        if not file.is_file():
            file.write_text(uuid.uuid4().hex[:8], encoding="utf-8")
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                id=file.read_text(encoding="utf-8").strip(),
                name=run.folder.name,
                dir=run.folder,
                config=recipe.flat(),
                resume="allow",
                settings=wandb.Settings(console="off", silent=True),
            )
        except Exception as error:  # it raises what its parts raise: for want of a key, of a network, of rights
            raise UserError(f"the logger wandb cannot start: {' '.join(str(error).split())}") from error
        self._run.define_metric("*", step_metric=STEP)

    def scalars(self, values: dict[str, float], step: int) -> None:
        """See `Logger.scalars`."""
        self._run.log({STEP: step, **values})

    def text(self, name: str, text: str, step: int) -> None:
        """See `Logger.text`."""
        self._run.log({STEP: step, name: text})

    def image(self, name: str, picture: Image.Image, step: int) -> None:
        """See `Logger.image`."""
        self._run.log({STEP: step, name: wandb.Image(picture)})

    def close(self) -> None:
        """See `Logger.close`."""
        self._run.finish()
