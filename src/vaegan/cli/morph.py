"""From image to image: interpolate, walk."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..errors import UserError
from ..settings import PriorKind
from .console import check_fps, err, parse_size, wrote
from .inputs import check_seed, encode_pictures

Course = Literal["spherical", "linear"]  # as in latent/interpolate.py, without waiting for torch
MOST_STEPS = 1_000
"""From one image to the next."""
SECONDS_PER_PERIOD = 4.0
"""Of a walk: the more, the slower."""


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
        The path between two codes. spherical (slerp, White 2016) follows an arc. linear follows a straight line. All codes on the arc are
        as likely under the prior as its two ends.
    steps
        The number of images (strip) or frames (video) from one image to the next. The default is 9 for a strip and 40 for a video.
    fps
        The number of frames per second of a video.
    prior
        The prior for the spherical path. fitted is the Gaussian mixture that vaegan train fits to codes of training images (see vaegan
        fit-prior). standard is N(0, I). The default is 'fitted' if the run has a fitted prior, and 'standard' if not.
    out
        The picture or video to write, as .png, .gif or .mp4. The default is RUN/interpolation.png.
    """
    import torch

    from ..latent import interpolate
    from ..latent.encode import decode
    from ..latent.figures import enlarged
    from ..progress import progress_bar
    from ..run import Run
    from ..viz import grid, video

    opened = Run.open(run)
    path = out or opened.folder / "interpolation.png"
    moves = path.suffix.lower() in video.KINDS
    count = steps if steps is not None else 40 if moves else 9
    if not 2 <= count <= MOST_STEPS:
        raise UserError(f"--steps must be from 2 to {MOST_STEPS:,}, not {count}")
    if not moves:
        grid.kind_of(path)
    check_fps(fps)
    model = opened.model()
    mixture = model.find_prior(prior)
    names, _, stops = encode_pictures(model, images)
    if len(stops) < 2:
        raise UserError("interpolate needs at least two images")
    with torch.inference_mode():
        if not moves:
            legs = [interpolate.between(start, end, count, how, mixture) for start, end in pairwise(stops)]
            parts = [
                (f"{Path(a).name} to {Path(b).name}, {how}", decode(model, leg)) for (a, b), leg in zip(pairwise(names), legs, strict=True)
            ]
            wrote(grid.save(grid.sheet(parts, count), path))
            return
        there = interpolate.through(stops, count, how, mixture)
        codes = torch.cat([there, there[1:-1].flip(0)])
        with progress_bar(err) as progress:
            frame = lambda number: enlarged(model.decode(codes[number : number + 1]), 1)  # noqa: E731
            wrote(video.save(frame, len(codes), path, fps, progress))


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
    """
    import torch

    from ..latent import interpolate
    from ..latent.figures import enlarged
    from ..progress import progress_bar
    from ..run import Run
    from ..viz import video

    rows, columns = parse_size(tiles, "--tiles", "rows x columns such as 4x4")
    if min(rows, columns) < 1 or rows * columns > 400:
        raise UserError(f"--tiles must be from 1x1 to 20x20, not {tiles}")
    check_fps(fps)
    frames = round(seconds * fps) if 0 < seconds <= 600 else 0
    if frames < 2:
        raise UserError(f"--seconds must be above 0, at most 600 and long enough for two frames, not {seconds}")
    check_seed(seed)
    opened = Run.open(run)
    model = opened.model()
    periods = max(1, round(seconds / SECONDS_PER_PERIOD))
    codes = interpolate.walk(rows * columns, model.architecture.latent, frames, periods, seed, prior=model.find_prior(prior))
    with torch.inference_mode(), progress_bar(err) as progress:
        frame = lambda number: enlarged(model.decode(codes[number]), columns)  # noqa: E731
        wrote(video.save(frame, frames, out or opened.folder / "walk.gif", fps, progress))
