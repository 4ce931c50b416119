"""From images to codes: encode, project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from rich.table import Table
from rich.text import Text
from torch import Tensor

from ..data import ImageSet
from ..data.any_images import AnyImages, any_images
from ..data.batches import Images
from ..data.shard import Shard
from ..errors import UserError
from ..files import replacing
from ..latent import project as projecting
from ..latent.encode import decode
from ..latent.encode import encode as encode_images
from ..latent.figures import projections
from ..models.posterior import Posterior
from ..models.vaegan import PART, VAEGAN
from ..result import PYTHON_ONLY, Result
from ..viz.grid import to_pil
from .notices import MOST_ROWS, ShowProgress, Skipped, Talk
from .shared import Subject, encode_pictures, open_run, open_set, save_each


@dataclass(frozen=True)
class ImageCode:
    """The posterior of an image."""

    name: str
    mean: list[float]
    """Of each dimension."""
    logvar: list[float]
    """The logarithm of the variance, of each dimension."""


@dataclass(frozen=True, repr=False, eq=False)
class Codes(Result):
    """The posteriors of images."""

    images: int
    """The number of images."""
    latent: int
    """The number of dimensions of a code."""
    skipped: list[Skipped]
    """Files that gave no image: name and error, the reason."""
    names: list[str] = field(metadata=PYTHON_ONLY)
    """Of the images."""
    mean: NDArray[np.float32] = field(metadata=PYTHON_ONLY)
    """N x latent."""
    logvar: NDArray[np.float32] = field(metadata=PYTHON_ONLY)
    """N x latent."""
    known: dict[str, NDArray[Any]] = field(metadata=PYTHON_ONLY)
    """What else is known of the images of a set: labels; attributes and attribute_names, if it has any."""
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    @property
    def rows(self) -> list[ImageCode]:
        """The posterior of each image."""
        return list(map(ImageCode, self.names, self.mean.tolist(), self.logvar.tolist()))

    def lines(self) -> list[str]:
        """How many there are."""
        return [f"the codes of {self.images:,} images, each of {self.latent} numbers"]

    def save(self, path: str | Path) -> Path:
        """Write them as a file for numpy, with the arrays mean, logvar, names and what is `known`.

        Raises:
            UserError: the name does not end in .npz.
        """
        path = npz_file(path)
        with replacing(path) as temporary, temporary.open("wb") as file:  # by a path, numpy would change the name
            np.savez(file, mean=self.mean, logvar=self.logvar, names=np.array(self.names), **self.known)  # type: ignore[arg-type]
        return path


def npz_file(path: str | Path) -> Path:
    """Where codes will be written.

    Raises:
        UserError: the name does not end in .npz.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise UserError(f"cannot write codes as {path}: give --out a name that ends in .npz")
    return path


def encode(
    run: Subject,
    source: AnyImages,
    *,
    shard: str | None = None,
    on_row: Callable[[ImageCode], object] | None = None,
    progress: ShowProgress = None,
) -> Codes:
    """The codes of images.

    Args:
        run: a run, a model, or the path of either.
        source: see `vaegan.data.any_images.AnyImages`. A path may also be what `vaegan train --data` takes: a set of any size.
        shard: only one of several parts of the images, as 3/16. The codes are the same as in the work on all images, bit for bit.
        on_row: called with each of `rows` as soon as it is made.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no readable image; there are fewer images than parts; or the model has no encoder.
    """
    talk = Talk(progress)
    asked = Shard.parse(shard) if shard is not None else Shard(1, 1)
    opened = open_run(run)
    model = opened.model()
    known: dict[str, NDArray[Any]] = {}
    if isinstance(source, (str, Path, ImageSet)):
        one = open_set(opened, source, "--data", talk)
        talk.not_read_of(one)
        names: list[str] = one.names
        images: Images = one.images
        known["labels"] = np.array(one.labels)
        if one.attribute_names:
            known |= {"attributes": one.attributes, "attribute_names": np.array(one.attribute_names)}
    else:
        names, images = any_images(source, model.preparation, talk.skip, talk.left_out)
    wanted = asked.of(len(names), PART)
    here = slice(wanted.start, wanted.stop)
    names = names[here]

    def each(part: slice, found: Posterior) -> None:
        if on_row:
            for row in map(ImageCode, names[part], found.mean.tolist(), found.logvar.tolist()):
                on_row(row)

    with talk.bar() as bar:
        codes = encode_images(model, images, np.arange(wanted.start, wanted.stop), progress=bar, each=each)
    known |= {name: values[here] for name, values in known.items() if name != "attribute_names"}
    return Codes(len(wanted), codes.mean.shape[1], talk.skipped, names, codes.mean.numpy(), codes.logvar.numpy(), known)


@dataclass(frozen=True)
class ProjectedImage:
    """How much better the code of an image has become."""

    name: str
    similarity_error: float
    """The error in the discriminator's features, by the best code."""
    similarity_error_before: float
    """The same by the encoder's code."""
    pixel_error: float
    """The mean squared error, for pixels in [-1, 1], by the best code."""
    pixel_error_before: float
    """The same by the encoder's code."""


@dataclass(frozen=True, repr=False, eq=False)
class Projections(Result):
    """Better codes of images."""

    rows: list[ProjectedImage]
    """For each image: name; similarity_error and pixel_error by the best code; similarity_error_before and pixel_error_before by the
    encoder's code."""
    steps: int
    """The number of steps."""
    skipped: list[Skipped]
    """Files that gave no image: name and error, the reason."""
    originals: Tensor = field(metadata=PYTHON_ONLY)
    """N x C x H x W in [-1, 1], as the model takes them."""
    images: Tensor = field(metadata=PYTHON_ONLY)
    """N x C x H x W in [-1, 1]: the images of the best codes."""
    found: projecting.Projection = field(metadata=PYTHON_ONLY)
    """The codes, and the errors on the way."""
    shown: list[int] = field(metadata=PYTHON_ONLY)
    """After which steps the picture shows images."""
    model: VAEGAN = field(metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    @property
    def codes(self) -> Tensor:
        """N x latent: the best codes."""
        return self.found.codes

    def table(self) -> Table:
        """The errors before and after."""
        table = Table("image", box=None, pad_edge=False, header_style="dim")
        for head in ("similarity error", "before", "pixel error", "before"):
            table.add_column(head, justify="right")
        for row in self.rows:
            errors = (row.similarity_error, row.similarity_error_before, row.pixel_error, row.pixel_error_before)
            table.add_row(Text(row.name), *(f"{error:.4g}" for error in errors))
        return table

    def figure(self) -> Image:
        """A row for each of the first images."""
        return projections(self.model, self.originals[:MOST_ROWS], self.found, self.shown)

    def pictures(self) -> list[Image]:
        """Each of `images` as a PIL image of its own size."""
        return to_pil(self.images)

    def save_each(self, folder: str | Path) -> list[Path]:
        """Write each of `images` as a PNG of its own size, named after its source."""
        return save_each([row.name for row in self.rows], self.images, folder)


def project(
    run: Subject,
    images: AnyImages,
    *,
    steps: int = 200,
    lr: float = 0.05,
    kl_weight: float = 0.1,
    on_row: Callable[[ProjectedImage], object] | None = None,
    progress: ShowProgress = None,
) -> Projections:
    """Find better codes for images than the encoder does, by gradient descent on the learned similarity.

    Args:
        run: a run, a model, or the path of either.
        images: see `vaegan.data.any_images.AnyImages`.
        steps, lr, kl_weight: see `vaegan.latent.project.project`.
        on_row: called with each of `rows` as soon as it is made.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: a setting is out of range, an image cannot be read, or the model lacks a network.
    """
    talk = Talk(progress)
    model = open_run(run).model()
    names, originals, _ = encode_pictures(model, images, talk)
    shown = sorted({0, steps // 20, steps // 5, steps // 2, steps})
    rows: list[ProjectedImage] = []

    def each(part: slice, found: projecting.Projection) -> None:
        errors = zip(names[part], found.similarity.T.tolist(), found.pixel.T.tolist(), strict=True)
        for name, similarity, pixel in errors:
            rows.append(ProjectedImage(name, similarity[-1], similarity[0], pixel[-1], pixel[0]))
            if on_row:
                on_row(rows[-1])

    with talk.bar() as bar:
        found = projecting.project(model, originals, steps, lr=lr, kl_weight=kl_weight, shown=shown, progress=bar, each=each)
    return Projections(rows, steps, talk.skipped, originals, decode(model, found.codes), found, shown, model)
