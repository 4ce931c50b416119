"""From images to codes: encode, project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .completion import RunFolder
from .console import Json, err, picture_file, print_row, save_picture, show


def encode(
    run: RunFolder, source: str, /, *, shard: str | None = None, out: Path | None = None, json: Json = False, jsonl: Json = False
) -> None:
    """Write the codes of a set of images to a file.

    The encoder gives each image a posterior: a normal distribution of codes. The file is for numpy. It holds the posterior means (mean),
    the logarithms of the posterior variances (logvar), names and labels. If the set has attributes, it also holds attributes and
    attribute_names. No codes are drawn from the posteriors.

    Parameters
    ----------
    run
        The folder of a run or a model.
    source
        The images: a folder or archive of images, a packed set (see vaegan prepare), a public data set (for example celeba:PATH), avatars
        (the built-in drawn faces), or any other SOURCE of vaegan prepare.
    shard
        Encode only part K of N parts, given as K/N, for example 3/16. The name of the file then ends in -03-of-16.
    out
        The file to write. The default is RUN/codes.npz.
    json
        Print one JSON object and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each image: name, mean and logvar (see docs/json.md).
    """
    from ..api import encode as api
    from ..data.shard import Shard
    from ..pretrained.find import result_file

    path = api.npz_file(out or result_file(run, "codes.npz"))
    path = path if shard is None else Shard.parse(shard).file(path)
    found = api.encode(run, source, shard=shard, on_row=print_row if jsonl else None, progress=err)
    found.files.append(found.save(path))
    show(found, json=json, jsonl=jsonl, table=False)


def project(
    run: RunFolder,
    images: Annotated[list[Path], Parameter(negative="", json_list=False)],
    /,
    *,
    steps: int = 200,
    lr: float = 0.05,
    kl_weight: float = 0.1,
    out: Path | None = None,
    json: Json = False,
    jsonl: Json = False,
) -> None:
    """Find better codes for images than the encoder does.

    It starts from the posterior means that the encoder gives. By gradient descent, it lowers the error of the reconstructions, measured
    in the discriminator's features.

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
        The weight of the term that pulls codes towards those of training images. 0 leaves the term out: reconstructions are closer, but
        edits work worse.
    out
        The picture to write. The default is RUN/projections.png.
    json
        Print one JSON object and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each image (see docs/json.md).
    """
    from ..api import encode as api
    from ..pretrained.find import result_file

    path = picture_file(out or result_file(run, "projections.png"))
    found = api.project(run, images, steps=steps, lr=lr, kl_weight=kl_weight, on_row=print_row if jsonl else None, progress=err)
    save_picture(found, path)
    for row in () if json or jsonl else found.rows:
        similarity = f"similarity error {row.similarity_error_before:.4g} -> {row.similarity_error:.4g}"
        print(f"{row.name}: {similarity}, pixel error {row.pixel_error_before:.4g} -> {row.pixel_error:.4g}")
    show(found, json=json, jsonl=jsonl, table=False)
