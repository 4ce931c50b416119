"""Names in two spellings of Unicode: with ä as one character (NFC), or as a and two dots (NFD)."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan import VAEGAN, Architecture, UserError
from vaegan.data import ImageSet, prepare
from vaegan.data.sources import find_source
from vaegan.data.sources.leave_out import without

ONE, TWO = (unicodedata.normalize(form, "Lächeln") for form in ("NFC", "NFD"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number, name in enumerate((f"{TWO}.png", "a.png", "b.png")):
        Image.fromarray(np.full((16, 16, 3), number, np.uint8)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def packed(photos: Path, out: str, table: str, **choices: object) -> ImageSet:
    (photos.parent / "t.csv").write_text(table)
    return prepare(str(photos), photos.parent / out, size=(16, 16), attributes=photos.parent / "t.csv", progress=lambda *_: None, **choices)  # type: ignore[arg-type]


def test_an_attribute_is_found_in_either_spelling(photos: Path) -> None:
    images = packed(photos, "set", f"name,{TWO}\n{TWO}.png,3\na.png,1\nb.png,1\n", thresholds={ONE: 2})
    assert images.attribute_names == (TWO,)
    assert images.attributes_named([ONE])[:, 0].tolist() == images.attributes_named([TWO])[:, 0].tolist() == [1, 0, 0]
    with pytest.raises(UserError, match="there is no attribute named Lacheln"):
        images.attributes_named(["Lacheln"])
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4, attributes=(TWO, "Hat")))
    assert model.attributes({ONE: 1.0})[0, 0] == 1


def test_a_row_in_the_other_spelling_has_the_name_of_its_image(photos: Path) -> None:
    images = packed(photos, "set", f"name,Hat\n{ONE}.png,1\na.png,0\nb.png,0\n")
    assert images.attributes.tolist() == [[1], [0], [0]]
    assert not [note for note in images.manifest["notes"] if "another folder" in note]


def test_images_are_left_out_in_either_spelling(photos: Path) -> None:
    source = without(find_source(str(photos)), frozenset({f"{ONE}.png", "gone.png"}), "t.csv")
    assert [item.name for item in source.items()] == ["a.png", "b.png"]
    assert source.notes[-2:] == ["left out 1 images that are listed in t.csv", "1 rows of t.csv have no image: gone.png"]
    assert source.listing == without(find_source(str(photos)), frozenset({f"{TWO}.png"}), "t.csv").listing
    Image.new("RGB", (16, 16)).save(photos / f"{ONE}.png")
    source = without(find_source(str(photos)), frozenset({f"{ONE}.png"}), "t.csv")
    assert f"{TWO}.png" in [item.name for item in source.items()], "this one is another file"
