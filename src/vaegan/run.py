"""A run folder: what was trained on which images, the model, and the path of every file in it.

A model folder (config.json and model.safetensors alone, such as RUN/model) can be opened, too. It knows neither images nor settings.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError
from .files import from_home
from .progress import Progress
from .recipe import RECIPE, Recipe
from .settings import Data

if TYPE_CHECKING:
    import torch

    from .data import ImageSet, Numbers
    from .models.vaegan import VAEGAN


class Run:
    """A run folder or a model folder; `open` sees that it is one."""

    def __init__(self, folder: str | Path) -> None:
        """Take a folder as it is; it need not be there yet."""
        self.folder = from_home(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """A run or model folder that is there.

        Raises:
            UserError: there is no such folder.
        """
        run = cls(folder)
        if not run.folder.is_dir():
            raise UserError(f"there is no run folder {run.folder}")
        return run

    # What training writes

    @property
    def recipe_file(self) -> Path:
        """All settings."""
        return self.folder / RECIPE

    @property
    def stats(self) -> Path:
        """Losses and the like, a line of JSON at every log interval."""
        return self.folder / "stats.jsonl"

    @property
    def pictures(self) -> Path:
        """The folder of the pictures that training draws, step-NUMBER.png."""
        return self.folder / "samples"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.folder / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def model_folder(self) -> Path:
        """The folder of the model: RUN/model, or the folder itself if it is a model folder."""
        inside = self.folder / "model"
        return inside if inside.is_dir() or self.is_run else self.folder

    @property
    def lock(self) -> Path:
        """The file that whoever writes into the run keeps from others."""
        return self.folder / ".lock"

    # What commands write

    @property
    def report(self) -> Path:
        """The page on the run."""
        return self.folder / "report.html"

    @property
    def metrics(self) -> Path:
        """A line of JSON for each evaluation."""
        return self.folder / "metrics.jsonl"

    @property
    def attributes(self) -> Path:
        """The directions of attributes."""
        return self.folder / "attributes.safetensors"

    @property
    def score(self) -> Path:
        """The calibration of the anomaly score."""
        return self.folder / "score.safetensors"

    def out(self, name: str) -> Path:
        """Where a command writes its result, such as samples.png, if it is not told."""
        return self.folder / name

    # What is in them

    @property
    def is_run(self) -> bool:
        """Whether this is a run folder, and no model folder."""
        return self.recipe_file.is_file()

    @cached_property
    def recipe(self) -> Recipe | None:
        """All settings of the run; None for a model folder.

        Raises:
            UserError: the file is damaged.
        """
        return Recipe.load(self.recipe_file) if self.is_run else None

    @property
    def data(self) -> Data:
        """The settings of the run's images; the defaults for a model folder."""
        return self.recipe.data if self.recipe else Data()

    @property
    def level(self) -> int:
        """The layer of the discriminator whose features are the learned similarity."""
        return (self.recipe or Recipe()).objective.level

    def model(self, device: str | torch.device = "cpu") -> VAEGAN:
        """The model, in evaluation mode.

        Raises:
            UserError: there is none yet, or it is damaged.
        """
        from .models.vaegan import load

        return load(self.folder, device)

    def images(self, data: str | None = None, *, model: VAEGAN, flag: str = "--data", progress: Progress = lambda *_: None) -> ImageSet:
        """The images of the run, or of another set, prepared as the model takes them; packed first if that was not done before.

        Args:
            data: the other set, as `data.source` names it.
            model: says how images are prepared.
            flag: the flag of the command line that names a set, for messages.
            progress: called as images are packed.

        Raises:
            UserError: there is no such set; or none is named and this is a model folder; or the run's own set is no longer there.
        """
        from .data import open_images

        if data is None and not self.recipe:
            raise UserError(f"a model folder does not say what it was trained on: name images by {flag}")
        source = self.data.source if data is None else data
        try:
            return open_images(source, model.preparation, count=self.data.avatars, progress=progress)
        except UserError as error:
            if data is None:
                where = f"cannot open the images that the run was trained on: {error}; say where they are now by {flag}"
                raise UserError(where) from error
            raise

    def split(self, images: ImageSet) -> tuple[Numbers, Numbers]:
        """The numbers of the training images and of the held-out images.

        The rule is the run's. Where a set does not have the splits that the run was trained on, it is split as by default.
        """
        from .data import split

        settings = self.data
        known = all(name in images.splits for name in settings.train_on.split("+"))
        return split(images, settings.held_out, settings.train_on if known else Data().train_on)
