"""A folder with a source in it, and what may be done there."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaegan.data import ImageSet, prepare
from vaegan.data.left_out import name_and_reason

from ...command import fails

SIDE = 16
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)
GOOD = {"a.png": 1, "z.png": 2}
"""The good images of most sources here, and the number of each one's noise."""
NO_ZIP, NO_TAR = (f"is damaged, or is not a {kind} archive" for kind in ("zip", "tar"))
NO_IMAGES = "there are no images in"
NO_ARCHIVE = "is not a folder, a .zip or a .tar archive"


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


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def damaged(content: bytes, at: int = -60) -> bytes:
    """With twenty bytes changed."""
    changed = bytearray(content)
    changed[at : at + 20] = bytes(byte ^ 0x55 for byte in changed[at : at + 20])
    return bytes(changed)


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


def gz(content: bytes) -> bytes:
    """Gzipped, but not compressed: a byte of the content is a byte of the file."""
    return gzip.compress(content, 0, mtime=0)


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
            found, why = name_and_reason(line)
            assert found == name
            assert re.search(reason, why), line

    def refuses(self, *arguments: object, words: str) -> str:
        """Run `vaegan prepare` and see it refused at once, in one sentence with these words; there is no OUT then, or what was there."""
        before = surroundings(self.root, self.root / "nothing")
        sentence = fails(self.capsys, "prepare", *arguments, words=words)
        assert surroundings(self.root, self.root / "nothing") == before
        return sentence

    def refuses_photos(self, *options: object, words: str) -> str:
        return self.refuses(self.photos, self.out, "--workers", 1, "--size", SIDE, *options, words=words)
