"""The built-in set: cartoon faces whose every attribute is known, drawn on this machine from a seed.

The drawings are DiceBear's rendition of Avataaars by Pablo Stanley (free for personal and commercial use), rasterised by resvg. Each
avatar depends on nothing but the seed and its own number, so a set is the same on any machine and with any number of processes, and a
larger set begins with the smaller.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .base import Fingerprint, Item, Source

if TYPE_CHECKING:
    from dicebear import Style

VERSION = 1  # raise when the drawings change, so that cached sets are drawn anew

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
    import dicebear
    import resvg_py

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
    svg = dicebear.Avatar(_style(), options).to_string()
    side = max(size)
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True))
    image = Image.open(io.BytesIO(png)).convert("RGB")
    top, left = (side - size[0]) // 2, (side - size[1]) // 2
    return np.asarray(image.crop((left, top, left + size[1], top + size[0])))


@dataclass(frozen=True)
class Avatar:
    """One avatar, drawn when it is opened."""

    seed: int
    number: int
    size: tuple[int, int]

    def open(self) -> Image.Image:
        """See `vaegan.data.images.Picture`."""
        return Image.fromarray(render(draw_factors(self.seed, self.number), self.size))


def source(count: int, size: tuple[int, int], seed: int = 0) -> Source:
    """Avatars 0 to `count`, drawn at the size at which they are wanted."""
    fingerprint = Fingerprint()
    fingerprint.add_text(f"avatars {VERSION} {seed} {count}")

    def items() -> Iterator[Item]:
        for number in range(count):
            has = tuple(map(float, attributes(draw_factors(seed, number)).values()))
            yield Item(f"avatar {number}", Avatar(seed, number, size), attributes=has)

    return Source("avatars", items, count, attribute_names=ATTRIBUTES, size=size, **fingerprint.hashes)
