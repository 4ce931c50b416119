"""Options."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vaegan import UserError

from .place import Place

BAD_OPTIONS: dict[str, tuple[tuple[object, ...], str]] = {
    "a size of 0": (("--size", 0), "an image must have at least 1 pixel a side, not 0x0"),
    "a size below 0": (("--size=-16",), "an image must have at least 1 pixel a side, not -16x-16"),
    "a size that is none": (("--size", "big"), '--size must be a number of pixels, or height x width such as 96x64, not "big"'),
    "three sides": (("--size", "3x4x5"), '--size must be a number of pixels, or height x width such as 96x64, not "3x4x5"'),
    "a side too few": (("--size", "16x"), '--size must be a number of pixels, or height x width such as 96x64, not "16x"'),
    "half a pixel": (("--size", "16.5"), '--size must be a number of pixels, or height x width such as 96x64, not "16.5"'),
    "an empty size": (("--size", ""), "--size"),
    "a size beyond numbers": (("--workers", 1, "--size", 10**20), str(10**20)),
    "a crop that there is not": (("--crop", "center"), "--crop"),
    "a resampling that there is not": (("--resampling", "cubic"), "--resampling"),
    "a crop box without a box": (("--crop", "box"), "crop=box needs a box: give its left, top, right and bottom edge"),
    "a box without a crop box": (("--box", 0, 0, 8, 8), "a box is used only with crop=box, and crop is centre"),
    "a box with another crop": (("--crop", "celeba", "--box", 0, 0, 8, 8), "a box is used only with crop=box, and crop is celeba"),
    "a box the wrong way round": (("--crop", "box", "--box", 8, 0, 0, 8), "with 0 <= LEFT < RIGHT and 0 <= TOP < BOTTOM"),
    "a box of no height": (("--crop", "box", "--box", 0, 8, 8, 8), "with 0 <= LEFT < RIGHT and 0 <= TOP < BOTTOM"),
    "a box that begins outside": (("--crop", "box", "--box", "-1", 0, 8, 8), "box"),
    "a box of three sides": (("--crop", "box", "--box", 0, 0, 8), "--box"),
    "a box that is none": (("--crop", "box", "--box", 0, 0, 8, "x"), "--box"),
    "a box around no image": (("--crop", "box", "--box", 100, 100, 200, 200), 'none of the 2 images in the folder "photos" can be read'),
    "blur with a resampling": (("--blur", "--resampling", "lanczos"), "blur needs resampling=fast, not lanczos"),
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
    "a label without attributes": (("--label", "kind"), "--label needs a table of attributes: give the table with --attributes"),
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
