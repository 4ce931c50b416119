"""What people name on the command line: sets of images, pictures, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UserError
from .console import err

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ..data import ImageSet, Preparation
    from ..models.vaegan import VAEGAN
    from ..run import Run

MOST_ROWS = 50
"""Rows of a picture that has one for each image."""


def open_set(run: Run, data: str | None = None, flag: str = "--data") -> ImageSet:
    """A set that is named, or else the run's own, packed with a bar where it is not yet; see `Run.images`."""
    from ..progress import progress_bar

    with progress_bar(err) as progress:
        return run.images(data, flag=flag, progress=progress)


def say_skipped(images: ImageSet) -> None:
    """Name the files of a set that gave no image, and say what was passed over."""
    from ..data.dataset import report_skipped
    from ..data.passed_over import LISTED

    listed = [note for note in images.manifest["notes"] if LISTED in note]
    for line in [*report_skipped(images), *(note.replace(LISTED, f"listed in {images.folder / 'skipped.txt'}") for note in listed)]:
        err.print(line, soft_wrap=True)


def read_pictures(paths: Sequence[Path], preparation: Preparation) -> tuple[list[str], NDArray[np.uint8]]:
    """The names of the images in files, folders and archives, and their pixels, N x H x W x C. Says which gave no image.

    Raises:
        UserError: a file is not there, or there is no image in any.
    """
    from ..data.read_images import read_images

    return read_images(paths, preparation, lambda name, reason: err.print(f"skipped {name}: {reason}", soft_wrap=True))


class Pictures(NamedTuple):
    """Pictures that a person names."""

    names: list[str]
    images: Tensor
    """N x C x H x W in [-1, 1], as the model takes them."""
    codes: Tensor
    """N x latent: their posterior means."""


def encode_pictures(model: VAEGAN, paths: list[Path]) -> Pictures:
    """Pictures and their codes.

    Raises:
        UserError: a picture is not there, or one that is named by itself gives no image; or the model has no encoder.
    """
    from ..data.batches import to_tensor
    from ..data.read_images import read_images
    from ..latent.encode import encode
    from ..progress import progress_bar

    def skip(name: str, reason: str) -> None:
        if Path(name) in paths:  # named by itself, it is missed
            raise UserError(f"cannot read {name}: {reason}")
        err.print(f"skipped {name}: {reason}", soft_wrap=True)

    names, pixels = read_images(paths, model.preparation, skip)
    with progress_bar(err) as progress:
        return Pictures(names, to_tensor(pixels), encode(model, pixels, progress=progress).mean)


def say_how_many(images: int) -> None:
    """Say so where a picture has a row for each image, and there are too many."""
    if images > MOST_ROWS:
        err.print(f"the picture shows the first {MOST_ROWS} of {images:,} images", soft_wrap=True)


def check_seed(seed: int) -> None:
    """See that a number can be a seed.

    Raises:
        UserError: it cannot.
    """
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed must be at least 0 and below 2^63, not {seed}")
