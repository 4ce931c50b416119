"""Advice on parts of a set."""

from __future__ import annotations

import shutil

from ..command import works
from .case import Case, World, follow

PACK = "--size 16 --workers 1"


def half(world: World) -> None:
    """One of two parts."""
    works(*world.line(f"prepare PHOTOS OTHER-PART --shard 1/2 {PACK}"))


def half_moved(world: World) -> None:
    """A set of two parts, one of which is elsewhere by now."""
    half(world)
    works(*world.line(f"prepare PHOTOS OUT --shard 2/2 {PACK}"))
    works(*world.line("join SET OUT OTHER-PART"))
    shutil.move(world["OUT"], world["PART"])


CASES = [
    Case(
        "--shard must be K/N with K from 1 to N, such as 3/16, not {}",
        "prepare PHOTOS OUT --shard 0/4",
        f"prepare PHOTOS OUT --shard 4/4 {PACK}",
    ),
    Case(
        "there are only {} images, and --shard {} needs at least {}: choose fewer parts",
        "prepare PHOTOS OUT --shard 1/50",
        f"prepare PHOTOS OUT --shard 1/40 {PACK}",
    ),
    Case(
        "join them into a new folder OUT (PARTS are the folders of the other parts) with: vaegan join OUT {} PARTS",
        f"prepare PHOTOS OTHER-PART --shard 1/2 {PACK}",
        (f"prepare PHOTOS PARTS --shard 2/2 {PACK}", "SAID"),
    ),
    Case(
        "pack each part with: vaegan prepare SOURCE PART --shard K/N",
        "join SET PACKED",
        (f"prepare SOURCE PART --shard 1/1 {PACK}", "join SET PART"),
    ),
    Case("vaegan prepare SOURCE PART --shard {}", "join SET OTHER-PART", ("SAID --workers 1", "join SET OTHER-PART PART"), half),
    Case(
        "join its parts again with: vaegan join {} PART PART",
        "data SET",
        ("join SET OTHER-PART PART", "data SET"),
        half_moved,
    ),
    Case(
        ("vaegan score {} IMAGE --calibrate {}", "{}: {}; then run this command again without --calibrate"),
        "score RUN PHOTOS --shard 1/2 --calibrate PACKED",
        ("score RUN IMAGE --calibrate PACKED", "score RUN PHOTOS --shard 1/2"),
    ),
    Case(
        "vaegan score {} IMAGE",
        "score RUN PHOTOS --shard 1/2",
        ("SAID", "score RUN PHOTOS --shard 1/2"),
    ),
]

test_the_advice_works = follow(CASES)
