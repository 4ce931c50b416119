"""Bad input to `vaegan prepare`: what is bad is skipped and named while the good images around it are packed, or refused in one sentence.

Either way nothing is written outside OUT. The good images are noise of the size that they are packed at, so their pixels must come back as
they are.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaegan import UserError
from vaegan.cli import run
from vaegan.data import ImageSet, prepare
from vaegan.data.images import Crop

SIDE = 16
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)
GOOD = {"a.png": 1, "z.png": 2}
"""The good images of most sources here, and the number of each one's noise."""


def noise(number: int, side: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(number: int, kind: str = "PNG", side: int = SIDE, **options: Any) -> bytes:
    return encoded(Image.fromarray(noise(number, side)), kind, **options)


def plain(colour: Any, mode: str = "RGB", size: tuple[int, int] = (12, 10)) -> Image.Image:
    return Image.new(mode, size, colour)


def write(folder: Path, files: Mapping[str, bytes | str | None]) -> Path:
    """Write files into a folder; None is none, and removes what is there."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def surroundings(root: Path, out: Path) -> dict[str, str]:
    """Everything under a folder but for OUT: what it is, and what is in it."""
    found = {}
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if Path(place, name) != out]
        for name in (*folders, *files):
            path = Path(place, name)
            if path == out:
                continue
            if path.is_symlink():
                what = f"link to {path.readlink()}"
            else:
                what = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder" if path.is_dir() else "other"
            found[str(path.relative_to(root))] = what
    return found


class Place:
    """A folder of its own, with a source in it, and what may be done there."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        self.photos, self.out = root / "photos", root / "out"

    def packs(
        self,
        source: Path | str | None = None,
        *,
        good: Mapping[str, int] = GOOD,
        skipped: Mapping[str, str] | None = None,
        splits: int = 0,
        **options: Any,
    ) -> ImageSet:
        """Prepare a source (`photos` by default), and check all that can be said of a set: its images by name, what was skipped and why."""
        around = surroundings(self.root, self.out)
        images = prepare(str(source or self.photos), self.out, progress=lambda *_: None, **({"workers": 1, "size": (SIDE, SIDE)} | options))
        assert surroundings(self.root, self.out) == around
        assert images.names == list(good)
        for index, number in enumerate(good.values()):
            assert np.array_equal(images.images[index], noise(number)), f"{images.names[index]} has other pixels"
        self.skips(skipped or {})
        there = sorted(path.name for path in self.out.iterdir() if not path.name.startswith("split-"))
        assert there == ["images-00000.npy", "items-00000.csv", "manifest.json", *(["skipped.txt"] if skipped else [])]
        assert len(list(self.out.iterdir())) == len(there) + splits
        assert all(well for _, _, well in images.verify())
        return images

    def skips(self, skipped: Mapping[str, str]) -> None:
        """Check skipped.txt: these pictures, in this order, each in one line with a reason that matches."""
        path = self.out / "skipped.txt"
        lines = path.read_bytes().decode().split("\n")[:-1] if path.exists() else []
        assert len(lines) == len(skipped), lines
        for line, (name, reason) in zip(lines, skipped.items(), strict=True):
            assert line.startswith(f"{name}: ")
            assert re.search(reason, line[len(name) + 2 :]), line

    def refuses(self, *arguments: object, words: str) -> str:
        """Run `vaegan prepare` and see it refused at once, in one sentence with these words; there is no OUT then, or what was there."""
        before = surroundings(self.root, self.root / "nothing")
        sentence = fails(self.capsys, "prepare", *arguments, words=words)
        assert surroundings(self.root, self.root / "nothing") == before
        return sentence

    def refuses_photos(self, *options: object, words: str) -> str:
        return self.refuses(self.photos, self.out, "--workers", 1, "--size", SIDE, *options, words=words)


def fails(capsys: pytest.CaptureFixture[str], *arguments: object, words: str) -> str:
    """Run, expect a user's error with some words in it, and return its one sentence."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        run([str(argument) for argument in arguments])
    assert exit_.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vaegan: ")
    assert said.err.endswith("\n")
    assert len(said.err.splitlines()) == 1, said.err
    assert "Traceback" not in said.err
    assert words in said.err
    return said.err


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """Two good images in `photos`; the current folder, the cache and the folder for temporary files are watched, too."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    write(tmp_path / "photos", {name: picture(number) for name, number in GOOD.items()})
    return Place(tmp_path, capsys)


# Files that are no images, among good ones.


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes, data: bytes = b"") -> bytes:
    """A PNG in grey that declares a size and may hold anything."""
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def damaged(content: bytes, at: int = -60) -> bytes:
    """With twenty bytes changed."""
    changed = bytearray(content)
    changed[at : at + 20] = bytes(byte ^ 0x55 for byte in changed[at : at + 20])
    return bytes(changed)


PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n"
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
    "PDF": ("m.png", PDF, "^not an image$"),
    "PostScript": ("m.png", EPS, "^not an image$"),
    "SVG": ("m.png", SVG, "^not an image$"),
    "an icon": ("m.png", encoded(plain(RED, size=(32, 32)), "ICO"), "^not an image$"),
    "JPEG 2000": ("m.jpg", encoded(plain(RED, size=(32, 32)), "JPEG2000"), "^not an image$"),
    "an archive": ("m.png", b"PK\x05\x06" + bytes(18), "^not an image$"),
    "JPEG, half of it": ("m.jpg", half(picture(3, "JPEG", 64)), CUT),
    "JPEG, its beginning": ("m.jpg", picture(3, "JPEG", 64)[:20], CUT),
    "JPEG, its signature": ("m.jpg", b"\xff\xd8\xff and then nothing", CUT),
    "PNG, half of it": ("m.png", half(picture(3)), CUT),
    "PNG, its beginning": ("m.png", picture(3)[:30], CUT),
    "PNG, its signature": ("m.png", b"\x89PNG\r\n\x1a\n", CUT),
    "PNG, damaged": ("m.png", damaged(picture(3)), "damaged"),
    "PNG without pixels": ("m.png", png(64, 64), "damaged"),
    "PNG of another size than it says": ("m.png", png(64, 64, data=bytes(65 * 20)), "damaged"),
    "GIF, half of it": ("m.gif", half(picture(3, "GIF")), CUT),
    "GIF without a frame": ("m.gif", b"GIF89a" + struct.pack("<2H3B", 64, 64, 0, 0, 0) + b";", CUT),
    "WebP, half of it": ("m.webp", half(picture(3, "WEBP")), CUT),
    "lossless WebP, half of it": ("m.webp", half(picture(3, "WEBP", lossless=True)), CUT),
    "TIFF, half of it": ("m.tif", half(picture(3, "TIFF")), CUT),
    "compressed TIFF, half of it": ("m.tiff", half(picture(3, "TIFF", compression="tiff_lzw")), CUT),
    "TIFF, its signature": ("m.tif", b"II*\0", CUT),
    "BMP, half of it": ("m.bmp", half(picture(3, "BMP")), CUT),
    "PPM, half of it": ("m.ppm", half(picture(3, "PPM")), CUT),
    "PPM of no size": ("m.ppm", b"P6\n0 0\n255\n", ""),
    "a decompression bomb": ("m.png", png(100_000, 100_000), "too large: it looks like a decompression bomb"),
    "a bomb of one row": ("m.png", png(2**31 - 1, 8), "too large: it looks like a decompression bomb"),
    "a bomb in a comment": ("m.png", png(16, 16, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 24)))), "large"),
    "one pixel": ("m.png", encoded(plain(RED, size=(1, 1)), "PNG"), "^too small: 1x1 pixels$"),
    "7x300": ("m.png", encoded(plain(RED, size=(7, 300)), "PNG"), "^too small: 7x300 pixels$"),
    "300x7": ("m.png", encoded(plain(RED, size=(300, 7)), "PNG"), "^too small: 300x7 pixels$"),
    "floating-point TIFF": ("m.tif", encoded(Image.fromarray(np.full((12, 10), 0.5, np.float32)), "TIFF"), "^floating-point pixels"),
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
    place.packs(skipped={"m.jpg": "decompression bomb", "m.png": "decompression bomb"})


def test_what_is_skipped_is_told(place: Place) -> None:
    write(place.photos, {"[red] m.png": b"", "n.jpg": "text"})
    place.capsys.readouterr()
    run(["prepare", str(place.photos), str(place.out), "--size", "16", "--workers", "1"])
    said = place.capsys.readouterr()
    assert said.out == ""
    listing = place.out / "skipped.txt"
    assert f"skipped 2 of 4 image files, all named in {listing}: [red] m.png: empty file; n.jpg: not an image\n" in said.err


def test_no_good_image_at_all(place: Place) -> None:
    shutil.rmtree(place.photos)
    write(place.photos, {"a.png": b"", "b.jpg": "text"})
    place.refuses_photos(words="none of the 2 pictures of folder photos could be read; the first: a.png: empty file")


def test_no_good_image_and_an_out_in_new_folders(place: Place) -> None:
    """The folders on the way to OUT are not left behind, either."""
    shutil.rmtree(place.photos)
    write(place.photos, {"a.png": b""})
    place.refuses(place.photos, place.root / "new" / "deep" / "out", "--workers", 1, words="none of the 1 pictures")


def test_no_good_image_and_an_out_that_was_there(place: Place) -> None:
    """An empty folder of the user's stays."""
    shutil.rmtree(place.photos)
    write(place.photos, {"a.png": b""})
    place.out.mkdir()
    place.refuses_photos(words="none of the 1 pictures")


# Files that look bad and are images.


def pixel_16_bits(kind: str, value: int) -> bytes:
    return encoded(Image.fromarray(np.full((12, 10), value, np.uint16)), kind)


def sideways(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(plain(RED, size=(40, 20)), "JPEG", quality=95, exif=exif)


ANIMATED: dict[str, Any] = {"save_all": True, "append_images": [plain(BLUE)], "duration": 100}
ODD_FILES: dict[str, tuple[str, bytes, tuple[int, ...]]] = {
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
    "something after its end": ("m.png", encoded(plain(RED), "PNG") + b"and more" * 9, RED),
}


@pytest.mark.parametrize(("name", "content", "colour"), ODD_FILES.values(), ids=ODD_FILES.keys())
def test_an_odd_file_is_packed(name: str, content: bytes, colour: tuple[int, ...], place: Place) -> None:
    write(place.photos, {name: content})
    images = prepare(str(place.photos), place.out, size=(SIDE, SIDE), workers=1, progress=lambda *_: None)
    assert images.skipped == []
    assert images.names == ["a.png", name, "z.png"]
    assert np.array_equal(images.images[[0, 2]], [noise(1), noise(2)])  # type: ignore[index]
    assert np.abs(images.images[1].astype(int) - colour).max() <= 3


@pytest.mark.parametrize(
    ("crop", "box", "reason"),
    [
        ("box", (0, 0, 16, 17), "16x16 pixels: the box 0 0 16 17 does not lie in it"),
        ("box", (20, 20, 40, 40), "16x16 pixels: the box 20 20 40 40 does not lie in it"),
    ],
)
def test_a_box_outside_of_a_picture(crop: Crop, box: tuple[int, int, int, int], reason: str, place: Place) -> None:
    shutil.rmtree(place.photos)
    large = np.zeros((48, 48, 3), np.uint8)
    left, top, right, bottom = box
    large[top:bottom, left:right] = np.resize(noise(1), (bottom - top, right - left, 3))
    write(place.photos, {"a.png": encoded(Image.fromarray(large), "PNG"), "m.png": picture(3)})
    images = prepare(
        *(str(place.photos), place.out), size=(bottom - top, right - left), crop=crop, box=box, workers=1, progress=lambda *_: None
    )
    assert images.names == ["a.png"]
    assert np.array_equal(images.images[0], large[top:bottom, left:right])
    place.skips({"m.png": reason})


# Names.

NAMES: dict[str, tuple[str, str]] = {
    "a space": ("with space.png", "with space.png"),
    "Unicode": ("naïve ☃ 写真.png", "naïve ☃ 写真.png"),
    "outside the basic plane": ("🙂.png", "🙂.png"),
    "right to left": ("\u202egnp.png", "\\u202egnp.png"),
    "a line feed": ("line\nbreak.png", "line\\nbreak.png"),
    "a carriage return": ("line\rbreak.png", "line\\rbreak.png"),
    "a line separator": ("line\u2028break.png", "line\\u2028break.png"),
    "a next line": ("line\x85break.png", "line\\x85break.png"),
    "a tab": ("ta\tb.png", "ta\\tb.png"),
    "an escape": ("\x1b[31mred\x07.png", "\\x1b[31mred\\x07.png"),
    "a comma": ("b,c,d.png", "b,c,d.png"),
    "quotes": ("\"b\" 'c'.png", "\"b\" 'c'.png"),
    "a quote": ('b"c.png', 'b"c.png'),
    "a semicolon": ("b;c.png", "b;c.png"),
    "a colon": ("b: c.png", "b: c.png"),
    "markup": ("[bold]b[/bold] [/].png", "[bold]b[/bold] [/].png"),
    "a dash": ("-b.png", "-b.png"),
    "a formula": ("=1+2.png", "=1+2.png"),
    "percent": ("100%.png", "100%.png"),
    "braces": ("{b}.png", "{b}.png"),
    "a backslash": ("b\\c.png", "b\\c.png"),
    "very long": ("b" * 251 + ".png", "b" * 251 + ".png"),
    "bytes that are no UTF-8": (os.fsdecode(b"b\xff\xfe.png"), "b\\udcff\\udcfe.png"),
}


@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have")
@pytest.mark.parametrize(("name", "shown"), NAMES.values(), ids=NAMES.keys())
def test_names(name: str, shown: str, place: Place) -> None:
    """Of good images, and of bad ones; in the current folder, so that a name is all that is given."""
    write(
        place.photos,
        {name: picture(3), f"~ {name[-250:]}" if len(name) < 250 else "~": b"" if len(name) < 250 else None}
        if len(name) < 250
        else {name: picture(3)},
    )
    write(place.photos, {f"~/{name}": b""} if len(name) >= 250 else {})
    bad = f"~ {shown}" if len(name) < 250 else f"~/{shown}"
    good = {"a.png": 1, shown: 3, "z.png": 2}
    order = sorted(os.listdir(place.photos))  # noqa: PTH208 (names as they are)
    good = {entry if entry != name else shown: {"a.png": 1, "z.png": 2}.get(entry, 3) for entry in order if not entry.startswith("~")}
    images = place.packs(good=good, skipped={bad: "^empty file$"})
    with (place.out / "items-00000.csv").open(newline="", encoding="utf-8") as file:
        assert [row[0] for row in csv.reader(file)] == ["name", *images.names]
