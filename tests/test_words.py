"""Settings as people read them."""

from __future__ import annotations

import pytest

from vaegan.words import plain


@pytest.mark.parametrize(
    ("value", "words", "expected"),
    [
        (0.01, {}, "0.01"),
        (1, {"yes": "yes"}, "1"),
        ((64, 48), {"between": "x"}, "64x48"),
        ([[1, 2], [3]], {}, "1 2 3"),
        ([True, "a"], {"between": ", ", "yes": "yes", "no": "no"}, "yes, a"),
        (False, {"no": "false"}, "false"),
        (None, {}, "None"),
    ],
)
def test_plain(value: object, words: dict[str, str], expected: str) -> None:
    assert plain(value, **words) == expected
