"""Names of images: odd ones, hidden ones, and folders that are called like images."""

from __future__ import annotations

import csv
import math
import os

import pytest

from .place import GOOD, Place, archive, picture, write

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
@pytest.mark.parametrize(
    "hidden",
    [
        ".m.png",
        "._a.png",
        ".git/m.png",
        "sub/.cache/m/m.png",
        "__MACOSX/._a.png",
        "__MACOSX/sub/m",
        "@eaDir/m.png",
        ".DS_Store",
        "Thumbs.db",
        "sub/desktop.ini",
    ],
)
def test_hidden_files_are_left_out(kind: str, hidden: str, place: Place) -> None:
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
