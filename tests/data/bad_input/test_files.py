"""Files that are no images, among good ones; and files that look bad and are images."""

from __future__ import annotations

import shutil
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from vaegan.settings import Crop

from ...command import works
from .place import BLUE, GREEN, RED, SIDE, WHITE, Place, archive, damaged, encoded, half, noise, picture, plain, write


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG in grey that declares a size, and holds no pixels."""
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


pillow_heif.register_heif_opener()
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n"
OTHER_FORMAT = "^an image in a format that vaegan cannot read: convert to PNG or JPEG first$"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/></svg>'
CUT = "damaged|not an image"

BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "empty JPEG": ("m.jpg", b"", "^empty file$"),
    "empty PNG": ("m.png", b"", "^empty file$"),
    "empty TIFF": ("m.tif", b"", "^empty file$"),
    "text": ("m.jpg", b"hello, I am no image\n", "^not an image$"),
    "text of many lines that look like an error": ("m.png", b"\nTraceback\n" * 99, "^not an image$"),
    "a page of HTML": ("m.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "^not an image$"),
    "noise": ("m.jpg", bytes(range(256)) * 20, "^not an image$"),
    "zeros": ("m.jpg", bytes(5000), "^not an image$"),
    "PDF": ("m.png", PDF, OTHER_FORMAT),
    "PostScript": ("m.png", EPS, OTHER_FORMAT),
    "SVG": ("m.png", SVG, OTHER_FORMAT),
    "an icon": ("m.png", encoded(plain(RED, size=(32, 32)), "ICO"), OTHER_FORMAT),
    "a pointer of Git LFS": ("m.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "^a pointer of Git LFS: "),
    "HEIC, half of it": ("m.heic", half(encoded(plain(RED, size=(64, 48)), "HEIF")), "^damaged"),
    "AVIF, half of it": ("m.avif", half(encoded(plain(RED, size=(64, 48)), "AVIF")), "^damaged"),
    "JPEG 2000, half of it": ("m.jp2", half(picture(3, "JPEG2000")), "^damaged"),
    "an archive": ("m.png", b"PK\x05\x06" + bytes(18), "^an archive: unpack first"),
    "a video": ("m.jpg", b"\0\0\0\x18ftypisom" + bytes(99), "^a video: "),
    "JPEG, half of it": ("m.jpg", half(picture(3, "JPEG", 64)), CUT),
    "JPEG, its beginning": ("m.jpg", picture(3, "JPEG", 64)[:20], CUT),
    "JPEG, its signature": ("m.jpg", b"\xff\xd8\xff and then nothing", CUT),
    "PNG, half of it": ("m.png", half(picture(3)), CUT),
    "PNG, its beginning": ("m.png", picture(3)[:30], CUT),
    "PNG, its signature": ("m.png", b"\x89PNG\r\n\x1a\n", CUT),
    "PNG, damaged": ("m.png", damaged(picture(3)), "damaged"),
    "PNG without pixels": ("m.png", png(64, 64), "damaged"),
    "GIF, half of it": ("m.gif", half(picture(3, "GIF")), CUT),
    "GIF without a frame": ("m.gif", b"GIF89a" + struct.pack("<2H3B", 64, 64, 0, 0, 0) + b";", CUT),
    "WebP, half of it": ("m.webp", half(picture(3, "WEBP")), CUT),
    "lossless WebP, half of it": ("m.webp", half(picture(3, "WEBP", lossless=True)), CUT),
    "TIFF, half of it": ("m.tif", half(picture(3, "TIFF")), CUT),
    "compressed TIFF, half of it": ("m.tiff", half(picture(3, "TIFF", compression="tiff_lzw")), CUT),
    "TIFF, its signature": ("m.tif", b"II*\0", CUT),
    "BMP, half of it": ("m.bmp", half(picture(3, "BMP")), CUT),
    "PPM, half of it": ("m.ppm", half(picture(3, "PPM")), CUT),
    "PPM of no size": ("m.ppm", b"P6\n0 0\n255\n", CUT),
    "a decompression bomb": ("m.png", png(100_000, 100_000), "too large: it has more pixels than Pillow allows"),
    "a bomb of one row": ("m.png", png(2**31 - 1, 8), "too large: it has more pixels than Pillow allows"),
    "a bomb in a comment": ("m.png", png(16, 16, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 24)))), "large"),
    "one pixel": ("m.png", encoded(plain(RED, size=(1, 1)), "PNG"), "^only 1x1 pixels, and each side needs at least 8$"),
    "7x300": ("m.png", encoded(plain(RED, size=(7, 300)), "PNG"), "^only 7x300 pixels, and each side needs at least 8$"),
    "300x7": ("m.png", encoded(plain(RED, size=(300, 7)), "PNG"), "^only 300x7 pixels, and each side needs at least 8$"),
    "TIFF of NaN": ("m.tif", encoded(Image.fromarray(np.full((12, 10), np.nan, np.float32)), "TIFF"), "^120 of its 120 values are NaN or"),
}


@pytest.mark.parametrize(("name", "content", "reason"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_skipped_and_named(name: str, content: bytes, reason: str, place: Place) -> None:
    write(place.photos, {name: content})
    place.packs(skipped={name: reason})


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_every_bad_file_in_an_archive(kind: str, place: Place) -> None:
    """All at once, each under a name of its own."""
    files = {f"{number:02d} {name}": (content, reason) for number, (name, content, reason) in enumerate(BAD_FILES.values())}
    members = {"a.png": picture(1), **{name: content for name, (content, _) in files.items()}, "z.png": picture(2)}
    skipped = {name: reason for name, (_, reason) in files.items()}
    place.packs(archive(place.root / f"photos.{kind}", dict(sorted(members.items()))), skipped=skipped)


def test_a_picture_over_the_limit_of_pixels(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIDE * SIDE)
    write(place.photos, {"m.png": picture(3, side=40), "m.jpg": picture(3, "JPEG", side=40)})
    place.packs(skipped=dict.fromkeys(("m.jpg", "m.png"), "more pixels than Pillow allows"))


def test_what_is_skipped_is_told(place: Place) -> None:
    write(place.photos, {"[red] m.png": b"", "n.jpg": "text"})
    place.capsys.readouterr()
    works("prepare", place.photos, place.out, "--size", SIDE, "--workers", 1)
    said = place.capsys.readouterr()
    assert said.out == ""
    listing = place.out / "skipped.txt"
    assert f"skipped 2 of 4 image files, listed in {listing}: [red] m.png: empty file; n.jpg: not an image\n" in said.err


def test_no_good_image_at_all(place: Place) -> None:
    shutil.rmtree(place.photos)
    write(place.photos, {"a.png": b"", "b.jpg": "text"})
    place.refuses_photos(words='none of the 2 images in the folder "photos" can be read: the first is a.png: empty file')


def test_no_good_image_and_an_out_in_new_folders(place: Place) -> None:
    """The folders on the way to OUT are not left behind, either."""
    shutil.rmtree(place.photos)
    write(place.photos, {"a.png": b""})
    place.refuses(place.photos, place.root / "new" / "deep" / "out", "--workers", 1, words="the only image in ")


def test_no_good_image_and_an_out_that_was_there(place: Place) -> None:
    """An empty folder of the user's stays."""
    shutil.rmtree(place.photos)
    write(place.photos, {"a.png": b""})
    place.out.mkdir()
    place.refuses_photos(words="the only image in ")


# Files that look bad and are images.


def pixel_16_bits(kind: str, value: int) -> bytes:
    return encoded(Image.fromarray(np.full((12, 10), value, np.uint16)), kind)


def sideways(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(plain(RED, size=(40, 20)), "JPEG", quality=95, exif=exif)


ANIMATED: dict[str, Any] = {"save_all": True, "append_images": [plain(BLUE)], "duration": 100}
ODD_FILES: dict[str, tuple[str, bytes, tuple[int, ...]]] = {
    "a photo of a phone": ("m.heic", encoded(plain(RED, size=(64, 48)), "HEIF", quality=95), RED),
    "HEIC called JPEG": ("m.jpg", encoded(plain(GREEN, size=(64, 48)), "HEIF", quality=95), GREEN),
    "AVIF": ("m.avif", encoded(plain(GREEN, size=(64, 48)), "AVIF", quality=95), GREEN),
    "JPEG 2000": ("m.jp2", encoded(plain(RED, size=(32, 32)), "JPEG2000"), RED),
    "JPEG 2000 without a box": ("m.j2k", encoded(plain(RED, size=(32, 32)), "JPEG2000", no_jp2=True), RED),
    "JFIF": ("m.jfif", encoded(plain(GREEN), "JPEG", quality=95), GREEN),
    "a bitmap of one bit": ("m.pbm", encoded(plain(1, "1"), "PPM"), WHITE),
    "an address": ("m.jpg?w=300", encoded(plain(GREEN), "JPEG", quality=95), GREEN),
    "a space at its end": ("m.png ", encoded(plain(GREEN), "PNG"), GREEN),
    "no ending": ("m", encoded(plain(GREEN), "TIFF"), GREEN),
    "an ending that says nothing": ("m.jpg_large", encoded(plain(GREEN), "BMP"), GREEN),
    "CMYK": ("m.jpg", encoded(plain((0, 255, 255, 0), "CMYK"), "JPEG", quality=95), RED),
    "CMYK TIFF": ("m.tif", encoded(plain((0, 255, 255, 0), "CMYK"), "TIFF"), RED),
    "16-bit PNG": ("m.png", pixel_16_bits("PNG", 0x8040), (0x80,) * 3),
    "16-bit TIFF": ("m.tif", pixel_16_bits("TIFF", 0x8040), (0x80,) * 3),
    "16-bit PGM": ("m.pgm", b"P5\n12 10\n65535\n" + b"\x80\x40" * 120, (0x80,) * 3),
    "32-bit TIFF": ("m.tif", encoded(Image.fromarray(np.full((12, 10), 0x8040, np.int32)), "TIFF"), (0x80,) * 3),
    "animated GIF": ("m.gif", encoded(plain(RED), "GIF", **ANIMATED), RED),
    "animated WebP": ("m.webp", encoded(plain(RED), "WEBP", lossless=True, **ANIMATED), RED),
    "animated PNG": ("m.png", encoded(plain(RED), "PNG", **ANIMATED), RED),
    "TIFF of two pages": ("m.tif", encoded(plain(RED), "TIFF", save_all=True, append_images=[plain(BLUE)]), RED),
    "PNG called JPEG": ("m.jpg", encoded(plain(GREEN), "PNG"), GREEN),
    "JPEG called PNG": ("m.png", encoded(plain(GREEN), "JPEG", quality=95), GREEN),
    "BMP called TIFF": ("m.tiff", encoded(plain(GREEN), "BMP"), GREEN),
    "an ending in capitals": ("m.PNG", encoded(plain(GREEN), "PNG"), GREEN),
    "two endings": ("m.jpg.png", encoded(plain(GREEN), "PNG"), GREEN),
    "transparent": ("m.png", encoded(plain((255, 0, 0, 0), "RGBA"), "PNG"), WHITE),
    "one bit": ("m.png", encoded(plain(1, "1"), "PNG"), WHITE),
    "EXIF that is none": ("m.jpg", encoded(plain(RED), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage"), RED),
    "an orientation of 0": ("m.jpg", sideways(0), RED),
    "an orientation that there is not": ("m.jpg", sideways(9), RED),
    "the smallest that is taken": ("m.png", encoded(plain(RED, size=(8, 8)), "PNG"), RED),
    "an MPO, as phones and 3D cameras write it": ("m.jpg", encoded(plain(RED), "MPO", save_all=True, append_images=[plain(BLUE)]), RED),
    "EXIF of the wrong byte order": ("m.jpg", sideways(6).replace(b"Exif\0\0MM\0*", b"Exif\0\0II\0*"), RED),
    "a colour profile that is none": ("m.png", encoded(plain(RED), "PNG", icc_profile=b"garbage"), RED),
    "two images, one behind the other": ("m.jpg", encoded(plain(GREEN), "JPEG", quality=95) * 2, GREEN),
    "something after its end": ("m.png", encoded(plain(RED), "PNG") + b"and more" * 9, RED),
}


@pytest.mark.parametrize(("name", "content", "colour"), ODD_FILES.values(), ids=ODD_FILES.keys())
def test_an_odd_file_is_packed(name: str, content: bytes, colour: tuple[int, ...], place: Place) -> None:
    write(place.photos, {name: content})
    images = place.prepare(value_range=(0.0, 65535.0))
    assert images.skipped == []
    assert images.names == ["a.png", name, "z.png"]
    assert np.array_equal(images.images[[0, 2]], [noise(1), noise(2)])  # type: ignore[index]
    assert np.abs(images.images[1].astype(int) - colour).max() <= 3


@pytest.mark.parametrize(
    ("crop", "box", "reason"),
    [
        ("box", (0, 0, 16, 17), "the box 0 0 16 17 does not fit into 16x16 pixels"),
        ("box", (20, 20, 40, 40), "the box 20 20 40 40 does not fit into 16x16 pixels"),
    ],
)
def test_a_box_outside_of_a_picture(crop: Crop, box: tuple[int, int, int, int], reason: str, place: Place) -> None:
    shutil.rmtree(place.photos)
    large = np.zeros((48, 48, 3), np.uint8)
    left, top, right, bottom = box
    large[top:bottom, left:right] = np.resize(noise(1), (bottom - top, right - left, 3))
    write(place.photos, {"a.png": encoded(Image.fromarray(large), "PNG"), "m.png": picture(3)})
    images = place.prepare(size=(bottom - top, right - left), crop=crop, box=box)
    assert images.names == ["a.png"]
    assert np.array_equal(images.images[0], large[top:bottom, left:right])
    place.skips({"m.png": reason})
