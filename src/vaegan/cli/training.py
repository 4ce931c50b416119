"""Training: train, bench, recipes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import UserError
from ..recipe import Recipe, about, names
from ..this_process import is_leader
from ..words import command, plain, quoted
from .console import err, out, parse_size
from .flags import MACHINE, RUN, BenchFlags, RunFlags, Settings

if TYPE_CHECKING:
    from ..begin import Mode


def train(
    *settings: Settings,
    flags: RunFlags = RunFlags(),
    run: Annotated[Path | None, Parameter(group=RUN)] = None,
    resume: Annotated[Path | None, Parameter(group=RUN)] = None,
    auto_resume: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    report: Annotated[bool, Parameter(group=RUN)] = True,
    processes: Annotated[int | None, Parameter(group=MACHINE)] = None,
    nodes: Annotated[int | None, Parameter(group=MACHINE)] = None,
    dry_run: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    json: Annotated[bool, Parameter(group=RUN, negative="")] = False,
) -> None:
    """Train a VAE/GAN on a folder of images.

    Without flags, it trains on the built-in avatars with the recipe quick.

    Parameters
    ----------
    run
        The folder to make for the run. The default is runs/NAME, where NAME comes from --data.
    resume
        The folder of a run. The training continues from its last checkpoint.
    auto_resume
        If the folder that --run names holds a run already, continue that run. If that run is finished, do nothing. Use this for jobs that
        are killed and started again.
    report
        Write report.html, one page about the run. It is updated after each picture, and complete at the end.
    processes
        The number of processes on each machine. Each takes one GPU, or computes on the CPU. The default is 1, or the number that torchrun
        or SLURM started.
    nodes
        The number of machines. Run the same command on each machine, with the environment variables MASTER_ADDR, MASTER_PORT and NODE_RANK.
        The default is 1, or the number that torchrun or SLURM gives.
    dry_run
        Train nothing. Say how large the run is, how long it takes, how much memory and disk space it needs, and what is wrong with it.
    json
        With --dry-run: print one JSON object instead of a table.
    """
    if hasattr(signal, "SIGUSR1"):  # Windows has none
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # before there is anything to save, and after all is: it would end the process
    from .. import workflow

    parsed = {"--recipe": flags.recipe, "--run": run, "--auto-resume": auto_resume}
    if resume and (wrong := [flag for flag, value in parsed.items() if value]):
        raise UserError(f"--resume continues a run with its own settings: leave out {' and '.join(wrong)}")
    recipe = flags.load_recipe(settings, resume)
    device = flags.device
    if json and not dry_run:
        raise UserError("--json needs --dry-run: add --dry-run")
    if dry_run:
        if not is_leader():  # one of the processes that torchrun or SLURM started speaks for all
            return
        from ..plan import dry_run as find_out
        from .plan import show

        mode: Mode = "resume" if resume else "auto" if auto_resume else "new"
        show(find_out(recipe, resume or run, mode=mode, device=device, processes=processes, nodes=nodes, report=report), json=json)
        return
    try:
        if resume:
            result = workflow.resume(resume, recipe, device=device, processes=processes, nodes=nodes, report=report)
        else:
            result = workflow.train(recipe, run, auto_resume=auto_resume, device=device, processes=processes, nodes=nodes, report=report)
    except workflow.Stopped as stopped:
        err.print(str(stopped), soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    page = f"The report is {result.page}\n" if result.page else ""
    curves = f"tensorboard --logdir {quoted(result.run)}"
    err.print(
        f"\nThe pictures are {result.picture}\n{page}The run is {result.run}; see its curves with: {curves}",
        soft_wrap=True,
    )
    reconstruct = f"\nYour own images: {command('reconstruct', result.run, 'IMAGES')}" if recipe.objective.autoencodes else ""
    err.print(f"More pictures: {command('sample', result.run)}{reconstruct}", soft_wrap=True)


def bench(
    *settings: Settings,
    flags: BenchFlags = BenchFlags(),
    sizes: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    batches: Annotated[list[int] | None, Parameter(negative="", consume_multiple=True)] = None,
    seconds: float = 8.0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Measure how long a training step takes on this machine.

    It compares the speed of this package's training step with that of the same step written as textbook code, and with the peak speed of
    the machine. The images are random.

    Parameters
    ----------
    sizes
        The image sizes to time, for example 32 64 96x64. One number is the side of square images in pixels. 96x64 is height x width. The
        default is the size in the recipe.
    batches
        The batch sizes to time, for example 64 256. The default is the batch size in the recipe.
    seconds
        How many seconds to measure each method, at each size and batch size.
    json
        Print one JSON object instead of tables.
    """
    from dataclasses import asdict
    from json import dumps

    from ..bench import Benchmark
    from ..bench.results import header, notes, table

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was laid out for it is tidied up
    parsed = [parse_size(text, "--sizes") for text in sizes or []]
    benchmark = Benchmark(flags.load_recipe(settings), parsed, batches or [], seconds=seconds, device=flags.device)
    about = {"recipe": flags.recipe, **benchmark.about()}
    if json:
        print(dumps({**about, "results": [asdict(result) for result in benchmark.results(err)]}, indent=2))
        return
    for line in header(about):
        out.print(line, soft_wrap=True, markup=False)
    for result in benchmark.results(err):
        out.print(table(result))
        for line in notes(result):
            out.print(line, soft_wrap=True, markup=False)


def recipes(name: str | None = None, /) -> None:
    """List the recipes, or show all settings of one recipe.

    The list shows which defaults each recipe changes.

    Parameters
    ----------
    name
        The name of a recipe, or a YAML file.
    """
    if name:
        print(Recipe.load(name).to_yaml(documented=True), end="")
        return
    default = Recipe()
    for recipe in names():
        out.print(f"[bold]{recipe}[/bold]\n  {about(recipe)}", soft_wrap=True)
        for key, (here, there) in Recipe.load(recipe).differences(default).items():
            out.print(f"    {key}: {plain(here)}  [dim](default {plain(there)})[/dim]", soft_wrap=True)
