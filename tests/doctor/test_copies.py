"""Which thumbnails are called copies of each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vaegan.doctor import copies
from vaegan.doctor.copies import Copy, find_copies, near_pairs
from vaegan.doctor.examine import RECORD

from .test_doctor import scene


def thumbnails(count: int) -> NDArray[np.uint8]:
    return np.stack([np.asarray(scene(seed).resize((16, 16))) for seed in range(count)])


def records(pictures: NDArray[np.uint8], **values: Any) -> NDArray[Any]:
    """As of files of one size, each with another content."""
    found = np.zeros(len(pictures), RECORD)
    found["thumbnail"], found["contrast"] = pictures, 200
    found["width"] = found["height"] = 64
    found["digest"][:, 0] = np.arange(len(pictures))
    for name, value in values.items():
        found[name] = value
    return found


def noisy(pictures: NDArray[np.uint8], amount: int, seed: int = 0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).integers(-amount, amount + 1, pictures.shape)
    return (pictures + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("rows", [2048, 7])
def test_blocks_of_any_size_find_the_same_pairs(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "ROWS", rows)
    monkeypatch.setattr(copies, "PAIRS", max(1, rows // 3))
    plain = thumbnails(20)
    pictures = np.concatenate([plain, noisy(plain[:3], 6), noisy(plain[5:7, :, ::-1], 6)])
    found = sorted(near_pairs(pictures))
    assert found == [(0, 20, False), (1, 21, False), (2, 22, False), (5, 23, True), (6, 24, True)]


def test_pictures_that_differ_at_one_place_are_no_copies() -> None:
    """Two drawings that share all but a mouth are not one picture, however near they are; the same difference all over is noise."""
    one = thumbnails(1)
    other = one.copy()
    other[:, 10:12, 6:9] = 255 - other[:, 10:12, 6:9] // 2
    assert not list(near_pairs(np.concatenate([one, other])))
    small = one.copy()
    small[:, 10, 7] = np.clip(small[:, 10, 7].astype(int) + 22, 0, 255)
    assert not list(near_pairs(np.concatenate([one, small])))
    paler = one.copy()
    paler[:, 4:12, 2:14] = np.clip(paler[:, 4:12, 2:14].astype(int) + 18, 0, 255)
    assert not list(near_pairs(np.concatenate([one, paler])))
    assert list(near_pairs(np.concatenate([one, noisy(one, 12)])))


def test_the_best_of_some_copies_stays() -> None:
    """A held-out one, then the one with most pixels, then the largest file; and each copy was compared with the one that stays."""
    pictures = np.repeat(thumbnails(1), 4, 0)
    nobody, names = np.zeros(4, bool), list("abcd")
    found = find_copies(records(pictures, width=[64, 128, 64, 64], bytes=[9, 1, 1, 1]), nobody, names)
    assert found == [Copy(index, 1, "near copy") for index in (0, 2, 3)]
    found = find_copies(records(pictures, width=[64, 128, 64, 64], digest=1), np.array([False, False, True, False]), names)
    assert found == [Copy(index, 2, "exact copy") for index in (0, 1, 3)]
    assert find_copies(records(pictures, bytes=[1, 1, 1, 9]), nobody, names)[0] == Copy(0, 3, "near copy")


def test_blank_pictures_are_no_near_copies() -> None:
    pictures = np.full((3, 16, 16, 3), 255, np.uint8)
    assert find_copies(records(pictures, contrast=0), np.zeros(3, bool), list("abc")) == []
    assert len(find_copies(records(pictures, contrast=0, digest=1), np.zeros(3, bool), list("abc"))) == 2


@pytest.mark.parametrize(
    ("names", "stays"),
    [
        (["a (1).jpg", "a copy.jpg", "a-2.jpg", "a.jpg"], "a.jpg"),
        (["Copy of beach.jpg", "a copy 2.jpg", "beach - Copy.jpg", "beach.jpg"], "beach.jpg"),
        (["x/a (1).jpg", "x/a (2).jpg", "x/a_copy.jpg", "x/photocopy.jpg"], "x/photocopy.jpg"),
        (["b.jpg", "a.jpg", "c.jpg", "d.jpg"], "b.jpg"),
    ],
)
def test_of_equal_copies_the_plainest_name_stays(names: list[str], stays: str) -> None:
    """But a held-out one stays whatever it is called, and so does the larger one."""
    pictures, nobody = np.repeat(thumbnails(1), 4, 0), np.zeros(4, bool)
    found = find_copies(records(pictures, digest=1), nobody, names)
    assert {names[copy.of] for copy in found} == {stays}
    assert {copy.of for copy in find_copies(records(pictures, digest=1), np.arange(4) == 2, names)} == {2}
    assert {copy.of for copy in find_copies(records(pictures, width=[64, 64, 65, 64]), nobody, names)} == {2}
