"""Rows come as soon as they are made, in their order."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vaegan


def npy(values: NDArray[Any]) -> bytes:
    """A file of numpy."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=True)
    return content.getvalue()


MODULES = ("latent.measurements", "latent.encode", "latent.search", "latent.project", "api.look")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Rows, of parts of 4 images; and -1 for each part that the model encodes."""
    found: list[Any] = []
    for module in MODULES:
        monkeypatch.setattr(f"vaegan.{module}.PART", 4)
    encode = vaegan.VAEGAN.encode

    def noted(*arguments: Any, **named: Any) -> Any:
        found.append(-1)
        return encode(*arguments, **named)

    monkeypatch.setattr(vaegan.VAEGAN, "encode", noted)
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "score": vaegan.score,
    "search": lambda *arguments, **named: vaegan.search(*arguments, count=2, **named),
    "project": lambda *arguments, **named: vaegan.project(*arguments, steps=1, **named),
    "encode": vaegan.encode,
    "reconstruct": vaegan.reconstruct,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_are_given_as_they_are_made(name: str, trained: Path, seen: list[Any]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
    found = FUNCTIONS[name](trained, pixels, on_row=seen.append)
    assert [row for row in seen if row != -1] == found.rows
    first, last = (next(at for at in order if seen[at] != -1) for order in (range(len(seen)), range(len(seen) - 1, -1, -1)))
    assert seen[first:last].count(-1) == 2, "the parts after the first one are computed when its rows are known"


def test_files_that_cannot_be_read_come_in_their_places(trained: Path, photos: Path, seen: list[Any]) -> None:
    broken = photos / "broken.png"
    broken.write_bytes(b"no image")
    files = sorted(photos.glob("photo *.png"))[:6]
    found = vaegan.score(trained, [files[0], broken, *files[1:], broken], on_row=seen.append)
    rows = [row for row in seen if row != -1]
    assert rows == found.rows
    assert [row.error is not None for row in rows] == [False, True, *[False] * 5, True]
    assert [row.name for row in rows] == list(map(str, [files[0], broken, *files[1:], broken]))


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut off.npy": (npy(np.zeros((5, 16, 16, 3), np.uint8))[:500], "damaged: "),
    "objects.npy": (npy(np.array([None])), "it holds Python objects"),
    "text.npy": ("größer".encode(), "it is text, not a NumPy array"),
    "empty.npy": (b"", "empty file"),
    "picture.npy": (b"GIF87a", "it is an image, not a NumPy array"),
    "none.npz": (b"nothing", "damaged, or is not a file of NumPy arrays"),
    "none.zip": (b"nothing", "damaged, or is not a zip archive"),
    "none.tar": (b"nothing", "damaged, or is not a tar archive"),
}


def test_each_input_that_cannot_be_read_has_its_reason(trained: Path, photos: Path) -> None:
    good = sorted(photos.glob("photo *.png"))[:2]
    for name, (content, _) in BROKEN.items():
        (photos / name).write_bytes(content)
    named = [good[0], *(photos / name for name in BROKEN), good[1]]
    found = vaegan.score(trained, named)
    assert [row.name for row in found.rows] == list(map(str, named))
    assert [row.error is None for row in found.rows] == [True, *[False] * len(BROKEN), True]
    others = vaegan.reconstruct(trained, named)
    assert [row.name for row in others.rows] == list(map(str, good))
    for errors in ([row.error for row in found.errors], [one.error for one in others.skipped]):
        for error, (_, reason) in zip(errors, BROKEN.values(), strict=True):
            assert str(error).startswith(reason)
    for name in ("none.zip", "none.npz"):
        with pytest.raises(vaegan.UserError, match=rf"{name} is damaged"):
            vaegan.score(trained, photos / name)


def test_the_images_before_the_damage_of_an_archive_are_read(trained: Path, photos: Path) -> None:
    good = sorted(photos.glob("photo *.png"))[:3]
    with tarfile.open(photos / "a.tar", "w") as archive:
        for path in good[:2]:
            archive.add(path, path.name)
        end = archive.offset - 600  # in the last block of the second image
    (photos / "a.tar").write_bytes((photos / "a.tar").read_bytes()[:end])
    found = vaegan.reconstruct(trained, [photos / "a.tar", good[2]])
    assert [row.name for row in found.rows] == [good[0].name, str(good[2])]
    assert [one.name for one in found.skipped] == [str(photos / "a.tar")]
