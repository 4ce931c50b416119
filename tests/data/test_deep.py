"""Pictures of more than 8 bits become 8 bits by one range for the whole set, and by the same range whenever they are read again."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, open_images, pack_memory, prepare
from vaegan.data.images import Preparation, read
from vaegan.data.prepare import scan
from vaegan.data.samples import Samples, Unreadable
from vaegan.data.scan import WHOLE
from vaegan.data.sources.base import File

SIDE = 16
STEPS = np.rint(np.linspace(0, 255, SIDE)).astype(np.uint8)
"""What a picture becomes whose columns rise from its lowest to its highest value."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes most of the time here
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))


def rising(low: float, high: float, kind: Any = np.uint16, channels: int = 0) -> NDArray[Any]:
    values = np.linspace(low, high, SIDE)
    values = (values if np.issubdtype(kind, np.floating) else values.round()).astype(kind)
    return np.tile(values, (SIDE, 1)) if not channels else np.tile(values[:, None], (SIDE, 1, channels))


def png(path: Path, values: NDArray[Any], *, bits: int = 0) -> None:
    """A PNG of 16 bits, with sBIT; Pillow writes none in colour."""
    colour = {2: 0, 3: 2}.get(values.ndim) if values.shape[2:] in ((), (3,)) else {2: 4, 4: 6}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    channels = values.shape[2] if values.ndim == 3 else 1
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *values.shape[1::-1], 16, colour, 0, 0, 0))]
    chunks += [(b"sBIT", bytes([bits] * channels))] if bits else []
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def pgm(path: Path, values: NDArray[Any], highest: int = 4095, kind: bytes = b"P5") -> None:
    head = b"%s %d %d %d\n" % (kind, values.shape[1], values.shape[0], highest)
    plain = b" ".join(b"%d" % value for value in values.ravel().tolist())
    path.write_bytes(head + (plain if kind in (b"P2", b"P3") else values.astype(">u2").tobytes()))


def tif(path: Path, values: NDArray[Any], **more: Any) -> None:
    tifffile.imwrite(path, values, **more)


def pillow(path: Path, values: NDArray[Any]) -> None:
    Image.fromarray(values).save(path)


def npy(path: Path, values: NDArray[Any]) -> None:
    np.save(path, values)


def packed(folder: Path, out: Path, **options: Any) -> ImageSet:
    choices: dict[str, Any] = {"workers": 1, "size": (SIDE, SIDE), "crop": "none", **options}
    return prepare(str(folder), out, progress=lambda *_: None, **choices)


SITUATIONS: dict[str, tuple[str, Callable[..., None], NDArray[Any], tuple[float, float]]] = {
    "12-bit PNG": ("png", png, rising(0, 4095), (0, 4095)),
    "10-bit PNG": ("png", png, rising(0, 1023), (0, 1023)),
    "12-bit PNG in colour": ("png", png, rising(0, 4095, channels=3), (0, 4095)),
    "12-bit TIFF": ("tif", tif, rising(0, 4095), (0, 4095)),
    "12-bit TIFF in colour": ("tif", tif, rising(0, 4095, channels=3), (0, 4095)),
    "big-endian TIFF in colour": ("tif", lambda p, v: tif(p, v, byteorder=">", compression="zlib"), rising(9, 4095, channels=3), (9, 4095)),
    "a TIFF of 64 bits": ("tif", tif, rising(0, 2**40, np.float64), (0, 2.0**40)),
    "Hounsfield units": ("tif", tif, rising(-1024, 3071, np.int16), (-1024, 3071)),
    "signed 8 bits": ("tif", tif, rising(-100, 100, np.int8), (-100, 100)),
    "int32 of 0 to 255": ("tif", tif, rising(0, 255, np.int32), (0, 255)),
    "uint32": ("tif", tif, rising(1, 2**32 - 1, np.uint32), (1, 2**32 - 1)),
    "float from 0 to 1": ("tif", pillow, rising(0, 1, np.float32), (0, 1)),
    "float of any size": ("tif", pillow, rising(-1000, 3000, np.float32), (-1000, 3000)),
    "half-precision": ("tif", tif, rising(0, 8, np.float16), (0, 8)),
    "PGM that states 12 bits": ("pgm", pgm, rising(0, 4095), (0, 4095)),
    "plain PGM": ("pgm", lambda p, v: pgm(p, v, 4095, b"P2"), rising(0, 4095), (0, 4095)),
    "PGM of 16 bits that are 10": ("pgm", lambda p, v: pgm(p, v, 65535), rising(0, 1023), (0, 1023)),
    "PPM of 16 bits that are 12": ("ppm", lambda p, v: pgm(p, v, 65535, b"P6"), rising(0, 4095, channels=3), (0, 4095)),
    "an array": ("npy", npy, rising(-1, 1, np.float64), (-1, 1)),
    "a big-endian array of 64 bits": ("npy", npy, rising(5, 500, np.int64).astype(">i8"), (5, 500)),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_situations(situation: str, tmp_path: Path, capfd: Any) -> None:
    """The lowest value is black, the highest one is white, and what is between is between."""
    suffix, save, values, value_range = SITUATIONS[situation]
    photos = tmp_path / "photos"
    photos.mkdir()
    save(photos / f"a.{suffix}", values)
    images = packed(photos, tmp_path / "set")
    assert images.preparation.range == value_range
    assert np.abs(images.images[0][..., 0].astype(int) - STEPS).max() <= 1
    assert (images.images[0] == images.images[0][..., :1]).all()
    assert images.images[0][3, 0, 0] == 0
    assert images.images[0][3, -1, 0] == 255
    assert not images.skipped
    assert capfd.readouterr().err == ""


def three(folder: Path) -> Path:
    """Three pictures that differ in what they hold."""
    folder.mkdir()
    png(folder / "a.png", np.full((SIDE, SIDE), 1000))
    png(folder / "b.png", np.full((SIDE, SIDE), 2000))
    tif(folder / "c.tif", np.full((SIDE, SIDE), 3000, np.int32))
    return folder


def test_one_range_for_pictures_that_differ(tmp_path: Path) -> None:
    images = packed(three(tmp_path / "photos"), tmp_path / "set")
    assert images.images[:][:, 0, 0, 0].tolist() == [0, 128, 255]
    assert images.manifest["notes"] == ["3 of 3 images have more than 8 bits: their range is 1000 to 3000"]


def test_8_bit_pictures_keep_their_own_range(tmp_path: Path) -> None:
    photos = three(tmp_path / "photos")
    Image.new("L", (SIDE, SIDE), 77).save(photos / "0.png")
    images = packed(photos, tmp_path / "set")
    assert images.images[:][:, 0, 0, 0].tolist() == [77, 0, 128, 255]
    assert images.manifest["notes"][0].endswith("; the other 1 have 8 bits, and their range is 0 to 255")


def test_a_set_of_8_bits_says_nothing_of_a_range(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("L", (SIDE, SIDE), 77).save(tmp_path / "photos" / "0.png")
    images = packed(tmp_path / "photos", tmp_path / "set")
    assert images.preparation.range is None
    assert "range" not in images.manifest["preparation"]
    assert not images.manifest["notes"]


def test_a_range_that_is_asked_for(tmp_path: Path) -> None:
    photos = three(tmp_path / "photos")
    images = packed(photos, tmp_path / "set", value_range=(0, 2000))
    assert images.images[:][:, 0, 0, 0].tolist() == [128, 255, 255]
    with pytest.raises(UserError, match=r"with other settings \(range\)"):
        packed(photos, tmp_path / "set", value_range=(0, 3000))


@pytest.mark.parametrize("value_range", [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_a_range_that_is_none(value_range: tuple[float, float]) -> None:
    with pytest.raises(UserError, match="LOWEST < HIGHEST, such as 0 4095, not"):
        Preparation(range=value_range)


def test_percentiles(tmp_path: Path) -> None:
    """Of 16 x 16 values, the 0.1st and the 99.9th percentile leave nothing out, and the 1st and the 99th two pixels at either end."""
    values = np.arange(1000, 1256).reshape(SIDE, SIDE)
    values[0, 0], values[-1, -1] = 0, 60_000
    (tmp_path / "photos").mkdir()
    png(tmp_path / "photos" / "a.png", values)
    found = [scan(str(tmp_path / "photos"), progress=lambda *_: None, percentiles=asked, workers=1).range for asked in (WHOLE, (1.0, 99.0))]
    assert found == [(0, 60_000), (1002, 1253)]
    images = packed(tmp_path / "photos", tmp_path / "set", percentiles=(1.0, 99.0))
    assert images.preparation.range == (1002, 1253)
    with pytest.raises(UserError, match=r"from 0 to 100, the lower one first, such as 0.1 99.9, not 5 1"):
        packed(tmp_path / "photos", tmp_path / "other", percentiles=(5.0, 1.0))


def test_percentiles_of_floating_point_numbers(tmp_path: Path) -> None:
    """They are right to a part in 4096."""
    values = np.linspace(-3, 7, 10_000, dtype=np.float32).reshape(100, 100)
    (tmp_path / "photos").mkdir()
    np.save(tmp_path / "photos" / "a.npy", values)
    found = scan(str(tmp_path / "photos"), progress=lambda *_: None, percentiles=(10.0, 90.0), workers=1)
    assert found.range == pytest.approx((-2, 6), rel=1 / 2048)


@pytest.mark.parametrize(
    ("values", "bits", "wanted"),
    [
        (np.full((SIDE, SIDE), 300), 12, (0, 4095)),
        (np.full((SIDE, SIDE), 300), 0, (300, 301)),
        (np.full((SIDE, SIDE), 5000), 12, (5000, 5001)),  # its bits are the upper ones, as the standard has it
    ],
)
def test_what_a_png_states(values: NDArray[Any], bits: int, wanted: tuple[float, float], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    png(tmp_path / "photos" / "a.png", values, bits=bits)
    assert scan(str(tmp_path / "photos"), progress=lambda *_: None, workers=1).range == wanted


def test_what_a_tiff_states(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    tif(tmp_path / "photos" / "a.tif", np.full((SIDE, SIDE), 300, np.uint16), extratags=[(281, 3, 1, 4095, True)])
    assert scan(str(tmp_path / "photos"), progress=lambda *_: None, workers=1).range == (0, 4095)


def test_white_may_be_0(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    tif(tmp_path / "photos" / "a.tif", rising(0, 65535), photometric="miniswhite")
    assert packed(tmp_path / "photos", tmp_path / "set").images[0][0, :, 0].tolist() == STEPS[::-1].tolist()


def test_opacity_has_a_range_of_its_own(tmp_path: Path) -> None:
    values = np.zeros((SIDE, SIDE, 4), np.uint16)
    values[..., :3], values[..., 3] = 4095, 65535
    values[0], values[1] = (0, 0, 0, 65535), (0, 0, 0, 0)
    (tmp_path / "photos").mkdir()
    png(tmp_path / "photos" / "a.png", values)
    images = packed(tmp_path / "photos", tmp_path / "set")
    assert images.images[0][:3, 0, 0].tolist() == [0, 255, 255]  # black, transparent over white, white
    assert packed(tmp_path / "photos", tmp_path / "four", channels=4).images[0][0, 0].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity(bad: float, tmp_path: Path) -> None:
    photos = three(tmp_path / "photos")
    values = np.full((SIDE, SIDE), 2000, np.float32)
    values[3, 4:6] = bad
    pillow(photos / "bad.tif", values)
    images = packed(photos, tmp_path / "set")
    assert images.skipped == ["bad.tif: 2 of its 256 values are NaN or infinite"]
    assert images.preparation.range == (1000, 3000)


def test_a_set_that_fills_little_of_its_range(tmp_path: Path) -> None:
    images = packed(three(tmp_path / "photos"), tmp_path / "set", value_range=(0, 65535))
    (note,) = images.manifest["notes"]
    assert note.startswith(
        "99.8% of all values are in 9 of the 256 levels of the range 0 to 65535: to use more levels, add --range-percentiles"
    )


def test_the_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    photos = three(tmp_path / "photos")
    for number in range(40):
        Image.new("L", (SIDE, SIDE), number).save(photos / f"0{number:02}.png")
    sets = [packed(photos, tmp_path / f"set{workers}", workers=workers) for workers in (1, 3)]
    assert (sets[0].folder / "manifest.json").read_bytes() == (sets[1].folder / "manifest.json").read_bytes()


def test_the_range_is_kept_with_an_unfinished_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaegan.data import scan as scanning
    from vaegan.data import writer

    photos, whole = three(tmp_path / "photos"), packed(three(tmp_path / "same"), tmp_path / "same-set")
    monkeypatch.setattr(writer, "_read_all", killed_after(writer._read_all, calls=1))
    with pytest.raises(KeyboardInterrupt):
        packed(photos, tmp_path / "set")
    monkeypatch.undo()
    monkeypatch.setattr(scanning, "find_range", lambda *_, **__: pytest.fail("it was found already"))
    images = packed(photos, tmp_path / "set")
    assert (images.folder / "images-00000.npy").read_bytes() == (whole.folder / "images-00000.npy").read_bytes()
    assert images.manifest["notes"] == whole.manifest["notes"]


def test_an_unfinished_set_with_other_percentiles_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaegan.data import writer

    photos = three(tmp_path / "photos")
    monkeypatch.setattr(writer, "_read_all", killed_after(writer._read_all, calls=1))
    with pytest.raises(KeyboardInterrupt):
        packed(photos, tmp_path / "set", percentiles=(1.0, 99.0))
    monkeypatch.undo()
    for options in ({}, {"percentiles": (2.0, 99.0)}, {"value_range": (0.0, 1.0)}):
        with pytest.raises(
            UserError, match=r"was started with other images or settings \(range\): to continue it, run the earlier command again"
        ):
            packed(photos, tmp_path / "set", **options)
    assert packed(photos, tmp_path / "set", percentiles=(1.0, 99.0)).preparation.range == (1000, 3000)


def killed_after(function: Any, calls: int) -> Any:
    done: list[int] = []

    def do(*arguments: Any, **more: Any) -> Any:
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(1)
        return function(*arguments, **more)

    return do


def test_what_is_read_later_is_scaled_by_the_same_rule(tmp_path: Path) -> None:
    images = packed(three(tmp_path / "photos"), tmp_path / "set")
    png(tmp_path / "new.png", np.full((SIDE, SIDE), 1500))
    again = Preparation.from_dict(images.preparation.as_dict())
    assert again == images.preparation
    assert (read(File(str(tmp_path / "new.png")), again) == 64).all()


def test_the_cache_finds_a_set_by_the_range_that_was_found(tmp_path: Path) -> None:
    photos, quiet = three(tmp_path / "photos"), lambda *_: None
    plain = Preparation((SIDE, SIDE), 3, "none")
    found = open_images(str(photos), plain, count=0, progress=quiet, workers=1)
    assert found.preparation.range == (1000, 3000)
    again = open_images(str(photos), found.preparation, count=0, progress=quiet, finds_range=False)
    assert again.folder == found.folder
    other = Preparation((SIDE, SIDE), 3, "none", range=(0.0, 4000.0))
    assert open_images(str(photos), other, count=0, progress=quiet, workers=1).images[:][:, 0, 0, 0].tolist() == [64, 128, 191]


def test_a_model_of_8_bit_images_is_shown_no_black_ones(tmp_path: Path) -> None:
    """Nobody knows by which range to scale them. Of 16 bits, the upper 8 are taken, as before."""
    photos = three(tmp_path / "photos")
    open_images(str(photos), Preparation((SIDE, SIDE), 3, "none"), count=0, progress=lambda *_: None, workers=1)  # which found a range
    png(photos / "d.png", np.full((SIDE, SIDE), 0x8123))
    images = open_images(str(photos), Preparation((SIDE, SIDE), 3, "none"), count=0, progress=lambda *_: None, workers=1, finds_range=False)
    assert images.preparation.range is None
    assert images.images[:][:, 0, 0, 0].tolist() == [0x81]
    assert images.skipped[0] == (
        "a.png: its values are from 1000 to 1000, and the image does not say which values are black and white: "
        "convert it to 8 bits, or scale its values to 0 to 65535"
    )


def test_a_set_of_another_range_does_not_fit(tmp_path: Path) -> None:
    packed(three(tmp_path / "photos"), tmp_path / "set")
    with pytest.raises(UserError, match=r"prepared with range 1000 3000, but range none is needed.*--range 0 65535"):
        open_images(str(tmp_path / "set"), Preparation((SIDE, SIDE), 3, "none"), count=0, progress=lambda *_: None)


def test_kinds_of_numbers_that_are_none() -> None:
    with pytest.raises(Unreadable, match="of the type complex128, not bool, integers or floating-point numbers"):
        Samples(np.zeros((8, 8, 1), complex))
    assert Samples(np.array([[[True], [False]]])).in_8_bits(None).ravel().tolist() == [255, 0]


def test_without_tifffile_one_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tif(tmp_path / "a.tif", rising(0, 1, np.float64))
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(Unreadable, match=r"^Pillow cannot read this kind of TIFF: install tifffile with: pip install 'vaegan\[tiff\]'$"):
        read(File(str(tmp_path / "a.tif")), Preparation())


def test_a_generator_is_not_read_twice() -> None:
    """Else what is left of it would be packed, which is nothing."""
    images = [Image.fromarray(rising(0, 4095)) for _ in range(3)]
    more: dict[str, Any] = {"progress": lambda *_: None, "percentiles": WHOLE, "workers": 1}
    pack = lambda data: ImageSet.open(pack_memory(data, Preparation((SIDE, SIDE), 1, "none"), **more))  # noqa: E731
    assert pack(images).preparation.range == (0, 4095)
    with pytest.raises(UserError, match=r"^a Python generator can be read only once, but images of more than 8 bits must be read twice: "):
        pack(iter(images))
    assert len(pack(Image.fromarray(rising(0, 255, np.uint8)) for _ in range(3))) == 3
