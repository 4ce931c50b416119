"""Captions have the letters of the names that are in them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import ImageFont

from vaegan.viz import fonts
from vaegan.viz.fonts import NO_LETTER, font_of
from vaegan.viz.grid import sheet
from vaegan.viz.tiles import Tile, tiled
from vaegan.words import composed


@pytest.mark.parametrize("text", ["Oma Küche (4).jpg", "Žluťoučký kůň", "Łódź", "Ελλάδα", "Москва", "Việt Nam", "5 – 6 €"])
def test_no_letter_is_a_box(text: str) -> None:
    font = font_of(text, 13)
    box = bytes(font.getmask(NO_LETTER))
    assert all(bytes(font.getmask(letter)) != box for letter in text)
    assert bytes(ImageFont.load_default(13).getmask("ü")) == bytes(ImageFont.load_default(13).getmask("ł"))  # boxes, both


def test_plain_words_stay_in_the_font_that_they_were_in() -> None:
    font = font_of("photo 1.png", 13)
    assert bytes(font.getmask("photo 1.png")) == bytes(ImageFont.load_default(13).getmask("photo 1.png"))


def test_letters_that_the_package_lacks_come_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def truetype(name: str, size: int) -> object:
        asked.append(name)
        if name == "NotoSansCJK-Regular.ttc":
            raise OSError("cannot open resource")
        return real(fonts.CAPTIONS, size) if name == fonts.CAPTIONS else Everything()

    class Everything:
        def getmask(self, text: str) -> bytes:
            return text.encode()

    real = ImageFont.truetype
    fonts._font.cache_clear()
    monkeypatch.setattr(ImageFont, "truetype", truetype)
    assert isinstance(font_of("日本", 13), Everything)
    assert asked == [fonts.CAPTIONS, *fonts.OF_THE_SYSTEM[:2]]
    monkeypatch.setattr(fonts, "OF_THE_SYSTEM", ())
    assert font_of("日本", 13) is font_of("ü", 13)  # boxes
    fonts._font.cache_clear()


def test_a_letter_in_two_characters_is_drawn_as_one() -> None:
    image = torch.zeros(1, 3, 96, 96)
    two = "Ku\u0308che"
    assert composed(two) == "Küche"
    for draw in (lambda name: sheet([(name, image)], 1), lambda name: tiled(name, [[Tile(image, (name,))]])):
        assert (np.asarray(draw(two)) == np.asarray(draw("Küche"))).all()
        assert (np.asarray(draw("Küche")) != np.asarray(draw("Kłche"))).any()
