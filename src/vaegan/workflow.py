"""From a recipe to a finished run: images, one process or several, training, the prior, the report."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal, NoReturn

import torch
from lightning_fabric import Fabric
from rich.console import Console

from .data import AVATARS, ImageSet, Indices, open_images, split
from .data.dataset import report_skipped
from .data.sources import anchored, short_name
from .errors import UserError, os_errors_as_user_errors
from .files import PARTIAL, from_home, locked, remove_partial, replacing
from .finish import fit_prior, lacks_prior, write_report
from .progress import progress_bar
from .recipe import RECIPE, Recipe, of_run
from .run import Run, load
from .signals import Stopped, StopSignal
from .this_process import is_leader
from .training import checkpoint
from .training.conditions import varying
from .training.device import World, computes_in_bf16, find_device, find_world, make_fabric, usual_threads
from .training.distributed import JoinError, LostProcessError, SharedError, all_or_none, from_leader
from .training.launcher import launch, run_worker
from .training.memory import check_size
from .training.minutes import clock, in_steps
from .training.trainer import STOPPING, Trainer, resume_hint
from .words import command

__all__ = ["Stopped", "TrainingResult", "resume", "train"]


REPORT_SECONDS, FIT_SECONDS = 3.0, 15.0
"""What the report and the fit of the prior take, about, of a run's minutes."""
PAGE_SHARE = 0.02
"""The largest part of a run's time that it takes to keep its page up to date."""
HEADER = "# All settings of this run. This file is a recipe, too: vaegan train --recipe THIS-FILE\n"


@dataclass(frozen=True)
class TrainingResult:
    """Where a finished run put things."""

    run: Path
    picture: Path
    """The last one."""
    page: Path | None
    """The report: one page on the run; None if it was not asked for."""


def train(
    recipe: Recipe,
    run: str | Path | None = None,
    *,
    auto_resume: bool = False,
    device: str = "auto",
    processes: int | None = None,
    nodes: int | None = None,
    report: bool = True,
    console: Console | None = None,
) -> TrainingResult:
    """Train a VAE/GAN from scratch.

    Args:
        recipe: all settings; see `Recipe.load`.
        run: the folder to make and write into; by default runs/NAME, with a number where that is taken.
        auto_resume: if `run` was begun before, go on with it; if it is finished, do nothing. For jobs that are killed and started again.
        device: `auto`, `cpu`, `cuda` or `mps`.
        processes: how many devices (or processes on the CPU) of each node train together; 1, or as many as torchrun or SLURM started.
            Those that this starts know only the package: a program that has added networks or losses is to be started by torchrun.
        nodes: how many machines train together; likewise.
        report: whether to write the report, one page on the run, at the end.
        console: where progress is shown; standard error by default. Where this starts several processes, they write to standard error,
            unless it is quiet.

    Raises:
        UserError: something in what was asked for is wrong; nothing has been overwritten.
        Stopped: an interrupt or SIGTERM came; the run was saved and can be resumed.
    """
    if auto_resume and not run:
        raise UserError("--auto-resume needs --run: it continues that run if it has started")
    job = TrainingJob(recipe, Run(run or _free_name(Path("runs"), recipe)), "auto" if auto_resume else "new", device, report)
    return _start(job, processes, nodes, console)


def resume(
    run: str | Path,
    recipe: Recipe | None = None,
    *,
    device: str = "auto",
    processes: int | None = None,
    nodes: int | None = None,
    report: bool = True,
    console: Console | None = None,
) -> TrainingResult:
    """Go on with a run from its newest checkpoint that is whole.

    `recipe` may ask for another length, for pictures and checkpoints at other steps, or name another place where the same images are.

    Raises:
        UserError: there is no such run, it has no checkpoint, the images are others, or `recipe` differs in more than may change.
        Stopped: as for `train`.
    """
    begun = Run(run)
    job = TrainingJob(recipe or Recipe.load(of_run(begun.folder)), begun, "resume", device, report)
    return _start(job, processes, nodes, console)


@dataclass(frozen=True)
class TrainingJob:
    """What is to be trained, and where."""

    recipe: Recipe
    run: Run
    mode: Literal["new", "auto", "resume"]
    """Whether the run must not be there yet, may be there, or must be."""
    device: str
    report: bool

    def __post_init__(self) -> None:
        if self.mode == "resume" and self.recipe.training.minutes:
            raise UserError("a run that has started counts its length in steps: leave out --minutes, or ask for more steps with --steps")

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
    if checkpoint.checkpoints(run.checkpoints_folder):
        hint = f", or continue it with: {command('train', '--resume', run.folder)}"
    elif _is_begun(run):
        hint = ", or add --auto-resume to start it again, because it stopped before its first checkpoint"
    return UserError(f"{run.folder} exists already: choose another --run{hint}")


def _start(job: TrainingJob, processes: int | None, nodes: int | None, console: Console | None) -> TrainingResult:
    """Run a job in this process; or in several, which this one starts unless somebody else has."""
    console = console or _console()
    console.quiet = console.quiet or not is_leader()
    world = find_world(processes, nodes)
    starts_others = world.size > 1 and not world.environment
    device = find_device(job.device, world)
    asks_device = device != "cuda" or not starts_others  # whoever asks a GPU for its memory takes some of it, and keeps it
    folder = job.run.folder if job.mode == "new" else None
    check_size(job.recipe, device if asks_device else None, world.processes, folder)  # before images are packed: that can take an hour
    job = replace(job, recipe=_anchored(job.recipe))
    if starts_others:
        return _start_others(job, world, console)
    with nullcontext() if world.size == 1 else _first_process_speaks(job.run):
        return _run(job, world, console, StopSignal(STOPPING if is_leader() else "", saves=True))


def _start_others(job: TrainingJob, world: World, console: Console) -> TrainingResult:
    if world.nodes == 1:  # else another machine would wait for this one
        with ExitStack() as stack:
            _look(job, console, stack)  # mistakes are found, and images packed, before other processes are started
    more = {"folder": str(job.run.folder), "mode": job.mode, "device": job.device, "report": job.report, "quiet": console.quiet}
    notice = STOPPING if is_leader() else ""
    found = launch(more, job.recipe.to_yaml(), world.processes, world.nodes, notice, lambda: resume_hint(job.run))
    return TrainingResult(Path(found["run"]), Path(found["picture"]), found["page"] and Path(found["page"]))


def work(folder: Path, agent: int) -> NoReturn:
    """What each process does that `launch` has started."""

    def run(more: dict[str, Any]) -> dict[str, Any]:
        job = TrainingJob(Recipe.load(folder / RECIPE), Run(more["folder"]), more["mode"], more["device"], more["report"])
        console = _console(quiet=more["quiet"] or not is_leader())
        result = _run(job, find_world(), console, StopSignal(saves=True, insists=False))
        return {"run": str(result.run), "picture": str(result.picture), "page": result.page and str(result.page)}

    run_worker(run, folder, agent)


@contextmanager
def _first_process_speaks(run: Run) -> Iterator[None]:
    """Where torchrun or SLURM started several processes: what all of them met, only the first one says."""
    try:
        yield
    except (SharedError, Stopped):
        if is_leader():
            raise
        raise SystemExit(0) from None
    except (UserError, LostProcessError) as error:
        sentence = f"{error}; {resume_hint(run)}" if isinstance(error, LostProcessError) else str(error)
        if is_leader():
            raise UserError(sentence) from None
        print(f"vaegan: process {os.environ.get('RANK', os.environ.get('SLURM_PROCID'))}: {sentence}", file=sys.stderr)
        raise SystemExit(2) from None


def _console(*, quiet: bool = False) -> Console:
    return Console(stderr=True, highlight=False, markup=False, emoji=False, quiet=quiet)


def _look(job: TrainingJob, console: Console, stack: ExitStack) -> tuple[ImageSet, bool]:
    """The images, and whether the run was begun before, which the first process finds: others may not see its folder.

    Raises:
        UserError: there are no such images, or the run's folder is not free.
    """
    resumed = False
    try:
        with os_errors_as_user_errors():
            resumed = is_leader() and job.begun() and _keep(job.run, stack)
            return images_of(job.recipe, console), resumed
    except UserError as error:
        raise UserError(f"{error}; if the images have moved, say where they are with --data") if resumed else error from None


def _run(job: TrainingJob, world: World, console: Console, signals: StopSignal) -> TrainingResult:
    """All processes come through here.

    Args:
        job: what to train.
        world: how many processes train, and who has started them.
        console: where progress is shown.
        signals: how this process stops.

    Raises:
        UserError: see `train`; a `SharedError`, if all processes have been told of it.
        Stopped: likewise.
        LostProcessError: another process has ended.
    """
    run = job.run
    fabric = make_fabric(job.device, job.recipe.training.precision, world)
    with ExitStack() as stack:
        found: tuple[ImageSet, bool] | UserError
        try:  # before processes wait for each other: packing may take its time, and one of them does it for all
            found = _look(job, console, stack)
        except UserError as error:
            found = error
        _join(fabric)
        console.quiet = console.quiet or not fabric.is_global_zero
        began = clock()  # packing, which is done once, does not count
        with all_or_none(fabric):
            if isinstance(found, UserError):
                raise found
            images, resumed = found
            training, held_out = split_of(job.recipe, images)
            recipe = _with_attributes(job.recipe, images, training)
        resumed, threads, length = from_leader(fabric, lambda: (resumed, _threads(job, resumed, world), _length(job, resumed)))
        recipe = replace(recipe, training=replace(recipe.training, threads=threads, length=length))
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(threads)
        if recipe.training.minutes is not None:
            recipe = in_steps(recipe, fabric, images, training, held_out, began=began, after=_seconds_after(recipe, job))
            console.print(f"{length} are {recipe.training.length} on this machine", soft_wrap=True)
        with all_or_none(fabric):
            trainer = Trainer(recipe, fabric, images, training, note=(note := partial(console.print, soft_wrap=True)))
        goes_on = resumed and _take_up(trainer, run, console, auto=job.mode == "auto")
        if recipe.objective.discriminator and not goes_on:  # afterwards it is in the checkpoints
            _borrow_discriminator(trainer)
        if fabric.is_global_zero:
            if not resumed:
                _keep(run, stack, new=True)
            _set_up(run, recipe, images, console)
        if trainer.step >= trainer.steps:
            console.print(f"{run.folder} is finished: it is at step {trainer.step} of {trainer.steps}", soft_wrap=True)
            picture = next(reversed(run.pictures.values()), run.pictures_folder)
        else:
            console.print(f"{_what(trainer, len(held_out))}, into {run.folder}", soft_wrap=True)
            if job.report and fabric.is_global_zero:
                from .report import LivePage  # its template engine takes a while to load

                trainer.after_picture = stack.enter_context(LivePage(run, images, trainer.steps, note, PAGE_SHARE))
            with os_errors_as_user_errors(lambda: resume_hint(run)):
                picture = trainer.train(run, images, held_out, console, signals)
        if fabric.is_global_zero and lacks_prior(run, recipe, training):
            fit_prior(trainer, run, images, held_out, console)
        return TrainingResult(run.folder, picture, write_report(run, images) if job.report and fabric.is_global_zero else None)


def _keep(run: Run, stack: ExitStack, *, new: bool = False) -> bool:
    """Keep a run folder, made if it is new, for this process for as long as `stack` lasts.

    Raises:
        UserError: another one writes into it.
    """
    if new:
        try:
            run.folder.mkdir(parents=True)
        except FileExistsError:  # somebody has made it since this process looked
            raise _taken(run) from None
    if not stack.enter_context(locked(run.lock_file)):
        raise UserError(f"another process is training into {run.folder}: choose another --run, or wait until it ends")
    return True


def _join(fabric: Fabric) -> None:
    """Start the other processes, where nobody else has; from then on they can talk."""
    try:
        if not fabric._launched:  # private, and public nowhere: `fabric run` has launched it already, and twice is an error
            fabric.launch()
    except RuntimeError as error:  # of which kind, differs between backends
        raise JoinError.of(error) from error


def _threads(job: TrainingJob, resumed: bool, world: World) -> int:
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


def _length(job: TrainingJob, resumed: bool) -> str:
    """How long to train: as was asked for; or where that was in minutes, as many steps as those were when the run began."""
    if resumed and job.recipe.training.minutes and job.run.is_run:
        with suppress(UserError):  # a damaged one is replaced
            return job.run.recipe.training.length
    return job.recipe.training.length


def _seconds_after(recipe: Recipe, job: TrainingJob) -> float:
    """What a run of some minutes spends on other things than its steps, pictures and checkpoints."""
    page = REPORT_SECONDS + PAGE_SHARE * 60 * (recipe.training.minutes or 0)
    return FIT_SECONDS * recipe.objective.autoencodes + page * job.report


def _with_attributes(recipe: Recipe, images: ImageSet, training: Indices) -> Recipe:
    """With the names of the attributes, where it asks for all."""
    if recipe.networks.attributes != ("all",):
        return recipe
    return replace(recipe, networks=replace(recipe.networks, attributes=varying(images, training)))


def _anchored(recipe: Recipe) -> Recipe:
    """With whole paths, so that the run can be resumed from anywhere."""
    if recipe.data.source != AVATARS:
        recipe = replace(recipe, data=replace(recipe.data, source=anchored(recipe.data.source)))
    if recipe.objective.discriminator:
        whole = str(from_home(recipe.objective.discriminator).absolute())
        recipe = replace(recipe, objective=replace(recipe.objective, discriminator=whole))
    return recipe


def _take_up(trainer: Trainer, run: Run, console: Console, *, auto: bool, dry: bool = False) -> bool:
    """Go on where a run was, as the first process finds it, and say so; not if it is to go on by itself, and has no checkpoint yet."""

    def find() -> dict[str, Any] | None:
        if auto and not checkpoint.checkpoints(run.checkpoints_folder):
            return None
        state, damaged = (checkpoint.load if dry else checkpoint.take)(run.checkpoints_folder)
        for path in damaged:
            console.print(f"skipped a damaged checkpoint: {path}", soft_wrap=True)
        return state

    state = from_leader(trainer.fabric, find)
    lacks_prior = from_leader(trainer.fabric, lambda: lacks_prior(run, trainer.recipe, trainer.batches.indices))
    with all_or_none(trainer.fabric):
        if state:
            trainer.load_state_dict(state)
            if sentence := trainer.changed_rate(state):
                console.print(f"note: {sentence}", soft_wrap=True)
        if trainer.step >= trainer.steps and not auto:
            more = f"ask for more steps, such as --steps {2 * trainer.step}"
            if lacks_prior:
                more += f"; only its prior is not fitted: fit it with: {command('fit-prior', run.folder)}"
            raise UserError(f"the run is at step {trainer.step} already: {more}")
    return state is not None


def _borrow_discriminator(trainer: Trainer) -> None:
    """Take that of the run which the recipe names."""
    other = from_leader(trainer.fabric, lambda: load(trainer.recipe.objective.discriminator))
    with all_or_none(trainer.fabric):
        other.require("discriminator")
        trainer.take_discriminator(other.discriminator.state_dict())


def _what(trainer: Trainer, held_out: int) -> str:
    """What is about to be trained, and how."""
    fabric = trainer.fabric
    where = {"cuda": "a GPU", "mps": "the GPU"}.get(fabric.device.type, "the CPU")
    if fabric.world_size > 1:
        where = f"{fabric.world_size} processes, each on {where}"
    kind = "bfloat16" if computes_in_bf16(fabric) else "float32"
    steps = f"continues at step {trainer.step:,} of {trainer.steps:,}" if trainer.step else f"{trainer.steps:,} steps"
    height, width = trainer.recipe.networks.size
    images = f"{len(trainer.batches.indices):,} images of {height}x{width} to train on, {held_out:,} held out"
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    return f"{images}; {parameters:,} parameters; {steps} on {where} in {kind}"


def images_of(recipe: Recipe, console: Console) -> ImageSet:
    """The images that a run by this recipe is to be trained on, packed with a bar where they are not yet.

    Raises:
        UserError: there are no such images.
    """
    with progress_bar(console) as progress:
        return open_images(recipe.data.source, recipe.preparation, count=recipe.data.avatars, progress=progress)


def split_of(recipe: Recipe, images: ImageSet) -> tuple[Indices, Indices]:
    """The indices of the images to train on and of those to hold out; of a run that is there already, `Run.split` tells them.

    Raises:
        UserError: the set has splits, but not those that the recipe names.
    """
    return split(images, recipe.data.held_out, recipe.data.train_on)


def _set_up(run: Run, recipe: Recipe, images: ImageSet, console: Console) -> None:
    """What a run folder has from the start."""
    remove_partial((run.folder, run.checkpoints_folder, run.model_folder, run.pictures_folder))
    with replacing(run.recipe_file) as path:
        path.write_text(HEADER + recipe.to_yaml(documented=True), encoding="utf-8")
    _report_skipped(images, run.skipped_file, console)


def _is_begun(run: Run) -> bool:
    """Whether a run was begun here; it may have been killed before its recipe was written."""
    early = {run.lock_file.name, run.recipe_file.name + PARTIAL}
    return run.is_run or (run.folder.is_dir() and all(path.name in early for path in run.folder.iterdir()))


def _report_skipped(images: ImageSet, listing: Path, console: Console) -> None:
    text = "".join(f"{line}\n" for line in images.skipped)
    if listing.is_file() and listing.read_text(encoding="utf-8", errors="replace") == text:
        return  # it was said when the run began
    for line in report_skipped(images, listing):
        with replacing(listing) as path:
            path.write_text(text, encoding="utf-8")
        console.print(line, soft_wrap=True)


def _free_name(parent: Path, recipe: Recipe) -> Path:
    """runs/NAME after the data, or runs/NAME-2 and so on."""
    name = re.sub(r"[^\w.-]+", "-", short_name(recipe.data.source))
    return next(path for n in count(1) if not (path := parent / (name if n == 1 else f"{name}-{n}")).exists())
