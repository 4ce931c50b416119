"""What is in a source and is not read: it is counted, named, and said in one line; and what its names do not show is looked into."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vaegan
from vaegan import UserError
from vaegan.api.notices import Talk
from vaegan.data import ImageSet, Preparation, formats, left_out, open_images
from vaegan.data.formats import ARRAY, IMAGE, OTHER, VIDEO, kind_by_content
from vaegan.data.read_images import read_images
from vaegan.data.sources import find_source
from vaegan.data.sources.files import Folder

from ...command import fails, works
from .place import RED, SIDE, Place, archive, encoded, noise, picture, plain, write

KINDS = ("folder", "zip", "tar", "tar.gz")
OTHERS: dict[str, tuple[bytes, str]] = {
    "BM is": (b"BM is the beginning of a word, too, and of no picture", "not an image"),
    "a.jpg_original": (picture(1, "JPEG"), "a thumbnail, a backup or an unfinished download"),
    "b.nef": (picture(1, "TIFF"), "a camera's raw file: convert to PNG, JPEG or TIFF first"),
    "c.csv": (b"name,Round\n", "not an image"),
    "d.CSV": (b"name,Round\n", "not an image"),
    "film.mp4": (b"", "a video: extract the frames first"),
    "more": (b"PK\3\4 and so on", "an archive: unpack first, or prepare separately"),
    "nothing": (b"", "empty file"),
    "sub/arrays.npz": (b"PK\3\4", str(ARRAY)),
    "sub/more.tar.gz": (b"\x1f\x8b", "an archive: unpack first, or prepare separately"),
    "x.psd": (b"8BPS", "an image in a format that vaegan cannot read: convert to PNG or JPEG first"),
}
SENTENCE = (
    "left out 11 files, listed in skipped.txt: 2 .csv, 1 other file (not images); 1 other file, 1 .gz (archives: unpack first, or "
    "prepare separately); 1 other file (a thumbnail, a backup or an unfinished download); 1 .nef (a camera's raw file: convert "
    f"to PNG, JPEG or TIFF first); 1 .mp4 (a video: extract the frames first); 1 other file (empty file); 1 .npz ({ARRAY}); "
    "1 .psd (an image in a format that vaegan cannot read: convert to PNG or JPEG first)"
)


def made(kind: str, place: Place, files: dict[str, bytes]) -> Path:
    """A source of files, in the order of their names."""
    members = dict(sorted(files.items()))
    return write(place.root / "more", members) if kind == "folder" else archive(place.root / f"more.{kind}", members)


def reasons(place: Place) -> dict[str, str]:
    lines = (place.out / "skipped.txt").read_text().splitlines()
    return dict(line.split(": left out: ") for line in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_other_files_are_counted_and_named(kind: str, place: Place) -> None:
    files = {name: content for name, (content, _) in OTHERS.items()} | {"a.png": picture(1), "photo?w=3": picture(2), ".hidden": b"x"}
    images = place.prepare(made(kind, place, files))
    assert images.names == ["a.png", "photo?w=3"]
    assert np.array_equal(images.images[:], [noise(1), noise(2)])
    assert images.skipped == []
    assert reasons(place) == {name: reason for name, (_, reason) in OTHERS.items()}
    assert sorted(images.manifest["notes"][0].split(": ", 1)[1].split("; ")) == sorted(SENTENCE.split(": ", 1)[1].split("; "))
    assert images.manifest["notes"][0].startswith("left out 11 files, listed in skipped.txt: 2 .csv, 1 other file (not images); ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_without_images_says_what_it_holds(kind: str, place: Place) -> None:
    source = made(kind, place, {f"{n:03d}.csv": b"1" for n in range(120)} | {"sub/a.mp4": b"1", "sub/deep/b": b"text"})
    holds = " holds 120 .csv, 1 other file (not images); 1 .mp4 (a video: extract the frames first)"
    place.refuses(source, place.out, words=holds + (" and 2 folders" if kind == "folder" else ""))


def test_an_empty_folder(place: Place) -> None:
    place.refuses(write(place.root / "more", {".DS_Store": b"x"}), place.out, words='HEIC files, and "more" is empty')


def test_a_run_is_no_source(place: Place) -> None:
    write(place.photos, {"sub/recipe.yaml": "", "sub/stats.jsonl": "", "sub/b.png": picture(3)})
    place.refuses(place.photos / "sub", place.out, words=f"{place.photos / 'sub'} is a run, not a folder of image files")
    assert place.packs(skipped={"sub": "^left out: a run$"}).manifest["notes"] == [
        "left out 1 folder, listed in skipped.txt: 1 folder (a run)"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_pipes_and_links_to_nothing_without_an_ending(place: Place) -> None:
    os.mkfifo(place.photos / "pipe")
    (place.photos / "link").symlink_to("gone")
    place.packs(skipped=dict.fromkeys(("link", "pipe"), "left out: a pipe, a device or a broken link"))


@pytest.mark.parametrize("inside", ["zip", "tar", "tar.gz"])
def test_an_archive_without_an_ending_is_read(inside: str, place: Place) -> None:
    source = archive(place.root / f"more.{inside}", {"a.png": picture(1)}).rename(place.root / "download")
    place.packs(source, good={"a.png": 1})


def test_only_files_whose_names_say_nothing_are_opened(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """And each once, however often a folder is gone through."""
    write(place.photos, {"m.jpg": b"", "m.csv": "", "m": picture(3), "n": "text", "._a.jpg": b""})
    opened: list[str] = []
    whole = Path.open

    def watched(path: Path, *rest: Any) -> Any:
        opened.append(path.name)
        return whole(path, *rest)

    monkeypatch.setattr(Path, "open", watched)
    folder = Folder(place.photos)
    assert [name for name, _ in folder] == [name for name, _ in folder] == ["a.png", "m", "m.jpg", "z.png"]
    assert opened == ["m", "n"]


def test_of_very_many_files_some_are_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "MOST_NAMES", 2)
    write(place.photos, {f"{n}.txt": "x" for n in range(5)} | {f"{n}.x{n}": "x" for n in range(9)})
    note = place.prepare().manifest["notes"]
    assert note == ["left out 14 files, listed in skipped.txt: 5 .txt, 1 .x0, 1 .x1, 1 .x2, 1 .x3, 5 other files (not images)"]
    assert "... and 3 more .txt: left out: not an image\n" in (place.out / "skipped.txt").read_text()


def test_a_table_that_is_used_is_not_left_out(place: Place) -> None:
    write(place.photos, {"table.csv": "name,Round\na.png,1\nz.png,0\n", "other.csv": "x"})
    images = place.prepare(attributes=place.photos / "table.csv")
    assert images.manifest["notes"] == ["left out 1 file, listed in skipped.txt: 1 .csv (not an image)"]
    assert reasons(place) == {"other.csv": "not an image"}


SEQUENCES: dict[str, tuple[str, dict[str, Any], str]] = {
    "GIF": ("m.gif", {}, "2 more frames"),
    "WebP": ("m.webp", {"lossless": True}, "2 more frames"),
    "PNG": ("m.png", {}, "2 more frames"),
    "TIFF": ("m.tif", {}, "2 more pages"),
    "compressed TIFF": ("m.tif", {"compression": "tiff_lzw"}, "2 more pages"),
}


@pytest.mark.parametrize(("name", "options", "rest"), SEQUENCES.values(), ids=SEQUENCES.keys())
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_more_frames_and_pages_are_counted(kind: str, name: str, options: dict[str, Any], rest: str, place: Place) -> None:
    more = [plain(colour) for colour in ((0, 0, 0), (9, 9, 9))]
    content = encoded(plain(RED), Image.registered_extensions()[name[1:]], save_all=True, append_images=more, **options)
    images = place.prepare(made(kind, place, {"a.png": picture(1), name: content, "n" + name: content}))
    assert images.names == ["a.png", name, "n" + name]
    assert np.abs(images.images[1].astype(int) - RED).max() <= 3
    assert reasons(place) == {name: rest, "n" + name: rest}
    part = rest.rsplit(maxsplit=1)[-1]
    assert images.manifest["notes"] == [
        f"left out 4 {part} of 2 files, listed in skipped.txt: only the first frame, page or bands of a file are used"
    ]


def test_more_bands_of_a_tiff_are_counted(place: Place) -> None:
    bands = Image.fromarray(np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 4), np.uint8), "RGBX")
    write(place.photos, {"m.tif": encoded(bands, "TIFF")})
    assert place.prepare().images[1].tolist() == np.asarray(bands)[..., :3].tolist()
    assert reasons(place) == {"m.tif": "1 more band"}


WITHOUT_HEIC = tuple(name for name in formats.readable() if name != "HEIF")


def test_photos_of_phones_need_a_package(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it they are left out; with it, what was packed without them is not taken for the same."""
    write(place.photos, {"m.heic": encoded(plain(RED, size=(64, 48)), "HEIF"), "n.jpg": encoded(plain(RED, size=(64, 48)), "HEIF")})
    reason = "a HEIC image: install a reader for HEIC with: pip install 'vaegan[heic]'"
    with monkeypatch.context() as patch:
        patch.setattr(formats, "readable", lambda: WITHOUT_HEIC)
        patch.setattr("vaegan.data.sources.base.readable", lambda: WITHOUT_HEIC)
        images = place.packs(skipped={"n.jpg": f"^{reason.translate({91: '.', 93: '.'})}$", "m.heic": "^left out: a HEIC image"})
        assert images.manifest["notes"] == [f"left out 1 file, listed in skipped.txt: 1 .heic ({reason})"]
        only = write(place.root / "more", {"m.heic": (place.photos / "m.heic").read_bytes()})
        place.refuses(only, place.root / "out2", words=f" holds 1 .heic ({reason})")
        told: list[tuple[str, str]] = []
        with pytest.raises(UserError, match="no image can be read from"):
            read_images([only / "m.heic"], Preparation(), lambda *line: told.append(line))
        assert told == [(str(only / "m.heic"), reason)]
    place.refuses(place.photos, place.out, "--size", SIDE, words="with other settings (content")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", IMAGE),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", IMAGE),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", VIDEO),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", formats.RAW),
        (b"P5\n# made by hand\n12 10\n", IMAGE),
        (b"P3 is no picture", OTHER),
        (b"BM" + bytes(12) + b"\x28\0\0\0", IMAGE),
        (b"RIFF\x20\0\0\0WEBPVP8 ", IMAGE),
        (b"RIFF\x20\0\0\0AVI LIST", VIDEO),
        (b"RIFF\x20\0\0\0WAVEfmt ", OTHER),
    ],
)
def test_kinds_by_content(head: bytes, kind: formats.Kind) -> None:
    assert kind_by_content(head) == kind


def test_every_format_is_recognized_by_its_ending_and_by_its_content() -> None:
    saved = {"JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF"}
    assert saved == set(formats.IMAGE_ENDINGS) == set(formats.readable())
    for name in saved:
        assert kind_by_content(picture(1, name)[: formats.HEAD]) is IMAGE, name
        assert all(formats.kind_by_name(f"a{ending.upper()}") is IMAGE for ending in formats.IMAGE_ENDINGS[name].split())


def test_what_is_left_out_is_told(place: Place) -> None:
    """By prepare, by data, and by commands on a set; tests/test_cli.py has what a run says."""
    write(place.photos, {"t.csv": "x"})
    works("prepare", place.photos, place.out, "--size", SIDE, "--workers", 1)
    sentence = f"left out 1 file, listed in {place.out / 'skipped.txt'}: 1 .csv (not an image)"
    said = place.capsys.readouterr().err
    assert f"{sentence}\n" in said
    assert "skipped 1" not in said
    works("data", place.out)
    assert f"note: {sentence}\n" in place.capsys.readouterr().out
    Talk(True).not_read_of(ImageSet.open(place.out))
    assert f"{sentence}\n" in place.capsys.readouterr().err


def test_what_is_left_out_among_pictures_that_are_named(place: Place) -> None:
    write(place.photos, {"t.csv": "x", "m.gif": encoded(plain(RED), "GIF", save_all=True, append_images=[plain((0, 0, 0))])})
    told: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    of_size = Preparation((SIDE, SIDE))
    names, _ = read_images(
        [place.photos, place.photos / "m.gif"], of_size, lambda *line: skipped.append(line), lambda *line: told.append(line)
    )
    assert skipped == []
    assert names == ["a.png", "m.gif", "z.png", str(place.photos / "m.gif")]
    assert told == [
        ("1 more frame of m.gif", "only the first is used"),
        (f"1 file in {place.photos}", "1 .csv (not an image)"),
        (f"1 more frame of {place.photos / 'm.gif'}", "only the first is used"),
    ]


def test_other_files_do_not_change_what_a_set_is(place: Place) -> None:
    """A set that was packed is known again, whatever lies beside its images."""
    before = find_source(str(place.photos))
    write(place.photos, {"t.csv": "x", "notes": "x"})
    after = find_source(str(place.photos))
    assert (before.listing, before.state) == (after.listing, after.state)
    images = open_images(str(place.photos), Preparation((SIDE, SIDE)), count=0, progress=lambda *_: None, workers=1)
    write(place.photos, {"u.csv": "x"})
    again = open_images(str(place.photos), Preparation((SIDE, SIDE)), count=0, progress=lambda *_: None, workers=1)
    assert images.folder == again.folder
    assert ImageSet.is_set(images.folder)


def windows_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.create_system = name, 0
            file.writestr(info, content)
    return path


def test_a_zip_with_backslashes(place: Place) -> None:
    """As some programs write it on Windows: they stand between folders."""
    members = {"cat\\": b"", "cat\\a.png": picture(1), "dog\\z.png": picture(2), "__MACOSX\\m.png": picture(3), "dog\\.m.png": b""}
    source = windows_zip(place.root / "more.zip", members | {"dog\\..\\..\\m.png": picture(3)})
    images = place.prepare(f"classes:{source}")
    assert images.names == ["cat/a.png", "dog/z.png"]
    assert images.labels == ["cat", "dog"]
    assert np.array_equal(images.images[:], [noise(1), noise(2)])
    place.skips({"dog/../../m.png": "^its path is outside the archive$"})


def test_a_zip_that_does_not_say_that_its_names_are_utf_8(place: Place) -> None:
    """As macOS writes it. Names of old Windows stay as they are."""
    source = archive(place.root / "more.zip", {"12/a.png": picture(1), "34/z.png": picture(2)})
    source.write_bytes(source.read_bytes().replace(b"12/", "é".encode() + b"/").replace(b"34/", b"\x81x/"))
    assert place.prepare(f"classes:{source}").classes == ["é", "üx"]


def test_photos_that_are_still_in_the_cloud(place: Place) -> None:
    """Their placeholders are hidden files, and yet are missed."""
    write(place.photos, {".m.heic.icloud": b"bplist", ".hidden/.m.heic.icloud": b"bplist"})
    place.packs(skipped={".m.heic.icloud": "left out: a photo that is still in iCloud: download first"})


def test_a_named_archive_of_other_files(place: Place) -> None:
    source = archive(place.root / "more.zip", {"t.csv": b"x"})
    fails(place.capsys, "train", "--data", source, "--run", place.out, words=" holds 1 .csv (not an image)")


@pytest.mark.parametrize("name", ["a.jpg", "Trip: Rome/a.jpg", '"a": b.jpg', '"a".jpg', "a:", "C:\\x: y", "Straße: 1"])
def test_a_line_of_a_picture_that_gave_no_image_is_read_again(name: str) -> None:
    assert left_out.name_and_reason(left_out.skipped_line(name, "damaged: cut off")) == (name, "damaged: cut off")


@pytest.mark.parametrize("name", ["a.jpg", '"a" b.jpg', '"', '"a'])
def test_lines_of_older_sets_are_read(name: str) -> None:
    assert left_out.name_and_reason(f"{name}: damaged: cut off") == (name, "damaged: cut off")


def test_files_that_gave_no_image_have_their_own_names(place: Place) -> None:
    write(place.photos, {"Trip: Rome/b.jpg": "no image"})
    found = vaegan.prepare(place.photos, place.out, size=SIDE, workers=1)
    assert [(one.name, one.error) for one in found.skipped] == [("Trip: Rome/b.jpg", "not an image")]


def test_what_an_earlier_version_wrote_is_read(place: Place) -> None:
    """Its word was "passed over"."""
    images = place.packs()
    (images.folder / "skipped.txt").write_text("t.csv: passed over: not an image\nc.png: damaged\n")
    assert ImageSet.open(images.folder).skipped == ["c.png: damaged"]
    rests = left_out.notes_on_rests(["a.gif: passed over: 2 more frames", "b.gif: left out: 1 more frame"])
    assert len(rests) == 1
    assert "3" in rests[0]
