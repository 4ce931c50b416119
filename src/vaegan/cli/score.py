"""How unusual images are: score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import UserError
from .completion import RunFolder
from .console import Json, err, print_row, save_picture, show


def score(
    run: RunFolder,
    images: Annotated[list[str], Parameter(negative="", json_list=False)],
    /,
    *,
    calibrate: str | None = None,
    false_positive_rate: float = 0.01,
    count: int = 12,
    shard: str | None = None,
    out: Path | None = None,
    json: Json = False,
    jsonl: Json = False,
) -> None:
    """Give each image an anomaly score: how unusual it is for a model.

    Each image gets errors of its reconstruction, a distance of its code from the codes of normal images, and a p-value that compares it
    with normal images. Images are encoded as posterior means. A picture shows the most unusual images. If files
    cannot be read, the CSV file lists them with the reason, and the exit code is 2.

    Parameters
    ----------
    run
        The folder of a run or a model.
    images
        Image files, or any images that vaegan train --data takes: folders or archives of any size, packed sets, or public data sets.
    calibrate
        A set of normal images that the model was not trained on. The calibration is stored in RUN/score.safetensors, and later commands use
        it again. If there is no calibration yet, the default is the held-out images of the run.
    false_positive_rate
        The share of normal images that may be called unusual by mistake. An image is called unusual if its p-value is at most this number.
        The p-value is the share of the normal images (see --calibrate) that are at least as unusual as the image.
    count
        How many images to show, the most unusual ones first.
    shard
        Score only part K of N parts, given as K/N, for example 3/16. The names of the results then end in -03-of-16,
        for example scores-03-of-16.csv.
    out
        The CSV file to write, with a line for each image. The default is RUN/scores.csv, or RUN/scores-2.csv and so on if that file
        exists. The picture is stored beside it.
    json
        Print one JSON object and nothing else (see docs/json.md).
    jsonl
        Print one line of JSON for each image (see docs/json.md).
    """
    from ..api import score as api
    from ..data.shard import Shard
    from ..files import free_path
    from ..pretrained.find import result_file

    table = out or result_file(run, "scores.csv")
    table = table if shard is None else Shard.parse(shard).file(table)
    table = table if out else free_path(table, ".png")
    if table.suffix.lower() != ".csv":
        raise UserError(f"cannot write numbers as {table}: give it a name that ends in .csv")
    found = api.score(
        run,
        images,
        calibrate=calibrate,
        false_positive_rate=false_positive_rate,
        count=count,
        shard=shard,
        on_row=print_row if jsonl else None,
        progress=err,
    )
    found.files.append(found.write_csv(table))
    save_picture(found, table.with_suffix(".png"))
    show(found, json=json, jsonl=jsonl)
    if found.errors:
        raise SystemExit(UserError.exit_code)
