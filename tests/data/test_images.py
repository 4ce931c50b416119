"""Any image file becomes the right array, or is refused with a reason."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaegan.data.images import Preparation, read
from vaegan.data.samples import Unreadable
from vaegan.data.sources.base import File
from vaegan.settings import Crop

RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(size: tuple[int, int] = (64, 64), left: Any = RED, right: Any = BLUE, mode: str = "RGB") -> Image.Image:
    """An image of (width, height) with a left and a right half."""
    image = Image.new(mode, size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def prepared(path: Path, size: tuple[int, int] = (16, 16), channels: int = 3, crop: Crop = "centre") -> np.ndarray[Any, Any]:
    array = read(File(str(path)), Preparation(size, channels, crop))
    assert array.shape == (*size, channels)
    assert array.dtype == np.uint8
    return array.astype(int)


def near(pixel: Any, colour: tuple[int, ...], tolerance: int = 6) -> bool:
    return bool(np.abs(np.asarray(pixel, int) - np.asarray(colour)).max() <= tolerance)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}),
        ("jpg", {"quality": 95}),
        ("webp", {"lossless": True}),
        ("bmp", {}),
        ("gif", {}),
        ("tif", {}),
        ("tiff", {"compression": "tiff_lzw"}),
    ],
)
def test_formats(suffix: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    halves().save(path, **options)
    array = prepared(path)
    assert near(array[8, 2], RED)
    assert near(array[8, 13], BLUE)


@pytest.mark.parametrize(
    ("mode", "left", "right", "wanted"),
    [
        ("L", 255, 0, ((255,) * 3, (0,) * 3)),
        ("1", 1, 0, ((255,) * 3, (0,) * 3)),
        ("LA", (0, 0), (0, 255), ((255,) * 3, (0,) * 3)),  # transparent is white
        ("RGBA", (255, 0, 0, 0), (0, 0, 255, 255), ((255,) * 3, BLUE)),
        ("RGBA", (255, 0, 0, 127), (0, 0, 255, 255), ((255, 128, 128), BLUE)),
        ("I;16", 65535, 0, ((255,) * 3, (0,) * 3)),
        ("I;16", 32768, 256, ((128,) * 3, (1,) * 3)),
    ],
)
def test_modes(mode: str, left: Any, right: Any, wanted: tuple[tuple[int, ...], tuple[int, ...]], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    halves(left=left, right=right, mode=mode).save(path)
    array = prepared(path)
    assert near(array[8, 2], wanted[0], 1)
    assert near(array[8, 13], wanted[1], 1)


def test_palette_with_and_without_transparency(tmp_path: Path) -> None:
    palette = halves().quantize(4)
    palette.save(tmp_path / "opaque.png")
    assert near(prepared(tmp_path / "opaque.png")[8, 2], RED)
    palette.save(tmp_path / "clear.png", transparency=palette.getpixel((0, 0)))
    assert near(prepared(tmp_path / "clear.png")[8, 2], (255, 255, 255))


def test_cmyk(tmp_path: Path) -> None:
    halves(left=(0, 255, 255, 0), right=(255, 255, 0, 0), mode="CMYK").save(tmp_path / "a.jpg", quality=95)
    array = prepared(tmp_path / "a.jpg")
    assert near(array[8, 2], RED, 30)
    assert near(array[8, 13], BLUE, 30)


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    halves().save(tmp_path / "a.gif", save_all=True, append_images=[halves(left=BLUE, right=RED)])
    assert near(prepared(tmp_path / "a.gif")[8, 2], RED)


def test_16_bit_tiff(tmp_path: Path) -> None:
    Image.fromarray(np.full((32, 32), 40000, np.uint16)).save(tmp_path / "a.tif")
    assert near(prepared(tmp_path / "a.tif")[8, 8], (40000 >> 8,) * 3, 1)


def test_grey_output(tmp_path: Path) -> None:
    halves(left=(255, 255, 255), right=(0, 0, 0)).save(tmp_path / "a.png")
    array = prepared(tmp_path / "a.png", channels=1)
    assert (array[8, 2, 0], array[8, 13, 0]) == (255, 0)


@pytest.mark.parametrize(("orientation", "top_left"), [(1, RED), (2, BLUE), (3, BLUE), (6, RED), (8, BLUE)])
def test_exif_orientation(orientation: int, top_left: tuple[int, ...], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves().save(tmp_path / "a.jpg", quality=95, exif=exif)
    assert near(prepared(tmp_path / "a.jpg")[2, 2], top_left)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("crop", ["centre", "none"])
def test_exif_orientation_of_a_tiff(orientation: int, crop: Crop, tmp_path: Path) -> None:
    """The same as of a PNG; Pillow turns these itself."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves((100, 60)).save(tmp_path / "a.tif", exif=exif)
    halves((100, 60)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(prepared(tmp_path / "a.tif", crop=crop), prepared(tmp_path / "a.png", crop=crop))


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_photo_is_the_same_picture(orientation: int, tmp_path: Path) -> None:
    """Large JPEGs are decoded at a fraction of their size."""
    random = np.random.default_rng(0)
    small = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = small.resize((1600, 1200), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a.jpg", quality=95, exif=exif)
    large.save(tmp_path / "a.png", exif=exif)
    difference = np.abs(prepared(tmp_path / "a.jpg", (32, 32)) - prepared(tmp_path / "a.png", (32, 32)))
    assert difference.mean() < 2


def test_centre_crop(tmp_path: Path) -> None:
    image = Image.new("RGB", (100, 40), RED)
    image.paste(BLUE, (30, 0, 70, 40))
    image.save(tmp_path / "a.png")
    assert near(prepared(tmp_path / "a.png")[:, 1:-1].reshape(-1, 3), BLUE)
    whole = prepared(tmp_path / "a.png", crop="none")
    assert near(whole[8, 1], RED)
    assert near(whole[8, 8], BLUE)
    tall = prepared(tmp_path / "a.png", size=(16, 40))
    assert near(tall[8, 1], RED)


@pytest.mark.parametrize("factor", [0.5, 1, 2])
def test_celeba_crop(factor: float, tmp_path: Path) -> None:
    """Rows 40:188 and columns 15:163 of 178x218, in proportion."""
    image = Image.new("RGB", (round(178 * factor), round(218 * factor)), RED)
    image.paste(BLUE, tuple(round(edge * factor) for edge in (15, 40, 163, 188)))  # type: ignore[arg-type]
    image.save(tmp_path / "a.png")
    array = prepared(tmp_path / "a.png", (64, 64), crop="celeba")
    assert near(array[1:-1, 1:-1].reshape(-1, 3), BLUE)


def test_celeba_crop_of_another_shape_is_centred(tmp_path: Path) -> None:
    halves((60, 40)).save(tmp_path / "a.png")
    assert np.array_equal(prepared(tmp_path / "a.png", crop="celeba"), prepared(tmp_path / "a.png", crop="centre"))


@pytest.mark.parametrize(("size", "shape"), [((100, 40), "wide"), ((40, 100), "tall"), ((64, 64), "square")])
@pytest.mark.parametrize("channels", [1, 3])
def test_padding_cuts_nothing_off(channels: int, size: tuple[int, int], shape: str, tmp_path: Path) -> None:
    """The whole picture is in the middle, as it is by itself; the bars have the colour of the edges that they lie on."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    noise[0], noise[-1] = BLUE, RED
    noise[0, -1] = noise[:, 0] = noise[:, -1] = BLUE
    Image.fromarray(noise).save(tmp_path / "a.png")
    array = prepared(tmp_path / "a.png", (50, 50), channels, crop="pad")
    part: Any = {"wide": np.s_[15:35], "tall": np.s_[:, 15:35], "square": np.s_[:]}[shape]
    inner = {"wide": (20, 50), "tall": (50, 20), "square": (50, 50)}[shape]
    assert np.array_equal(array[part], prepared(tmp_path / "a.png", inner, channels, crop="none"))
    bars = np.ones((50, 50), bool)
    bars[part] = False
    edges = array[[15, 34]] if shape == "wide" else array[:, [15, 34]]
    assert (array[bars] == np.floor(np.median(edges, (0, 1)))).all()


def test_padding_a_product_on_white(tmp_path: Path) -> None:
    """It stays white, although the product reaches an edge."""
    image = Image.new("RGBA", (60, 90), (0, 0, 0, 0))
    image.paste(RED, (20, 0, 40, 90))
    image.save(tmp_path / "a.png")
    array = prepared(tmp_path / "a.png", (30, 45), crop="pad")
    assert (array[:, :12] == 255).all()
    assert (array[:, -12:] == 255).all()
    assert near(array[15, 22], RED)


@pytest.mark.parametrize("orientation", [1, 6])
def test_padding_a_large_photo(orientation: int, tmp_path: Path) -> None:
    """Turned upright, and decoded at a fraction of its size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves((1600, 800)).save(tmp_path / "a.jpg", quality=95, exif=exif)
    array = prepared(tmp_path / "a.jpg", (32, 32), crop="pad")
    left, right = (array[16, 4], array[16, 28]) if orientation == 1 else (array[4, 16], array[28, 16])
    assert near(left, RED)
    assert near(right, BLUE)
    bar = array[2] if orientation == 1 else array[:, 2]
    assert (bar == bar[0]).all()


def test_padding_the_longest_strip(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 8), RED).save(tmp_path / "a.png")
    assert near(prepared(tmp_path / "a.png", crop="pad").reshape(-1, 3), RED)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n"

BAD = {
    "a program in PostScript": (EPS, "an image in a format that vaegan cannot read"),
    "empty": (b"", "empty"),
    "text": (b"hello, I am no image", "not an image"),
    "truncated": (jpeg()[:2000], "damaged"),
    "header only": (jpeg()[:20], "damaged|not an image"),
    "noise": (bytes(range(256)) * 20, "not an image"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD.keys())
def test_bad_files(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        prepared(path)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
def test_tiny_images(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(Unreadable, match=f"only {size[0]}x{size[1]}"):
        prepared(tmp_path / "a.png")


def test_a_decompression_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halves().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Unreadable, match="more pixels than Pillow allows"):
        prepared(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["with space.png", "naïve ☃.png", "semi;colon&.png", "-dash.png"])
def test_odd_names(name: str, tmp_path: Path) -> None:
    halves().save(tmp_path / name)
    prepared(tmp_path / name)
