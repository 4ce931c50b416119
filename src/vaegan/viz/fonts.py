"""The fonts of captions: Pillow's own has the letters of ASCII alone, and names of files have more.

captions.ttf is DejaVu Sans with its Latin, Greek and Cyrillic letters: pyftsubset DejaVuSans.ttf --layout-features='' --notdef-outline
--unicodes=U+0020-007E,U+00A0-052F,U+1E00-1EFF,U+2010-2044,U+20A0-20BF,U+2122,U+2190-2193,U+2212,U+2248,U+2260,U+2264-2265
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeAlias

from PIL import ImageFont

Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"
CAPTIONS = str(Path(__file__).with_name("captions.ttf"))
OF_THE_SYSTEM = ("NotoSansCJK-Regular.ttc", "PingFang.ttc", "msyh.ttc", "malgun.ttf", "Arial Unicode.ttf")
"""Fonts with the letters of more languages, one of which most systems have."""
NO_LETTER = "\U0010ffff"


def font_of(text: str, size: int) -> Font:
    """A font that has all letters of a text, if there is one: Pillow's own, that of the package, or one of the system."""
    if text.isascii():
        return _default(size)
    fonts = (font for name in (CAPTIONS, *OF_THE_SYSTEM) if (font := _font(name, size - 1)) and _has(font, text))
    return next(fonts, None) or _font(CAPTIONS, size - 1) or _default(size)  # these are larger than Pillow's of the same size


def _has(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Whether a font draws no letter of a text as one that it lacks."""
    box = bytes(font.getmask(NO_LETTER))
    return all(bytes(font.getmask(letter)) != box for letter in set(text))


@cache
def _default(size: int) -> Font:
    return ImageFont.load_default(size)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except (OSError, ImportError):  # the system lacks it, or Pillow lacks FreeType
        return None
