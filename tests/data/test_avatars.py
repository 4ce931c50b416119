"""The built-in faces: the same everywhere, and their attributes are what the picture shows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from vaegan import UserError
from vaegan.data import Preparation, open_images, prepare
from vaegan.data.images import read
from vaegan.data.sources import avatars

from ..processes import run_command

SMALL = Preparation((16, 16))


def quiet(_what: str, _done: int, _total: int | None) -> None:
    pass


def test_avatars_are_the_same_anywhere_and_a_larger_set_begins_with_the_smaller(tmp_path: Path) -> None:
    large = prepare("avatars", tmp_path / "large", progress=quiet, count=300, size=(32, 32), workers=2)
    small = prepare("avatars", tmp_path / "small", progress=quiet, count=20, size=(32, 32), workers=1)
    assert large.images.shape == (300, 32, 32, 3)
    assert np.array_equal(large.images[:20], small.images[:])
    assert large.names[299] == "avatar 299"
    other = [read(item.picture, Preparation((32, 32))) for item in avatars.source(20, (32, 32), seed=1).items()]
    assert not np.array_equal(np.stack(other), small.images[:])


def test_packing_in_a_script_without_a_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nfrom vaegan.data import prepare\n"
        "print(len(prepare('avatars', Path('set'), progress=lambda *_: None, count=300, size=(16, 16), workers=2)))\n"
    )
    done = run_command(sys.executable, script, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("300\n", "")


def test_avatars_have_known_attributes() -> None:
    images = open_images("avatars", SMALL, count=300, progress=quiet)
    assert images.attributes.shape == (300, len(images.attribute_names))
    share = dict(zip(images.attribute_names, images.attributes.mean(0), strict=True))
    assert set(share) >= {"Eyeglasses", "Sunglasses", "Beard", "Wearing_Hat", "Long_Hair", "Dark_Skin", "Black_Hair", "Smiling", "Bald"}
    assert all(0.01 < value < 0.7 for value in share.values())
    again = open_images("avatars", SMALL, count=300, progress=quiet).attributes
    assert np.array_equal(again, images.attributes)


def test_attributes_are_what_the_picture_shows() -> None:
    """Changing just one factor changes its attribute and its part of the picture."""
    plain = {**avatars.draw_factors(0, 0), "top": "shortFlat", "accessories": "", "facialHair": "", "skin": "#edb98a", "hair": "#d6b370"}
    base = avatars.render(plain, (64, 64)).astype(int)
    eyes, chin, crown = slice(20, 36), slice(38, 54), slice(0, 16)
    for name, factor, value, rows in [
        ("Sunglasses", "accessories", "wayfarers", eyes),
        ("Eyeglasses", "accessories", "prescription02", eyes),
        ("Beard", "facialHair", "beardMajestic", chin),
        ("Wearing_Hat", "top", "winterHat1", crown),
        ("Black_Hair", "hair", "#2c1b18", crown),
    ]:
        changed = {**plain, factor: value}
        assert avatars.attributes(changed)[name]
        assert not avatars.attributes(plain)[name]
        difference = np.abs(avatars.render(changed, (64, 64)) - base).sum((1, 2))
        assert difference[rows].sum() > 1000
    assert not avatars.attributes({**plain, "top": "hat", "hair": "#2c1b18"})["Black_Hair"]  # hidden


def test_avatars_come_in_colour_and_other_shapes() -> None:
    assert open_images("avatars", Preparation((16, 32)), count=3, progress=quiet).images.shape == (3, 16, 32, 3)
    with pytest.raises(UserError, match="3 channels"):
        open_images("avatars", Preparation((16, 16), 1), count=3, progress=quiet)
