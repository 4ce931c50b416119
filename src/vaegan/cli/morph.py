"""From image to image: interpolate, walk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..settings import PriorKind
from .completion import RunFolder
from .console import Json, err, parse_size, picture_file, save_picture, show

Course = Literal["spherical", "linear"]  # as in latent/interpolate.py, without waiting for torch


def interpolate(
    run: RunFolder,
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
        The path between two codes. With --how spherical (slerp, White 2016), it is an arc. Codes on the arc fit the prior about as well
        as the two codes at the ends of the arc. With --how linear, it is a straight line, and the codes in its middle are often unusual.
    steps
        The number of images (strip) or frames (video) from one image to the next. The default is 9 for a strip and 40 for a video.
    fps
        The number of frames per second of a video.
    prior
        For --how spherical: the prior whose mean is the centre of the arc. With --prior fitted, this prior is the Gaussian mixture that
        vaegan train fits to codes of training images (see vaegan fit-prior). With --prior standard, it is N(0, I), whose mean is zero. The
        default is the fitted prior, if the run has one.
    out
        The picture or video to write, as .png, .gif or .mp4. The default is RUN/interpolation.png.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import morph as api
    from ..api.shared import check_fps
    from ..pretrained.find import result_file
    from ..viz import video

    path = out or result_file(run, "interpolation.png")
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
    run: RunFolder,
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
    """Make a video of samples that change slowly.

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
        The prior to walk through. With --prior fitted, it is the Gaussian mixture that vaegan train fits to codes of training images (see
        vaegan fit-prior). With --prior standard, it is N(0, I). The default is the fitted prior, if the run has one.
    out
        The video to write, as .gif or .mp4. The default is RUN/walk.gif.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import morph as api
    from ..pretrained.find import result_file

    size = parse_size(tiles, "--tiles", "rows x columns such as 4x4")
    film = api.walk(run, seconds=seconds, fps=fps, tiles=size, seed=seed, prior=prior, progress=err)
    film.files.append(film.save(out or result_file(run, "walk.gif")))
    show(film, json=json, table=False)
