"""The built-in set: cartoon faces whose every attribute is known, drawn on this machine from a seed.

The drawings are DiceBear's rendition of Avataaars by Pablo Stanley (free for personal and commercial use), rasterised by resvg. Each
avatar depends on nothing but the seed and its own number, so a set is the same on any machine and with any number of processes, and a
larger set begins with the smaller.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib import resources
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dicebear import Style

VERSION = 1  # raise when the drawings change, so that cached sets are drawn anew
CHUNK = 64

Factors = Mapping[str, str]
"""The choices that make an avatar, by the name of the part; a part that is absent is not drawn."""

SKINS = {"#614335": "dark", "#ae5d29": "dark", "#d08b5b": "medium", "#edb98a": "light", "#ffdbb4": "pale"}
HAIRS = {
    "#2c1b18": "Black",
    "#724133": "Brown",
    "#a55728": "Brown",
    "#d6b370": "Blond",
    "#ecdcbf": "Blond",
    "#c93305": "Red",
    "#b0b4b8": "Gray",
}
BACKGROUND = "#e4ecf4"  # plain: people look at the faces
CLOTHES = ("#262e33", "#65c9ff", "#5199e4", "#25557c", "#e6e6e6", "#929598", "#a7ffc4", "#ffafb9", "#ff488e", "#ff5c5c")
HATS = ("#262e33", "#5199e4", "#25557c", "#929598", "#a7ffc4", "#ff488e", "#ff5c5c")

LONG = ("bigHair", "bob", "curvy", "dreads", "longButNotTooLong", "miaWallace", "straight01", "straight02", "straightAndStrand")
CURLY = ("curly", "fro", "dreads02")
SHORT = ("bun", "dreads01", "frizzle", "shortCurly", "shortFlat", "shortRound", "shortWaved", "theCaesar", "theCaesarAndSidePart")
HAT = ("hat", "winterHat1", "winterHat02", "winterHat03", "winterHat04")
SCARF = ("hijab", "turban")

GLASSES = ("prescription01", "prescription02", "round")
SUNGLASSES = ("kurt", "sunglasses", "wayfarers")
BEARDS = ("beardLight", "beardMajestic", "beardMedium")
MUSTACHES = ("moustacheFancy", "moustacheMagnum")

SMILES = ("smile", "twinkle")
OPEN_MOUTHS = ("smile", "concerned")
MOUTHS = (*SMILES, *SMILES, "serious", "serious", "sad", "concerned")
CLOSED_EYES = ("closed", "happy")
EYES = (*CLOSED_EYES, "default", "default", "side", "squint", "surprised")
EYEBROWS = ("default", "flatNatural", "raisedExcited", "sadConcerned", "upDown")
GARMENTS = ("blazerAndShirt", "blazerAndSweater", "collarAndSweater", "hoodie", "overall", "shirtCrewNeck", "shirtScoopNeck", "shirtVNeck")


def draw_factors(seed: int, number: int) -> Factors:
    """The choices for avatar `number` of the set `seed`; chances are independent but for a hijab, which goes with no beard."""
    random = Random(f"vaegan avatars {seed} {number}")  # seeded by SHA-512 of the text: the same everywhere
    top = random.choices((SHORT, LONG, CURLY, HAT, SCARF, ("",)), (36, 32, 6, 16, 4, 6))[0]
    glasses = random.choices(((), GLASSES, SUNGLASSES), (60, 22, 18))[0]
    whiskers = random.choices(((), BEARDS, MUSTACHES), (68, 22, 10))[0]
    factors = {
        "top": random.choice(top),
        "accessories": random.choice(glasses or ("",)),
        "facialHair": random.choice(whiskers or ("",)),
        "skin": random.choice(tuple(SKINS)),
        "hair": random.choices(tuple(HAIRS), (30, 12, 12, 10, 10, 13, 13))[0],
        "hat": random.choice(HATS),
        "eyes": random.choice(EYES),
        "eyebrows": random.choice(EYEBROWS),
        "mouth": random.choice(MOUTHS),
        "clothes": random.choice(GARMENTS),
        "clothesColor": random.choice(CLOTHES),
    }
    if factors["top"] == "hijab":
        factors["facialHair"] = ""
    return factors


def attributes(factors: Factors) -> dict[str, bool]:
    """What can be seen in the picture, by the names that CelebA has for it where it has one."""
    top, hair = factors["top"], HAIRS[factors["hair"]]
    covered = top in HAT or top in SCARF
    shades = factors["accessories"] in SUNGLASSES
    return {
        "Bald": top == "",
        "Beard": factors["facialHair"] in BEARDS,
        **{f"{colour}_Hair": top != "" and not covered and hair == colour for colour in ("Black", "Blond", "Brown", "Gray", "Red")},
        "Curly_Hair": top in CURLY,
        "Dark_Skin": SKINS[factors["skin"]] == "dark",
        "Eyeglasses": factors["accessories"] in GLASSES,
        "Eyes_Closed": factors["eyes"] in CLOSED_EYES and not shades,
        "Long_Hair": top in LONG,
        "Mouth_Open": factors["mouth"] in OPEN_MOUTHS,
        "Mustache": factors["facialHair"] in MUSTACHES,
        "Pale_Skin": SKINS[factors["skin"]] == "pale",
        "Smiling": factors["mouth"] in SMILES,
        "Sunglasses": shades,
        "Wearing_Hat": top in HAT,
        "Wearing_Headscarf": top in SCARF,
    }


ATTRIBUTES = tuple(attributes(draw_factors(0, 0)))


@cache
def _style() -> Style:
    from dicebear import Style

    return Style(json.loads(resources.files("dicebear_styles").joinpath("avataaars.json").read_text(encoding="utf-8")))


def render(factors: Factors, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw one avatar: H x W x 3."""
    import resvg_py
    from dicebear import Avatar
    from PIL import Image

    options: dict[str, object] = {"seed": "", "scale": 1.25, "translateY": 8}  # head and shoulders; every other choice is ours
    options |= {f"{part}Probability": 100 if factors[part] else 0 for part in ("top", "accessories", "facialHair")}
    options |= {
        f"{part}Variant": factors[part]
        for part in ("top", "accessories", "facialHair", "eyes", "eyebrows", "mouth", "clothes")
        if factors[part]
    }
    options |= {f"{part}Color": factors[part] for part in ("skin", "hair", "hat")}
    options |= {
        "facialHairColor": factors["hair"],
        "clothesColor": factors["clothesColor"],
        "accessoriesColor": "#262e33",
        "backgroundColor": BACKGROUND,
    }
    svg = Avatar(_style(), options).to_string()
    side = max(size)
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True))
    image = Image.open(io.BytesIO(png)).convert("RGB")
    top, left = (side - size[0]) // 2, (side - size[1]) // 2
    return np.asarray(image.crop((left, top, left + size[1], top + size[0])))


def _render_range(seed: int, start: int, stop: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    factors = [draw_factors(seed, number) for number in range(start, stop)]
    return np.stack([render(f, size) for f in factors]), np.array([list(attributes(f).values()) for f in factors])


def draw(count: int, size: tuple[int, int], seed: int, workers: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Yield avatars 0 to `count` in chunks, in order: images N x H x W x 3, attributes N x len(ATTRIBUTES)."""
    ranges = [(seed, start, min(start + CHUNK, count), size) for start in range(0, count, CHUNK)]
    if workers <= 1:
        yield from (_render_range(*r) for r in ranges)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        with _script_hidden():
            chunks = pool.map(_render_range, *zip(*ranges, strict=True))
        yield from chunks


@contextmanager
def _script_hidden() -> Iterator[None]:
    """Within, new processes do not import the user's script, which would run all of it again if it has no `__main__` guard."""
    script = sys.modules["__main__"].__dict__
    hidden: dict[str, object] = {name: script.get(name) for name in ("__file__", "__spec__") if name in script}
    script.pop("__file__", None)
    script["__spec__"] = None
    try:
        yield
    finally:
        script.update(hidden)
