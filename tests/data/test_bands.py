"""Pictures of 1 to 8 channels: TIFF of many bands, arrays of numpy, opacity; and what decoders say of damage."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, prepare
from vaegan.data.deep import samples_of
from vaegan.data.images import Preparation, read
from vaegan.data.read_images import read_images
from vaegan.data.samples import Unreadable
from vaegan.data.sources import find_source
from vaegan.data.sources.base import Encoded, File
from vaegan.settings import Resampling

SIDE = 16


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes most of the time here


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def whole(channels: int, resampling: Resampling = "fast") -> Preparation:
    return Preparation((SIDE, SIDE), channels, "none", resampling=resampling)


def packed(source: Path, out: Path, **options: Any) -> ImageSet:
    choices: dict[str, Any] = {"workers": 1, "size": (SIDE, SIDE), "crop": "none", **options}
    return prepare(str(source), out, progress=lambda *_: None, **choices)


def retag(path: Path, tags: dict[int, int]) -> None:
    """Other values for some tags of a TIFF."""
    with tifffile.TiffFile(path, mode="r+") as file:
        page: Any = file.pages[0]
        for tag, value in tags.items():
            page.tags[tag].overwrite(value)


@pytest.mark.parametrize("channels", [2, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_a_tiff_of_many_bands(channels: int, planes: str, tmp_path: Path, capfd: Any) -> None:
    bands = noise(SIDE, SIDE, channels)
    there = bands if planes == "contig" else np.moveaxis(bands, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", there, photometric="minisblack", planarconfig=planes)
    assert np.array_equal(read(File(str(tmp_path / "a.tif")), whole(channels)), bands)
    assert capfd.readouterr().err == ""


def test_bands_are_not_left_out_in_silence(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(SIDE, SIDE, 6), photometric="minisblack", planarconfig="contig")
    with pytest.raises(Unreadable, match=r"^it has 6 channels, not 3: to use all of them, add --channels 6$"):
        read(File(str(tmp_path / "a.tif")), whole(3))
    np.save(tmp_path / "a.npy", noise(SIDE, SIDE, 3))
    with pytest.raises(Unreadable, match="it has 3 channels, not 5"):
        read(File(str(tmp_path / "a.npy")), whole(5))


def test_pages_that_are_channels(tmp_path: Path) -> None:
    """ImageJ says that they are; else they are if as many are asked for."""
    bands = noise(4, SIDE, SIDE)
    tifffile.imwrite(tmp_path / "imagej.tif", bands[:3], imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "pages.tif", bands, photometric="minisblack")
    assert np.array_equal(read(File(str(tmp_path / "imagej.tif")), whole(3)), np.moveaxis(bands[:3], 0, -1))
    assert np.array_equal(read(File(str(tmp_path / "pages.tif")), whole(4)), np.moveaxis(bands, 0, -1))
    assert np.array_equal(read(File(str(tmp_path / "pages.tif")), whole(1))[..., 0], bands[0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_bands_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    """As Pillow turns the same picture in colour."""
    colours = noise(SIDE, SIDE, 3)
    tag = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(tmp_path / "three.tif", colours, photometric="rgb", extratags=tag)
    tifffile.imwrite(tmp_path / "six.tif", np.tile(colours, 2), photometric="minisblack", planarconfig="contig", extratags=tag)
    three, six = (read(File(str(tmp_path / f"{name}.tif")), whole(channels)) for name, channels in (("three", 3), ("six", 6)))
    assert np.array_equal(six[..., :3], three)


def test_each_band_is_resized_by_itself(tmp_path: Path) -> None:
    bands = noise(40, 30, 5)
    np.save(tmp_path / "a.npy", bands)
    found = read(File(str(tmp_path / "a.npy")), whole(5, "lanczos"))
    for band in range(5):
        alone = Image.fromarray(bands[..., band]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        assert np.array_equal(found[..., band], np.asarray(alone))


def test_opacity_is_a_channel_if_it_is_asked_for(tmp_path: Path) -> None:
    pixels = noise(SIDE, SIDE, 4)
    pixels[..., 3] = 255
    pixels[0, 0] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[..., :3]).save(tmp_path / "b.png")
    Image.fromarray(pixels[..., [0, 3]], "LA").save(tmp_path / "c.png")
    assert np.array_equal(read(File(str(tmp_path / "a.png")), whole(4)), pixels)
    assert read(File(str(tmp_path / "a.png")), whole(3))[0, 0].tolist() == [255, 255, 255]
    assert read(File(str(tmp_path / "b.png")), whole(4))[0, 0].tolist() == [0, 0, 0, 255]
    assert np.array_equal(read(File(str(tmp_path / "c.png")), whole(2)), pixels[..., [0, 3]])
    with pytest.raises(Unreadable, match="it has 3 channels, not 2"):
        read(File(str(tmp_path / "b.png")), whole(2))


@pytest.mark.parametrize("shape", [(5, SIDE, SIDE), (5, SIDE, SIDE, 1), (5, SIDE, SIDE, 3), (5, SIDE, SIDE, 6)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_an_array_is_a_source(shape: tuple[int, ...], order: Any, suffix: str, tmp_path: Path) -> None:
    values = np.asarray(noise(*shape), order=order)
    path = tmp_path / f"a.{suffix}"
    (np.save if suffix == "npy" else np.savez_compressed)(path, values)
    images = packed(path, tmp_path / "set")
    assert np.array_equal(images.images[:], values.reshape(5, SIDE, SIDE, -1))
    assert images.names[0] == ("000000" if suffix == "npy" else "arr_0-000000")


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_an_array_of_deep_values(kind: Any, suffix: str, tmp_path: Path) -> None:
    values = np.zeros((3, SIDE, SIDE, 2), kind)
    values[1], values[2] = 100, 1000
    (np.save if suffix == "npy" else np.savez)(tmp_path / f"a.{suffix}", values)
    images = packed(tmp_path / f"a.{suffix}", tmp_path / "set")
    assert images.images[:][:, 3, 3].tolist() == [[0, 0], [26, 26], [255, 255]]
    assert images.preparation.range == (0, 1000)


def test_a_folder_of_arrays(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    np.save(photos / "a.npy", noise(SIDE, SIDE, 4))
    np.save(photos / "b.npy", noise(SIDE, SIDE, 4) > 100)
    np.save(photos / "first.npy", noise(4, SIDE, SIDE))
    np.save(photos / "many.npy", noise(5, SIDE, SIDE, 4))
    images = packed(photos, tmp_path / "set", channels=4)
    assert images.names == ["a.npy", "b.npy"]
    assert np.array_equal(images.images[1], np.where(noise(SIDE, SIDE, 4) > 100, 255, 0))
    assert images.skipped == [
        "first.npy: an array of 4 x 16 x 16: put the channels last, as in H x W x C",
        "many.npy: an array of 5 x 16 x 16 x 4: one image must be H x W or H x W x C",
    ]


def test_splits_and_labels_of_a_file_of_arrays(tmp_path: Path) -> None:
    """As those of MedMNIST have them, and those of Keras."""
    train, test = noise(4, SIDE, SIDE), noise(2, SIDE, SIDE, seed=1)
    labels = {"train_labels": np.array([[0], [1], [2], [1]]), "test_labels": np.array([[1], [0]])}
    np.savez(tmp_path / "a.npz", train_images=train, test_images=test, **labels)  # type: ignore[arg-type]
    images = packed(tmp_path / "a.npz", tmp_path / "set")
    assert images.splits == {"train": 4, "test": 2}
    assert images.labels == ["0", "1", "2", "1", "1", "0"]
    np.savez(tmp_path / "b.npz", x_train=train, y_train=np.array([3, 1, 4, 1]), x_test=test)
    images = packed(tmp_path / "b.npz", tmp_path / "other")
    assert (images.splits, images.labels) == ({"train": 4, "test": 2}, ["3", "1", "4", "1", "", ""])


def test_labels_that_are_not_read_are_named(tmp_path: Path) -> None:
    images = {"x_train": noise(4, SIDE, SIDE), "x_test": noise(2, SIDE, SIDE, seed=1), "images_val": noise(2, SIDE, SIDE, seed=2)}
    labels = {"y_train": np.array([1, None, 2, 3], object), "y_test": np.array([1.5, 2]), "labels_val": np.array([1])}
    np.savez(tmp_path / "a.npz", **images, **labels)  # type: ignore[arg-type]
    found = packed(tmp_path / "a.npz", tmp_path / "set")
    assert found.labels == [""] * 8
    assert found.manifest["notes"] == [
        "left out y_train: it holds Python objects, which can run code; save the labels as whole numbers or texts",
        "left out y_test: it holds values of the type float64; save the labels as whole numbers or texts",
        "left out labels_val: it holds 1, not a label for each of 2 images",
    ]


def objects(path: Path) -> None:
    np.save(path, np.array([{"run": os.system}], dtype=object), allow_pickle=True)


def damaged(path: Path) -> None:
    np.save(path, noise(5, SIDE, SIDE))
    path.write_bytes(path.read_bytes()[:500])


BAD: dict[str, tuple[str, Any, str]] = {
    "objects": ("a.npy", objects, "cannot read .*a.npy: it holds Python objects, which can run code"),
    "a pickle": ("a.npy", lambda path: path.write_bytes(pickle.dumps([1])), "cannot read .*a.npy: it holds Python objects"),
    "text": ("a.npy", lambda path: path.write_text("hello"), "cannot read .*a.npy: it is text, not a NumPy array"),
    "an image": ("a.npy", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "a.npy: it is an image, not a NumPy array"),
    "other bytes": ("a.npy", lambda path: path.write_bytes(b"\x01\x02"), "a.npy: it is not a NumPy array"),
    "cut off": ("a.npy", damaged, "a.npy is damaged, or is not a NumPy array"),
    "one image": (
        "a.npy",
        lambda path: np.save(path, noise(SIDE, SIDE)),
        "16 x 16, and images need N x H x W: if this is one image, give the folder that the file is in; if each row is an image",
    ),
    "channels first": ("a.npy", lambda path: np.save(path, noise(9, 3, SIDE, SIDE)), "9 x 3 x 16 x 16: put the channels last, as N x H"),
    "five axes": (
        "a.npy",
        lambda path: np.save(path, noise(2, 2, 9, 9, 3)),
        "2 x 2 x 9 x 9 x 3, but images must be N x H x W, or N x H x W x C with at",
    ),
    "none": ("a.npy", lambda path: np.save(path, noise(0, 9, 9)), "there are no images in .*a.npy"),
    "no zip": ("a.npz", lambda path: path.write_bytes(b"hello"), "a.npz is damaged, or is not a file of NumPy arrays"),
    "several": (
        "a.npz",
        lambda path: np.savez(path, a=noise(2, 9, 9), b=noise(2, 9, 9)),
        ".* holds .*, and it is not clear which of them holds the images: name the right one 'images'",
    ),
    "no images": (
        "a.npz",
        lambda path: np.savez(path, a=noise(2)),
        r'.* has no array with the shape of images, N x H x W or N x H x W x C: it holds "a" of shape \(2\)',
    ),
}


@pytest.mark.parametrize(("name", "write", "words"), BAD.values(), ids=BAD.keys())
def test_arrays_that_are_no_source(name: str, write: Any, words: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    with pytest.raises(UserError, match=words):
        find_source(str(tmp_path / name))


def test_a_damaged_file_of_arrays(tmp_path: Path) -> None:
    """A checksum tells."""
    np.savez(tmp_path / "a.npz", images=noise(5, SIDE, SIDE))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[600] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz is damaged"):
        packed(tmp_path / "a.npz", tmp_path / "set")


def test_an_array_is_not_read_into_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("images.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (1 << 40, SIDE, SIDE)})
        file.write(bytes(SIDE * SIDE))
    source = find_source(str(tmp_path / "a.npz"))
    assert (source.count, source.size, source.channels) == (1 << 40, (SIDE, SIDE), 1)
    items = iter(source.items())
    assert next(items).name == "images-000000"
    with pytest.raises(UserError, match='its array "images" ends inside image 2 of'):
        next(items)


def test_arrays_that_a_person_names(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", noise(SIDE, SIDE, 5))
    np.save(tmp_path / "two.npy", noise(2, SIDE, SIDE, 5))
    names, pixels = read_images([tmp_path / "one.npy", tmp_path / "two.npy"], whole(5))
    assert names == [str(tmp_path / "one.npy"), "two.npy 000000", "two.npy 000001"]
    assert np.array_equal(pixels[0], noise(SIDE, SIDE, 5))


@pytest.mark.parametrize("count", [0, 9, -1])
def test_so_many_channels_are_refused(count: int, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "photos" / "a.png")
    with pytest.raises(UserError, match=f"images must have 1 to 8 channels, not {count}"):
        packed(tmp_path / "photos", tmp_path / "set", channels=count)


def spoilt(compression: str, image: Image.Image) -> bytes:
    """A TIFF in which some bytes are wrong."""
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", compression=compression)
    content = bytearray(buffer.getvalue())
    for place in range(len(content) // 3, 2 * len(content) // 3, 7):
        content[place] ^= 0xFF
    return bytes(content)


DAMAGED = {
    "group4": "damaged: Fax4Decode: .* at line [0-9]+ of strip 0",
    "group3": "damaged: Fax3Decode1D: Bad code word at line",
    "tiff_lzw": "damaged: ",
    "tiff_adobe_deflate": "damaged: ZIPDecode: Decoding error",
}


@pytest.mark.parametrize(("compression", "reason"), DAMAGED.items())
def test_what_libtiff_prints_of_damage_is_the_reason(compression: str, reason: str, capfd: Any) -> None:
    image = Image.fromarray(noise(64, 64, 3)) if compression.startswith("tiff") else Image.fromarray(noise(64, 64) > 127)
    with pytest.raises(Unreadable, match=reason):
        read(Encoded(spoilt(compression, image)), whole(3))
    assert capfd.readouterr().err == ""


def test_a_tiff_that_is_cut_off(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(SIDE, SIDE, 8), photometric="minisblack", planarconfig="contig")
    content = (tmp_path / "a.tif").read_bytes()
    with pytest.raises(Unreadable, match="damaged"):
        read(Encoded(content[:-1000]), whole(8))
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(buffer, "TIFF", compression="tiff_lzw")
    with pytest.raises(Unreadable, match="damaged: it ends before the list of its pages"):
        read(Encoded(buffer.getvalue()[:1000]), whole(3))


def test_what_others_print_meanwhile_is_seen(capfd: Any) -> None:
    from vaegan.data.tiff import decoder_errors

    with decoder_errors() as errors:
        os.write(2, b"packing photos: 3 of 4\nFax3Decode1D: Warning, Line length mismatch.\nLZWDecode: Not enough data.\n")
        assert errors() == ["LZWDecode: Not enough data"]
    assert capfd.readouterr().err == "packing photos: 3 of 4\n"


def test_a_compression_that_needs_another_package(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(SIDE, SIDE, 8), photometric="minisblack", planarconfig="contig", compression="zlib")
    retag(tmp_path / "a.tif", {259: 50000})
    with pytest.raises(Unreadable, match="its compression, ZSTD, needs imagecodecs: install it with: pip install imagecodecs"):
        read(File(str(tmp_path / "a.tif")), whole(8))


def test_one_band_more_is_opacity_and_more_are_bands(tmp_path: Path) -> None:
    bands = noise(SIDE, SIDE, 6)
    tifffile.imwrite(tmp_path / "four.tif", bands[..., :4], photometric="rgb", extrasamples=("unspecified",))
    tifffile.imwrite(tmp_path / "six.tif", bands, photometric="rgb", extrasamples=("unspecified",) * 3)
    assert np.array_equal(read(File(str(tmp_path / "four.tif")), whole(3)), bands[..., :3])
    assert np.array_equal(read(File(str(tmp_path / "four.tif")), whole(4)), bands[..., :4])
    assert np.array_equal(read(File(str(tmp_path / "six.tif")), whole(6)), bands)
    with pytest.raises(Unreadable, match="it has 6 channels, not 3"):
        read(File(str(tmp_path / "six.tif")), whole(3))


@pytest.mark.parametrize(("bits", "highest"), [(10, 1023), (12, 4095), (14, 16383), (24, (1 << 24) - 1), (6, 255)])
def test_numbers_that_fill_no_whole_bytes(bits: int, highest: int, tmp_path: Path) -> None:
    """Three bands of 10 bits, say, one number after the other."""
    values = np.linspace(0, (1 << bits) - 1, SIDE * SIDE * 3).round().astype(np.int64).reshape(SIDE, SIDE, 3)
    each = (values[..., None] >> np.arange(bits)[::-1]) & 1
    content = np.packbits(each.reshape(SIDE, -1).astype(np.uint8), axis=1)
    tifffile.imwrite(tmp_path / "a.tif", content, photometric="rgb" if content.shape[1] == 3 else "minisblack", byteorder=">")
    retag(tmp_path / "a.tif", {256: SIDE, 258: bits, 277: 3, 262: 2})
    with File(str(tmp_path / "a.tif")).open() as opened:
        samples = samples_of(opened, 3)
    assert samples is not None
    wanted = np.rint(values * (255 / 63)).astype(np.int64) if bits == 6 else values
    assert np.array_equal(samples.values, wanted)
    assert samples.extent() == (0, highest)


def test_colours_that_only_seem_grey(tmp_path: Path) -> None:
    """Values of a palette are places in it."""
    tifffile.imwrite(tmp_path / "a.tif", np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE))
    retag(tmp_path / "a.tif", {262: 3})
    with pytest.raises(Unreadable, match="its colours are stored as PALETTE: convert the image to RGB"):
        read(File(str(tmp_path / "a.tif")), whole(3))


def test_opacity_that_colours_were_multiplied_by(tmp_path: Path) -> None:
    values = np.full((SIDE, SIDE, 4), 20_000, np.uint16)
    values[..., 3] = 40_000
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=("assocalpha",))
    with File(str(tmp_path / "a.tif")).open() as opened:
        samples = samples_of(opened, 4)
    assert samples is not None
    assert samples.alpha
    assert samples.values[0, 0].tolist() == [32767, 32767, 32767, 40_000]
