"""Archives, and members of theirs, that are damaged, or that lead out of them."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaegan.data import ImageSet, prepare

from ...command import fails
from .place import GOOD, NO_ARCHIVE, NO_IMAGES, NO_TAR, NO_ZIP, SIDE, Place, archive, damaged, gz, half, noise, picture, surroundings

EVIL = ["../m.png", "/m.png", "../../../../m.png", "b/../../m.png", "C:\\m.png", "C:/m.png", "..\\m.png", "\\\\server\\share\\m.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("evil", EVIL)
def test_members_that_lead_out_of_an_archive(kind: str, evil: str, place: Place) -> None:
    members = {"a.png": picture(1), evil: picture(3), "z.png": picture(2)}
    shown = evil.replace("\\", "/") if kind == "zip" else evil
    place.packs(archive(place.root / f"photos.{kind}", members), skipped={shown: "^its path is outside the archive$"})


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
    assert f" {path} " in place.refuses(path, place.out, "--workers", 1, words=words)


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
    assert f" {path} " in sentence
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)
    path.write_bytes(gz(whole) if kind == "tar.gz" else whole)
    place.packs(path)
