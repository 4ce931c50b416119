"""Advice on pictures of more than 8 bits, and of many channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .case import Case, World, follow


def deep(world: World) -> None:
    """A picture of 12 bits."""
    _array(world, "DEEP", np.arange(256, dtype=np.uint16).reshape(16, 16) * 16)


def bands(world: World) -> None:
    _array(world, "BANDS", np.zeros((16, 16, 6), np.uint8))


def broken(world: World) -> None:
    """A file that is not the image that its name promises."""
    world.places["BROKEN"] = world.folder / "broken"
    world["BROKEN"].mkdir()
    (world["BROKEN"] / "a.png").write_bytes(b"no image")


def _says_why(world: World) -> None:
    assert "cannot be read: a.png: not an image" in world.do("SAID --workers 1")


def _array(world: World, name: str, values: NDArray[Any]) -> None:
    world.places[name] = world.folder / name.lower()
    world[name].mkdir()
    np.save(world[name] / "a.npy", values)


CASES = [
    Case("--grey and --channels were both given", "prepare PHOTOS OUT --grey --channels 4", "prepare PHOTOS OUT --channels 4 --workers 1"),
    Case("give it as the second argument; or, to find only the range of the values, add --scan", "prepare PHOTOS", "prepare PHOTOS --scan"),
    Case(
        "the same for all parts: find the range with: vaegan prepare {} --scan",
        "prepare DEEP OUT --shard 1/1 --size 16 --workers 1",
        ("SAID", "prepare DEEP OUT --shard 1/1 --range 0 60000 --size 16 --workers 1"),
        deep,
    ),
    Case("to see why, prepare the images with: vaegan prepare {} OUT", "prepare BROKEN --scan --workers 1", _says_why, broken),
    Case("Prepare them with: vaegan prepare {} OUT", "prepare DEEP --scan --workers 1", "SAID --workers 1", deep),
    Case(
        "--range and --range-percentiles were both given: leave out one",
        "prepare DEEP OUT --range 0 1 --range-percentiles 1 99",
        "prepare DEEP OUT --range-percentiles 1 99 --workers 1",
        deep,
    ),
    Case(
        "to use more levels, add --range-percentiles 0.1 99.9, or give another --range",
        "prepare DEEP OUT --range 0 65535 --workers 1",
        "prepare DEEP SET --range-percentiles 0.1 99.9 --workers 1",
        deep,
    ),
    Case(": to use all of them, add --channels {}", "prepare BANDS OUT --workers 1", "prepare BANDS OUT --channels 6 --workers 1", bands),
]

test_the_advice_works = follow(CASES)
