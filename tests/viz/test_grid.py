"""Sheets show each image where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from vaegan import UserError
from vaegan.viz.channels import view
from vaegan.viz.grid import CAPTION, GAP, LINE, MARGIN, pair_rows, save, sheet, to_uint8, wrapped


def flat(values: list[float], size: int = 64) -> torch.Tensor:
    """Grey images, one of each value."""
    return torch.tensor(values)[:, None, None, None].expand(-1, 1, size, size)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7])
def test_each_image_is_above_its_partner(count: int) -> None:
    above = [0.01 * n for n in range(count)]
    pairs = pair_rows(flat(above), flat([-value - 0.5 for value in above]), 3)[:, 0, 0, 0].tolist()
    for number, value in enumerate(above):
        row, column = divmod(number, 3)
        assert pairs[2 * row * 3 + column] == pytest.approx(value)
        assert pairs[(2 * row + 1) * 3 + column] == pytest.approx(-value - 0.5)
    assert len(pairs) == 6 * -(-count // 3)


def test_cells_lie_where_they_should() -> None:
    picture = np.asarray(sheet([("first", flat([-1.0, 0.0, 1.0])), ("second", flat([-0.5]))], columns=2))
    step = 64 + GAP

    def cell(block_top: int, row: int, column: int) -> int:
        return int(picture[block_top + CAPTION + row * step + 32, MARGIN + column * step + 32, 0])

    assert [cell(MARGIN, 0, 0), cell(MARGIN, 0, 1), cell(MARGIN, 1, 0), cell(MARGIN, 1, 1)] == [0, 128, 255, 255]
    assert cell(MARGIN + CAPTION + 2 * step, 0, 0) == 64


def test_small_images_are_enlarged_by_a_whole_factor() -> None:
    assert sheet([("", flat([0.0], 16))], 1).width == 64 + 2 * MARGIN
    assert sheet([("", flat([0.0], 48))], 1).width == 96 + 2 * MARGIN
    assert sheet([("", flat([0.0], 128))], 1).width == 128 + 2 * MARGIN


def test_a_caption_that_is_wider_than_its_images_takes_several_lines() -> None:
    words = "samples of the fitted prior, seed 0, and so on"
    font = ImageFont.load_default(13)
    lines = wrapped(words, 130, font)
    assert " ".join(lines) == words
    assert len(lines) > 1
    assert all(font.getlength(line) <= 130 for line in lines)
    assert wrapped("", 130, font) == [""]
    picture = np.asarray(sheet([(words, flat([0.0, 0.0])), ("", flat([-1.0]))], 2))
    assert picture.shape[0] == 2 * (CAPTION + 64 + GAP) + LINE * (len(lines) - 1) + 2 * MARGIN
    top = MARGIN + CAPTION + LINE * (len(lines) - 1)
    assert (picture[top : top + 64, MARGIN : MARGIN + 64] == 128).all()
    assert (picture[: top - 2, -MARGIN + 1 :] == 255).all()


def test_values_and_channels() -> None:
    assert to_uint8(torch.tensor([-2.0, -1, 0, 1, 2])[:, None, None, None])[:, 0, 0].tolist() == [[v] * 3 for v in (0, 0, 128, 255, 255)]
    assert to_uint8(torch.zeros(1, 5, 2, 2)).shape == (1, 2, 2, 3)
    assert to_uint8(torch.tensor([-1.0, 1])[None, :, None, None]).flatten().tolist() == [0, 255, 0]  # the second of two in green
    assert to_uint8(torch.tensor([1.0, -1])[None, :, None, None]).flatten().tolist() == [255, 0, 255]  # the first in magenta


def test_what_is_not_shown_is_said() -> None:
    assert [view(channels) for channels in (1, 2, 3, 6)] == [
        "",
        " (channel 1 in magenta, channel 2 in green)",
        "",
        " (channels 1 to 3 of 6)",
    ]
    few, many = (sheet([("samples", torch.zeros(1, channels, 64, 64))], columns=1) for channels in (3, 6))
    assert many.height > few.height  # the caption takes more lines


@pytest.mark.parametrize(("name", "width"), [("a.xbm", 20), ("a.h5", 20), ("a.jpg", 70_000), ("a.webp", 70_000), ("a.xyz", 20)])
def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path, name: str, width: int) -> None:
    with pytest.raises(UserError, match=rf"cannot write a picture .*as .*{name}: give it a name that ends in \.png"):
        save(Image.new("RGB", (width, 4)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
