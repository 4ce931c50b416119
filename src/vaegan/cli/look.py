"""Looking at a run: sample, reconstruct, convergence, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..settings import PriorKind
from .completion import RunFolder
from .console import Json, err, name_and_number, picture_file, print_row, save_picture, show


def sample(
    run: RunFolder,
    /,
    *,
    out: Path | None = None,
    count: int = 64,
    seed: int = 0,
    values: Annotated[list[str] | None, Parameter(name="--set", negative="", consume_multiple=True)] = None,
    prior: PriorKind | None = None,
    outdir: Path | None = None,
    json: Json = False,
) -> None:
    """Draw new images from the prior.

    Parameters
    ----------
    run
        The folder of a run or a model.
    out
        The picture to write. The default is RUN/samples.png. If the name ends in .npy, an array for numpy is written, N x H x W x C, with
        all channels. Its values are from 0 to 255. If the training images had more than 8 bits, its values are in the range of those
        images.
    count
        The number of images.
    seed
        The random seed. Another seed gives other images.
    values
        For a model that was trained with --networks.attributes: the attribute values of the samples, for example Smiling=1 Eyeglasses=0.
        The values have the same scale as in the training set. Attributes that are left out count as unknown.
    prior
        Where codes come from. With --prior fitted, they come from the Gaussian mixture that vaegan train fits to codes of training images
        (see vaegan fit-prior). With --prior standard, they come from N(0, I). The default is the fitted prior, if the run has one.
    outdir
        A folder for single files: each image by itself, at the image size of the model.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import look
    from ..pretrained.find import result_file

    path = out or result_file(run, "samples.png")
    array = path.suffix.lower() == ".npy"
    path = path if array else picture_file(path)
    known = dict(name_and_number(text, "--set must be NAME=NUMBER, such as Smiling=1") for text in values or [])
    found = look.sample(run, count, seed=seed, values=known, prior=prior, progress=err)
    if array:
        found.files.extend([found.save(path), *(found.save_each(outdir) if outdir else ())])
    else:
        save_picture(found, path, outdir)
    show(found, json=json, table=False, outdir=outdir)


def reconstruct(
    run: RunFolder,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    out: Path | None = None,
    outdir: Path | None = None,
    json: Json = False,
    jsonl: Json = False,
) -> None:
    """Show images above their reconstructions.

    Each reconstruction is decoded from the mean code that the encoder gives for its image (the posterior mean).

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, folders of images, or archives of images (zip, tar).
    out
        The picture to write. The default is RUN/reconstructions.png.
    outdir
        A folder for single files: each reconstruction by itself, named after its image, at the image size of the model.
    json
        Print one JSON object and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each image (see docs/json.md).
    """
    from ..api import look
    from ..pretrained.find import result_file

    path = picture_file(out or result_file(run, "reconstructions.png"))
    found = look.reconstruct(run, images, on_row=print_row if jsonl else None, progress=err)
    save_picture(found, path, outdir)
    show(found, json=json, jsonl=jsonl, table=False, outdir=outdir)


def convergence(run: RunFolder, /, *, out: Path | None = None, fps: float = 8.0, json: Json = False) -> None:
    """Make a video of the pictures that were made during training.

    Each frame shows the model at one step of the training: reconstructions of the same images, and samples from the same random numbers.

    Parameters
    ----------
    run
        The folder of a run.
    out
        The video to write, as .gif or .mp4. The default is RUN/convergence.gif.
    fps
        The number of pictures per second.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import look
    from ..pretrained.find import result_file

    film = look.convergence(run, fps=fps, progress=err)
    film.files.append(film.save(out or result_file(run, "convergence.gif")))
    show(film, json=json, table=False)


def report(run: RunFolder, /, *, out: Path | None = None, json: Json = False) -> None:
    """Write report.html, one page about a run.

    The page shows the pictures of the training, the curves and the recipe. It is one file and works offline.

    Parameters
    ----------
    run
        The folder of a run.
    out
        The page to write. The default is RUN/report.html.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import look

    show(look.report(run, out), json=json, table=False)
