"""Advice on tables of attributes."""

from __future__ import annotations

import shutil

from .case import Case, World, follow

WITH_MORE = "--size 16 --workers 1 --attributes more.csv"


def more(world: World) -> None:
    """A table with columns of numbers."""
    rows = [f"photo {n:02d}.png,{n % 4},{n % 3 - 1},5\n" for n in range(40)]
    (world.folder / "more.csv").write_text("file,Size,Unsure,One\n" + "".join(rows))


def beside(world: World) -> None:
    """A folder of images with a table in it."""
    shutil.copytree(world["PHOTOS"], world.folder / "BESIDE")
    shutil.copy(world["TABLE.csv"], world.folder / "BESIDE" / "labels.csv")


CASES = [
    Case(
        "{} needs a table of attributes: give the table with --attributes",
        "prepare PHOTOS OUT --label Round",
        "prepare PHOTOS OUT --label Round --attributes TABLE.csv --size 16 --workers 1",
    ),
    Case(
        "--threshold must be NAME=NUMBER, such as age=40",
        f"prepare PHOTOS OUT {WITH_MORE} --threshold Size",
        f"prepare PHOTOS OUT {WITH_MORE} --threshold Size=1",
        more,
    ),
    Case(
        "--threshold {} and --numeric {} were both given: leave out one",
        f"prepare PHOTOS OUT {WITH_MORE} --threshold Size=1 --numeric Size",
        f"prepare PHOTOS OUT {WITH_MORE} --numeric Size",
        more,
    ),
    Case(
        "{}: leave out --numeric {}",
        f"prepare PHOTOS OUT {WITH_MORE} --numeric One",
        f"prepare PHOTOS OUT {WITH_MORE}",
        more,
    ),
    Case(
        "to use one, add --threshold NAME=NUMBER (images above NUMBER have the attribute) or --numeric NAME (the numbers are kept)",
        f"prepare PHOTOS first {WITH_MORE}",
        (f"prepare PHOTOS OUT {WITH_MORE} --threshold Size=1", f"prepare PHOTOS SET {WITH_MORE} --numeric Size"),
        more,
    ),
    Case(
        "with 0 and -1, both values mean no: {}; if -1 means not known, add --unknown -1",
        f"prepare PHOTOS first {WITH_MORE}",
        f"prepare PHOTOS OUT {WITH_MORE} --unknown -1",
        more,
    ),
    Case(
        "use it with: vaegan prepare IMAGES SET --attributes {}",
        "prepare BESIDE OUT --size 16 --workers 1",
        "prepare BESIDE SET --size 16 --workers 1 --attributes BESIDE/labels.csv",
        beside,
    ),
]

test_the_advice_works = follow(CASES)
