"""Looking through a set: search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ..settings import PriorKind
from .completion import RunFolder
from .console import Json, err, picture_file, print_row, save_picture, show


def search(
    run: RunFolder,
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
        The set to search: anything that vaegan train --data takes. The default is the set that the run was trained on.
    by
        What to compare. --by code compares the codes of the images (posterior means), and is fast. --by similarity compares what the
        discriminator sees in the images (its features), and takes longer.
    count
        The number of neighbours of each image.
    samples
        Draw this number of samples and use them in place of IMAGES. The search is then among the training images of the run.
    seed
        The random seed. Another seed gives other samples.
    prior
        Where the codes of samples come from. With --prior fitted, they come from the Gaussian mixture that vaegan train fits to codes of
        training images (see vaegan fit-prior). With --prior standard, they come from N(0, I). The default is the fitted prior, if the run
        has one.
    out
        The picture to write. The default is RUN/neighbours.png.
    csv
        A CSV file to write, with the columns query, rank, name, number (the place of the image in the set) and distance.
    json
        Print one JSON object and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each neighbour (see docs/json.md).
    """
    from ..api import search as api
    from ..api.notices import MOST_ROWS
    from ..pretrained.find import result_file

    path = picture_file(out or result_file(run, "neighbours.png"))
    wanted: dict[str, Any] = {"within": within, "by": by, "count": count, "samples": samples, "seed": seed, "prior": prior}
    found = api.search(run, images, **wanted, on_row=print_row if jsonl else None, progress=err)
    if csv:
        found.files.append(found.write_csv(csv))
    if (queries := len(found.names)) > MOST_ROWS:
        rest = f"those of all {queries:,} are in {csv}" if csv else f"add --csv FILE to get the neighbours of all {queries:,}"
        err.print(f"the picture shows the neighbours of the first {MOST_ROWS} of {queries:,} images; {rest}", soft_wrap=True)
    save_picture(found, path)
    show(found, json=json, jsonl=jsonl, table=samples > 0)
