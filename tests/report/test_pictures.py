"""Pictures fit in the page."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vaegan.report.pictures import embed, thinned


def test_pictures_fit_in_their_bytes() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    assert (embed(picture, 10**6).width, embed(picture, 10**6, 200).width) == (400, 200)
    small = embed(picture, 20_000)
    assert len(small.uri) <= 20_000
    assert small.width / small.height == pytest.approx(4 / 3, rel=0.02)


def test_thinned_keeps_the_ends() -> None:
    assert thinned(range(5), 9) == [0, 1, 2, 3, 4]
    some = thinned(range(100), 7)
    assert (len(some), some[0], some[-1]) == (7, 0, 99)
