"""Images in any form come to the same array, and what is none is refused in one sentence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import IterableDataset, TensorDataset

from vaegan import UserError
from vaegan.data import Preparation, open_images
from vaegan.data.any_images import any_images

from ..tiny import Items

PREPARATION = Preparation((16, 24), 3, "none")
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 16, 24, 3), np.uint8)
FLOATS = PIXELS.astype(np.float32) / 127.5 - 1


class Stream(IterableDataset[Any]):
    """One that can only be gone through."""

    def __iter__(self) -> Any:
        return iter([(torch.from_numpy(one), 0) for one in PIXELS])


def pictures() -> list[Image.Image]:
    return [Image.fromarray(one) for one in PIXELS]


FORMS: dict[str, Any] = {
    "N x H x W x C": lambda: PIXELS,
    "N x C x H x W": lambda: PIXELS.transpose(0, 3, 1, 2),
    "a tensor": lambda: torch.from_numpy(PIXELS),
    "a tensor, channels first": lambda: torch.from_numpy(PIXELS).permute(0, 3, 1, 2),
    "PIL images": pictures,
    "arrays": lambda: list(PIXELS),
    "tensors, channels first": lambda: [torch.from_numpy(one).permute(2, 0, 1) for one in PIXELS],
    "a torch data set": lambda: Items([(one, 1) for one in pictures()]),
    "a TensorDataset": lambda: TensorDataset(torch.from_numpy(PIXELS), torch.arange(5)),
    "a stream": Stream,
    "dictionaries": lambda: Items([{"label": 1, "image": one} for one in pictures()]),
    "float": lambda: FLOATS,
    "double, channels first": lambda: torch.from_numpy(FLOATS).double().permute(0, 3, 1, 2),
    "some float": lambda: [PIXELS[0], *FLOATS[1:]],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str) -> None:
    names, pixels = any_images(FORMS[form](), PREPARATION)
    assert names == [f"image {number}" for number in range(5)]
    assert pixels.dtype == (np.float32 if "float" in form or "double" in form else np.uint8)
    assert pixels.flags.c_contiguous
    np.testing.assert_allclose(pixels, FLOATS if pixels.dtype == np.float32 else PIXELS, atol=1e-6)


def test_paths(tmp_path: Path) -> None:
    for number, one in enumerate(pictures()):
        one.save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_text("no image")
    skipped: list[tuple[str, str]] = []
    for images in (tmp_path, str(tmp_path), [tmp_path]):
        names, pixels = any_images(images, PREPARATION, lambda *one: skipped.append(one))
        assert names == [f"{number}.png" for number in range(5)]
        assert np.array_equal(pixels, PIXELS)
    assert skipped == [("broken.png", "not an image")] * 3
    names, pixels = any_images([Image.open(tmp_path / "1.png"), tmp_path / "2.png", PIXELS[3]], PREPARATION)
    assert names == [str(tmp_path / "1.png"), str(tmp_path / "2.png"), "image 2"]
    assert np.array_equal(pixels, PIXELS[1:4])


def test_a_packed_set_and_a_hugging_face_data_set(all_photos: Path) -> None:
    packed = open_images(str(all_photos), PREPARATION, count=1, progress=lambda *_: None)
    names, pixels = any_images(packed, PREPARATION)
    assert (names, len(pixels)) == (packed.names, 40)
    with pytest.raises(UserError, match=r"was prepared with crop none, but crop centre is needed: prepare the images again with: "):
        any_images(packed, Preparation((16, 24), 3, "centre"))
    datasets = pytest.importorskip("datasets")
    found = datasets.Dataset.from_dict({"image": pictures(), "label": range(5)}, datasets.Features(
        {"image": datasets.Image(), "label": datasets.Value("int64")}
    ))  # fmt: skip
    assert np.array_equal(any_images(found, PREPARATION).pixels, PIXELS)


@pytest.mark.parametrize(
    "one",
    [PIXELS[0], PIXELS[0].transpose(2, 0, 1), FLOATS[0], Image.fromarray(PIXELS[0])],
    ids=["channels last", "channels first", "float", "PIL"],
)
def test_one_image_without_n(one: Any) -> None:
    assert any_images(one, PREPARATION).pixels.shape == (1, 16, 24, 3)


def test_grey_images_need_no_channels() -> None:
    grey = Preparation((16, 24), 1)
    assert np.array_equal(any_images(PIXELS[..., 0], grey).pixels, PIXELS[..., :1])
    assert np.array_equal(any_images(PIXELS[0, ..., 0], grey).pixels, PIXELS[:1, ..., :1])
    assert any_images(PIXELS, grey).pixels.shape == (5, 16, 24, 1), "colour becomes grey, as files do"
    assert any_images(PIXELS[..., :1], PREPARATION).pixels.shape == (5, 16, 24, 3), "and grey becomes colour"


def test_uint8_images_of_another_size_are_resized_as_files_are(tmp_path: Path) -> None:
    larger = np.random.default_rng(1).integers(0, 256, (2, 50, 40, 3), np.uint8)
    Image.fromarray(larger[1]).save(tmp_path / "1.png")
    preparation = Preparation((16, 24))
    of_file = any_images(tmp_path / "1.png", preparation).pixels
    for images in (larger, larger.transpose(0, 3, 1, 2), list(map(Image.fromarray, larger))):
        assert np.array_equal(any_images(images, preparation).pixels[1:], of_file)


def test_the_size_decides_where_both_ends_could_be_channels() -> None:
    narrow = np.zeros((2, 3, 40, 3), np.uint8)
    assert any_images(narrow, Preparation((40, 3))).pixels.shape == (2, 40, 3, 3)
    assert any_images(narrow, Preparation((3, 40))).pixels.shape == (2, 3, 40, 3)


REFUSED: dict[str, tuple[Any, str]] = {
    "values to 255": (FLOATS + 200, "float images must be in [-1, 1], and these have values from"),
    "NaN": (np.full((1, 16, 24, 3), np.nan, np.float32), "these have values from nan to nan"),
    "whole numbers": (PIXELS.astype(np.int64), "images must be uint8, or float in [-1, 1], not int64"),
    "a float size": (FLOATS[:, :8], "the float images are 8x24 with 3 channels, but the model takes 16x24 with 3 channels"),
    "two layouts": (np.zeros((2, 3, 40, 3), np.uint8), "it is not clear which dimension of 2 x 3 x 40 x 3 holds the channels"),
    "no channels": (np.zeros((2, 16, 24, 7), np.uint8), "it is not clear which dimension of 2 x 16 x 24 x 7 holds the channels"),
    "five sides": (np.zeros((1, 1, 16, 24, 3), np.uint8), "not 1 x 1 x 16 x 24 x 3"),
    "none": (PIXELS[:0], "there are no images in an array of 0 x 16 x 24 x 3"),
    "an empty list": ([], "the list is empty"),
    "a number": (3, "images cannot be of type int"),
    "numbers": ([3, 4], "image 0 is of type int"),
    "a data set without images": (
        Items([{"text": "x"}]),
        "an item of the images has no key named 'image' (its keys: 'text'): each item needs its image under the key 'image'",
    ),
    "a tiny picture": (Image.new("RGB", (4, 4)), "cannot read image 0: only"),
    "a path": ("nowhere.png", "nowhere.png does not exist"),
}


@pytest.mark.parametrize(("images", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(images: Any, words: str) -> None:
    with pytest.raises(UserError) as error:
        any_images(images, PREPARATION)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_batch_in_0_to_1_gets_one_note_and_stays_as_it_is() -> None:
    halves = (FLOATS / 2 + 0.5).astype(np.float32)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("default")
        for _ in range(3):
            assert np.array_equal(any_images(halves, PREPARATION).pixels, halves)
        any_images(FLOATS, PREPARATION)
    assert ["[-1, 1] is expected" in str(note.message) for note in notes] == [True]
