"""What is decided and made before a run trains: its folder, its images, its settings in full, the state that it goes on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lightning_fabric import Fabric
from rich.console import Console
from torch.utils.data import DataLoader

from .data import AVATARS, LOADER, ImageSet, Indices, open_images, pack_memory, packed_folder, split
from .data.dataset import report_skipped
from .data.grown import find_packed, names_of, require_all_of
from .data.loader import LoaderBatches
from .data.sources import anchored, is_plain, path_name
from .errors import OnlyInProgramError, UserError, os_errors_as_user_errors
from .files import final_name, from_home, locked, remove_partial, replacing
from .finish import lacks_prior
from .list_runs import status_of
from .pretrained.find import is_name
from .progress import progress_bar
from .recipe import RUNS, Recipe, as_recipe
from .run import Run, load
from .this_process import is_leader
from .training import checkpoint
from .training.callbacks import Callback
from .training.conditions import varying
from .training.device import World, find_world, usual_threads
from .training.distributed import JoinError, all_or_none, from_leader
from .training.init_from import take_weights
from .training.trainer import Trainer
from .words import command

Mode = Literal["new", "auto", "resume"]
"""Whether a run must not be there yet, may be there, or must be."""
REPORT_SECONDS, STUDIO_SECONDS, FIT_SECONDS = 3.0, 3.0, 20.0
"""What the report, the page to play with and the fit of the prior take, about, of a run's minutes."""
PAGE_SHARE = 0.02
"""The largest part of a run's time that it takes to keep its page up to date."""
HEADER = "# All settings of this run. This file is a recipe, too: vaegan train --recipe THIS-FILE\n"


@dataclass(frozen=True)
class TrainingJob:
    """What is to be trained, and where."""

    recipe: Recipe
    run: Run
    mode: Mode
    device: str
    report: bool
    callbacks: Sequence[Callback] = ()
    loader: LoaderBatches | None = None
    """Gives the batches in place of a set."""
    more_images: bool = False
    """Whether a run may go on with more images than it had."""
    studio: bool = False

    def __post_init__(self) -> None:
        if self.mode == "resume" and self.recipe.training.minutes:
            raise UserError(
                "--minutes is only for new runs, because a started run counts steps: leave out --minutes, or give --steps in its place"
            )

    @property
    def finds_range(self) -> bool:
        """Whether a range of values may be found for the images: a run that began without one goes on without."""
        return self.mode == "new" or not self.run.has_model or self.run.preparation.range is not None

    def begun(self) -> bool:
        """Whether the run was begun before.

        Raises:
            UserError: something is there that may not be.
        """
        if self.mode == "resume":
            return True
        folder = self.run.folder
        if folder.exists() and not (self.mode == "auto" and _is_begun(self.run)):
            raise _taken(self.run)
        return folder.exists()


def _taken(run: Run) -> UserError:
    hint = ""
    if run.is_run and checkpoint.checkpoints(run.checkpoints_folder):
        hint = f", or continue it with: {command('train', '--resume', run.folder)}"
    elif _is_begun(run) and not run.model_folder.exists():  # a finished run may have lost its checkpoints, and has a model to lose
        hint = ", or add --auto-resume to start it again, because it stopped before its first checkpoint"
    return UserError(f"{run.folder} exists already: choose another --run{hint}")


def hold_folder(run: Run, stack: ExitStack, *, new: bool = False, resumes: bool = False) -> bool:
    """Keep a run folder, made if it is new, for this process for as long as `stack` lasts; `resumes` if it is that of --resume.

    Raises:
        UserError: another one writes into it.
    """
    if new:
        try:
            run.folder.mkdir(parents=True)
        except FileExistsError:  # somebody has made it since this process looked
            raise _taken(run) from None
    if not stack.enter_context(locked(run.lock_file)):
        busy = f"{run.folder} is being trained by another process"
        raise UserError(f"{busy}: {'' if resumes else 'choose another --run, or '}wait until that process ends")
    return True


def join(fabric: Fabric) -> None:
    """Start the other processes, where nobody else has; from then on they can talk."""
    try:
        if not fabric._launched:  # private, and public nowhere: `fabric run` has launched it already, and twice is an error
            fabric.launch()
    except RuntimeError as error:  # of which kind, differs between backends
        raise JoinError.of(error) from error


def threads_of(job: TrainingJob, resumed: bool, world: World) -> int:
    """How many threads each process computes with: as was asked for, or as when the run began, or as is usual."""
    asked = job.recipe.training.threads
    begun = None
    if resumed and job.run.is_run:
        with suppress(UserError):  # a damaged one is replaced
            begun = job.run.recipe.training
    if begun and begun.batch == job.recipe.training.batch:
        asked = asked or begun.threads
    elif begun and begun.threads == asked:  # another number of processes, which share the cores in another way
        asked = 0
    return asked or usual_threads(world)


def length_of(job: TrainingJob, resumed: bool) -> str:
    """How long to train: as was asked for; or where that was in minutes, as many steps as those were when the run began."""
    if resumed and job.recipe.training.minutes and job.run.is_run:
        with suppress(UserError):  # a damaged one is replaced
            return job.run.recipe.training.length
    return job.recipe.training.length


def seconds_after_training(recipe: Recipe, job: TrainingJob) -> float:
    """What a run of some minutes spends on other things than its steps, pictures and checkpoints."""
    page = REPORT_SECONDS + PAGE_SHARE * 60 * (recipe.training.minutes or 0)
    fits = recipe.objective.autoencodes * (1 + recipe.augmentation.flip)  # codes of mirrored images, too
    return FIT_SECONDS * fits + page * job.report + STUDIO_SECONDS * job.studio


def settled(recipe: Recipe, images: ImageSet, training: Indices) -> Recipe:
    """With what the images decide: the range of values that was found for them, and the names of the attributes, where it asks for all."""
    if images.preparation.range:
        recipe = replace(recipe, data=replace(recipe.data, range=images.preparation.range))
    if recipe.networks.attributes != ("all",):
        return recipe
    return replace(recipe, networks=replace(recipe.networks, attributes=varying(images, training)))


def anchored_recipe(recipe: Recipe, run: Run) -> Recipe:
    """With whole paths, so that the run can be resumed from anywhere."""
    if recipe.data.source not in (AVATARS, LOADER):
        source = anchored(recipe.data.source, recognizing=not _trains_on_files(run))
        recipe = replace(recipe, data=replace(recipe.data, source=source))
    if recipe.objective.discriminator:
        recipe = replace(recipe, objective=replace(recipe.objective, discriminator=_whole(recipe.objective.discriminator)))
    if recipe.training.init_from:
        recipe = replace(recipe, training=replace(recipe.training, init_from=_whole(recipe.training.init_from)))
    return recipe


def _whole(run: str) -> str:
    """The whole path of a run, or the name of a model as it is."""
    return run if is_name(run) else str(from_home(run).absolute())


def _trains_on_files(run: Run) -> bool:
    """Whether a run was begun on a folder of image files, which stays one to it, even if it is recognised as a public set today."""
    with suppress(UserError):  # a damaged one is replaced
        return run.is_run and is_plain(run.data.source)
    return False


def take_up(trainer: Trainer, run: Run, console: Console, *, auto: bool, dry: bool = False) -> bool:
    """Go on where a run was, as the first process finds it, and say so; not if it is to go on by itself, and has no checkpoint yet."""

    def find() -> dict[str, Any] | None:
        if auto and not checkpoint.checkpoints(run.checkpoints_folder):
            return None
        state, damaged = (checkpoint.load if dry else checkpoint.take)(run.checkpoints_folder)
        for path in damaged:
            console.print(f"skipped a damaged checkpoint: {path}", soft_wrap=True)
        return state

    state = from_leader(trainer.fabric, find)
    unfitted = from_leader(trainer.fabric, lambda: lacks_prior(run, trainer.recipe, trainer.batches.indices))
    with all_or_none(trainer.fabric):
        if state:
            trainer.load_state_dict(state)
            if trainer.step < trainer.steps and (sentence := trainer.changed_rate(state)):
                console.print(f"note: {sentence}", soft_wrap=True)
        if trainer.step >= trainer.steps and not auto:
            more = f"give --steps a larger number, such as --steps {2 * trainer.step}"
            if unfitted:
                more += f"; its prior is not fitted yet: fit it with: {command('fit-prior', run.folder)}"
            raise UserError(f"the run is at step {trainer.step} already: {more}")
    return state is not None


def borrow_weights(trainer: Trainer, note: Callable[[str], None]) -> None:
    """Take the weights of the runs that the recipe names, if it does. Afterwards they are in the checkpoints.

    Raises:
        UserError: there are no such runs, or their networks are others.
    """
    if name := trainer.recipe.training.init_from:
        other = from_leader(trainer.fabric, lambda: load(name))
        with all_or_none(trainer.fabric):
            sentence = take_weights(trainer.model, other, name)
            if trainer.average:
                trainer.average.load_state_dict(trainer.model.state_dict())
        note(sentence)
    if not trainer.recipe.objective.discriminator:
        return
    other = from_leader(trainer.fabric, lambda: load(trainer.recipe.objective.discriminator))
    with all_or_none(trainer.fabric):
        other.require("discriminator")
        trainer.take_discriminator(other.discriminator.state_dict())


def with_data(recipe: Recipe, data: Any, console: Console) -> tuple[Recipe, LoaderBatches | None]:
    """A recipe with the images that a program gives, and the batches, if these are a DataLoader's.

    Args:
        recipe: says how images are prepared.
        data: see `vaegan.train`.
        console: where notes and a bar are shown.

    Raises:
        UserError: they are no images.
    """
    if data is None or isinstance(data, (str, Path)):
        return recipe, None
    if isinstance(data, ImageSet):
        return as_recipe(recipe, {"data.source": str(data.folder)}), None
    if isinstance(data, DataLoader):
        batches = LoaderBatches(data)
        for note in batches.notes:
            console.print(f"note: {note}", soft_wrap=True)
        return batches.recipe(recipe), batches
    if find_world().size > 1:
        raise UserError(
            f"torchrun or SLURM started several processes, so images cannot be passed as arrays or as a Dataset: {_pack_them()}"
        )
    with progress_bar(console) as progress, os_errors_as_user_errors():
        percentiles = recipe.data.range_percentiles
        images = ImageSet.open(pack_memory(data, recipe.preparation, progress=progress, percentiles=percentiles))
    _say_notes(images, console)
    return replace(recipe, data=replace(recipe.data, source=str(images.folder), range=images.preparation.range or recipe.data.range)), None


def check_loader(job: TrainingJob, world: World) -> None:
    """Refuse several processes on the batches of one DataLoader.

    Raises:
        UserError: that is asked for.
    """
    if job.loader and world.size > 1:
        way_out = "pass its data set"
        if world.environment:  # which `with_data` refuses
            way_out = _pack_them()
        raise UserError(f"a DataLoader cannot be used by several processes: {way_out}")


def _pack_them() -> str:
    return (
        f"save the images as files or as a .npy file, and pack these with: {command('prepare', 'SOURCE', 'SET')}; then pass the folder SET"
    )


def images_of(recipe: Recipe, console: Console, *, listing: Path | None = None, finds_range: bool = True, again: bool = False) -> ImageSet:
    """The images that a run by this recipe is to be trained on, packed with a bar where they are not yet.

    Args:
        recipe: names them, and says how they are made ready.
        console: where a bar is shown, and what their owner should know, unless the run says it `again`.
        listing: where the run names what was not read; by default, the set does.
        finds_range: see `open_images`.
        again: the run was begun before.

    Raises:
        UserError: there are no such images.
    """
    with progress_bar(console) as progress:
        more: dict[str, Any] = {"percentiles": recipe.data.range_percentiles, "finds_range": finds_range}
        try:
            images = open_images(recipe.data.source, recipe.preparation, count=recipe.data.avatars, progress=progress, **more)
        except OnlyInProgramError as error:
            way_out = "continue the run in a program, with vaegan.resume(RUN, data=IMAGES)" if again else "give images with --data"
            raise OnlyInProgramError(f"{error}: {way_out}") from None
    if not again and not packed_folder(recipe.data.source):  # else it was said when they were packed
        _say_notes(images, console, listing)
    return images


class Growth(NamedTuple):
    """How the images of a run that goes on have become more."""

    held_out: list[str] | None = None
    """The names of those that stay held out; None if they follow from the settings."""
    before: str = ""
    """The identity of the set before; empty if it is the same."""


def growth_of(job: TrainingJob, images: ImageSet) -> Growth:
    """What is held out of the images of a run that goes on, and whether they have become more. The first process finds it for all.

    Raises:
        UserError: they may have become more, but not all of those before are there, or it cannot be known.
    """
    run = job.run
    known = Growth(run.held_out_names)
    if not (job.more_images and checkpoint.checkpoints(run.checkpoints_folder)):
        return known
    before = checkpoint.load(run.checkpoints_folder)[0]["identity"]["images"]
    if before == images.identity:
        return known
    older = find_packed(before, run.recipe.data.source, images)
    if older is None:
        way_out = f"train a new run from the weights of this run, with: {command('train', '--data', 'IMAGES', '--init-from', run.folder)}"
        raise UserError(
            f"the packed images of {run.folder} do not exist any more, so vaegan does not know which images were held out: {way_out}"
        )
    require_all_of(older, images, job.recipe.data.source, run.folder)
    held_out = known.held_out
    if held_out is None:
        held_out = names_of(older, run.split(older)[1][:].tolist())
    return Growth(held_out, before)


def about_growth(growth: Growth, images: ImageSet, training: Indices, steps_per_epoch: int, schedule: str) -> str:
    """A sentence on what becomes of a run whose images have become more."""
    held_out = len(growth.held_out or ())
    count = f"there are {len(images):,} images now: {len(training):,} training images and, as before, {held_out:,} held-out images"
    order = "the images are shuffled again, so the result differs from that of a run that had all images from the beginning"
    falls = ", and the learning rate falls after each of these epochs" if schedule == "exponential" else ""
    return f"{count}; an epoch now has {steps_per_epoch:,} steps{falls}; {order}"


def split_of(recipe: Recipe, images: ImageSet, held_out: Sequence[str] | None = None) -> tuple[Indices, Indices]:
    """The indices of the images to train on and of those to hold out; of a run that is there already, `Run.split` tells them.

    Raises:
        UserError: the set has splits, but not those that the recipe names.
    """
    return split(images, recipe.data.held_out, recipe.data.train_on, held_out)


def set_up_folder(run: Run, recipe: Recipe, images: ImageSet, growth: Growth, console: Console) -> None:
    """What a run folder has from the start."""
    begun = run.recipe_file.is_file()
    remove_partial((run.folder, run.checkpoints_folder, run.model_folder, run.pictures_folder))
    if growth.before:
        with replacing(run.held_out_file) as path:
            path.write_text("".join(f"{name}\n" for name in growth.held_out or ()), encoding="utf-8")
    with replacing(run.recipe_file) as path:
        path.write_text(HEADER + recipe.to_yaml(documented=True), encoding="utf-8")
    run.forget()
    _report_images(images, run.skipped_file, console, begun=begun)


def _is_begun(run: Run) -> bool:
    """Whether a run was begun here; it may have been killed before its recipe was written."""
    if run.is_run or not run.folder.is_dir():
        return run.is_run
    others = {path.name for path in run.folder.iterdir()} - {run.lock_file.name}
    return all(name != run.recipe_file.name == final_name(name) for name in others)


def _report_images(images: ImageSet, listing: Path, console: Console, *, begun: bool) -> None:
    """Say what was skipped and what its owner should know of a set, once in a run."""
    text = "".join(f"{line}\n" for line in images.not_read)
    if begun and text == (listing.read_text(encoding="utf-8", errors="replace") if listing.is_file() else ""):
        return  # it was said when the run began
    if text:
        with replacing(listing) as path:
            path.write_text(text, encoding="utf-8")
    for line in report_skipped(images, listing):
        console.print(line, soft_wrap=True)


def _say_notes(images: ImageSet, console: Console, listing: Path | None = None) -> None:
    """Say what the owner of a set should know."""
    for sentence in images.notes(listing):
        console.print(f"note: {sentence}", soft_wrap=True)


def default_folder(recipe: Recipe, console: Console) -> Path:
    """runs/NAME after the data, or runs/NAME-2 and so on. If there are such runs already, it says so, and how to continue one of them."""
    first = RUNS / path_name(recipe.data.source)
    numbered = (first.with_name(f"{first.name}-{number}") for number in count(2))
    taken = list(takewhile(Path.exists, chain([first], numbered)))
    free = first.with_name(f"{first.name}-{len(taken) + 1}") if taken else first
    if taken and is_leader():
        unfinished = next((path for path in reversed(taken) if status_of(path).state == "interrupted"), None)
        other = f"; to continue {unfinished} instead, run: {command('train', '--resume', unfinished)}" if unfinished else ""
        console.print(f"{first} exists already, so this run is saved as {free}{other}", soft_wrap=True)
    return free
