"""Looking through a set: search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ..settings import PriorKind
from .console import Json, err, picture_file, save_picture, show


def search(
    run: Path,
    images: Annotated[list[Path] | None, Parameter(negative="", json_list=False)] = None,
    /,
    *,
    within: Annotated[str | None, Parameter(name="--in")] = None,
    by: Literal["code", "similarity"] = "code",
    count: int = 10,
    samples: int = 0,
    seed: int = 0,
    prior: PriorKind | None = None,
    out: Path | None = None,
    csv: Path | None = None,
    json: Json = False,
    jsonl: Json = False,
) -> None:
    """Find the images of a set that are nearest to your images.

    With --samples, it finds the training images that are nearest to samples. This shows whether samples are copies.

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, folders of images, or archives of images (zip, tar).
    within
        The set to search, as for vaegan train --data. The default is the set that the run was trained on.
    by
        What is compared. code compares posterior means. similarity compares features of the discriminator, and takes longer.
    count
        The number of neighbours of each image.
    samples
        Draw this number of samples and use them in place of IMAGES. The search is then among the training images of the run.
    seed
        The random seed. Another seed gives other samples.
    prior
        Where the codes of samples come from. fitted is the Gaussian mixture that vaegan train fits to codes of training images (see vaegan
        fit-prior). standard is N(0, I). The default is 'fitted' if the run has a fitted prior, and 'standard' if not.
    out
        The picture to write. The default is RUN/neighbours.png.
    csv
        A CSV file to write, with the columns query, rank, name, number and distance.
    json
        Print one JSON object and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each neighbour (see docs/json.md).
    """
    from ..api import search as api
    from ..api.notices import MOST_ROWS
    from ..run import Run

    path = picture_file(out or Run.find(run).result_file("neighbours.png"))
    wanted: dict[str, Any] = {"within": within, "by": by, "count": count, "samples": samples, "seed": seed, "prior": prior}
    found = api.search(run, images, **wanted, progress=err)
    if csv:
        found.files.append(found.write_csv(csv))
    if len(found.names) > MOST_ROWS:
        err.print(
            f"the picture shows the first {MOST_ROWS} of {len(found.names):,} images; --csv FILE lists the neighbours of all of them",
            soft_wrap=True,
        )
    save_picture(found, path)
    show(found, json=json, jsonl=jsonl, table=samples > 0)
