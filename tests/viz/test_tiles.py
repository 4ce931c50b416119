"""Tiles are where they should be, and words fit under them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import ImageFont

from vaegan.viz.grid import CAPTION, GAP, LINE, MARGIN
from vaegan.viz.tiles import HEAT, SPACE, Tile, heat, shortened, tiled


def test_tiles_are_in_rows() -> None:
    white, black = torch.ones(1, 3, 16, 16), -torch.ones(1, 3, 16, 16)
    picture = np.asarray(tiled("h", [[Tile(torch.cat([black, white]), ("a",)), None], [None, Tile(torch.cat([white, black]), ("b",))]]))
    side, top, left = 96, MARGIN + CAPTION, MARGIN
    wide = 2 * side + GAP
    assert (picture[top : top + side, left : left + side] == 0).all()
    assert (picture[top : top + side, left + side :] == 255).all()
    last = left + wide + SPACE + side + GAP
    assert (picture[-(side + 15 + MARGIN) : -(15 + MARGIN), last : last + side] == 0).all()
    words = picture[top + side : top + side + 15, left : left + wide]
    assert 0 < (words < 200).sum() < words.size // 4


def test_tiles_may_have_more_lines_than_others() -> None:
    image = torch.zeros(1, 3, 96, 96)
    one, two = (tiled("h", [[Tile(image, lines), Tile(image, ("a",))]]) for lines in (("a",), ("a", "b")))
    assert two.height == one.height + LINE


def test_long_names_keep_both_ends() -> None:
    font = ImageFont.load_default(12)
    assert shortened("short", 96, font) == "short"
    cut = shortened("a folder/with a long name/and a number 0017.png", 96, font)
    assert font.getlength(cut) <= 96
    assert cut.startswith("a fo")
    assert cut.endswith("17.png")


def test_heat_goes_from_dark_to_light() -> None:
    colours = (heat(torch.tensor([[[0.0, 0.25, 0.5, 1.0, 2.0]]]))[0, :, 0].T + 1) * 127.5
    wanted = torch.tensor([HEAT[0], HEAT[1], HEAT[2], HEAT[4], HEAT[4]], dtype=torch.float32)
    torch.testing.assert_close(colours, wanted)
    light = heat(torch.linspace(0, 1, 50)[None, None])[0].sum(0)[0]
    assert (light.diff() > 0).all()
