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

    def prepare(self, source: Path | str | None = None, **options: Any) -> ImageSet:
        """Prepare a source, `photos` by default."""
        choices: dict[str, Any] = {"workers": 1, "size": (SIDE, SIDE), **options}
        return prepare(str(source or self.photos), self.out, progress=lambda *_: None, **choices)

    def packs(
        self,
        source: Path | str | None = None,
        *,
        good: Mapping[str, int] = GOOD,
        skipped: Mapping[str, str] | None = None,
        splits: int = 0,
        **options: Any,
    ) -> ImageSet:
        """Prepare a source, and check all that can be said of a set: its images by name, what was skipped and why."""
        around = surroundings(self.root, self.out)
        images = self.prepare(source, **options)
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


def works(*arguments: object) -> None:
    with pytest.raises(SystemExit) as exit_:
        run([str(argument) for argument in arguments])
    assert not exit_.value.code


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """Two good images in `photos`; the current folder, the cache and the folder for temporary files are watched, too."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes most of the time here
    write(tmp_path / "photos", {name: picture(number) for name, number in GOOD.items()})
    return Place(tmp_path, capsys)


# Files that are no images, among good ones.


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG in grey that declares a size, and holds no pixels."""
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


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
    works("prepare", place.photos, place.out, "--size", SIDE, "--workers", 1)
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
    images = place.prepare()
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
    images = place.prepare(size=(bottom - top, right - left), crop=crop, box=box)
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
    """Of a good image, and of a bad one."""
    write(place.photos, {name: picture(3), f"bad/{name}": b""})
    good = {shown if entry == name else entry: number for entry, number in sorted([*GOOD.items(), (name, 3)])}
    images = place.packs(good=good, skipped={f"bad/{shown}": "^empty file$"})
    with (place.out / "items-00000.csv").open(newline="", encoding="utf-8") as file:
        assert [row[0] for row in csv.reader(file)] == ["name", *images.names]


@pytest.mark.parametrize("name", [name for name, (raw, _) in NAMES.items() if raw.isprintable() or "break" in raw])
def test_names_in_tables(name: str, place: Place) -> None:
    """Written as CSV has them, in quotes where need be."""
    raw, shown = NAMES[name]
    write(place.photos, {raw: picture(3)})
    with (place.root / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("name", "Round"), (raw, 1), ("a.png", 0)])
    images = place.prepare(attributes=place.root / "t.csv")
    rounds = dict(zip(images.names, images.attributes[:, 0].tolist(), strict=True))
    assert (rounds["a.png"], rounds[shown]) == (0, 1)
    assert math.isnan(rounds["z.png"])


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
@pytest.mark.parametrize("hidden", [".m.png", "._a.png", ".git/m.png", "sub/.cache/m/m.png", "__MACOSX/._a.png", "__MACOSX/sub/._m.png"])
def test_hidden_files_are_passed_over(kind: str, hidden: str, place: Place) -> None:
    """Neither packed nor skipped, as if they were not there."""
    files = {"a.png": picture(1), hidden: picture(3), "z.png": picture(2)}
    place.packs(write(place.root / "more", files) if kind == "folder" else archive(place.root / f"photos.{kind}", files))


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_folders_that_are_called_like_images(kind: str, place: Place) -> None:
    """They are entered as other folders are."""
    files = {"a.png": picture(1), "m.png/inside.png": picture(3), "z.png": picture(2)}
    if kind == "folder":
        source = write(place.root / "more", files)
        (source / "empty.jpg").mkdir()
    else:
        folders = {"empty.jpg/": b"", "m.png/": b""}
        source = archive(place.root / f"photos.{kind}", folders | files)
    place.packs(source, good={"a.png": 1, "m.png/inside.png": 3, "z.png": 2})


# Archives.


def archive(path: Path, members: Mapping[str, bytes] | list[tuple[str, bytes]]) -> Path:
    """A zip or a tar of members in this order; names that end in / are folders."""
    pairs = list(members.items()) if isinstance(members, Mapping) else members
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, content in pairs:
                file.writestr(zipfile.ZipInfo(name), content)
        return path
    mode: Any = "w" if path.suffix == ".tar" else f"w:{path.suffix[1:]}"
    with tarfile.open(path, mode) as tar:
        for name, content in pairs:
            member = tarfile.TarInfo(name.removesuffix("/"))
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


EVIL = ["../m.png", "/m.png", "../../../../m.png", "b/../../m.png", "C:\\m.png", "C:/m.png", "..\\m.png", "\\\\server\\share\\m.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("evil", EVIL)
def test_members_that_lead_out_of_an_archive(kind: str, evil: str, place: Place) -> None:
    members = {"a.png": picture(1), evil: picture(3), "z.png": picture(2)}
    place.packs(archive(place.root / f"photos.{kind}", members), skipped={evil: "^its name leads out of the archive$"})


@pytest.fixture
def zipped(place: Place) -> Path:
    return archive(place.root / "photos.zip", {"a.png": picture(1), "m.png": picture(3), "z.png": picture(2)})


def change_member(path: Path, name: bytes, value: bytes, entry: int | None = None, head: int | None = None) -> None:
    """Overwrite something in a zip, so many bytes into a member's central entry and into its local head."""
    content = bytearray(path.read_bytes())
    for signature, size, at in ((b"PK\x01\x02", 46, entry), (b"PK\x03\x04", 30, head)):
        if at is not None:
            starts = [start for start in range(len(content)) if content[start : start + 4] == signature]
            start = next(start for start in starts if content[start + size : start + size + len(name)] == name)
            content[start + at : start + at + len(value)] = value
    path.write_bytes(content)


BAD_MEMBERS: dict[str, tuple[dict[str, Any], str]] = {
    "encrypted": ({"value": b"\x01\x00", "entry": 8, "head": 6}, "^encrypted$"),
    "compressed in an unknown way": ({"value": b"\x61\x00", "entry": 10, "head": 8}, "^damaged: That compression method is not supported"),
    "with another checksum": ({"value": b"abcd", "entry": 16, "head": 14}, "^damaged: Bad CRC-32"),
    "with another name in its head": ({"value": b"n.png", "head": 30}, "^damaged: File name in directory"),
    "that begins outside of the zip": ({"value": b"\x00\x00\x00\x40", "entry": 42}, "^damaged: "),
    "too large for a picture": ({"value": struct.pack("<I", 3 << 28), "entry": 24, "head": 22}, "^too large: 805,306,368 bytes$"),
    "longer than it says": ({"value": struct.pack("<2I", 200, 200), "entry": 20, "head": 18}, "^damaged: "),
}


@pytest.mark.parametrize(("change", "reason"), BAD_MEMBERS.values(), ids=BAD_MEMBERS.keys())
def test_a_bad_member_of_a_zip(change: dict[str, Any], reason: str, place: Place, zipped: Path) -> None:
    change_member(zipped, b"m.png", **change)
    place.packs(zipped, skipped={"m.png": reason})


def test_a_member_with_damaged_content(place: Place, zipped: Path) -> None:
    zipped.write_bytes(zipped.read_bytes().replace(picture(3), damaged(picture(3), 200)))
    place.packs(zipped, skipped={"m.png": "^damaged: Bad CRC-32"})


def test_a_link_in_a_zip(place: Place) -> None:
    with zipfile.ZipFile(place.root / "photos.zip", "w") as file:
        file.writestr("a.png", picture(1))
        link = zipfile.ZipInfo("m.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        file.writestr(link, "../photos/a.png")
        file.writestr("z.png", picture(2))
    place.packs(place.root / "photos.zip", skipped={"m.png": "^not an image$|^a link"})


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_two_members_of_one_name(kind: str, place: Place) -> None:
    """Neither takes the other's place without a word: both are packed, each with its own pixels."""
    members = [("a.png", picture(1)), ("m.png", picture(3)), ("m.png", picture(4)), ("z.png", picture(2))]
    images = place.prepare(archive(place.root / f"photos.{kind}", members))
    assert np.array_equal(images.images[:], [noise(number) for number in (1, 3, 4, 2)])
    assert images.skipped == []


def test_a_zip_after_a_program(place: Place, zipped: Path) -> None:
    """As archives that unpack themselves are."""
    zipped.write_bytes(b"MZ, a program" * 99 + zipped.read_bytes())
    place.packs(zipped, good={"a.png": 1, "m.png": 3, "z.png": 2})


def test_a_zip_that_was_replaced(place: Place, zipped: Path) -> None:
    """Under the name of one that was read before, by the same process."""
    prepare(str(zipped), place.root / "before", size=(SIDE, SIDE), workers=1, progress=lambda *_: None)
    archive(place.root / "new.zip", {"a.png": picture(5), "m.png": picture(6), "z.png": picture(7)}).replace(zipped)
    place.packs(zipped, good={"a.png": 5, "m.png": 6, "z.png": 7})


SPECIAL: dict[str, tuple[bytes, str]] = {
    "a link": (tarfile.SYMTYPE, "a.png"),
    "a link out of the archive": (tarfile.SYMTYPE, "../../photos/a.png"),
    "a link to a file of the system": (tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": (tarfile.LNKTYPE, "a.png"),
    "a pipe": (tarfile.FIFOTYPE, ""),
    "a device": (tarfile.CHRTYPE, ""),
}


@pytest.mark.parametrize(("kind", "target"), SPECIAL.values(), ids=SPECIAL.keys())
def test_members_of_a_tar_that_are_no_files(kind: bytes, target: str, place: Place) -> None:
    link = tarfile.TarInfo("m.png")
    link.type, link.linkname = kind, target
    with tarfile.open(place.root / "photos.tar", "w") as tar:
        tar.add(place.photos / "a.png", "a.png")
        tar.addfile(link)
        tar.add(place.photos / "z.png", "z.png")
    place.packs(place.root / "photos.tar", skipped={"m.png": "not a file$"})


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_tar_of_the_current_folder(kind: str, place: Place) -> None:
    """As `tar -c .` writes it: a name that begins with ./ is one without."""
    source = archive(place.root / f"photos.{kind}", {"./": b"", "./cat/": b"", "./cat/a.png": picture(1), "./dog/z.png": picture(2)})
    images = place.prepare(f"classes:{source}")
    assert images.labels == ["cat", "dog"]
    assert images.names == ["cat/a.png", "dog/z.png"]


def whole_tar(path: Path) -> bytes:
    """Of two images, in blocks of 512 bytes: head, 2 of an image, head, 2 of an image, zeros."""
    assert all(512 < len(picture(number)) <= 1024 for number in GOOD.values())
    return archive(path, {name: picture(number) for name, number in GOOD.items()}).read_bytes()


SECOND = 3 * 512
"""Where the second member of `whole_tar` begins."""
NO_ZIP, NO_TAR = (f"it is no {kind} archive, or a damaged one" for kind in ("zip", "tar"))
NO_IMAGES = "there are no images in"
NO_ARCHIVE = "it is neither a folder nor a .zip or .tar archive"


def archived(**members: bytes) -> Callable[[Path], bytes]:
    return lambda path: archive(path, {name.replace("_", "."): content for name, content in members.items()}).read_bytes()


BAD_ARCHIVES: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "text called zip": ("m.zip", lambda _: b"hello, I am no archive", NO_ZIP),
    "an image called zip": ("m.zip", lambda _: picture(1), NO_ZIP),
    "a tar called zip": ("m.zip", lambda path: whole_tar(path.with_suffix(".tar")), NO_ZIP),
    "an empty file called zip": ("m.zip", lambda _: b"", NO_ZIP),
    "half of a zip": ("m.zip", lambda path: half(archived(a_png=picture(1))(path)), NO_ZIP),
    "a zip but for its end": ("m.zip", lambda path: archived(a_png=picture(1))(path)[:-30], NO_ZIP),
    "an empty zip": ("m.zip", archived(), NO_IMAGES),
    "a zip without images": ("m.zip", archived(a_txt=b"a", b=b"b"), NO_IMAGES),
    "a zip of folders": ("m.zip", lambda path: archive(path, {"a.png/": b"", "b/": b""}).read_bytes(), NO_IMAGES),
    "a zip of hidden files": ("m.zip", lambda path: archive(path, {"__MACOSX/._a.png": picture(1)}).read_bytes(), NO_IMAGES),
    "text called tar": ("m.tar", lambda _: b"hello, I am no archive", NO_TAR),
    "much text called tar": ("m.tar", lambda _: b"hello, I am no archive\n" * 999, NO_TAR),
    "text called tar.gz": ("m.tar.gz", lambda _: b"hello, I am no archive", NO_TAR),
    "text in a gz": ("m.tar.gz", lambda _: gz(b"hello, I am no archive\n" * 99), NO_TAR),
    "a zip called tar": ("m.tar", lambda path: archived(a_png=picture(1))(path.with_suffix(".zip")), NO_TAR),
    "an empty file called tar": ("m.tar", lambda _: b"", NO_TAR),
    "an empty file called tgz": ("m.tgz", lambda _: b"", NO_TAR),
    "an empty tar": ("m.tar", archived(), NO_IMAGES),
    "an empty tar.gz": ("m.tar.gz", archived(), NO_IMAGES),
    "a tar without images": ("m.tar", archived(a_txt=b"a"), NO_IMAGES),
    "a tar cut in its first head": ("m.tar", lambda path: whole_tar(path)[:300], NO_TAR),
    "a tar cut in its first image": ("m.tar", lambda path: whole_tar(path)[:700], NO_TAR),
    "an image alone": ("m.png", lambda _: picture(1), NO_ARCHIVE),
    "text alone": ("m.txt", lambda _: b"hello", NO_ARCHIVE),
    "another kind of archive": ("m.rar", lambda _: b"Rar!\x1a\x07\0", NO_ARCHIVE),
    "a gz of an image": ("m.png.gz", lambda _: gz(picture(1)), NO_ARCHIVE),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD_ARCHIVES.values(), ids=BAD_ARCHIVES.keys())
def test_a_bad_archive_is_refused(name: str, content: Callable[[Path], bytes], words: str, place: Place) -> None:
    path = place.root / name
    path.write_bytes(content(path))
    assert f" {path}: " in place.refuses(path, place.out, "--workers", 1, words=words)


def gz(content: bytes) -> bytes:
    """Gzipped, but not compressed: a byte of the content is a byte of the file."""
    return gzip.compress(content, 0, mtime=0)


CUT_TARS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut in its last image": ("tar", lambda tar: tar[: SECOND + 900]),
    "cut in a head": ("tar", lambda tar: tar[: SECOND + 100]),
    "cut before a head": ("tar", lambda tar: tar[:SECOND]),
    "with a damaged head": ("tar", lambda tar: damaged(tar, SECOND + 100)),
    "gzipped and cut in its last image": ("tar.gz", lambda tar: gz(tar)[: SECOND + 900]),
    "gzipped and cut in a head": ("tar.gz", lambda tar: gz(tar)[: SECOND + 100]),
    "cut in a head and gzipped": ("tar.gz", lambda tar: gz(tar[: SECOND + 100])),
    "gzipped, with a damaged head": ("tar.gz", lambda tar: damaged(gz(tar), SECOND + 100)),
    "gzipped, with another checksum": ("tar.gz", lambda tar: gz(tar)[:-8] + b"abcd" + gz(tar)[-4:]),
}


@pytest.mark.parametrize(("kind", "cut"), CUT_TARS.values(), ids=CUT_TARS.keys())
def test_a_tar_that_is_cut_short_or_damaged(kind: str, cut: Callable[[bytes], bytes], place: Place) -> None:
    """It is refused although its first image is good: whoever made it meant more. Put right, it is packed into the same OUT."""
    whole = whole_tar(place.root / "whole.tar")
    path = place.root / f"photos.{kind}"
    path.write_bytes(cut(whole))
    around = surroundings(place.root, place.out)
    sentence = fails(place.capsys, "prepare", path, place.out, "--workers", 1, "--size", SIDE, words=NO_TAR)
    assert f" {path}: " in sentence
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)
    path.write_bytes(gz(whole) if kind == "tar.gz" else whole)
    place.packs(path)


# Links, folders that cannot be read, and other things that are no files.

LINKS = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


def link(folder: Path, **targets: str) -> None:
    for name, target in targets.items():
        (folder / f"{name}.png").symlink_to(target)


@LINKS
def test_links_to_nowhere(place: Place) -> None:
    link(place.photos, m="gone.png", n="../gone/too.png")
    place.packs(skipped={"m.png": "No such file", "n.png": "No such file"})


@LINKS
def test_a_link_to_itself(place: Place) -> None:
    link(place.photos, m="m.png")
    place.packs(skipped={"m.png": "symbolic links"})


@LINKS
def test_links_in_a_ring(place: Place) -> None:
    link(place.photos, m="n.png", n="m.png")
    place.packs(skipped={"m.png": "symbolic links", "n.png": "symbolic links"})


@LINKS
def test_links_to_folders_are_not_entered(place: Place) -> None:
    write(place.root / "other", {"b.png": picture(5)})
    (place.photos / "sub").mkdir()
    for name, target in {"m.png": "../other", "other": "../other", "sub/up": "..", "sub/here": "."}.items():
        (place.photos / name).symlink_to(target, target_is_directory=True)
    place.packs()


@LINKS
def test_links_to_files(place: Place) -> None:
    """A link to an image is that image; a link to another file is no image."""
    write(place.root / "other", {"b.png": picture(5), "c.txt": "text", "d.png": b""})
    link(place.photos, m="../other/b.png", n="../other/c.txt", o="../other/d.png")
    place.packs(good={"a.png": 1, "m.png": 5, "z.png": 2}, skipped={"n.png": "^not an image$", "o.png": "^empty file$"})


@LINKS
def test_a_source_that_is_a_link(place: Place) -> None:
    (place.root / "link").symlink_to("photos")
    place.packs(place.root / "link")
    for name, target in (("loop", "loop"), ("dangling", "gone")):
        (place.root / name).symlink_to(target)
        place.refuses(place.root / name, place.root / "out2", words=f"{place.root / name}: there is no such folder or file")


class TooLong(BaseException):
    """What a test raises that would wait for ever. No Exception, which would be taken for a fault of the picture."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_a_pipe_that_nobody_writes_to(place: Place) -> None:
    """It is not waited for."""
    os.mkfifo(place.photos / "m.png")
    with at_most(2):
        place.packs(skipped={"m.png": "."})


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no sockets in folders")
def test_sockets_and_devices(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    link(place.photos, m="/dev/null", n="/dev/zero")
    monkeypatch.chdir(place.photos)
    with socket.socket(socket.AF_UNIX) as server, at_most(3):
        server.bind("o.png")
        place.packs(skipped={"m.png": "^empty file$", "n.png": "^empty file$", "o.png": "^No such device or address$"})


USERS = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights are another thing there")


@pytest.fixture
def shared(capsys: pytest.CaptureFixture[str]) -> Iterator[Place]:
    """Like `place`, but where any user may read and write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        write(Path(folder) / "photos", {name: picture(number) for name, number in GOOD.items()})
        yield Place(Path(folder), capsys)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Within, files that may not be read cannot be read: root gives its rights away."""
    Image.init()  # the parts of Pillow may lie where only root can read
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)


@USERS
def test_files_and_folders_without_permission(shared: Place) -> None:
    write(shared.photos, {"m.png": picture(3), "n/b.png": picture(4)})
    places = (shared.photos / "m.png", shared.photos / "n")
    for path in places:
        path.chmod(0)
    try:
        with unprivileged():
            images = shared.prepare()
            assert images.names == ["a.png", "z.png"]
            assert np.array_equal(images.images[:], [noise(1), noise(2)])
            shared.skips({"m.png": "^Permission denied$", "n": "^Permission denied$"})
    finally:
        for path in places:
            path.chmod(0o755)


@USERS
@pytest.mark.parametrize("name", ["photos", "photos.zip", "photos.tar"])
def test_a_source_without_permission(name: str, shared: Place) -> None:
    for kind in ("zip", "tar"):
        archive(shared.root / f"photos.{kind}", {"a.png": picture(1)})
    (shared.root / name).chmod(0)
    try:
        with unprivileged():
            sentence = fails(shared.capsys, "prepare", shared.root / name, shared.out, "--workers", 1, words="ermission denied")
            assert not shared.out.exists()
        assert str(shared.root / name) in sentence
    finally:
        (shared.root / name).chmod(0o755)


@USERS
def test_a_table_without_permission(shared: Place) -> None:
    write(shared.root, {"t.csv": "name,Round\na.png,1\n"})
    (shared.root / "t.csv").chmod(0)
    with unprivileged():
        words = f"ermission denied: {shared.root / 't.csv'}"
        fails(shared.capsys, "prepare", shared.photos, shared.out, "--attributes", shared.root / "t.csv", words=words)
        assert not shared.out.exists()


@USERS
def test_an_out_without_permission(shared: Place) -> None:
    (shared.root / "closed").mkdir(0o555)
    with unprivileged():
        out = shared.root / "closed" / "out"
        fails(shared.capsys, "prepare", shared.photos, out, "--workers", 1, words=f"ermission denied: {out}")
    assert list((shared.root / "closed").iterdir()) == []


def test_a_folder_that_cannot_be_listed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one is on a disk that fails."""
    write(place.photos, {"m/b.png": picture(3)})
    around, scandir = surroundings(place.root, place.out), os.scandir

    def failing(path: Any = ".") -> Any:
        if str(path).endswith("/m"):
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", failing)
        images = place.prepare()
    assert surroundings(place.root, place.out) == around
    assert images.names == ["a.png", "z.png"]
    assert np.array_equal(images.images[:], [noise(1), noise(2)])
    place.skips({"m": "^Input/output error$"})


# Sources that are none.

KINDS = ("celeba", "lfw", "stl10", "cifar10", "cifar100", "mnist", "classes")
BAD_SOURCES: dict[str, tuple[str, str]] = {
    "no such folder": ("{root}/nowhere", "/nowhere: there is no such folder or file"),
    "a name that is too long": ("x" * 300, "x" * 300),
    "a name of two lines": ("{root}/no\nwhere", "there is no such folder or file"),
    "no name": ("", "a folder without a name"),
    "the folder of nobody": ("~nobody-of-this-name/photos", "~nobody-of-this-name"),
    "the celeba of nobody": ("celeba:~nobody-of-this-name/photos", "~nobody-of-this-name"),
    "a folder without images": ("{root}/here", f"{NO_IMAGES} {{root}}/here: looked for JPEG, PNG, WebP, BMP, GIF, TIFF and PPM files"),
    "a kind with a slip": ("celebaa:{root}/photos", "(and no folder celebaa:{root}/photos). Did you mean celeba?"),
    "an unknown kind": ("imagenet:{root}/photos", "There are celeba, lfw, stl10, cifar10, cifar100, mnist, classes, hf, hf-stream."),
    "a kind in capitals": ("CelebA:{root}/photos", "there is no kind of source CelebA"),
    "an address": ("https://example.org/photos.zip", "there is no kind of source https"),
    "another drive": ("Q:\\photos", "Q:\\photos: there is no such folder or file"),
    "avatars, nearly": ("avatar", "cannot take images from avatar: there is no such folder or file"),
    **{f"{kind} without a path": (f"{kind}:", f"cannot take images from {kind}:: there is no such folder") for kind in KINDS},
    **{f"{kind} of a missing path": (f"{kind}:{{root}}/gone", f"{kind}:{{root}}/gone: there is no such folder") for kind in KINDS},
    "celeba of photos": ("celeba:{root}/photos", "{root}/photos is not CelebA: it has no img_align_celeba, neither as"),
    "stl10 of photos": ("stl10:{root}/photos", "{root}/photos is not STL-10 in its binary form: it has no train_X.bin"),
    "cifar10 of photos": ("cifar10:{root}/photos", "{root}/photos is not CIFAR-10 in its binary form: it has no data_batch_1.bin"),
    "cifar100 of photos": ("cifar100:{root}/photos", "{root}/photos is not CIFAR-100 in its binary form: it has no train.bin"),
    "mnist of photos": ("mnist:{root}/photos", "{root}/photos holds no set like MNIST: it has no file such as train-images-idx3-ubyte.gz"),
    "lfw of a folder without images": ("lfw:{root}/here", f"{NO_IMAGES} {{root}}/here"),
    "classes of a folder without images": ("classes:{root}/here", f"{NO_IMAGES} {{root}}/here"),
    "classes without folders": ("classes:{root}/photos", "the images in {root}/photos do not lie in a folder a class"),
    "celeba of a file": ("celeba:{root}/photos/a.png", "a.png is not CelebA: it has no img_align_celeba"),
    "stl10 of a file": ("stl10:{root}/photos/a.png", "a file: unpack it first"),
    "cifar10 of a file": ("cifar10:{root}/photos/a.png", "a file: unpack it first"),
    "mnist of a file": ("mnist:{root}/photos/a.png", "a.png holds no set like MNIST"),
    "classes of a file": ("classes:{root}/photos/a.png", NO_ARCHIVE),
}  # fmt: skip


@pytest.mark.parametrize(("source", "words"), BAD_SOURCES.values(), ids=BAD_SOURCES.keys())
def test_a_bad_source_is_refused(source: str, words: str, place: Place) -> None:
    source, words = (text.replace("{root}", str(place.root)) for text in (source, words))
    place.refuses(source, place.out, "--workers", 1, words=words)


def test_a_packed_set_as_a_source(place: Place) -> None:
    place.packs()
    words = f"{place.out} is a packed set already: train on it with --data {place.out}"
    place.refuses(place.out, place.root / "again", words=words)


def test_the_pictures_of_a_run_as_a_source(place: Place) -> None:
    write(place.photos, {"recipe.yaml": "", "stats.jsonl": ""})
    place.refuses_photos(words=f"{NO_IMAGES} {place.photos}")


# Tables of attributes.

BAD_TABLES: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "there is no file {t}"),
    "empty": (b"", "{t} is empty: the first line must name the columns"),
    "only a mark of UTF-8": (b"\xef\xbb\xbf", "{t} is empty: the first line must name the columns"),
    "empty lines": (b"\n\n\n", "{t} has no column of file names: call it one of name, file_name, "),
    "no column of names": (b"Round,Male\n1,0\n", "{t} has no column of file names: call it one of name, file_name, "),
    "no header": (b"a.png,1\nz.png,0\n", "{t} has no column of file names"),
    "other separators": (b"name|Round\na.png|1\n", "{t} has no column of file names"),
    "two rows for an image": (b"name,Round\na.png,1\nz.png,1\na.png,0\n", "{t} has two rows for a.png"),
    "two columns of a name": (b"name,Round,Round\na.png,1,0\n", "{t} names the column Round twice"),
    "two columns of a name but for capitals": (b"name,Round,round\na.png,1,0\n", "{t} names the column Round twice"),
    "a row too short": (b"name,Round,Male\na.png,1,0\nz.png,1\n", "{t} has 2 cells in row 3, and 3 columns"),
    "a row too long": (b"name,Round\na.png,1,0\n", "{t} has 3 cells in row 2, and 2 columns"),
    "cut short": (b"name,Round,Male\na.png,1,0\nz.p", "{t} has 1 cells in row 3, and 3 columns"),
    "not UTF-8": ("name,Größe\na.png,1\n".encode("latin-1"), "{t} is no text in UTF-8"),
    "UTF-16": ("name,Round\na.png,1\n".encode("utf-16"), "{t} is no text in UTF-8"),
    "an image": (picture(1), "{t} is no text in UTF-8"),
    "a quote that is not closed": (b'name,Round\n"a.png,1\nz.png,0\n', "{t} is no CSV file: unexpected end of data"),
    "something after a quote": (b'name,Round\n"a.png"b,1\n', "{t} is no CSV file: "),
    "a cell too long": (b"name,Round\na.png," + b"1" * 200_000 + b"\n", "{t} is no CSV file: field larger than field limit"),
    "no row for any image": (b"name,Round\nb.png,1\nc.png,0\n", "no row of {t} has the name of an image: images are called a.png"),
    "a header alone": (b"name,Round\n", "no row of {t} has the name of an image: images are called a.png"),
    "other folders": (b"name,Round\nsub/a.png,1\n", "no row of {t} has the name of an image: images are called a.png"),
}


@pytest.mark.parametrize(("content", "words"), BAD_TABLES.values(), ids=BAD_TABLES.keys())
def test_a_bad_table_is_refused(content: bytes | None, words: str, place: Place) -> None:
    table = place.root / "t.csv"
    if content is not None:
        table.write_bytes(content)
    place.refuses_photos("--attributes", table, words=words.format(t=table))


def test_a_column_of_labels_that_is_not_there(place: Place) -> None:
    table = place.root / "t.csv"
    table.write_text("name,Round\na.png,1\n")
    place.refuses_photos("--attributes", table, "--label", "kind", words=f"{table} has no column kind: it has name, Round")


def test_a_folder_as_a_table(place: Place) -> None:
    place.refuses_photos("--attributes", place.photos, words=f"there is no file {place.photos}")


U = math.nan
NO_IMAGE = r"^{} rows? of t\.csv ha(s|ve) no image: {}$"
NO_ROW = r"^{} images? ha(s|ve) no row in t\.csv: (its|their) attributes are unknown$"
TEXT = r"^columns of t\.csv that hold text are no attributes: {}$"
NUMBERED = b"".join(b"%d.png,1\n" % number for number in range(20))

ODD_TABLES: dict[str, tuple[bytes, Mapping[str, tuple[float, float]], list[str]]] = {
    "commas": (b"name,Round\na.png,1\nz.png,0\n", {"Round": (1, 0)}, []),
    "semicolons": (b"name;Round;Size\na.png;1;2.5\nz.png;0;-3\n", {"Round": (1, 0), "Size": (2.5, -3)}, []),
    "tabs": (b"name\tRound\na.png\t1\nz.png\t0\n", {"Round": (1, 0)}, []),
    "semicolons, and a comma in a name": (b"name;Height, Width;b\na.png;1;0\nz.png;0;1\n", {"Height, Width": (1, 0), "b": (0, 1)}, []),
    "a mark of UTF-8": (b"\xef\xbb\xbfname,Round\na.png,1\nz.png,0\n", {"Round": (1, 0)}, []),
    "lines as Windows ends them": (b"name,Round\r\na.png,1\r\nz.png,0\r\n", {"Round": (1, 0)}, []),
    "empty lines between": (b"name,Round\n\na.png,1\n\n\nz.png,0\n\n", {"Round": (1, 0)}, []),
    "no line feed at its end": (b"name,Round\na.png,1\nz.png,0", {"Round": (1, 0)}, []),
    "spaces around": (b" name , Round \n a.png , 1 \nz.png, -1\n", {"Round": (1, 0)}, []),
    "quotes": (b'"name","Round"\n"a.png","1"\n"z.png","0"\n', {"Round": (1, 0)}, []),
    "the column of names last": (b"Round,FILE_NAME\n1,a.png\n0,z.png\n", {"Round": (1, 0)}, []),
    "Unicode in names": ("name,Größe ☃\na.png,1\nz.png,0\n".encode(), {"Größe ☃": (1, 0)}, []),
    "words for truth": (b"name,Round,Male\na.png,true,No\nz.png,FALSE,yes\n", {"Round": (1, 0), "Male": (0, 1)}, []),
    "cells that are empty or NaN": (b"name,Round,Male\na.png,,NaN\nz.png,n/a,1\n", {"Round": (U, U), "Male": (U, 1)}, []),
    "a column without a value": (b"name,Round,Male\na.png,,1\nz.png,,0\n", {"Round": (U, U), "Male": (1, 0)}, []),
    "infinite cells": (b"name,Round,Size\na.png,1,inf\nz.png,0,3\n", {"Round": (1, 0)}, [TEXT.format(r'Size \(".+" for [az]\.png\)')]),
    "a number that is too large": (
        b"name,Round,Size\na.png,1,1e400\nz.png,0,3\n",
        {"Round": (1, 0)},
        [TEXT.format(r'Size \(".+" for [az]\.png\)')],
    ),
    "a number too large for 32 bits": (
        b"name,Round,Size\na.png,1,1e39\nz.png,0,3\n",
        {"Round": (1, 0)},
        [TEXT.format(r'Size \(".+" for [az]\.png\)')],
    ),
    "columns of text": (
        b"name,Town,Round,Remark\na.png,Bath,1,x\nz.png,York,0,\n",
        {"Round": (1, 0)},
        [TEXT.format(r'Town \(".+" for [az]\.png\), Remark \(".+" for [az]\.png\)')],
    ),
    "columns of text alone": (b"name,Town\na.png,Bath\nz.png,York\n", {}, [TEXT.format(r'Town \(".+" for [az]\.png\)')]),
    "text of two lines": (
        b'name,Re,Round\na.png,"one\ntwo, 3",1\nz.png,"\n\n",0\n',
        {"Round": (1, 0)},
        [TEXT.format(r'Re \(".+" for [az]\.png\)')],
    ),
    "rows without an image": (b"name,R\na.png,1\nb.png,1\nz.png,0\nc.png,1\n", {"R": (1, 0)}, [NO_IMAGE.format(2, r"b\.png, c\.png")]),
    "many rows without an image": (
        *(b"name,R\na.png,1\nz.png,0\n" + NUMBERED, {"R": (1, 0)}),
        [NO_IMAGE.format(20, r"0\.png, 1\.png, 10\.png, \.\.\.")],
    ),
    "images without a row": (b"name,R\nz.png,0\n", {"R": (U, 0)}, [NO_ROW.format(1)]),
    "both": (b"name,R\nz.png,0\nb.png,1\n", {"R": (U, 0)}, [NO_IMAGE.format(1, r"b\.png"), NO_ROW.format(1)]),
    "a row that leads out": (b"name,R\n../a.png,1\na.png,1\nz.png,0\n", {"R": (1, 0)}, [NO_IMAGE.format(1, r"\.\./a\.png")]),
}


@pytest.mark.parametrize(("content", "attributes", "notes"), ODD_TABLES.values(), ids=ODD_TABLES.keys())
def test_an_odd_table_is_read(content: bytes, attributes: Mapping[str, tuple[float, float]], notes: list[str], place: Place) -> None:
    (place.root / "t.csv").write_bytes(content)
    images = place.packs(attributes=place.root / "t.csv")
    assert images.attribute_names == tuple(attributes)
    wanted = np.array(list(attributes.values()), np.float32).reshape(len(attributes), 2).T
    assert np.array_equal(images.attributes, wanted, equal_nan=True), images.attributes
    assert len(images.manifest["notes"]) == len(notes), images.manifest["notes"]
    assert all(re.search(note, there) for note, there in zip(notes, images.manifest["notes"], strict=True)), images.manifest["notes"]


@pytest.mark.parametrize("split", ["../../evil", "/evil", "", "a/b", "x" * 300, "naïve ☃", "b\x00c", "two\nlines"])
def test_odd_names_of_splits(split: str, place: Place) -> None:
    """Files are named after splits, but lie in OUT."""
    with (place.root / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("name", "split"), ("a.png", split), ("z.png", "train")])
    images = place.packs(attributes=place.root / "t.csv", splits=2 if split else 1)
    assert images.split("train").tolist() == [1]
    assert [images.split(name).tolist() for name in images.splits if name != "train"] == ([[0]] if split else [])


def test_a_table_and_bad_images(place: Place) -> None:
    """What is known of a good image stays with it, whatever is skipped before it."""
    write(place.photos, {"0.png": b"", "m.png": "text", "n.png": picture(3)})
    write(place.root, {"t.csv": "name,Round,label\n0.png,1,x\na.png,0,a\nm.png,1,x\nn.png,1,n\nz.png,0,z\n"})
    skipped = {"0.png": "empty file", "m.png": "not an image"}
    images = place.packs(good={"a.png": 1, "n.png": 3, "z.png": 2}, skipped=skipped, attributes=place.root / "t.csv")
    assert images.attributes.tolist() == [[0], [1], [0]]
    assert images.labels == ["a", "n", "z"]
    assert images.classes == ["a", "n", "z"]


# Published sets that are damaged.


def idx(kind: int, shape: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f">I{len(shape)}I", kind, *shape) + content


GREY = np.random.default_rng(3).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8).tobytes()
IMAGES, LABELS = idx(0x803, (3, SIDE, SIDE), GREY), idx(0x801, (3,), b"\x01\x02\x03")
STL = bytes(3 * 96 * 96)
CIFAR = bytes(3 * 32 * 32)
LATIN = "José".encode("latin-1")

SETS: dict[str, dict[str, bytes | str | None]] = {
    "celeba": {
        "img_align_celeba/000001.jpg": picture(1),
        "img_align_celeba/000002.jpg": picture(2),
        "list_attr_celeba.txt": "2\nMale Young \n000001.jpg  1 -1 \n000002.jpg -1 -1 \n",
        "list_eval_partition.txt": "000001.jpg 0\n000002.jpg 2\n",
    },
    "lfw": {
        "lfw/Ann_Lee/Ann_Lee_0001.jpg": picture(1),
        "lfw/Bo/Bo_0001.jpg": picture(2),
        "people.txt": "2\n1\nAnn_Lee\t1\n1\nBo\t1\n",
        "lfw_attributes.txt": "#\tlfw_attributes.txt\n#\tperson\timagenum\tMale\tYoung\nAnn Lee\t1\t-1.5\t0.25\nBo\t1\t2.5\t3\n",
    },
    "stl10": {"train_X.bin": STL * 2, "train_y.bin": b"\x01\x0a", "test_X.bin": STL, "test_y.bin": b"\x02", "unlabeled_X.bin": STL},
    "cifar10": {
        **{f"data_batch_{number}.bin": bytes([number]) + CIFAR for number in range(1, 6)},
        "test_batch.bin": b"\x09" + CIFAR,
        "batches.meta.txt": "\n".join("abcdefghij"),
    },
    "cifar100": {
        "train.bin": (b"\x00\x63" + CIFAR) * 2,
        "test.bin": b"\x00\x00" + CIFAR,
        "fine_label_names.txt": "".join(f"class{number}\n" for number in range(100)),
    },
    "mnist": {"train-images-idx3-ubyte": IMAGES, "train-labels-idx1-ubyte": LABELS},
    "classes": {"train/cat/a.png": picture(1), "test/dog/z.png": picture(2)},
}
COUNTS = {"celeba": 2, "lfw": 2, "stl10": 4, "cifar10": 6, "cifar100": 3, "mnist": 3, "classes": 2}


@pytest.mark.parametrize("kind", SETS)
def test_these_sets_are_good_before_they_are_damaged(kind: str, place: Place) -> None:
    write(place.root / "set", SETS[kind])
    around = surroundings(place.root, place.out)
    images = place.prepare(f"{kind}:{place.root / 'set'}")
    assert len(images) == COUNTS[kind]
    assert images.skipped == images.manifest["notes"] == []
    assert images.splits
    assert surroundings(place.root, place.out) == around


LIST, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
NO_LIST = f"{LIST} is not a list of attributes as CelebA has it"
NO_PARTITION = f"{PARTITION} is not CelebA's list of partitions: each row is a file and 0, 1 or 2"
PEOPLE, FACES = "people.txt", "lfw_attributes.txt"
NO_PEOPLE = "people.txt is not LFW's list of people: it is damaged, or cut short"
NO_FACES = "lfw_attributes.txt is not LFW's table of attributes: it is damaged, or cut short"
DEVELOPMENT: dict[str, bytes | str | None] = {"people.txt": None, "peopleDevTest.txt": "1\nBo\t1\n"}
MNIST, MNIST_LABELS, LABELS_GZ = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"
ZIPPED: dict[str, bytes | str | None] = {MNIST: None, MNIST_LABELS: None}

BAD_SETS: dict[str, tuple[dict[str, bytes | str | None], str]] = {
    "celeba, a count too high": ({LIST: "3\nMale\n000001.jpg 1\n000002.jpg 1\n"}, f"{LIST} announces 3 images and has 2 rows"),
    "celeba, a count too low": ({LIST: "1\nMale\n000001.jpg 1\n000002.jpg 1\n"}, f"{LIST} announces 1 images and has 2 rows"),
    "celeba, no count": ({LIST: "Male\n000001.jpg 1\n"}, NO_LIST),
    "celeba, an empty list": ({LIST: ""}, NO_LIST),
    "celeba, a count alone": ({LIST: "2\n"}, NO_LIST),
    "celeba, a value of 0": ({LIST: "2\nMale\n000001.jpg 1\n000002.jpg 0\n"}, NO_LIST),
    "celeba, a value that is none": ({LIST: "2\nMale\n000001.jpg 1\n000002.jpg x\n"}, NO_LIST),
    "celeba, a value too few": ({LIST: "2\nMale Young\n000001.jpg 1 1\n000002.jpg 1\n"}, NO_LIST),
    "celeba, a value too many": ({LIST: "2\nMale\n000001.jpg 1 1\n000002.jpg 1\n"}, NO_LIST),
    "celeba, two rows for an image": ({LIST: "2\nMale\n000001.jpg 1\n000001.jpg -1\n"}, LIST),
    "celeba, a list that is no text": ({LIST: picture(1)}, f"{LIST} is no text in UTF-8"),
    "celeba, a list of other images": ({LIST: "1\nMale\n999.jpg 1\n"}, "has the name of an image: images are called 000001.jpg"),
    "celeba, an unknown partition": ({PARTITION: "000001.jpg 0\n000002.jpg 3\n"}, NO_PARTITION),
    "celeba, partitions cut in a row": ({PARTITION: "000001.jpg 0\n000002.jpg"}, NO_PARTITION),
    "celeba, partitions with more columns": ({PARTITION: "000001.jpg 0 1\n"}, NO_PARTITION),
    "celeba, partitions that are no text": ({PARTITION: LATIN + b" 0\n"}, "list_eval_partition.txt is no text in UTF-8"),
    "celeba, no images": ({"img_align_celeba/000001.jpg": None, "img_align_celeba/000002.jpg": None}, NO_IMAGES),
    "celeba, no folder of images": ({"img_align_celeba": None}, "it has no img_align_celeba, neither as a folder nor as a zip"),
    "celeba, a damaged zip": ({"img_align_celeba": None, "img_align_celeba.zip": b"PK"}, f"img_align_celeba.zip: {NO_ZIP}"),
    "lfw, people cut short": ({PEOPLE: "2\n1\nAnn_Lee\t1\n1\n"}, NO_PEOPLE),
    "lfw, a fold too few": ({PEOPLE: "2\n1\nAnn_Lee\t1\n"}, NO_PEOPLE),
    "lfw, people too many": ({PEOPLE: "2\n1\nAnn_Lee\t1\n1\nBo\t1\nCy\t1\n"}, NO_PEOPLE),
    "lfw, an empty list": ({PEOPLE: ""}, NO_PEOPLE),
    "lfw, people in another encoding": ({PEOPLE: b"1\n1\n" + LATIN + b"\t1\n"}, "/people.txt"),
    "lfw, people to train on cut short": (DEVELOPMENT | {"peopleDevTrain.txt": "9\nAnn_Lee\t1\n"}, "/peopleDevTrain.txt"),
    "lfw, people to train on in another encoding": (DEVELOPMENT | {"peopleDevTrain.txt": b"1\n" + LATIN + b"\t1\n"}, "/peopleDevTrain.txt"),
    "lfw, attributes cut short": ({FACES: "#\n#\tperson\timagenum\tMale\tYoung\nAnn Lee\t1\t-1.5\t0.25\nBo\t1\t2.5"}, NO_FACES),
    "lfw, attributes cut in a name": ({FACES: "#\n#\tperson\timagenum\tMale\nAnn Lee\t1\t-1.5\nB"}, NO_FACES),
    "lfw, attributes that are no numbers": ({FACES: "#\n#\tperson\timagenum\tMale\nAnn Lee\t1\tlots\n"}, NO_FACES),
    "lfw, no attributes": ({FACES: ""}, NO_FACES),
    "lfw, attributes in another encoding": ({FACES: b"#\n#\tperson\timagenum\t" + LATIN}, "/lfw_attributes.txt"),
    "stl10, images cut short": ({"train_X.bin": STL + STL[:-1]}, "/train_X.bin is damaged: it should hold records of 27,648 bytes"),
    "stl10, images too long": ({"unlabeled_X.bin": STL + b"x"}, "/unlabeled_X.bin is damaged: it should hold records of 27,648 bytes"),
    "stl10, no images": ({"test_X.bin": b""}, "/test_X.bin is damaged: it should hold records of 27,648 bytes, and has 0"),
    "stl10, an image too few": ({"train_X.bin": STL}, "/train_y.bin is damaged: it should hold 1 numbers from 1 to 10"),
    "stl10, a label of 0": ({"train_y.bin": b"\x00\x01"}, "/train_y.bin is damaged: it should hold 2 numbers from 1 to 10"),
    "stl10, a label of 11": ({"train_y.bin": b"\x01\x0b"}, "/train_y.bin is damaged: it should hold 2 numbers from 1 to 10"),
    "stl10, a label too few": ({"train_y.bin": b"\x01"}, "/train_y.bin is damaged: it should hold 2 numbers from 1 to 10"),
    "stl10, a label too many": ({"test_y.bin": b"\x01\x02"}, "/test_y.bin is damaged: it should hold 1 numbers from 1 to 10"),
    "stl10, no labels": ({"train_y.bin": b""}, "/train_y.bin is damaged: it should hold 2 numbers from 1 to 10"),
    "stl10, too few classes": ({"class_names.txt": "bird\ncar\n"}, "/train_y.bin is damaged: it should hold 2 numbers from 1 to 2"),
    "stl10, classes in another encoding": ({"class_names.txt": LATIN}, "/class_names.txt"),
    "cifar10, cut short": ({"data_batch_3.bin": CIFAR}, "/data_batch_3.bin is damaged: it should hold records of 3,073"),
    "cifar10, too long": ({"data_batch_3.bin": b"\x01" + CIFAR + b"x"}, "/data_batch_3.bin is damaged: it should hold records of 3,073"),
    "cifar10, an empty file": ({"test_batch.bin": b""}, "/test_batch.bin is damaged: it should hold records of 3,073 bytes, and has 0"),
    "cifar10, a file too few": ({"data_batch_3.bin": None}, "it has no data_batch_3.bin"),
    "cifar10, a label of 10": ({"data_batch_2.bin": b"\x0a" + CIFAR}, "/data_batch_2.bin is damaged: it has a label 10, and there"),
    "cifar10, too few classes": ({"batches.meta.txt": "cat\ndog\n"}, "/data_batch_2.bin is damaged: it has a label 2, and there"),
    "cifar10, classes in another encoding": ({"batches.meta.txt": LATIN}, "/batches.meta.txt"),
    "cifar100, cut short": ({"train.bin": CIFAR}, "/train.bin is damaged: it should hold records of 3,074 bytes, and has 3,072"),
    "cifar100, a label of 100": ({"test.bin": b"\x00\x64" + CIFAR}, "/test.bin is damaged: it has a label 100, and there are 100 classes"),
    "mnist, images that are none": ({MNIST: b"hello" * 99}, f"/{MNIST} is no IDX file of images"),
    "mnist, labels for images": ({MNIST: idx(0x801, (3,), bytes(99))}, f"/{MNIST} is no IDX file of images"),
    "mnist, numbers for images": ({MNIST: idx(0xD03, (3, SIDE, SIDE), bytes(4 * 3 * SIDE * SIDE))}, f"/{MNIST} is no IDX file of images"),
    "mnist, images for labels": ({MNIST_LABELS: idx(0x803, (3, 1, 1), bytes(3))}, f"/{MNIST_LABELS} is no IDX file of labels"),
    "mnist, an empty file": ({MNIST: b""}, f"/{MNIST} is no IDX file of images"),
    "mnist, half a head": ({MNIST: IMAGES[:10]}, f"/{MNIST} is no IDX file of images"),
    "mnist, too few labels": ({MNIST_LABELS: idx(0x801, (2,), b"\1\2")}, "it has 2 labels for 3 images"),
    "mnist, labels cut short": ({MNIST_LABELS: LABELS[:-1]}, f"/{MNIST_LABELS} does not belong to {MNIST}"),
    "mnist, labels too long": ({MNIST_LABELS: LABELS + b"\4"}, f"/{MNIST_LABELS} does not belong to {MNIST}: it has 4 labels for 3 images"),
    "mnist, two sizes": ({"t10k-images-idx3-ubyte": idx(0x803, (1, 8, 8), bytes(64))}, "have images of different sizes: "),
    "mnist, no image": ({MNIST: idx(0x803, (0, SIDE, SIDE), b""), MNIST_LABELS: None}, "set"),
    "mnist, images without pixels": ({MNIST: idx(0x803, (3, 0, 0), b"")}, f"/{MNIST}"),
    "mnist, images of a huge size": ({MNIST: idx(0x803, (3, 2**32 - 1, 2**32 - 1), GREY)}, f"/{MNIST}"),
    "mnist, text called gz": ({**ZIPPED, f"{MNIST}.gz": "text"}, f"/{MNIST}.gz is damaged"),
    "mnist, half a gz": ({**ZIPPED, f"{MNIST}.gz": gz(IMAGES)[:20]}, f"/{MNIST}.gz is damaged"),
    "mnist, labels in half a gz": ({**ZIPPED, f"{MNIST}.gz": gz(IMAGES), LABELS_GZ: gz(LABELS)[:-5]}, f"/{LABELS_GZ} is damaged"),
    "classes, no folder a class": ({"train": None, "test": None, "a.png": picture(1)}, "do not lie in a folder a class"),
}  # fmt: skip


@pytest.mark.parametrize(("case", "changes", "words"), [(case, *rest) for case, rest in BAD_SETS.items()], ids=BAD_SETS.keys())
def test_a_damaged_set_is_refused(case: str, changes: dict[str, bytes | str | None], words: str, place: Place) -> None:
    kind = case.partition(",")[0]
    folder = write(place.root / "set", SETS[kind])
    for name in [name for name in changes if (folder / name).is_dir()]:
        shutil.rmtree(folder / name)
    write(folder, {name: content for name, content in changes.items() if content is not None or (folder / name).exists()})
    place.refuses(f"{kind}:{folder}", place.out, "--workers", 1, words=words)


@pytest.mark.parametrize("options", [("--size", 16), ("--attributes", "t.csv")], ids=["a size", "a table"])
@pytest.mark.parametrize("shape", [(0, 16, 16), (3, 2**32 - 1, 2**32 - 1)], ids=["no image", "huge images"])
def test_mnist_that_announces_what_cannot_be(shape: tuple[int, ...], options: tuple[object, ...], place: Place) -> None:
    write(place.root / "set", {MNIST: idx(0x803, shape, GREY)})
    Path("t.csv").write_text("name,Round\ntrain-000000,1\n")
    place.refuses(f"mnist:{place.root / 'set'}", place.out, "--workers", 1, *options, words="set")


CUT_SETS: dict[str, dict[str, bytes | str | None]] = {
    "cut short": {MNIST: IMAGES[:-100]},
    "cut between images": {MNIST: IMAGES[: -SIDE * SIDE]},
    "of far too many images": {MNIST: idx(0x803, (2**32 - 1, SIDE, SIDE), GREY), MNIST_LABELS: None},
    "longer than announced": {MNIST: IMAGES + bytes(SIDE * SIDE)},
    "gzipped and cut short": {**ZIPPED, f"{MNIST}.gz": gz(IMAGES)[:-100]},
    "gzipped, with a changed pixel": {**ZIPPED, f"{MNIST}.gz": damaged(gz(IMAGES), 300)},
    "gzipped without its end": {**ZIPPED, f"{MNIST}.gz": gz(IMAGES)[:-6]},
}


@pytest.mark.parametrize("changes", CUT_SETS.values(), ids=CUT_SETS.keys())
def test_mnist_that_is_found_damaged_on_the_way(changes: dict[str, bytes | str | None], place: Place) -> None:
    """Nothing is taken for a set; and put right, it is packed into the same OUT."""
    folder = write(write(place.root / "set", SETS["mnist"]), changes)
    around = surroundings(place.root, place.out)
    arguments = ("prepare", f"mnist:{folder}", place.out, "--workers", 1)
    fails(place.capsys, *arguments, words=f"/{next(name for name in changes if changes[name])} ")
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)
    shutil.rmtree(folder)
    write(folder, SETS["mnist"])
    images = place.prepare(f"mnist:{folder}", channels=1)
    assert images.images[:].tobytes() == GREY
    assert images.labels == ["1", "2", "3"]


NOTED: dict[str, tuple[str, Mapping[str, bytes | str | None], str]] = {
    "celeba, rows of missing images": ("celeba", {"img_align_celeba/000002.jpg": None}, rf"^1 rows? of {LIST} ha(s|ve) no image: 000002"),
    "celeba, attributes cut between rows": ("celeba", {LIST: "1\nMale\n000001.jpg 1\n"}, rf"^1 images? ha(s|ve) no row in {LIST}"),
    "celeba, partitions cut between rows": ("celeba", {PARTITION: "000001.jpg 0\n"}, f"1 .*{PARTITION}"),
    "lfw, attributes cut between rows": (
        *("lfw", {FACES: "#\n#\tperson\timagenum\tMale\nAnn Lee\t1\t-1.5\n"}),
        rf"^1 images? ha(s|ve) no row in {FACES}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "changes", "note"), NOTED.values(), ids=NOTED.keys())
def test_what_is_missing_is_noted(kind: str, changes: Mapping[str, bytes | str | None], note: str, place: Place) -> None:
    """In the set, and where it is packed."""
    folder = write(write(place.root / "set", SETS[kind]), changes)
    images = place.prepare(f"{kind}:{folder}", crop="none")
    assert [line for line in images.manifest["notes"] if re.search(note, line)], images.manifest["notes"]
    place.capsys.readouterr()
    works("prepare", f"{kind}:{folder}", place.root / "again", "--workers", 1)
    assert any(re.search(note, line) for line in place.capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("kind", ["celeba", "lfw", "classes"])
def test_bad_images_in_a_set(kind: str, place: Place) -> None:
    """What is known of an image stays with it: with one that is bad before it, nothing else changes."""

    def known(images: ImageSet) -> list[tuple[object, ...]]:
        splits = {number: name for name in images.splits for number in images.split(name).tolist()}
        attributes = images.attributes.tolist()
        return [(name, images.labels[n], attributes[n], splits[n], images.images[n].tolist()) for n, name in enumerate(images.names)]

    folder = write(place.root / "set", SETS[kind])
    whole = known(place.prepare(f"{kind}:{folder}"))
    assert len(whole) == 2
    shutil.rmtree(place.out)
    first = min(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg"))
    first.write_bytes(half(first.read_bytes()))
    images = place.prepare(f"{kind}:{folder}")
    assert known(images) == whole[1:]
    assert len(images.skipped) == 1
    assert re.match(f"{re.escape(str(whole[0][0]))}: damaged: ", images.skipped[0])


# Hugging Face.


@pytest.fixture
def datasets(place: Place, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    library = pytest.importorskip("datasets")
    cache = Path(tempfile.mkdtemp(prefix="hf-", dir=place.root.parent))
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", cache)
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    return library


def hub(datasets: Any, folder: Path, rows: list[Any], **columns: Any) -> Path:
    folder.mkdir()
    datasets.Dataset.from_list(rows, features=datasets.Features(columns)).to_parquet(folder / "train.parquet")
    return folder


HUBS = pytest.mark.parametrize("kind", ["hf", "hf-stream"])


@HUBS
def test_hugging_face_without_a_name(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:", place.out, words="name a set after hf:, such as hf:")


@HUBS
def test_hugging_face_of_a_missing_folder(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:{place.root}/nowhere", place.out, words=f"cannot take images from hf:{place.root}/nowhere: ")


@HUBS
def test_hugging_face_of_an_empty_folder(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:{place.root}/here", place.out, words=f"cannot take images from hf:{place.root}/here: ")


@HUBS
def test_hugging_face_of_a_set_that_cannot_be_reached(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:nobody-of-this-name/nothing", place.out, words="cannot take images from hf:nobody-of-this-name/nothing: ")


@HUBS
def test_hugging_face_without_images(kind: str, place: Place, datasets: Any) -> None:
    folder = hub(datasets, place.root / "hub", [{"n": 1, "t": "x"}], n=datasets.Value("int32"), t=datasets.Value("string"))
    place.refuses(f"{kind}:{folder}", place.out, words=f"hf:{folder} has no column of images: it has n, t")


@HUBS
def test_hugging_face_with_bad_rows(kind: str, place: Place, datasets: Any) -> None:
    """Images that are none are skipped; numbers that are none are not known."""
    contents = [picture(1), b"text", None, half(picture(3)), b"", picture(2)]
    numbers = [math.inf, 1, 2, 3, 4, None]
    rows = [{"image": c if c is None else {"bytes": c, "path": None}, "n": n} for c, n in zip(contents, numbers, strict=True)]
    folder = hub(datasets, place.root / "hub", rows, image=datasets.Image(), n=datasets.Value("float32"))
    skipped = {1: "^not an image$", 2: "^no image in this row$", 3: "^damaged: ", 4: "^no image in this row$|^empty file$"}
    images = place.packs(
        f"{kind}:{folder}",
        good={"train-0000000": 1, "train-0000005": 2},
        skipped={f"train-000000{number}": reason for number, reason in skipped.items()},
        splits=1,
    )
    assert np.isnan(images.attributes).all(), images.attributes


@HUBS
def test_hugging_face_with_a_label_that_there_is_not(kind: str, place: Place, datasets: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"image": {"bytes": picture(number), "path": None}, "label": 0} for number in (1, 2)]
    folder = hub(datasets, place.root / "hub", rows, image=datasets.Image(), label=datasets.ClassLabel(names=["x", "y"]))
    table = parquet.read_table(folder / "train.parquet")
    parquet.write_table(table.set_column(1, table.schema.field(1), [[7, 1]]), folder / "train.parquet")
    around = surroundings(place.root, place.out)
    try:
        images = place.prepare(f"{kind}:{folder}")
    except UserError:
        assert not ImageSet.is_set(place.out)
    else:
        assert images.labels == ["", "y"]
    assert surroundings(place.root, place.out) == around


@HUBS
def test_hugging_face_with_a_damaged_file(kind: str, place: Place, datasets: Any) -> None:
    """The first file tells what is in the set; the second one cannot be read."""
    rows = [{"image": {"bytes": picture(1), "path": None}}]
    folder = hub(datasets, place.root / "hub", rows, image=datasets.Image())
    (folder / "test.parquet").write_bytes(half((folder / "train.parquet").read_bytes()))
    around = surroundings(place.root, place.out)
    with pytest.raises(UserError, match=f"hf:{folder}|hf hub"):
        place.prepare(f"{kind}:{folder}")
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)


def test_hugging_face_says_nothing_else(place: Place, datasets: Any) -> None:
    """In a process of its own, where the library may write to standard error what it likes."""
    assert datasets
    write(place.root / "hub", {"train.parquet": b"PAR1 and then nothing"})
    command = [sys.executable, "-m", "vaegan", "prepare", f"hf:{place.root / 'hub'}", str(place.out)]
    surrounding = {**os.environ, "HF_DATASETS_CACHE": tempfile.mkdtemp(dir=place.root.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=surrounding)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"vaegan: cannot take images from hf:{place.root / 'hub'}: ")
    assert not place.out.exists()


# Options.

BAD_OPTIONS: dict[str, tuple[tuple[object, ...], str]] = {
    "a size of 0": (("--size", 0), "an image has at least 1 pixel a side, not 0x0"),
    "a size below 0": (("--size=-16",), "an image has at least 1 pixel a side, not -16x-16"),
    "a size that is none": (("--size", "big"), "--size must be a number of pixels, or height x width such as 96x64, not big"),
    "three sides": (("--size", "3x4x5"), "--size must be a number of pixels, or height x width such as 96x64, not 3x4x5"),
    "a side too few": (("--size", "16x"), "--size must be a number of pixels, or height x width such as 96x64, not 16x"),
    "half a pixel": (("--size", "16.5"), "--size must be a number of pixels, or height x width such as 96x64, not 16.5"),
    "an empty size": (("--size", ""), "--size"),
    "a size beyond numbers": (("--workers", 1, "--size", 10**20), str(10**20)),
    "a crop that there is not": (("--crop", "center"), "--crop"),
    "a resampling that there is not": (("--resampling", "cubic"), "--resampling"),
    "a crop box without a box": (("--crop", "box"), "a box is left, top, right, bottom in pixels, such as 15 40 163 188, not 0 0 0 0"),
    "a box without a crop box": (("--box", 0, 0, 8, 8), "a box is only for crop box, not for crop centre"),
    "a box with another crop": (("--crop", "celeba", "--box", 0, 0, 8, 8), "a box is only for crop box, not for crop celeba"),
    "a box the wrong way round": (("--crop", "box", "--box", 8, 0, 0, 8), "a box is left, top, right, bottom in pixels"),
    "a box of no height": (("--crop", "box", "--box", 0, 8, 8, 8), "a box is left, top, right, bottom in pixels"),
    "a box that begins outside": (("--crop", "box", "--box", "-1", 0, 8, 8), "box"),
    "a box of three sides": (("--crop", "box", "--box", 0, 0, 8), "--box"),
    "a box that is none": (("--crop", "box", "--box", 0, 0, 8, "x"), "--box"),
    "a box around no image": (("--crop", "box", "--box", 100, 100, 200, 200), "none of the 2 pictures of folder photos could be read"),
    "blur with a resampling": (("--blur", "--resampling", "lanczos"), "blur brings its own resampling: leave out lanczos"),
    "splits that are too small": (("--splits", 0.5, 0.1, 0.1), "shares that add up to 1, such as 0.8 0.1 0.1, not 0.5 0.1 0.1"),
    "splits that are too large": (("--splits", 1, 1, 1), "--splits must be shares that add up to 1"),
    "a split below 0": (("--splits", 1.2, "-0.1", "-0.1"), "--splits"),
    "splits of nothing": (("--splits", 0, 0, 0), "--splits must be shares that add up to 1"),
    "splits that are no numbers": (("--splits", "nan", 0, 1), "--splits must be shares that add up to 1"),
    "an infinite split": (("--splits", "inf", 0, 0), "--splits must be shares that add up to 1"),
    "two splits": (("--splits", 0.8, 0.2), "--splits"),
    "a count of 0": (("--count", 0), "--count must be above 0, not 0"),
    "a count below 0": (("--count=-3",), "--count must be above 0, not -3"),
    "a count that is none": (("--count", "many"), "--count"),
    "no workers": (("--workers", 0), "--workers must be above 0, not 0"),
    "workers below 0": (("--workers=-1",), "--workers must be above 0, not -1"),
    "a label without attributes": (("--label", "kind"), "--label names a column of the file that --attributes gives: give that, too"),
    "an option that there is not": (("--sizes", 16), "--sizes"),
    "something too much": (("more",), "more"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_bad_options(options: tuple[object, ...], words: str, place: Place) -> None:
    place.refuses(place.photos, place.out, *options, words=words)


@pytest.mark.skipif(sys.platform != "linux", reason="memory cannot be limited there")
def test_a_huge_size(place: Place) -> None:
    """It is refused as what it is. Where it is not, a limit keeps it from taking all memory of the machine."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), before[1]))
    try:
        place.refuses(place.photos, place.out, "--workers", 1, "--size", 1_000_000, words="1000000")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("arguments", [(), ("photos",)])
def test_arguments_that_are_missing(arguments: tuple[str, ...], place: Place) -> None:
    place.refuses(*arguments, words="OUT" if arguments else "SOURCE")


@pytest.mark.parametrize(
    ("options", "words"), [(("--grey",), "avatars have 3 channels, not 1"), (("--count", 0), "--count"), (("--size", 0), "not 0x0")]
)
def test_bad_avatars(options: tuple[object, ...], words: str, place: Place) -> None:
    place.refuses("avatars", place.out, *options, words=words)


def test_an_odd_resampling_from_python(place: Place) -> None:
    with pytest.raises((UserError, ValueError), match="cubic"):
        place.prepare(resampling="cubic")
    assert not place.out.exists()


# OUT.


def test_an_out_that_is_a_file(place: Place) -> None:
    place.out.write_text("mine")
    place.refuses_photos(words=str(place.out))


def test_an_out_below_a_file(place: Place) -> None:
    (place.root / "file").write_text("mine")
    place.refuses(place.photos, place.root / "file" / "out", "--workers", 1, words=str(place.root / "file"))


def test_an_out_that_is_a_link_to_nowhere(place: Place) -> None:
    place.out.symlink_to("gone/deep")
    place.refuses_photos(words=str(place.out))


def test_an_out_that_is_not_empty(place: Place) -> None:
    write(place.out, {"mine.txt": "mine", "b/c.txt": "mine"})
    place.refuses_photos(words=f"{place.out} is not empty: it holds b, mine.txt; name a new folder for the packed set")


def test_an_out_that_is_the_source(place: Place) -> None:
    place.refuses(place.photos, place.photos, "--workers", 1, words=f"{place.photos} is not empty: it holds a.png, z.png")


def test_an_out_that_is_the_current_folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.photos)
    for out in (".", ""):
        place.refuses(place.photos, out, "--workers", 1, words="is not empty: it holds a.png, z.png")


def test_an_out_in_the_source(place: Place) -> None:
    """It is no part of the source, when it is begun as when it is done."""
    place.out = place.photos / "set"
    for _ in range(2):
        assert place.packs().names == list(GOOD)


def test_an_out_with_an_image_and_a_manifest_that_is_none(place: Place) -> None:
    write(place.out, {"manifest.json": "{}", "mine.txt": "mine"})
    place.refuses_photos(words=f"{place.out} is not empty: it holds manifest.json, mine.txt")


OTHER_SETS: dict[str, tuple[tuple[object, ...], str]] = {
    "of another size": (("--size", 24), "of another size"),
    "in grey": (("--size", 16, "--grey"), "of another channels"),
    "of another crop": (("--size", 16, "--crop", "none"), "of another crop"),
    "with splits": (("--size", 16, "--splits", 0.5, 0.5, 0), "of another splits"),
    "of fewer images": (("--size", 16, "--count", 1), "of another content"),
    "with attributes": (("--size", 16, "--attributes", "t.csv"), "of another "),
}


@pytest.mark.parametrize(("options", "words"), OTHER_SETS.values(), ids=OTHER_SETS.keys())
def test_an_out_that_is_another_set(options: tuple[object, ...], words: str, place: Place) -> None:
    Path("t.csv").write_text("name,Round\na.png,1\nz.png,0\n")
    place.packs()
    sentence = place.refuses(place.photos, place.out, "--workers", 1, *options, words=f"{place.out} is a packed set already, {words}")
    assert "name a new folder, or remove this one" in sentence
    place.packs()


def test_an_out_that_is_a_set_of_another_source(place: Place) -> None:
    place.packs()
    write(place.root / "other", {"b.png": picture(3)})
    words = f"{place.out} is a packed set already, of another source, content: name a new folder, or remove this one"
    place.refuses(place.root / "other", place.out, "--workers", 1, "--size", SIDE, words=words)
    write(place.photos, {"m.png": picture(3)})
    words = f"{place.out} is a packed set already, of another content: name a new folder, or remove this one"
    place.refuses_photos(words=words)


# Packed sets that are damaged.


def of_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        change(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return damage


def cut(name: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size - 5)


def folder_for_a_file(folder: Path) -> None:
    (folder / "skipped.txt").unlink()
    (folder / "skipped.txt").mkdir()


def written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def without(*keys: str) -> Callable[[Path], None]:
    def change(manifest: dict[str, Any]) -> None:
        for key in keys:
            del manifest[key]

    return of_manifest(change)


DAMAGED = "is damaged: "
BAD_PACKED: dict[str, tuple[Callable[[Path], object], str]] = {
    "images cut short": (cut("images-00000.npy"), "is damaged: images-00000.npy is not as long as it was; pack it again"),
    "images missing": (lambda folder: (folder / "images-00000.npy").unlink(), "is damaged: images-00000.npy is missing"),
    "images emptied": (written("images-00000.npy", b""), "is damaged: images-00000.npy is not as long as it was"),
    "items cut short": (cut("items-00000.csv"), "is damaged: items-00000.csv is not as long as it was"),
    "items missing": (lambda folder: (folder / "items-00000.csv").unlink(), "is damaged: items-00000.csv is missing"),
    "a split missing": (lambda folder: (folder / "split-train.npy").unlink(), "is damaged: split-train.npy is missing"),
    "the list of skipped pictures missing": (lambda folder: (folder / "skipped.txt").unlink(), "is damaged: skipped.txt is missing"),
    "a folder for a file": (folder_for_a_file, "is damaged: skipped.txt is missing"),
    "an empty manifest": (written("manifest.json", b""), DAMAGED),
    "half a manifest": (cut("manifest.json"), DAMAGED),
    "a manifest of text": (written("manifest.json", b"hello"), DAMAGED),
    "a manifest that is a list": (written("manifest.json", b"[1]"), DAMAGED),
    "a manifest of nothing": (written("manifest.json", b"null"), DAMAGED),
    "a manifest without anything": (written("manifest.json", b"{}"), DAMAGED),
    "a manifest in another encoding": (written("manifest.json", b'{"format": "\xe9"}'), DAMAGED),
    "a manifest of brackets": (written("manifest.json", b"[" * 100_000), DAMAGED),
    "an older format": (of_manifest(lambda m: m.update(format=1)), "has set format 1; this version of vaegan reads 2: pack it again"),
    "a newer format": (of_manifest(lambda m: m.update(format=99)), "has set format 99; this version of vaegan reads 2: pack it again"),
    "a format that is none": (of_manifest(lambda m: m.update(format="two")), "has set format two; this version of vaegan reads 2"),
    "no format": (without("format"), DAMAGED),
    "no shape": (without("shape"), DAMAGED),
    "no files": (without("files"), DAMAGED),
    "no preparation": (without("preparation"), DAMAGED),
    "no notes": (without("notes"), DAMAGED),
    "no classes": (without("classes"), DAMAGED),
    "no images per file": (without("images_per_file"), DAMAGED),
    "0 images per file": (of_manifest(lambda m: m.update(images_per_file=0)), DAMAGED),
    "images per file that are no number": (of_manifest(lambda m: m.update(images_per_file="many")), DAMAGED),
    "fewer images per file than there are": (of_manifest(lambda m: m.update(images_per_file=1)), DAMAGED),
    "a shape that is none": (of_manifest(lambda m: m.update(shape=["many", 16, 16, 3])), DAMAGED),
    "a shape of no images": (of_manifest(lambda m: m.update(shape=[-2, 16, 16, 3])), DAMAGED),
    "a shape of three numbers": (of_manifest(lambda m: m.update(shape=[2, 16, 16])), DAMAGED),
    "more images than there are": (of_manifest(lambda m: m["shape"].__setitem__(0, 200)), DAMAGED),
    "fewer images than there are": (of_manifest(lambda m: m["shape"].__setitem__(0, 1)), DAMAGED),
    "images of another size": (of_manifest(lambda m: m["shape"].__setitem__(1, 8)), DAMAGED),
    "another size, everywhere": (of_manifest(lambda m: (m["shape"].__setitem__(1, 8), m["preparation"].update(size=[8, 16]))), DAMAGED),
    "a preparation that is none": (of_manifest(lambda m: m.update(preparation="centre")), DAMAGED),
    "a preparation of more": (of_manifest(lambda m: m["preparation"].update(turn=True)), DAMAGED),
    "a crop that there is not": (of_manifest(lambda m: m["preparation"].update(crop="sideways")), DAMAGED),
    "a resampling that there is not": (of_manifest(lambda m: m["preparation"].update(resampling="cubic")), DAMAGED),
    "a crop box without a box": (of_manifest(lambda m: m["preparation"].update(crop="box")), DAMAGED),
    "files without checksums": (of_manifest(lambda m: m.update(files={name: {} for name in m["files"]})), DAMAGED),
    "files that are a list": (of_manifest(lambda m: m.update(files=list(m["files"]))), DAMAGED),
    "no file": (of_manifest(lambda m: m.update(files={})), DAMAGED),
    "a file that leads out": (of_manifest(lambda m: m["files"].update({"../photos/a.png": {"bytes": 1, "sha256": ""}})), DAMAGED),
    "splits that are a list": (of_manifest(lambda m: m.update(splits=["train"])), DAMAGED),
    "a split without a file": (of_manifest(lambda m: m["splits"].update(more=2)), DAMAGED),
}  # fmt: skip


@pytest.fixture
def packed(place: Place) -> Path:
    """A set with splits and a skipped picture."""
    write(place.photos, {"m.png": "text"})
    place.packs(skipped={"m.png": "not an image"}, splits=3, fractions={"train": 0.5, "validation": 0.5, "test": 1e-9})
    return place.out


@pytest.mark.parametrize(("damage", "words"), BAD_PACKED.values(), ids=BAD_PACKED.keys())
def test_a_damaged_packed_set(damage: Callable[[Path], object], words: str, place: Place, packed: Path) -> None:
    """It is not opened, neither by Python nor by a command; and what is left of it is not touched."""
    damage(packed)
    before = surroundings(place.root, place.root / "nothing")
    with pytest.raises(UserError, match=re.escape(words)) as error:
        ImageSet.open(packed)
    assert str(packed) in str(error.value)
    for options in ((), ("--verify",)):
        assert str(packed) in fails(place.capsys, "data", packed, *options, words=words)
    assert surroundings(place.root, place.root / "nothing") == before
    fails(place.capsys, "prepare", place.photos, packed, "--size", SIDE, "--workers", 1, words=str(packed))


@pytest.mark.parametrize("name", ["images-00000.npy", "items-00000.csv", "split-train.npy", "skipped.txt"])
@pytest.mark.parametrize("at", [0, -1])
def test_a_changed_file_of_a_packed_set(name: str, at: int, place: Place, packed: Path) -> None:
    """Of the length that it had: `data --verify` finds it."""
    works("data", packed, "--verify")
    assert f"{packed} is whole: 6 files, " in place.capsys.readouterr().out
    content = bytearray((packed / name).read_bytes())
    content[at] ^= 0x55
    (packed / name).write_bytes(content)
    before = surroundings(place.root, place.root / "nothing")
    words = f"{packed} is damaged: {name} changed since it was packed; pack it again, or put back a good copy"
    fails(place.capsys, "data", packed, "--verify", words=words)
    assert surroundings(place.root, place.root / "nothing") == before


@pytest.mark.parametrize(
    ("name", "at"), [("images-00000.npy", 0), ("images-00000.npy", 20), ("split-train.npy", 0), ("items-00000.csv", 11)]
)
def test_a_head_that_cannot_be_read(name: str, at: int, packed: Path) -> None:
    """Whoever looks into the set without checking it is told which file it is."""
    content = bytearray((packed / name).read_bytes())
    content[at : at + 5] = b'"' * 5
    (packed / name).write_bytes(content)
    images = ImageSet.open(packed)
    with pytest.raises(UserError, match=f"{packed / name} is damaged"):
        _ = images.names, images.images[:], images.split("train")


def test_a_folder_that_is_no_packed_set(place: Place) -> None:
    fails(place.capsys, "data", place.photos, "--verify", words=f"cannot look into {place.photos}: it is neither a packed set nor a run")
    fails(place.capsys, "data", place.root / "gone", "--verify", words=f"cannot look into {place.root / 'gone'}: there is no such folder")


# A disk that fills up.

LIMITED = """
import resource, sys
from vaegan.cli import run
from vaegan.data import packing
packing.SAVE_EVERY, packing.TASK_BYTES = float(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
run(sys.argv[4:])
"""
"""Save so often, read so many bytes of images at a time, and write no file larger than that."""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize(
    ("save_every", "task_bytes", "limit", "seen"),
    [(2.0, 4 << 20, 4000, None), (-1.0, 1, 20_000, 26)],
    ids=["at once", "later"],
)
def test_a_full_disk(save_every: float, task_bytes: int, limit: int, seen: int | None, place: Place) -> None:
    """One sentence, nothing that is taken for a set, and the same set in the end as if nothing had been."""
    shutil.rmtree(place.photos)
    good = {f"{number:02d}.png": number for number in range(40)}
    write(place.photos, {name: picture(number) for name, number in good.items()} | {"05 bad.png": b"", "35 bad.png": b"text"})
    around = surroundings(place.root, place.out)
    arguments = [save_every, task_bytes, limit, "prepare", place.photos, place.out, "--size", SIDE, "--workers", 1]
    command = [sys.executable, "-c", LIMITED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    words = f"the disk is full: {place.out} is unfinished; make room and run the same again, it goes on where it was"
    assert done.stderr == f"vaegan: {words}\n"
    assert done.stdout == ""
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)
    assert not [path for path in place.out.iterdir() if path.name not in ("unfinished", ".vaegan-prepare.lock")]
    noted = place.out / "unfinished" / "progress.json"
    assert (json.loads(noted.read_text())["seen"] if noted.exists() else None) == seen
    skipped = {"05 bad.png": "empty file", "35 bad.png": "not an image"}
    place.packs(good=good, skipped=skipped)
    content = {path.name: path.read_bytes() for path in place.out.iterdir()}
    shutil.rmtree(place.out)
    place.packs(good=good, skipped=skipped)
    assert {path.name: path.read_bytes() for path in place.out.iterdir()} == content


@pytest.mark.parametrize("call", ["write", "mkdir", "manifest"])
def test_a_full_disk_of_another_kind(call: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space, or no more of it for this user."""
    full = OSError(28 if call != "mkdir" else 122, os.strerror(28))

    def failing(*_: Any, **__: Any) -> Any:
        raise full

    target, name = {"write": (os, "fsync"), "mkdir": (Path, "mkdir"), "manifest": (Path, "write_text")}[call]
    with monkeypatch.context() as patch:
        patch.setattr(target, name, failing)
        with pytest.raises(UserError, match=f"the disk is full: {place.out} is unfinished"):
            place.prepare()
    assert not ImageSet.is_set(place.out)
    place.packs()
