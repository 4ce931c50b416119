"""Settings as people read them."""

from __future__ import annotations

import pytest

from vaegan.words import fixed, plain


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


def test_fixed() -> None:
    """Small numbers are not printed as 0."""
    assert [fixed(value, 3, 6) for value in (1.23456, 0.0, 1e-5, 1.26e-9, -1.26e-9)] == ["1.235", "0.000", "0.000", "1.3e-09", "-1.3e-09"]
    assert [fixed(1234.5, decimals, 2, "+,") for decimals in (-3, 1, 7)] == ["+1,234", "+1,234.5", "+1,234.50"]
