"""Training: train, bench, recipes."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UserError
from ..this_process import is_leader
from ..words import command, plain, quoted
from .completion import completed, recipe_names, run_folders
from .console import Json, err, out, parse_size, show
from .flags import MACHINE, RUN, BenchFlags, RunFlags, Settings

if TYPE_CHECKING:
    from ..begin import Mode


def train(
    *settings: Settings,
    flags: RunFlags = RunFlags(),
    run: Annotated[Path | None, Parameter(group=RUN)] = None,
    resume: Annotated[Path | None, completed(run_folders, group=RUN)] = None,
    auto_resume: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    more_images: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    report: Annotated[bool, Parameter(group=RUN)] = True,
    studio: Annotated[bool | None, Parameter(group=RUN)] = None,
    processes: Annotated[int | None, Parameter(group=MACHINE)] = None,
    nodes: Annotated[int | None, Parameter(group=MACHINE)] = None,
    dry_run: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    json: Annotated[bool, Parameter(group=RUN, negative="")] = False,
) -> None:
    """Train a VAE/GAN on a folder of images.

    Without flags, it trains on the built-in avatars with the quick recipe.

    Parameters
    ----------
    run
        The folder to make for the run. The default is runs/NAME, where NAME comes from --data.
    resume
        The folder of a run. The training continues from its last checkpoint.
    auto_resume
        If the folder that you give with --run holds a run already, continue that run. If that run is finished, do nothing. Use this for
        jobs that are killed and started again.
    more_images
        With --resume: continue although images were added to the set. The new images become training images. The images that were held out
        from training stay held out.
    report
        Write report.html, one page about the run. It is updated each time training draws a picture of the results, and it is complete at
        the end.
    studio
        Write studio.html at the end, one page in which anyone can try the model (see vaegan studio). The default is to write it if the
        report is written.
    processes
        The number of processes on each machine. Each takes one GPU, or computes on the CPU. The default is 1, or the number that torchrun
        or SLURM started.
    nodes
        The number of machines. Run the same command on each machine. First set three environment variables there: MASTER_ADDR is the
        address of the first machine, MASTER_PORT is a free port on it, and NODE_RANK is the number of this machine, from 0. The default is
        1, or the number that torchrun or SLURM gives.
    dry_run
        Train nothing. Say how large the run would be, how long it would take, how much memory and disk space it would need, and what is
        wrong with it.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    if hasattr(signal, "SIGUSR1"):  # Windows has none
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # before there is anything to save, and after all is: it would end the process
    from .. import workflow

    parsed = {"--recipe": flags.recipe, "--run": run, "--auto-resume": auto_resume}
    if resume and (wrong := [flag for flag, value in parsed.items() if value]):
        raise UserError(f"--resume continues a run in its own folder, with its own recipe: leave out {' and '.join(wrong)}")
    if more_images and not resume:
        raise UserError("--more-images needs --resume: leave out --more-images, or give the run with --resume RUN")
    recipe = flags.load_recipe(settings, resume)
    same: dict[str, Any] = {"device": flags.device, "processes": processes, "nodes": nodes, "report": report, "studio": studio}
    if dry_run:
        if not is_leader():  # one of the processes that torchrun or SLURM started speaks for all
            return
        from ..plan import dry_run as find_out

        mode: Mode = "resume" if resume else "auto" if auto_resume else "new"
        plan = find_out(recipe, resume or run, mode=mode, more_images=more_images, **same, progress=err)
        show(plan, json=json)
        for problem in plan.problems:
            print("vaegan:", *problem.splitlines(), file=sys.stderr)
        if plan.problems:
            raise SystemExit(UserError.exit_code)
        return
    try:
        if resume:
            result = workflow.resume(resume, recipe, more_images=more_images, **same, progress=err)
        else:
            result = workflow.train(recipe, run, auto_resume=auto_resume, **same, progress=err)
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
    studio_line = f"\nTry the model: open {result.studio} in a browser" if result.studio else ""
    err.print(f"More pictures: {command('sample', result.run)}{reconstruct}{studio_line}", soft_wrap=True)
    if json and is_leader():
        show(result, json=True)


def bench(
    *settings: Settings,
    flags: BenchFlags = BenchFlags(),
    sizes: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    batches: Annotated[list[int] | None, Parameter(negative="", consume_multiple=True)] = None,
    seconds: float = 8.0,
    json: Json = False,
) -> None:
    """Measure how long a training step takes on this machine.

    It compares the speed of this package's training step with that of the same step in plain PyTorch, and with the peak speed of the
    machine. The images are random.

    Parameters
    ----------
    sizes
        The image sizes to time, for example 32 64 96x64. One number is the side of square images in pixels. 96x64 is height x width. The
        default is the size in the recipe.
    batches
        The batch sizes to time, for example 64 256. The default is the batch size in the recipe.
    seconds
        How many seconds to measure each training step in the table, at each size and batch size.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was laid out for it is tidied up
    parsed = [parse_size(text, "--sizes") for text in sizes or []]
    recipe = flags.load_recipe(settings)
    if json:
        from ..api import training as api

        found = api.bench(recipe, sizes=parsed, batches=batches or [], seconds=seconds, device=flags.device, progress=err)
        show(replace(found, recipe=flags.recipe or ""), json=True)
        return
    from ..bench import Benchmark
    from ..bench.results import header, notes, table

    benchmark = Benchmark(recipe, parsed, batches or [], seconds=seconds, device=flags.device)  # shown one by one, as they come
    for line in header({"recipe": flags.recipe, **benchmark.about()}):
        out.print(line, soft_wrap=True, markup=False)
    for result in benchmark.results(err):
        out.print(table(result))
        for line in notes(result):
            out.print(line, soft_wrap=True, markup=False)


def recipes(name: Annotated[str | None, completed(recipe_names)] = None, /, *, json: Json = False) -> None:
    """List the recipes, or show all settings of one recipe.

    The list shows which defaults each recipe changes.

    Parameters
    ----------
    name
        The name of a recipe, or a YAML file.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import training as api

    found = api.recipes(name)
    if json:
        show(found, json=True)
    elif isinstance(found, api.RecipeSettings):
        print(found.recipe.to_yaml(documented=True), end="")
    else:
        for row in found.rows:
            out.print(f"[bold]{row.name}[/bold]\n  {row.about}", soft_wrap=True)
            for key, (here, there) in row.differences.items():
                out.print(f"    {key}: {plain(here)}  [dim](default {plain(there)})[/dim]", soft_wrap=True)
