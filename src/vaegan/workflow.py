"""From a recipe to a finished run: images, one process or several, training, the prior, the pages."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from PIL.Image import Image
from rich.console import Console

from .begin import (
    PAGE_SHARE,
    Growth,
    Mode,
    TrainingJob,
    about_growth,
    anchored_recipe,
    borrow_weights,
    check_loader,
    default_folder,
    growth_of,
    hold_folder,
    images_of,
    join,
    length_of,
    seconds_after_training,
    set_up_folder,
    settled,
    split_of,
    take_up,
    threads_of,
    with_data,
)
from .data import ImageSet
from .data.loader import LoaderBatches
from .doctor.quick import notes
from .errors import NoCacheError, OnlyInProgramError, UserError, os_errors_as_user_errors, with_way_out
from .finish import fit_prior, lacks_prior, write_report, write_studio
from .progress import console_of
from .recipe import DEFAULT_RECIPE, RECIPE, Recipe, as_recipe, to_resume
from .result import Result
from .run import Run
from .signals import Stopped, StopSignal
from .this_process import is_leader
from .training.callbacks import Callback
from .training.device import World, computes_in_bf16, find_device, find_world, make_fabric
from .training.distributed import LostProcessError, SharedError, all_or_none, from_leader
from .training.launcher import launch, run_worker
from .training.loggers.registry import check_loggers
from .training.memory import check_size
from .training.minutes import clock, in_steps
from .training.trainer import STOPPING, Trainer, resume_hint
from .viz.grid import open_picture

__all__ = ["Stopped", "TrainingResult", "resume", "train"]


@dataclass(frozen=True, repr=False)
class TrainingResult(Result):
    """Where a finished run put things."""

    run: Path
    """The folder of the run."""
    picture: Path
    """The last picture."""
    page: Path | None
    """The report: one page on the run; None if it was not asked for."""
    studio: Path | None = None
    """The page in which the model can be tried; None if it was not asked for, or if no page can run the model."""

    def lines(self) -> list[str]:
        """Where they are."""
        pages = {"the report": self.page, "the page to try the model": self.studio}
        return [
            f"the run is {self.run}",
            f"the last picture is {self.picture}",
            *(f"{what} is {page}" for what, page in pages.items() if page),
        ]

    def figure(self) -> Image | None:
        """The last picture."""
        return open_picture(self.picture)


def train(
    recipe: Recipe | str | Path | Mapping[str, Any] = DEFAULT_RECIPE,
    run: str | Path | None = None,
    *,
    data: Any = None,
    steps: int | None = None,
    epochs: int | None = None,
    minutes: int | None = None,
    init_from: str | Path | None = None,
    auto_resume: bool = False,
    device: str = "auto",
    processes: int | None = None,
    nodes: int | None = None,
    report: bool = True,
    studio: bool | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | Console | None = None,
) -> TrainingResult:
    """Train a VAE/GAN.

    Args:
        recipe: all settings; or the name or the file of a recipe; or settings by dotted key, such as {"objective.gamma": 0.1}, which go
            over the recipe quick.
        run: the folder to make and write into; by default runs/NAME, with a number where that is taken.
        data: the images, in place of those that the recipe names. A path or a name, as `data.source`. Or what a program has, which is
            packed once, prepared as image files are: an array or a tensor, N x H x W x C or N x C x H x W, uint8 or float in [-1, 1]; a
            list of them or of PIL images; a data set of torch, also with labels; a data set of Hugging Face. Or a DataLoader, which is
            used as it is: its batches, their order and their changes.
        steps, epochs, minutes: how long to train: one of them goes over the recipe's `training.length`.
        init_from: a run or a model folder whose weights are taken first, as far as they fit; see `training.init_from`.
        auto_resume: if `run` was begun before, go on with it; if it is finished, do nothing. For jobs that are killed and started again.
        device: `auto`, `cpu`, `cuda` or `mps`.
        processes: how many devices (or processes on the CPU) of each node train together; 1, or as many as torchrun or SLURM started.
            Those that this starts know only the package: a program that has added networks or losses is to be started by torchrun.
        nodes: how many machines train together; likewise.
        report: whether to write the report, one page on the run, at the end.
        studio: whether to write studio.html at the end, the page in which anyone can try the model; by default if there is a report.
        callbacks: what to call as the run goes on; see `vaegan.Callback`.
        progress: whether losses and a bar are shown: True on standard error, False nowhere, a console of rich there. None, the default,
            shows them in a notebook only. Where this starts several processes, they write to standard error, unless nothing is shown.

    Raises:
        UserError: something in what was asked for is wrong; nothing has been overwritten.
        Stopped: an interrupt or SIGTERM came; the run was saved and can be resumed.
    """
    if auto_resume and not run:
        raise UserError("--auto-resume needs --run, the folder of the run to start or continue")
    console = console_of(progress)
    settings, loader = settings_of(recipe, data, {"steps": steps, "epochs": epochs, "minutes": minutes}, init_from, console)
    folder = Run(run or default_folder(settings, console))
    mode: Mode = "auto" if auto_resume else "new"
    job = TrainingJob(settings, folder, mode, device, report, callbacks, loader, studio=report if studio is None else studio)
    return _start(job, processes, nodes, console)


def settings_of(
    recipe: Recipe | str | Path | Mapping[str, Any],
    data: Any,
    lengths: Mapping[str, int | None],
    init_from: str | Path | None,
    console: Console,
) -> tuple[Recipe, LoaderBatches | None]:
    """The recipe that the arguments of `train` make, and the batches, if its images are a DataLoader's; images are packed now.

    Raises:
        UserError: something in what was asked for is wrong.
    """
    asked = {unit: count for unit, count in lengths.items() if count is not None}
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} were both given: leave out one")
    over: dict[str, Any] = {}
    for unit, count in asked.items():
        over["training.length"] = f"{count} {unit}"
    over |= {"training.init_from": str(init_from)} if init_from else {}
    over |= {"data.source": str(data)} if isinstance(data, (str, Path)) else {}
    return with_data(as_recipe(recipe, over), data, console)


def resume(
    run: Run | str | Path,
    recipe: Recipe | str | Path | Mapping[str, Any] | None = None,
    *,
    data: Any = None,
    steps: int | None = None,
    epochs: int | None = None,
    more_images: bool = False,
    device: str = "auto",
    processes: int | None = None,
    nodes: int | None = None,
    report: bool = True,
    studio: bool | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | Console | None = None,
) -> TrainingResult:
    """Go on with a run from its newest checkpoint that is whole.

    Args:
        run: a run, or the path of its folder.
        recipe: by default that of the run; settings by dotted key go over it. It may ask for another length, for pictures and checkpoints
            at other steps, or name another place where the same images are.
        data: the same images, as for `train`. A run on a DataLoader needs one.
        steps, epochs: the length of the whole run, in place of the recipe's `training.length`.
        more_images: there may be more images than before: those that were held out stay held out, and the new ones are trained on.
        device, processes, nodes, report, studio, callbacks, progress: as for `train`.

    Raises:
        UserError: there is no such run, it has no checkpoint, the images are others, or `recipe` differs in more than may change.
        Stopped: as for `train`.
    """
    begun, console = run if isinstance(run, Run) else Run(run), console_of(progress)
    lengths = {"steps": steps, "epochs": epochs}
    settings, loader = settings_of(to_resume(begun.folder, recipe), data, lengths, None, console)
    pages = {"report": report, "studio": report if studio is None else studio}
    job = TrainingJob(settings, begun, "resume", device, callbacks=callbacks, loader=loader, more_images=more_images, **pages)
    return _start(job, processes, nodes, console)


def _start(job: TrainingJob, processes: int | None, nodes: int | None, console: Console) -> TrainingResult:
    """Run a job in this process; or in several, which this one starts unless somebody else has."""
    console.quiet = console.quiet or not is_leader()
    world = find_world(processes, nodes)
    starts_others = world.size > 1 and not world.environment
    check_loader(job, world)
    if starts_others and job.callbacks:
        raise UserError("callbacks= and processes= cannot be used together: leave out processes=, or start the program with torchrun")
    check_loggers(job.recipe.training.loggers)
    if job.recipe.training.init_from and is_leader() and not job.begun():
        Run.open(job.recipe.training.init_from)  # before images are packed
    device = find_device(job.device, world)
    asks_device = device != "cuda" or not starts_others  # whoever asks a GPU for its memory takes some of it, and keeps it
    folder = job.run.folder if job.mode == "new" and is_leader() else None  # the others write nothing
    check_size(job.recipe, device if asks_device else None, world.processes, folder)  # before images are packed: that can take an hour
    job = replace(job, recipe=anchored_recipe(job.recipe, job.run))
    if starts_others:
        return _start_others(job, world, console)
    stays_as_it_was = torch.random.fork_rng(devices=[])  # the program's generator on the CPU
    with nullcontext() if world.size == 1 else _first_process_speaks(job.run), stays_as_it_was:
        return _run(job, world, console, StopSignal(STOPPING if is_leader() else "", saves=True))


def _start_others(job: TrainingJob, world: World, console: Console) -> TrainingResult:
    if world.nodes == 1:  # else another machine would wait for this one
        with ExitStack() as stack:
            _look(job, console, stack)  # mistakes are found, and images packed, before other processes are started
    more = {
        "folder": str(job.run.folder),
        "mode": job.mode,
        "device": job.device,
        "report": job.report,
        "studio": job.studio,
        "more_images": job.more_images,
        "quiet": console.quiet,
    }
    notice = STOPPING if is_leader() else ""
    found = launch(more, job.recipe.to_yaml(), world.processes, world.nodes, notice, lambda: resume_hint(job.run))
    job.run.forget()
    return TrainingResult(**{name: path and Path(path) for name, path in found.items() if name != "kind"})


def work(folder: Path, agent: int) -> NoReturn:
    """What each process does that `launch` has started."""

    def run(more: dict[str, Any]) -> dict[str, Any]:
        recipe = Recipe.load(folder / RECIPE)
        same = {name: more[name] for name in ("mode", "device", "report", "studio", "more_images")}
        job = TrainingJob(recipe, Run(more["folder"]), **same)
        console = _console(quiet=more["quiet"] or not is_leader())
        result = _run(job, find_world(), console, StopSignal(saves=True, insists=False))
        return {name: path and str(path) for name, path in vars(result).items()}

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
            resumed = is_leader() and job.begun() and hold_folder(job.run, stack, resumes=job.mode == "resume")
            about: dict[str, Any] = {"listing": job.run.skipped_file, "finds_range": job.finds_range, "again": resumed}
            return job.loader.sample if job.loader else images_of(job.recipe, console, **about), resumed
    except UserError as error:
        if not resumed or isinstance(error, (NoCacheError, OnlyInProgramError)):
            raise
        raise UserError(with_way_out(str(error), "if the images have moved, say where they are with --data")) from None


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
    run, note = job.run, partial(console.print, soft_wrap=True)
    fabric = make_fabric(job.device, job.recipe.training.precision, world)
    with ExitStack() as stack:
        found: tuple[ImageSet, bool] | UserError
        try:  # before processes wait for each other: packing may take its time, and one of them does it for all
            found = _look(job, console, stack)
        except UserError as error:
            found = error
        join(fabric)
        console.quiet = console.quiet or not fabric.is_global_zero
        began = clock()  # packing, which is done once, does not count
        with all_or_none(fabric):
            if isinstance(found, UserError):
                raise found
            images, resumed = found
        growth = from_leader(fabric, lambda: growth_of(job, images) if resumed else Growth())
        with all_or_none(fabric):
            training, held_out = split_of(job.recipe, images, growth.held_out)
            recipe = settled(job.recipe, images, training)
        resumed, threads, length = from_leader(fabric, lambda: (resumed, threads_of(job, resumed, world), length_of(job, resumed)))
        recipe = replace(recipe, training=replace(recipe.training, threads=threads, length=length))
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(threads)
        if recipe.training.minutes is not None:
            recipe = in_steps(recipe, fabric, images, training, held_out, began=began, after=seconds_after_training(recipe, job))
            console.print(f"{length} are {recipe.training.length} on this machine", soft_wrap=True)
        shown = None if job.loader else images  # the page would take a sample for the whole set
        with all_or_none(fabric):
            trainer = Trainer(recipe, fabric, images, training, note, job.loader)
        trainer.grown_from = growth.before
        goes_on = resumed and take_up(trainer, run, console, auto=job.mode == "auto")
        if not goes_on:
            borrow_weights(trainer, note)
        if fabric.is_global_zero:
            if not resumed:
                hold_folder(run, stack, new=True)
            set_up_folder(run, recipe, images, growth, console)
            grown = (
                [about_growth(growth, images, training, trainer.batches.steps_per_epoch, recipe.optimizer.schedule)]
                if growth.before
                else []
            )
            for sentence in grown if resumed or job.loader else notes(images, training, held_out, recipe):
                note(f"note: {sentence}")
        if trainer.step >= trainer.steps:
            console.print(f"{run.folder} is finished: it is at step {trainer.step} of {trainer.steps}", soft_wrap=True)
            picture = next(reversed(run.pictures.values()), run.pictures_folder)
        else:
            console.print(f"{_what(trainer, len(held_out))}, into {run.folder}", soft_wrap=True)
            trainer.callbacks = _callbacks(job, trainer, shown, stack, note)
            with os_errors_as_user_errors(lambda: resume_hint(run)):
                picture = trainer.train(run, images, held_out, console, signals)
        if fabric.is_global_zero and lacks_prior(run, recipe, training):
            fit_prior(trainer, run, images, held_out, console)
        return TrainingResult(run.folder, picture, *(_pages(job, shown, note) if fabric.is_global_zero else (None, None)))


def _pages(job: TrainingJob, images: ImageSet | None, note: Callable[[str], None]) -> tuple[Path | None, Path | None]:
    """The report, and the page to try the model, which comes first, because the report links to it."""
    studio = write_studio(job.run, images, note) if job.studio else None
    return write_report(job.run, images) if job.report else None, studio


def _callbacks(
    job: TrainingJob, trainer: Trainer, images: ImageSet | None, stack: ExitStack, note: Callable[[str], None]
) -> list[Callback]:
    """What is called as a run goes on: what its program asks for, and the page, which is kept up to date for as long as `stack` lasts."""
    if not (job.report and trainer.fabric.is_global_zero):
        return list(job.callbacks)
    from .report import LivePage  # its template engine takes a while to load

    page = LivePage(Run(job.run.folder), images, trainer.steps, note, PAGE_SHARE)
    return [*job.callbacks, stack.enter_context(page)]


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
    if isinstance(trainer.batches, LoaderBatches):
        images = f"batches of {trainer.batches.batch} images of {height}x{width} from a DataLoader"
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    return f"{images}; {parameters:,} parameters; {steps} on {where} in {kind}"
