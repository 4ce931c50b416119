"""A run folder: its settings, its images, its model, and the path of every file in it.

A model folder (config.json and model.safetensors alone, such as RUN/model) opens in the same way. It knows neither images nor settings.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import old_names
from .errors import NoCacheError, OnlyInProgramError, UserError, with_way_out
from .files import from_home, is_locked, missing
from .methods import RunMethods
from .progress import Progress
from .recipe import RECIPE, RUNS, Recipe
from .settings import Data
from .words import command

if TYPE_CHECKING:
    import torch

    from .data import ImageSet, Indices, Preparation
    from .models.vaegan import VAEGAN


class Run(RunMethods):
    """A run folder or a model folder.

        run = vaegan.Run.open("runs/avatars")
        model, images = run.model(), run.images()
        training, held_out = run.split(images)
        faces = run.sample(16).pictures()

    The functions of this package that work on a run are methods of it, too; see `vaegan.methods`.

    Nothing is read before it is asked for. Names that end in `_file` and `_folder` are paths, whether there is something or not.
    """

    def __init__(self, folder: str | Path, name: str = "") -> None:
        """Take a folder that need not be there yet; `open` takes one that is.

        Args:
            folder: the folder.
            name: what people call a model whose folder they do not know; see `vaegan.pretrained.find`.
        """
        self.folder = from_home(folder)
        self.name = name
        self.recipe_file = self.folder / RECIPE
        """All settings."""
        self.stats_file = self.folder / "stats.jsonl"
        """Losses, speed and the like: a line of JSON at every log interval."""
        self.pictures_folder = self.folder / "samples"
        """The pictures that training draws; see `pictures`."""
        self.tensorboard_folder = self.folder / "tensorboard"
        """TensorBoard's event files."""
        self.checkpoints_folder = self.folder / "checkpoints"
        """All that it takes to resume training."""
        self.skipped_file = self.folder / "skipped.txt"
        """The image files that could not be read, if there are any."""
        self.held_out_file = self.folder / "held-out.txt"
        """The names of the held-out images, a line each, if the run was resumed with more images than it began with."""
        self.lock_file = self.folder / ".lock"
        """Locked by the process that trains."""
        self.report_file = self.result_file("report.html")
        """The page on the run."""
        self.studio_file = self.result_file("studio.html")
        """The page in which the model runs."""
        self.export_folder = self.result_file("export")
        """The model as files that run without torch."""
        self.metrics_file = self.folder / "metrics.jsonl"
        """A line of JSON for each evaluation; see `metrics`."""
        self.attributes_file = self.folder / "attributes.safetensors"
        """The directions of attributes; see `vaegan.latent.directions.Directions`."""
        self.attributes_picture_file = self.result_file("attributes.png")
        """What each of them does to an image."""
        self.score_file = self.folder / "score.safetensors"
        """The calibration of the anomaly score; see `vaegan.latent.anomaly.Scorer`."""

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @classmethod
    def find(cls, folder: str | Path) -> Run:
        """A folder, whether it is there or not; or a model by its name, such as avatars or hf:USER/NAME, if no folder is called so.

        Raises:
            UserError: a model of the Hugging Face hub cannot be fetched.
        """
        run = cls(folder)
        if run.folder.exists():
            return run
        from .pretrained.find import find, is_name

        return cls(find(folder), Path(folder).as_posix()) if is_name(folder) else run

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """A run folder or a model folder that is there; or a model by its name, see `find`.

        Raises:
            UserError: there is no such folder, or it is neither; or a model of the Hugging Face hub cannot be fetched.
        """
        run = cls.find(folder)
        if not run.folder.is_dir():
            if run.folder.exists():
                raise UserError(f"{run.folder} is not a folder")
            from .pretrained.find import names

            raise missing(run.folder, inside=RUNS, names=names())
        if not run.is_run:
            from .models.vaegan import CONFIG

            if not (run.model_folder / CONFIG).is_file():
                raise UserError(f"{run.folder} is neither a run folder nor a model folder: it has no {RECIPE} and no {CONFIG}")
        return run

    @property
    def is_run(self) -> bool:
        """Whether this is a run folder; else it is a model folder."""
        return self.recipe_file.is_file()

    @property
    def kind(self) -> str:
        """What it is where it is no run, in words."""
        return "a model folder"

    @property
    def model_folder(self) -> Path:
        """The folder of the model: RUN/model; the folder itself if it is a model folder, also one with a recipe, as on the hub."""
        inside = self.folder / "model"
        return inside if inside.is_dir() or (self.is_run and not (self.folder / "config.json").is_file()) else self.folder

    def result_file(self, name: str) -> Path:
        """Where a result is put by default: RUN/samples.png; of the model avatars, avatars-samples.png in the current folder."""
        if not self.name:
            return self.folder / name
        from .pretrained.find import named_result

        return named_result(self.name, name)

    @property
    def argument(self) -> str | Path:
        """As a command takes it: the name of a model that has one, or the folder."""
        return self.name or self.folder

    @property
    def has_model(self) -> bool:
        """Whether there is a model."""
        from .models.vaegan import CONFIG

        return (self.model_folder / CONFIG).is_file()

    @property
    def prior_file(self) -> Path:
        """The fitted prior, beside the model; see `vaegan.models.prior.Mixture`."""
        from .models.prior import FILE

        return self.model_folder / FILE

    @cached_property
    def recipe(self) -> Recipe:
        """All settings of the run.

        Raises:
            UserError: the file is damaged; or this is a model folder, which has none.
        """
        if not self.is_run:
            raise UserError(
                f"{self.folder} is not a run folder: it has no {RECIPE}, which says how a model was trained; give the run folder"
            )
        return Recipe.load(self.recipe_file)

    def forget(self) -> None:
        """Read recipe and model anew when they are asked for next, because training has written them."""
        for name in ("recipe", "preparation", "_config"):
            vars(self).pop(name, None)

    @property
    def data(self) -> Data:
        """The settings of the run's images; the defaults for a model folder."""
        return self.recipe.data if self.is_run else Data()

    @property
    def level(self) -> int:
        """The layer of the discriminator whose features are the learned similarity."""
        if self.is_run:
            return self.recipe.objective.level
        return int(self._config.get("level", Recipe().objective.level))

    @cached_property
    def preparation(self) -> Preparation:
        """How image files become the model's inputs.

        Raises:
            UserError: there is neither a model nor a recipe, or it is damaged.
        """
        from .data import Preparation
        from .models.vaegan import unreadable_config

        if self.is_run and not self.has_model:
            return self.recipe.preparation  # only until there is a model: a packed set can be made anew, in another way
        try:
            return Preparation.from_dict(self._config["preparation"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise unreadable_config(self.model_folder, error) from error

    @cached_property
    def _config(self) -> dict[str, Any]:
        """What the model folder says of its model.

        Raises:
            UserError: there is no such file, or it is damaged.
        """
        from .models.vaegan import CONFIG

        path = self.model_folder / CONFIG
        if not path.is_file():
            raise UserError(f"{self.model_folder} is not a model folder: it has no {CONFIG}")
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path} is damaged: it is not valid JSON ({error})") from error
        if not isinstance(config, dict):
            raise UserError(f"{path} is damaged: it holds no settings")
        return config

    def model(self, device: str | torch.device = "cpu", *, prior: bool = True) -> VAEGAN:
        """The model, in evaluation mode; without its fitted prior, if that is not wanted.

        Raises:
            UserError: there is none, or it or its prior is damaged.
        """
        from .models.vaegan import VAEGAN

        if self.is_run and not self.model_folder.is_dir():
            raise self.no_model()
        model = VAEGAN.from_pretrained(self.model_folder, device, prior=prior)
        if "level" not in self._config:  # it was saved by a version that did not write it
            with suppress(UserError):  # a damaged recipe does not keep the model from being used
                model.level = self.level
        return model

    def no_model(self) -> UserError:
        """The mistake of asking for the model of a run that has none."""
        if is_locked(self.lock_file):
            return UserError(f"the run {self.folder} has no model: it is training now; wait until it saves a checkpoint")
        if self.checkpoints:
            more = max(self.checkpoints) + 1
            return UserError(
                f"the model of the run {self.folder} was removed: write it again with: {command('train', '--resume', self.folder)}; "
                f"or, if no steps are left, train one more with: {command('train', '--resume', self.folder, '--steps', more)}"
            )
        way_out = f"wait if it is still training, or start it again with: {start_again(self.folder)}"
        return UserError(f"the run {self.folder} has no model: it has not saved a checkpoint yet; {way_out}")

    def images(self, data: str | Path | None = None, *, flag: str = "", progress: Progress = lambda *_: None) -> ImageSet:
        """The images that the run was trained on, or another set, as the model takes them. They are packed on first use.

        Args:
            data: the other set: a folder, an archive, or anything else that `data.source` takes.
            flag: how a user names another set on the command line, for the errors.
            progress: called as images are packed.

        Raises:
            UserError: there is no such set; or none is named, and this is a model folder or the run's own set is gone.
        """
        from .data import open_images

        if data is None and not self.is_run:
            what = f"{self.kind} does not say which images the model was trained on"
            raise UserError(f"{what}: give images{_with(flag)}")
        settings, preparation = self.data, self.preparation
        try:
            source = settings.source if data is None else str(data)
            more: dict[str, Any] = {"percentiles": settings.range_percentiles, "finds_range": not self.has_model}
            return open_images(source, preparation, count=settings.avatars, progress=progress, **more)
        except UserError as error:
            if data is None and not isinstance(error, NoCacheError):
                only = isinstance(error, OnlyInProgramError)
                sentence = str(error) if only else f"the images that the run was trained on cannot be opened: {error}"
                way_out = "give the same images as a folder or packed set" if only else "say where they are now"
                raise UserError(with_way_out(sentence, f"{way_out}{_with(flag)}")) from error
            raise

    def images_at_hand(self) -> ImageSet:
        """The images that the run was trained on, if they need not be packed or fetched first.

        Raises:
            UserError: they are not at hand.
        """
        from .data import AVATARS, open_packed
        from .data.sources import is_hub

        data = self.data
        if self.name and data.source != AVATARS and not is_hub(data.source):  # another person's folder: one here has only the same name
            raise UserError(f"the images of {self.name} are not on this machine")
        images = open_packed(data.source, self.preparation, count=data.avatars, percentiles=data.range_percentiles)
        if images is None:
            raise UserError(f'the images "{self.data.source}" are not packed on this machine')
        return images

    def split(self, images: ImageSet) -> tuple[Indices, Indices]:
        """The indices of the training images and of the held-out images of a set, by the settings of the run; see `train_on`.

        Raises:
            UserError: the set has splits, but none to train on.
        """
        from .data import split

        return split(images, self.data.held_out, self.train_on(images), self.held_out_names)

    @property
    def held_out_names(self) -> list[str] | None:
        """The names in `held_out_file`; None if there is none, and the images that are held out follow from the settings."""
        return self.held_out_file.read_text(encoding="utf-8").splitlines() if self.held_out_file.is_file() else None

    def train_on(self, images: ImageSet) -> str:
        """The splits of a set that count as training images: those that the run was trained on; if the set lacks them, the default."""
        known = all(name in images.splits for name in self.data.train_on.split("+"))
        return self.data.train_on if known else Data().train_on

    @property
    def pictures(self) -> dict[int, Path]:
        """The pictures that training drew, by their steps, in order."""
        found = {int(match[1]): path for path in self.pictures_folder.glob("*.png") if (match := re.fullmatch(r"step-(\d+)", path.stem))}
        return dict(sorted(found.items()))

    @property
    def checkpoints(self) -> dict[int, Path]:
        """The checkpoints to go on from, by their steps, in order. Whether they are whole is seen when one is read.

        Raises:
            OSError: their folder cannot be read, which is not to be taken for a run without a checkpoint.
        """
        return checkpoints_in(self.checkpoints_folder)

    def picture_file(self, step: int) -> Path:
        """The picture after a step."""
        return self.pictures_folder / f"step-{step:06d}.png"

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """What each evaluation found, the oldest first. Lines that cannot be read are left out."""
        text = self.metrics_file.read_text(encoding="utf-8", errors="replace") if self.metrics_file.is_file() else ""
        found: list[dict[str, Any]] = []
        for line in text.splitlines():
            try:
                read = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(read, dict):
                found.append(old_names.metrics(read))
        return found


def checkpoints_in(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder, by their steps, in order; none if there is no folder.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        found = {int(match[1]): path for path in folder.iterdir() if (match := re.fullmatch(r"step-([0-9]+)\.pt", path.name))}
    except FileNotFoundError:
        return {}
    return dict(sorted(found.items()))


def _with(flag: str) -> str:
    """What to give something with, at the end of a sentence: a flag, a whole command, or nothing."""
    return f" with{':' if flag.startswith('vaegan ') else ''} {flag}" if flag else ""


def start_again(folder: Path) -> str:
    """The command that trains a run from its recipe, in its own folder, where it has no checkpoint to go on from."""
    return command("train", "--recipe", folder / RECIPE, "--run", folder, "--auto-resume")


def load(run: str | Path, device: str | torch.device = "cpu") -> VAEGAN:
    """The model of a run folder or of a model folder, or the one of a name, such as avatars or hf:USER/NAME, in evaluation mode.

    Raises:
        UserError: there is none, or it is damaged.
    """
    return Run.open(run).model(device)
