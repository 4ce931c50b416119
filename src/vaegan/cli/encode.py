"""From images to codes: encode, project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..errors import UserError
from .console import err, wrote
from .inputs import MOST_ROWS, encode_pictures, open_set, say_how_many, say_skipped


def encode(run: Path, source: str, /, *, out: Path | None = None) -> None:
    """Write the codes of a set of images to a file.

    The encoder gives each image a posterior: a normal distribution of codes. The file is for numpy. It holds the posterior means (mean),
    the logarithms of the posterior variances (logvar), names and labels. If the set has attributes, it also holds attributes and
    attribute_names. No codes are drawn from the posteriors.

    Parameters
    ----------
    run
        The folder of a run or a model.
    source
        The images: a folder or archive of images, a packed set (see vaegan prepare), a public data set (for example celeba:PATH), or
        avatars for the built-in drawings.
    out
        The file to write. The default is RUN/codes.npz.
    """
    import numpy as np

    from ..files import replacing
    from ..latent.encode import encode as encode_images
    from ..progress import progress_bar
    from ..run import Run

    opened = Run.open(run)
    path = out or opened.folder / "codes.npz"
    if path.suffix != ".npz":
        raise UserError(f"cannot write codes as {path}: give --out a name that ends in .npz")
    model = opened.model()
    images = open_set(opened, source)
    say_skipped(images)
    with progress_bar(err) as progress:
        codes = encode_images(model, images.images, progress=progress)
    known: dict[str, Any] = {"names": np.array(images.names), "labels": np.array(images.labels)}
    if images.attribute_names:
        known |= {"attributes": images.attributes, "attribute_names": np.array(images.attribute_names)}
    with replacing(path) as temporary, temporary.open("wb") as file:  # by a path, numpy would change the name
        np.savez(file, mean=codes.mean.numpy(), logvar=codes.logvar.numpy(), **known)
    wrote(path)


def project(
    run: Path,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    steps: int = 200,
    lr: float = 0.05,
    kl_weight: float = 1.0,
    out: Path | None = None,
) -> None:
    """Find better codes for images than the encoder does.

    It starts from the posterior means that the encoder gives, and lowers the error in the discriminator's features by gradient descent.

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, folders of images, or archives of images (zip, tar).
    steps
        The number of steps. Each step takes one forward and one backward pass through the decoder and the discriminator.
    lr
        The learning rate of Adam.
    kl_weight
        The weight of the term that pulls codes towards N(0, I). 0 leaves the term out.
    out
        The picture to write. The default is RUN/projections.png.
    """
    from ..latent import project
    from ..latent.figures import projections
    from ..progress import progress_bar
    from ..run import Run
    from ..viz import grid

    opened = Run.open(run)
    path = out or opened.folder / "projections.png"
    grid.kind_of(path)
    model = opened.model()
    names, originals, _ = encode_pictures(model, images)
    shown = sorted({0, steps // 20, steps // 5, steps // 2, steps})
    with progress_bar(err) as progress:
        found = project.project(model, originals, steps, lr=lr, kl_weight=kl_weight, shown=shown, progress=progress)
    for name, similarity, pixel in zip(names, found.similarity.T.tolist(), found.pixel.T.tolist(), strict=True):
        print(f"{name}: similarity error {similarity[0]:.4g} -> {similarity[-1]:.4g}, pixel error {pixel[0]:.4g} -> {pixel[-1]:.4g}")
    say_how_many(len(originals))
    wrote(grid.save(projections(model, originals[:MOST_ROWS], found, shown), path))
