"""From image to image: interpolate, walk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..settings import PriorKind
from .console import Json, err, parse_size, picture_file, save_picture, show

Course = Literal["spherical", "linear"]  # as in latent/interpolate.py, without waiting for torch


def interpolate(
    run: Path,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    how: Course = "spherical",
    steps: int | None = None,
    fps: float = 25.0,
    prior: PriorKind | None = None,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Morph one image into another.

    It goes from the posterior mean of one image to that of the next, by spherical interpolation (slerp) or linear interpolation. The result
    is a picture with a strip of images, or a video that goes forward and back.

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Two or more image files.
    how
        The path between two codes. 'spherical' (slerp, White 2016) follows an arc, whose codes are as typical of the prior as the two codes
        at its ends. 'linear' follows a straight line.
    steps
        The number of images (strip) or frames (video) from one image to the next. The default is 9 for a strip and 40 for a video.
    fps
        The number of frames per second of a video.
    prior
        The prior whose typical codes the spherical path stays near. 'fitted' is the Gaussian mixture that vaegan train fits to codes of
        training images (see vaegan fit-prior). 'standard' is N(0, I). The default is 'fitted' if the run has a fitted prior, and 'standard'
        if not.
    out
        The picture or video to write, as .png, .gif or .mp4. The default is RUN/interpolation.png.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import morph as api
    from ..api.shared import check_fps
    from ..run import Run
    from ..viz import video

    path = out or Run.find(run).result_file("interpolation.png")
    moves = path.suffix.lower() in video.KINDS
    if not moves:
        picture_file(path)
    check_fps(fps)
    found = api.interpolate(run, images, how=how, steps=steps, prior=prior, progress=err)
    if moves:
        found.files.append(found.film(fps).save(path))
    else:
        save_picture(found, path)
    show(found, json=json, table=False)


def walk(
    run: Path,
    /,
    *,
    seconds: float = 8.0,
    fps: float = 20.0,
    tiles: str = "4x4",
    seed: int = 0,
    prior: PriorKind | None = None,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Make a video of random walks through the prior.

    It shows several walks side by side. The video ends where it begins.

    Parameters
    ----------
    run
        The folder of a run or a model.
    seconds
        The length of the video in seconds.
    fps
        The number of frames per second.
    tiles
        The number of walks, as ROWSxCOLUMNS.
    seed
        The random seed. Another seed gives other walks.
    prior
        The prior to walk through. fitted is the Gaussian mixture that vaegan train fits to codes of training images (see vaegan fit-prior).
        standard is N(0, I). The default is 'fitted' if the run has a fitted prior, and 'standard' if not.
    out
        The video to write, as .gif or .mp4. The default is RUN/walk.gif.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import morph as api
    from ..run import Run

    size = parse_size(tiles, "--tiles", "rows x columns such as 4x4")
    film = api.walk(run, seconds=seconds, fps=fps, tiles=size, seed=seed, prior=prior, progress=err)
    film.files.append(film.save(out or Run.find(run).result_file("walk.gif")))
    show(film, json=json, table=False)
