"""The command line: one thin function a command.

A user's mistake ends in one sentence on standard error and exit code 2; a fault of ours in a traceback and 1.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter
from rich.console import Console

from .data.images import Crop, Resampling
from .data.packed import report_skipped
from .errors import UserError
from .processes import is_leader
from .recipe import RECIPE, Recipe, about, as_config, as_tree, names, of_run, of_set, one_sentence, read

if TYPE_CHECKING:
    from .data import ImageSet

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DEFAULT_RECIPE = "quick"
BENCH_RECIPE = "reference"

Settings = Annotated[
    Recipe,
    # Names as in the files. No defaults shown: they are the recipe's.
    Parameter(
        name="*", name_transform=str, show_default=False, negative_iterable="", group=cyclopts.Group("Settings (see vaegan recipes NAME)")
    ),
]


def _lay_recipe_under_flags(app: cyclopts.App, commands: tuple[str, ...], arguments: cyclopts.ArgumentCollection) -> None:
    """Fill what flags leave open: first from the short flags' long names, then from the recipe, or from the run that is resumed."""
    if commands not in (("train",), ("bench",)):
        return
    given = {argument.name.lstrip("-"): argument.tokens[0].value for argument in arguments if argument.tokens}
    if "resume" in given:
        if wrong := [f"--{name}" for name in ("recipe", "run") if name in given]:
            raise UserError(f"--resume goes on with a run as it is: leave out {' and '.join(wrong)}")
        name = str(of_run(Path(given["resume"]).expanduser()))
    else:
        name = given.get("recipe", DEFAULT_RECIPE if commands == ("train",) else BENCH_RECIPE)
    tree = read(name)
    source = given.get("data") or given.get("data.source") or tree.get("data", {}).get("source")
    decided = of_set(source)
    asked, has = tree.get("data", {}), decided.get("data", {})
    if overruled := [key for key in has if key in asked and asked[key] != has[key]]:
        kept = ", ".join(f"{key} {_plain(has[key])}" for key in overruled)
        err.print(f"note: the packed set was prepared with {kept}, other than recipe {name} asks for", soft_wrap=True)
    as_config(_long_names(given), "the command line", commands)(app, commands, arguments)
    as_config(decided, "the packed set", commands)(app, commands, arguments)
    as_config(tree, f"recipe {name}", commands)(app, commands, arguments)


def _long_names(given: dict[str, str]) -> dict[str, Any]:
    """The settings that short flags stand for."""
    lengths = [f"{given[unit]} {unit}" for unit in ("steps", "epochs", "images") if unit in given]
    if len(lengths) > 1:
        raise UserError(f"one length is enough: --{lengths[0].split()[1]} and --{lengths[1].split()[1]} were both given")
    settings = {
        "training.length": lengths[0] if lengths else None,
        "training.seed": given.get("seed"),
        "training.precision": given.get("precision"),
        "data.source": given.get("data"),
        "networks.size": _sides(given["size"]) if "size" in given else None,
    }
    stood_for = {key: value for key, value in settings.items() if value is not None}
    if twice := [key for key in stood_for if key in given]:
        raise UserError(f"--{twice[0]} was given twice, once by its short name")
    return as_tree(stood_for)


def _sides(size: str) -> list[str]:
    """Height and width out of "64" or "96x64"."""
    sides = size.lower().split("x")
    return sides * 2 if len(sides) == 1 else sides


app = cyclopts.App(
    name="vaegan",
    help="Train a VAE/GAN on a folder of images, and use it.",
    config=_lay_recipe_under_flags,
    suppress_keyboard_interrupt=False,
)


@app.command
def train(
    *,
    # The parser has used the flags that are unused here, in _lay_recipe_under_flags.
    data: str | None = None,  # noqa: ARG001
    recipe: str = DEFAULT_RECIPE,  # noqa: ARG001
    run: Path | None = None,
    resume: Path | None = None,
    steps: int | None = None,  # noqa: ARG001
    epochs: int | None = None,  # noqa: ARG001
    images: int | None = None,  # noqa: ARG001
    size: str | None = None,  # noqa: ARG001
    seed: int | None = None,  # noqa: ARG001
    device: str = "auto",
    precision: str | None = None,  # noqa: ARG001
    processes: int = 1,
    settings: Settings = Recipe(),  # noqa: B008 (a frozen value; the parser fills it in from the recipe)
) -> None:
    """Train a VAE/GAN. Without arguments: on built-in avatars, by the quick recipe, on this machine.

    Parameters
    ----------
    data
        A folder or archive of images, a packed set, a known set such as celeba:PATH, or avatars.
    recipe
        A recipe by name (see vaegan recipes) or a YAML file; every flag below with a dot in it changes one of its settings.
    run
        The folder to make for the results; runs/NAME by default.
    resume
        Go on with this run from its last checkpoint.
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
    processes
        How many GPUs, or processes on the CPU, to train with.
    settings
        Everything a recipe can hold.
    """
    from . import training

    try:
        if resume:
            result = training.resume(resume, settings, device=device, processes=processes)
        else:
            result = training.train(settings, run, device=device, processes=processes)
    except training.Stopped as stopped:
        err.print(str(stopped), soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    err.print(
        f"\nThe pictures are {result.picture}\nThe run is {result.run}; see its curves with: tensorboard --logdir {result.run}",
        soft_wrap=True,
    )
    err.print(f"More pictures: vaegan sample {result.run}, vaegan reconstruct {result.run} IMAGES", soft_wrap=True)


@app.command
def prepare(
    source: str,
    out: Path,
    /,
    *,
    size: str | None = None,
    crop: Crop | None = None,
    box: Annotated[tuple[int, int, int, int], Parameter(negative="", show_default=False)] = (0, 0, 0, 0),
    blur: Annotated[bool, Parameter(negative="")] = False,
    resampling: Resampling = "fast",
    grey: Annotated[bool, Parameter(negative="")] = False,
    splits: Annotated[tuple[float, float, float] | None, Parameter(negative="")] = None,
    attributes: Path | None = None,
    label: str | None = None,
    count: int | None = None,
    workers: int | None = None,
) -> None:
    """Pack images into a set that opens at once, however many there are. Stopped, it goes on where it was when it is run again.

    Parameters
    ----------
    source
        A folder, zip or tar of images; a known set in its published layout: celeba:PATH, lfw:PATH, stl10:PATH, cifar10:PATH,
        cifar100:PATH, mnist:PATH, classes:PATH (a folder a class); hf:NAME or hf-stream:NAME (Hugging Face); or avatars.
    out
        The folder to make for the packed set.
    size
        Side of the square images in pixels, or height x width such as 96x64; by default that of the source if it has one, in multiples
        of 8, else 64.
    crop
        centre (the largest centred part of the right shape), none (squeeze the whole image), celeba (148x148 around the face), box; by
        default celeba for CelebA and centre for all others.
    box
        Left, top, right and bottom of what to keep, in pixels, for crop box.
    blur
        Blur before shrinking, as the paper's authors do.
    resampling
        fast (bicubic, JPEGs decoded small), bicubic, lanczos, bilinear or nearest.
    grey
        Make grey images.
    splits
        Shares of the images for training, validation and test, drawn at random, such as 0.8 0.1 0.1; by default the source's own splits.
    attributes
        A CSV file with a column of file names (and perhaps label and split); its other columns are attributes.
    label
        The column of that file that names each image's class.
    count
        Take only so many images, the first ones; of avatars, how many to draw.
    workers
        Processes that read images; all cores by default.
    """
    from .data import ImageSet
    from .data import prepare as pack
    from .progress import progress_bar
    from .signals import Stopped

    packed_before = ImageSet.is_set(out)
    try:
        with progress_bar(err) as progress:
            images = pack(
                source,
                out,
                size=_size(size) if size is not None else None,
                channels=1 if grey else None,
                crop=crop,
                box=box,
                blur=blur,
                resampling=resampling,
                fractions=dict(zip(("train", "validation", "test"), splits, strict=True)) if splits else None,
                attributes=attributes,
                label=label,
                count=count,
                workers=workers,
                progress=progress,
            )
    except Stopped as stopped:
        err.print(str(stopped), soft_wrap=True)
        raise SystemExit(stopped.exit_code) from None
    what = f"{len(images):,} images of {images.images.shape[1]}x{images.images.shape[2]}"
    parts = ", ".join(f"{name} {count:,}" for name, count in images.splits.items())
    err.print(f"{out} holds {what}" + (f": {parts}" if parts else ""), soft_wrap=True)
    if packed_before:
        err.print(
            "nothing was to be done: it was made before, of files of these names and sizes; remove it to make it anew",
            soft_wrap=True,
        )
    for line in [*report_skipped(images), *images.manifest["notes"]]:
        err.print(line, soft_wrap=True)
    if rest := len(images) - sum(images.splits.values()) if images.splits else 0:
        err.print(f"in no split, and so never used: {rest:,}", soft_wrap=True)
    look = f"Look at it: vaegan data {out}"
    if any(side % 8 for side in images.preparation.size):
        err.print(
            "the networks take sides that are multiples of 8: to train on these images, prepare them with such a --size", soft_wrap=True
        )
    else:
        look += f"\nTrain on it: vaegan train --data {out}"
    err.print(look, soft_wrap=True)


def _size(text: str, flag: str = "--size") -> tuple[int, int]:
    try:
        height, width = map(int, _sides(text))
    except ValueError:
        raise UserError(f"{flag} must be a number of pixels, or height x width such as 96x64, not {text}") from None
    return height, width


@app.command
def data(run_or_set: Path, /, *, verify: Annotated[bool, Parameter(negative="")] = False, out: Path | None = None) -> None:
    """Show what is in a packed set, or in the set that a run was trained on: counts, splits, attributes, and a sheet of images.

    Parameters
    ----------
    run_or_set
        A packed set or a run folder.
    verify
        Check every file of the set against its checksum, instead.
    out
        The picture to write; contact-sheet.png in the folder by default.
    """
    from . import pictures
    from .data.summary import contact_sheet, describe
    from .progress import progress_bar

    images = _set_of(run_or_set)
    if verify:
        total, done, bad = sum(file["bytes"] for file in images.manifest["files"].values()), 0, []
        with progress_bar(err) as progress:
            for name, size, good in images.verify():
                done += size
                bad += [] if good else [name]
                progress("checking bytes", done, total)
        if bad:
            raise UserError(
                f"{images.folder} is damaged: {', '.join(bad)} changed since it was packed; pack it again, or put back a good copy"
            )
        print(f"{images.folder} is whole: {len(images.manifest['files'])} files, {total:,} bytes")
        return
    for line in describe(images):
        print(line)
    _wrote(pictures.save(contact_sheet(images), out or run_or_set / "contact-sheet.png"))


def _set_of(folder: Path) -> ImageSet:
    """A packed set, or that of a run."""
    from .data import ImageSet, open_images, packed_folder
    from .progress import progress_bar

    if packed_folder(str(folder)):
        return ImageSet.open(folder)
    if not (folder / RECIPE).is_file():
        what = (
            "it is neither a packed set nor a run; pack images by: vaegan prepare SOURCE OUT"
            if folder.exists()
            else "there is no such folder"
        )
        raise UserError(f"cannot look into {folder}: {what}")
    recipe = Recipe.load(folder / RECIPE)
    with progress_bar(err) as progress:
        return open_images(recipe.data.source, recipe.preparation, count=recipe.data.avatars, progress=progress)


@app.command
def sample(run: Path, /, *, out: Path | None = None, count: int = 64, seed: int = 0) -> None:
    """Draw images of the prior.

    Parameters
    ----------
    run
        A run folder or a model folder.
    out
        The picture to write; RUN/samples.png by default.
    count
        How many images.
    seed
        Another seed, other images.
    """
    import torch

    from . import pictures
    from .model import load

    if count < 1:
        raise UserError(f"--count must be above 0, not {count}")
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed must be at least 0 and below 2^63, not {seed}")
    model = load(run)
    with torch.inference_mode():
        images = model.sample(count, seed=seed)
    _wrote(pictures.save(pictures.sheet([(f"samples of the prior, seed {seed}", images)], _columns(count)), out or run / "samples.png"))


@app.command
def reconstruct(run: Path, images: Annotated[list[Path], Parameter(negative="", json_list=False)], /, *, out: Path | None = None) -> None:
    """Show images above their reconstructions.

    Parameters
    ----------
    run
        A run folder or a model folder.
    images
        Image files, or folders or archives of them.
    out
        The picture to write; RUN/reconstructions.png by default.
    """
    import numpy as np
    import torch

    from . import pictures
    from .data.batches import to_tensor
    from .data.images import Unreadable, read
    from .data.listing import TARS, listing
    from .data.source import File
    from .model import load

    model = load(run)
    arrays = []
    for given in images:
        if not given.exists():
            raise UserError(f"there is no image {given}")
        many = given.is_dir() or given.name.lower().endswith((".zip", *TARS))
        for name, picture in listing(given) if many else [(str(given), File(str(given)))]:
            try:
                arrays.append(read(picture, model.preparation))
            except Unreadable as reason:
                err.print(f"skipped {name}: {reason}", soft_wrap=True)
    if not arrays:
        raise UserError(f"there is no readable image in {', '.join(map(str, images))}")
    originals = to_tensor(np.stack(arrays))
    with torch.inference_mode():
        reconstructions = model.reconstruct(originals)
    columns = _columns(len(originals))
    pairs = pictures.pair_rows(originals, reconstructions, columns)
    _wrote(pictures.save(pictures.sheet([("each above its reconstruction", pairs)], columns), out or run / "reconstructions.png"))


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

    from .bench import Benchmark
    from .bench.results import header, notes, table

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was laid out for it is tidied up
    given = [_size(text, "--sizes") for text in sizes or []]
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
            out.print(f"    {key}: {_plain(here)}  [dim](default {_plain(there)})[/dim]", soft_wrap=True)


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _columns(count: int) -> int:
    """Columns of a sheet that is wider than high, and without a gap in its last row if that can be."""
    wanted = round((1.6 * count) ** 0.5)
    even = [columns for columns in range(wanted, min(2 * wanted, 16) + 1) if count % columns == 0]
    return count if count <= 6 else even[0] if even else min(16, wanted)


def _wrote(path: Path) -> None:
    print(f"wrote {path}")


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    leader = is_leader()
    err.quiet = not leader
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except UserError as error:
        sentence = str(error)
    except cyclopts.CycloptsError as error:
        sentence = one_sentence(error)
    except BrokenPipeError:  # who reads the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain once more as it exits
        raise SystemExit(128 + 13) from None
    except OSError as error:
        if error.errno is None:
            raise
        sentence = f"{os.strerror(error.errno)}: {error.filename}" if error.filename else os.strerror(error.errno)
        if error.errno == errno.ENOSPC:
            sentence += "; free some space, and go on with a run that has a checkpoint by: vaegan train --resume RUN"
    else:
        return
    if leader:
        print("vaegan:", *sentence.splitlines(), file=sys.stderr)  # one line, whatever a path has in it
    raise SystemExit(2)
