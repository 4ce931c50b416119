"""What a run will take and what is wrong with it, found out before it is begun: `vaegan train --dry-run`."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .begin import (
    Growth,
    Mode,
    TrainingJob,
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
    settled,
    split_of,
    take_up,
    threads_of,
)
from .data import LOADER, ImageSet, Indices
from .data.batches import Batches
from .doctor.quick import notes
from .errors import UserError, os_errors_as_user_errors
from .files import free_space
from .progress import console_of
from .recipe import DEFAULT_RECIPE, Recipe, to_resume
from .result import Result
from .run import Run
from .settings import NO_END
from .training.device import World, find_device, find_world, make_fabric
from .training.disk import Disk, disk_of
from .training.loggers.registry import check_loggers
from .training.memory import check_size, free_memory, in_bf16, size_of
from .training.minutes import Costs, clock, rehearse, seconds_of, steps_in
from .training.trainer import Trainer
from .words import duration, in_bytes
from .workflow import settings_of

SECONDS = 3.0
"""For how long steps are timed."""
ALONE = World(1, 1, None)
"""One process rehearses, also where several are to train."""


@dataclass(repr=False)
class Plan(Result):
    """What a run will take, as far as it could be found out."""

    run: Path
    """Where it will be."""
    recipe: Recipe
    """With its length in steps, where that could be found out."""
    processes: int
    """Of all machines together."""
    device: str | None = None
    """The device that it will compute on."""
    problems: list[str] = field(default_factory=list)
    """What is wrong: the sentences with which training would refuse. Empty if it can begin."""
    notes: list[str] = field(default_factory=list)
    """What is odd of the images: what training would say of them."""
    networks: dict[str, int] = field(default_factory=dict)
    """The parameters of each network."""
    training: int | None = None
    """Images to train on."""
    held_out: int | None = None
    """Images that are held out."""
    packed: Path | None = None
    """The folder of the packed images, which stays."""
    steps: int | None = None
    """The step at which it will end."""
    begun: int = 0
    """The step that a run to be continued is at."""
    steps_per_epoch: int | None = None
    """The steps in which every training image is seen once."""
    costs: Costs | None = None
    """What a step, a picture and a checkpoint take: measured with one process."""
    seconds: float | None = None
    """What the steps to come take, with pictures, checkpoints, the fit of the prior, and the pages."""
    memory: int | None = None
    """Bytes that the processes of this machine need, at least: on a GPU, each of it."""
    free_memory: int | None = None
    """Bytes that are free."""
    disk: Disk | None = None
    """What the run writes; one that is continued, beside what it has written."""
    free_disk: int | None = None
    """Bytes that are free where it will be."""

    @property
    def parameters(self) -> int:
        """Of the networks together."""
        return sum(self.networks.values())

    @property
    def images(self) -> int | None:
        """How many images the steps to come see."""
        return None if self.steps is None else max(0, self.steps - self.begun) * self.recipe.training.batch * self.processes

    def table(self) -> Table:
        """What is known of the run, under names."""
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, text in _rows(self):
            table.add_row(name, Text(text))
        return table

    def lines(self) -> list[str]:
        """What is odd of the images, and that nothing was done."""
        notes = [f"note: {note}" for note in self.notes]
        return notes if self.problems else [*notes, "", "Nothing was trained. To train, leave out --dry-run."]

    def to_dict(self) -> dict[str, Any]:
        """All fields, and parameters and images; the recipe by sections."""
        return {**super().to_dict(), "parameters": self.parameters, "images": self.images}


def dry_run(
    recipe: Recipe | str | Path | Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    *,
    data: Any = None,
    steps: int | None = None,
    epochs: int | None = None,
    minutes: int | None = None,
    init_from: str | Path | None = None,
    mode: Mode = "new",
    device: str = "auto",
    processes: int | None = None,
    nodes: int | None = None,
    report: bool = True,
    studio: bool | None = None,
    more_images: bool = False,
    progress: bool | Console | None = None,
) -> Plan:
    """Find out what `vaegan.train` would take and what it would refuse. Nothing is trained, and only the packed images stay.

    One process takes some steps, draws a picture and saves, as for a length in minutes, and throws that away. Where several processes are
    to train, what they tell each other is not in the time, and neither is what a DataLoader takes to give a batch.

    Args:
        recipe: as for `vaegan.train`, or for `vaegan.resume` of a run that is to be continued.
        run, data, steps, epochs, minutes, init_from, device, processes, nodes, report, studio: as for `vaegan.train`.
        more_images: as for `vaegan.resume`.
        mode: whether `run` must not be there yet, may be there (`auto_resume`), or is to be continued (`vaegan.resume`).
        progress: whether the packing of images is shown, as for `vaegan.train`.

    Raises:
        UserError: what was asked for cannot be understood, so that there is nothing to plan.
    """
    if mode == "auto" and not run:
        raise UserError("--auto-resume needs --run, the folder of the run to start or continue")
    console = console_of(progress)
    asked = to_resume(Run(run).folder, recipe) if run and mode == "resume" else DEFAULT_RECIPE if recipe is None else recipe
    settings, loader = settings_of(asked, data, {"steps": steps, "epochs": epochs, "minutes": minutes}, init_from, console)
    folder, with_studio = Run(run or default_folder(settings, console)), report if studio is None else studio
    job = TrainingJob(settings, folder, mode, device, report, loader=loader, more_images=more_images, studio=with_studio)
    world = find_world(processes, nodes)
    plan = Plan(job.run.folder, settings, world.size)
    with ExitStack() as stack:
        resumed = False
        with _noting(plan):
            resumed = job.begun() and _locked(job.run, stack)
        with _noting(plan):
            plan.begun = max(job.run.checkpoints, default=0) if resumed else 0
        with _noting(plan):
            check_loader(job, world)
        fits = _measure_memory(plan, job, world)
        images: ImageSet | None = None
        with _noting(plan):
            job = replace(job, recipe=anchored_recipe(settings, job.run))
            images = loader.sample if loader else images_of(job.recipe, console, finds_range=job.finds_range, again=resumed)
        if images is not None:
            with _noting(plan):
                growth = growth_of(job, images) if resumed else Growth()
                training, held_out = split_of(job.recipe, images, growth.held_out)
                if not loader:
                    plan.packed, plan.training, plan.held_out = images.folder, len(training), len(held_out)
                    plan.notes = [] if resumed else list(notes(images, training, held_out, job.recipe))
                _settle(plan, job, world, images, training, resumed=resumed)
                if fits:
                    _rehearse(plan, job, images, (training, held_out), resumed=resumed, before=growth.before)
    _measure_disk(plan, job)
    return plan


@contextmanager
def _noting(plan: Plan) -> Iterator[None]:
    """What is refused within is noted."""
    try:
        with os_errors_as_user_errors():
            yield
    except UserError as error:
        if str(error) not in plan.problems:
            plan.problems.append(str(error))


def _locked(run: Run, stack: ExitStack) -> bool:
    """Keep a run that was begun, so that nobody trains into it meanwhile, and leave it as it was."""
    if not run.lock_file.exists():
        stack.callback(run.lock_file.unlink, missing_ok=True)
    return hold_folder(run, stack)


def _measure_memory(plan: Plan, job: TrainingJob, world: World) -> bool:
    """Count what the networks take; whether they can be trained here."""
    before = len(plan.problems)
    with _noting(plan):
        check_loggers(job.recipe.training.loggers)
    with _noting(plan):
        plan.device = find_device(job.device, world)
    with _noting(plan):
        check_size(job.recipe, plan.device, world.processes, job.run.folder if job.mode == "new" else None)
    with _noting(plan), suppress(RuntimeError):
        size = size_of(job.recipe, bf16=in_bf16(job.recipe, plan.device or "cpu"))
        plan.networks = size.networks
        if plan.device == "cuda":
            plan.memory, plan.free_memory = size.step, torch.cuda.mem_get_info()[0]
        else:
            plan.memory, plan.free_memory = world.processes * size.run, free_memory()
    return len(plan.problems) == before


def _settle(plan: Plan, job: TrainingJob, world: World, images: ImageSet, training: Indices, *, resumed: bool) -> None:
    """The recipe and the steps, as training settles them.

    Raises:
        UserError: the images do not fill a batch of each process, or an attribute is the same for all.
    """
    settings = job.recipe.training
    batches = job.loader or Batches(images.images, training, settings.batch, seed=settings.seed, processes=world.size)
    plan.steps_per_epoch = None if batches.steps_per_epoch == NO_END else batches.steps_per_epoch
    recipe = settled(job.recipe, images, training)
    plan.recipe = replace(
        recipe, training=replace(recipe.training, threads=threads_of(job, resumed, world), length=length_of(job, resumed))
    )
    if plan.recipe.training.minutes is None:
        plan.steps = plan.recipe.training.steps(batches.steps_per_epoch, settings.batch * world.size)


@torch.random.fork_rng(devices=[])  # the program's generator on the CPU stays as it was
def _rehearse(plan: Plan, job: TrainingJob, images: ImageSet, split: tuple[Indices, Indices], *, resumed: bool, before: str) -> None:
    """Time some steps in this process, and see that a run can be taken up.

    Raises:
        UserError: it cannot; or what a `Trainer` raises.
    """
    began = clock()
    fabric = make_fabric(plan.device or "cpu", plan.recipe.training.precision, ALONE)
    join(fabric)
    threads = torch.get_num_threads()
    torch.set_num_threads(plan.recipe.training.threads)
    try:
        borrows = job.mode != "resume" and bool(plan.recipe.objective.discriminator or plan.recipe.training.init_from)
        if resumed or borrows:
            trainer = Trainer(plan.recipe, fabric, images, split[0], loader=job.loader, processes=plan.processes)
            trainer.grown_from = before
            goes_on = resumed and take_up(trainer, job.run, Console(quiet=True), auto=job.mode == "auto", dry=True)
            if borrows and not goes_on:
                borrow_weights(trainer, lambda _: None)
            plan.begun = trainer.step if goes_on else 0
            del trainer
            gc.collect()  # the rehearsal may need its memory
        plan.costs = rehearse(plan.recipe, fabric, images, *split, seconds=SECONDS)
    finally:
        torch.set_num_threads(threads)
    after = seconds_after_training(plan.recipe, job)
    settings = plan.recipe.training
    if settings.minutes is not None:
        plan.steps = steps_in(60.0 * settings.minutes - (clock() - began) - after, plan.costs, settings)
        plan.recipe = replace(plan.recipe, training=replace(settings, length=f"{plan.steps} steps"))
    assert plan.steps is not None
    plan.seconds = seconds_of(max(0, plan.steps - plan.begun), plan.costs, settings) + after


def _measure_disk(plan: Plan, job: TrainingJob) -> None:
    """Count what the run writes, and see that there is room for it."""
    plan.free_disk = free_space(job.run.folder)
    if plan.costs is None or plan.steps is None:
        return
    there = len(job.run.checkpoints) if plan.begun else 0
    pages = {"report": job.report, "studio": job.studio}
    plan.disk = disk_of(plan.steps, plan.costs, plan.recipe.training, begun=plan.begun, there=there, **pages)
    if plan.free_disk is not None and plan.disk.total > plan.free_disk:
        way_out = "choose another --run, a smaller --training.keep, or a larger --training.picture_every, or free some space"
        needed, free = in_bytes(plan.disk.total), in_bytes(plan.free_disk)
        plan.problems.append(f"the run writes about {needed}, and {free} are free on the disk of {job.run.folder}: {way_out}")


def _rows(plan: Plan) -> list[tuple[str, str]]:
    """What is known of a run, under names."""
    recipe, training = plan.recipe, plan.recipe.training
    height, width = recipe.networks.size
    found = [("run", f"{plan.run}, from step {plan.begun:,}" if plan.begun else str(plan.run))]
    shape = f"{height}x{width}, {recipe.networks.channels} channel{'s' * (recipe.networks.channels > 1)}"
    if plan.training is not None:
        found += [
            ("images", f"{plan.training:,} to train on, {plan.held_out or 0:,} held out; {shape}"),
            ("packed images", f"{plan.packed} (they stay there)"),
        ]
    else:
        source = f"batches of {training.batch:,} from a DataLoader" if recipe.data.source == LOADER else recipe.data.source or "none"
        found.append(("images", f"{source}; {shape}"))
    if plan.networks:
        together = f"{plan.parameters:,} parameters: "
        found.append(("networks", together + ", ".join(f"{name} {count:,}" for name, count in plan.networks.items())))
    batch = training.batch * plan.processes
    if plan.steps is None:
        found.append(("length", f"{training.length}, {batch:,} images a step"))
    else:
        length = f"{max(0, plan.steps - plan.begun):,} steps of {batch:,} images: {plan.images:,} images"
        if plan.steps_per_epoch and plan.images is not None:
            epochs = plan.images / batch / plan.steps_per_epoch
            length += f", {epochs:,.0f} epochs" if epochs >= 100 else f", {epochs:.3g} epochs"
        found.append(("length", length))
    where = {"cuda": "a GPU", "mps": "the GPU"}.get(plan.device or "", "the CPU")
    where = f"{plan.processes} processes, each on {where}" if plan.processes > 1 else where
    if plan.costs and plan.seconds is not None:
        alone = ", measured with one process" if plan.processes > 1 else ""
        each = f"a step {plan.costs.step:.2g} s, a picture {plan.costs.picture:.2g} s, a checkpoint {plan.costs.save:.2g} s{alone}"
        found.append(("time", f"about {duration(plan.seconds)} on {where}: {each}"))
    if plan.memory is not None:
        found.append(("memory", f"at least {in_bytes(plan.memory)}{_free(plan.free_memory)}"))
    if plan.disk:
        parts = ", ".join(f"{name} {in_bytes(count)}" for name, count in plan.disk._asdict().items())
        more = " more" if plan.begun else ""
        found.append(("disk", f"about {in_bytes(plan.disk.total)}{more}{_free(plan.free_disk)}: {parts}"))
    return found


def _free(count: int | None) -> str:
    return "" if count is None else f" ({in_bytes(count)} are free)"
