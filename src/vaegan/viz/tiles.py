"""A picture of images with words under each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..words import composed
from .channels import view
from .fonts import Font, font_of
from .grid import CAPTION, FONT_SIZE, GAP, LINE, MARGIN, to_uint8

CELL = 96  # smaller images are enlarged by a whole factor to at least this height, so that words fit under them
SPACE = 6
"""Pixels between tiles."""
SMALL = 12
"""The size of the words under images."""
HEAT = ((0, 0, 0), (70, 20, 110), (200, 50, 70), (250, 150, 40), (255, 255, 200))
"""Colours from nothing to much, each lighter than the one before."""


class Tile(NamedTuple):
    """Some images side by side, and the lines under them."""

    images: Tensor
    """N x C x H x W in [-1, 1]."""
    lines: tuple[str, ...]


def tiled(heading: str, rows: Sequence[Sequence[Tile | None]]) -> Image.Image:
    """One picture: a heading, then rows of tiles; None leaves a place empty. All tiles have equally many images."""
    first = next(tile for row in rows for tile in row if tile)
    most_lines = max(len(tile.lines) for row in rows for tile in row if tile)
    count, channels, height, width = first.images.shape
    heading = composed(f"{heading}{view(channels)}")
    zoom = max(1, -(-CELL // height))
    height, width = height * zoom, width * zoom
    tile_width, tile_height = count * (width + GAP) - GAP, height + LINE * most_lines
    columns = max(len(row) for row in rows)
    font = font_of(heading, FONT_SIZE)
    across = max(columns * (tile_width + SPACE) - SPACE, int(font.getlength(heading)) + 1)
    picture = Image.new("RGB", (across + 2 * MARGIN, CAPTION + len(rows) * (tile_height + SPACE) - SPACE + 2 * MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN, MARGIN), heading, fill=(70, 70, 70), font=font)
    for row, tiles in enumerate(rows):
        for column, tile in enumerate(tiles):
            if tile is None:
                continue
            left, top = MARGIN + column * (tile_width + SPACE), MARGIN + CAPTION + row * (tile_height + SPACE)
            for place, pixels in enumerate(to_uint8(tile.images)):
                cell = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
                picture.paste(cell, (left + place * (width + GAP), top))
            for number, line in enumerate(map(composed, tile.lines)):
                small = font_of(line, SMALL)
                draw.text((left, top + height + number * LINE), shortened(line, tile_width, small), fill=(70, 70, 70), font=small)
    return picture


def shortened(text: str, width: int, font: Font) -> str:
    """A text that is at most `width` pixels wide: of a longer one, its beginning and its end."""
    short = text
    for length in range(len(text) - 1, 0, -1):
        if font.getlength(short) <= width:
            break
        short = f"{text[: length // 3]}..{text[len(text) - (length - length // 3) :]}"
    return short


def heat(values: Tensor) -> Tensor:
    """N x H x W values from 0 to 1 as colours, N x 3 x H x W in [-1, 1]."""
    colours = torch.tensor(HEAT, dtype=torch.float32) / 127.5 - 1
    positions = values.clamp(0, 1) * (len(HEAT) - 1)
    below = positions.floor().long().clamp(max=len(HEAT) - 2)
    part = (positions - below)[..., None]
    return ((1 - part) * colours[below] + part * colours[below + 1]).permute(0, 3, 1, 2)
