"""Sheets of images: rows of equal cells under captions, as people look at them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from ..errors import UserError
from ..files import replacing
from ..words import composed
from .channels import three_channels, view
from .fonts import Font, font_of

GAP = 2
CAPTION = 22
LINE = 15
"""Pixels from one line of words to the next."""
MARGIN = 8
FONT_SIZE = 13
CELL = 64  # smaller images are enlarged by a whole factor to at least this height


def open_picture(path: Path) -> Image.Image | None:
    """The picture in a file, or None where there is none that can be read."""
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow raises all of these for damaged files
        return None


def to_array(images: Tensor) -> NDArray[np.uint8]:
    """N x C x H x W in [-1, 1] to N x H x W x C, uint8: the inverse of `vaegan.to_tensor`."""
    pixels: NDArray[np.uint8] = ((images.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """N x C x H x W in [-1, 1] to N x H x W x 3; see `three_channels`."""
    return three_channels(to_array(images))


def to_pil(images: Tensor) -> list[Image.Image]:
    """N x C x H x W in [-1, 1] to N pictures of their own size: grey ones for one channel, else in colour."""
    pixels = to_uint8(images)
    return [Image.fromarray(one[..., 0] if images.shape[1] == 1 else one) for one in pixels]


def pair_rows(above: Tensor, below: Tensor, columns: int) -> Tensor:
    """Two batches of the same length as one, for a sheet of `columns` that shows each image of `below` under its partner in `above`.

    The last row of each is filled up with white.
    """
    missing = above.new_ones(-len(above) % columns, *above.shape[1:])
    rows = zip(torch.cat([above, missing]).split(columns), torch.cat([below, missing]).split(columns), strict=True)
    return torch.cat([image for pair in rows for image in pair])


def sheet(parts: Sequence[tuple[str, Tensor]], columns: int) -> Image.Image:
    """One picture: for each part its caption and, under it, its images N x C x H x W in [-1, 1], row by row.

    A caption that is wider than the images takes several lines.
    """
    pixels_of = [to_uint8(images) for _, images in parts]
    height, width = pixels_of[0].shape[1:3]
    zoom = max(1, -(-CELL // height))
    height, width = height * zoom, width * zoom
    across = columns * (width + GAP) - GAP
    words = [composed(f"{caption}{view(images.shape[1])}") for caption, images in parts]
    font = font_of("".join(words), FONT_SIZE)
    captions = [wrapped(caption, across, font) for caption in words]
    heights = [CAPTION + LINE * (len(lines) - 1) for lines in captions]
    rows = [-(-len(pixels) // columns) for pixels in pixels_of]
    picture = Image.new("RGB", (across + 2 * MARGIN, sum(heights) + sum(rows) * (height + GAP) + 2 * MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    top = MARGIN
    for lines, over, pixels, count in zip(captions, heights, pixels_of, rows, strict=True):
        for number, line in enumerate(lines):
            draw.text((MARGIN, top + 2 + number * LINE), line, fill=(70, 70, 70), font=font)
        top += over
        for index, image in enumerate(pixels):
            row, column = divmod(index, columns)
            cell = Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)
            picture.paste(cell, (MARGIN + column * (width + GAP), top + row * (height + GAP)))
        top += count * (height + GAP)
    return picture


def wrapped(text: str, width: int, font: Font) -> list[str]:
    """A text in lines of at most `width` pixels, cut between words; a word that is wider has a line of its own."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def kind_of(path: Path) -> str:
    """The kind of picture that a file's name asks for, as Pillow calls it.

    Raises:
        UserError: it asks for nothing that can be written.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise UserError(f"cannot write a picture as {path}: give it a name that ends in .png or .jpg")
    return kind


def save(picture: Image.Image, path: Path) -> Path:
    """Write a PNG, or what the file's name asks for, making its folder.

    Raises:
        UserError: the name asks for nothing that can be written, or for a kind that does not take this picture.
    """
    kind, content = kind_of(path), io.BytesIO()
    try:
        picture.save(content, kind)
    except Exception as error:  # Pillow's plugins raise a dozen kinds, for pictures that are too wide or have colours
        raise UserError(f"cannot write a picture as {path}: give it a name that ends in .png") from error
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())  # written by Pillow itself, a full disk would be an "encoder error"
    return path
