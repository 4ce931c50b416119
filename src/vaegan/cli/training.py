"""Training: train, bench, recipes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..recipe import Recipe, about, names
from ..words import plain
from .app import BENCH_RECIPE, DEFAULT_RECIPE, Settings, app, err, out, parse_size


@app.command
def train(
    *,
    # The parser has used the flags that are unused here, in _lay_recipe_under_flags.
    data: str | None = None,  # noqa: ARG001
    recipe: str = DEFAULT_RECIPE,  # noqa: ARG001
    objective: str | None = None,  # noqa: ARG001
    run: Path | None = None,
    resume: Path | None = None,
    auto_resume: Annotated[bool, Parameter(negative="")] = False,
    steps: int | None = None,  # noqa: ARG001
    epochs: int | None = None,  # noqa: ARG001
    images: int | None = None,  # noqa: ARG001
    size: str | None = None,  # noqa: ARG001
    seed: int | None = None,  # noqa: ARG001
    device: str = "auto",
    precision: str | None = None,  # noqa: ARG001
    threads: int | None = None,  # noqa: ARG001
    on_nan: str | None = None,  # noqa: ARG001
    processes: int | None = None,
    nodes: int | None = None,
    report: bool = True,
    settings: Settings = Recipe(),  # noqa: B008 (a frozen value; the parser fills it in from the recipe)
) -> None:
    """Train a VAE/GAN. Without arguments: on built-in avatars, by the quick recipe, on this machine.

    Parameters
    ----------
    data
        A folder or archive of images, a packed set, a known set such as celeba:PATH, or avatars.
    recipe
        A recipe by name (see vaegan recipes) or a YAML file; every flag below with a dot in it changes one of its settings.
    objective
        vaegan; or, to compare with on the same networks and images, vae, gan, or vae-dis.
    run
        The folder to make for the results; runs/NAME by default.
    resume
        Go on with this run from its last checkpoint.
    auto_resume
        Go on with --run if it was begun before, and do nothing if it is finished: for jobs that are killed and started again.
    steps
        How long to train, in steps of one batch.
    epochs
        How long to train, in passes over the images.
    images
        How long to train, in images seen.
    size
        Side of the square images in pixels, or height x width such as 96x64; multiples of 8.
    seed
        Another seed, another run.
    device
        auto takes a GPU if there is one; or cpu, cuda, mps.
    precision
        auto, 32 or bf16.
    threads
        Threads that compute on the CPU, in each process; as many as there are cores by default, or as when the run began.
    on_nan
        What to do where a loss or a gradient is no longer a number: stop, or rollback (go back, and on with half the learning rates).
    processes
        How many GPUs, or processes on the CPU, to train with on each machine; 1, or as many as torchrun or SLURM started.
    nodes
        How many machines to train with, each of which is told this and MASTER_ADDR, MASTER_PORT and NODE_RANK; 1, or as torchrun or SLURM
        say.
    report
        Write report.html at the end: the run on one page.
    settings
        Everything a recipe can hold.
    """
    if hasattr(signal, "SIGUSR1"):  # Windows has none
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # before there is anything to save, and after all is: it would end the process
    from .. import workflow

    try:
        if resume:
            result = workflow.resume(resume, settings, device=device, processes=processes, nodes=nodes, report=report)
        else:
            result = workflow.train(settings, run, auto_resume=auto_resume, device=device, processes=processes, nodes=nodes, report=report)
    except workflow.Stopped as stopped:
        err.print(str(stopped), soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    page = f"The page to look at is {result.page}\n" if result.page else ""
    err.print(
        f"\nThe pictures are {result.picture}\n{page}The run is {result.run}; see its curves with: tensorboard --logdir {result.run}",
        soft_wrap=True,
    )
    reconstruct = f", vaegan reconstruct {result.run} IMAGES" if settings.objective.autoencodes else ""
    err.print(f"More pictures: vaegan sample {result.run}{reconstruct}", soft_wrap=True)


@app.command
def bench(
    *,
    recipe: str = BENCH_RECIPE,
    sizes: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    batches: Annotated[list[int] | None, Parameter(negative="", consume_multiple=True)] = None,
    seconds: float = 8.0,
    device: str = "auto",
    precision: str | None = None,  # noqa: ARG001 (see train)
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: Settings = Recipe(),  # noqa: B008
) -> None:
    """Time the training step on this machine, beside the same step as it is usually written, and beside what the machine can do.

    Parameters
    ----------
    recipe
        A recipe by name or a YAML file: the networks and the objective to train. The images are random.
    sizes
        Sides of the square images in pixels, or height x width such as 96x64; several as in 32 64 128. By default the recipe's.
    batches
        Images a step; several as in 64 256. By default the recipe's.
    seconds
        How long each contender is timed at each size and batch.
    device
        auto takes a GPU if there is one; or cpu, cuda, mps.
    precision
        auto, 32 or bf16.
    json
        Print everything as one JSON object, instead.
    settings
        Everything a recipe can hold.
    """
    from dataclasses import asdict
    from json import dumps

    from ..bench import Benchmark
    from ..bench.results import header, notes, table

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was laid out for it is tidied up
    given = [parse_size(text, "--sizes") for text in sizes or []]
    benchmark = Benchmark(settings, given, batches or [], seconds=seconds, device=device)
    about = {"recipe": recipe, **benchmark.about()}
    if json:
        print(dumps({**about, "results": [asdict(result) for result in benchmark.results(err)]}, indent=2))
        return
    for line in header(about):
        out.print(line, soft_wrap=True, markup=False)
    for result in benchmark.results(err):
        out.print(table(result))
        for line in notes(result):
            out.print(line, soft_wrap=True, markup=False)


@app.command
def recipes(name: str | None = None, /) -> None:
    """List the recipes and what each changes in the defaults; with a name, print every setting of that one.

    Parameters
    ----------
    name
        A recipe by name, or a YAML file.
    """
    if name:
        print(Recipe.load(name).to_yaml(documented=True), end="")
        return
    default = Recipe()
    for recipe in names():
        out.print(f"[bold]{recipe}[/bold]\n  {about(recipe)}", soft_wrap=True)
        for key, (here, there) in Recipe.load(recipe).differences(default).items():
            out.print(f"    {key}: {plain(here)}  [dim](default {plain(there)})[/dim]", soft_wrap=True)
