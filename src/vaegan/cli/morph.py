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
    """Morph from image to image.

    The result is a strip as a picture, or a video there and back.

    Parameters
    ----------
    run
        A run folder or a model folder.
    images
        Two image files or more.
    how
        spherical takes an arc on which codes are as likely under the prior as at both ends; linear takes the straight line.
    steps
        From one image to the next: images of a strip, 9 by default, or frames of a video, 40 by default.
    fps
        Frames a second of a video.
    prior
        The prior of spherical. fitted is the density that vaegan train fits to codes of training images (see vaegan fit-prior); standard
        is N(0, I). By default fitted, if the run has one.
    out
        What to write, as .png, .gif or .mp4; RUN/interpolation.png by default.
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
    """Film random walks through the prior.

    The walks are side by side. The video ends where it began.

    Parameters
    ----------
    run
        A run folder or a model folder.
    seconds
        How long.
    fps
        Frames a second.
    tiles
        Rows x columns of walks.
    seed
        Another seed, other walks.
    prior
        The prior to walk through. fitted is the density that vaegan train fits to codes of training images (see vaegan fit-prior);
        standard is N(0, I). By default fitted, if the run has one.
    out
        What to write, as .gif or .mp4; RUN/walk.gif by default.
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
