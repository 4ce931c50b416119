"""What is wrong with a set of images: doctor."""

from __future__ import annotations

from pathlib import Path

from .console import Json, err, show
from .flags import DataFlags, Settings


def doctor(
    source: str,
    /,
    *settings: Settings,
    flags: DataFlags = DataFlags(),
    out: Path | None = None,
    workers: int | None = None,
    json: Json = False,
) -> None:
    """Find what is wrong with a set of images before you train on it.

    It finds duplicates, including resized, recompressed or mirrored ones. It finds held-out images that are also among the training
    images. It finds broken files, and images that are blank, small, of an unusual size or colour, or that have borders. It finds attributes
    that are too rare. It writes a page with pictures, and a CSV file with all findings, which vaegan prepare --leave-out can use. It
    does not change your images. The exit code is 0, whatever it finds.

    Parameters
    ----------
    source
        Any images that vaegan train --data takes: a folder or archive of images, a packed set (see vaegan prepare), a public data set (for
        example celeba:PATH), or avatars (the built-in drawn faces).
    out
        The page to write. The default is doctor.html in the current folder, or doctor-2.html and so on if there is an earlier one. The
        CSV file is stored beside it, as doctor.csv.
    workers
        The number of processes that read images. The default is one for each CPU core.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import doctor as api
    from ..data.sources import recognized
    from ..files import free_path

    page = api.page_file(out or free_path(Path("doctor.html"), ".csv"))
    recipe = flags.load_recipe([*settings, f"--data.source={recognized(source)}"])
    found = api.doctor(source, recipe, workers=workers, progress=err)
    found.files.extend(found.write(page))
    show(found, json=json)
    for line, what in found.next_steps(found.files[0]):
        err.print(f"{what}: {line}", soft_wrap=True)
