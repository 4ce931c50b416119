"""Numbers over seeds as people write them."""

from __future__ import annotations

import math

from vaegan.experiments.seeds import change_over_seeds, over_seeds


def test_numbers_over_seeds() -> None:
    assert over_seeds([1.0, 2.0, 3.0]) == "2.00 ± 1.00"
    assert over_seeds([0.5]) == "0.5"
    assert over_seeds([]) == "-"
    assert over_seeds([0.0, 0.0]) == "0.00 ± 0.00"
    assert over_seeds([1000.0, 1000.5]) == "1,000.2 ± 0.4"
    assert [over_seeds([value]) for value in (123.4, 999.7, 1234.4)] == ["123", "1,000", "1,234"]
    assert over_seeds([1.0, math.nan, 3.0]) == "2.00 ± 1.41 (2 of 3)"
    assert over_seeds([math.nan, 3.0]) == "3 (1 of 2)"
    assert over_seeds([1e-9, 2e-9]) == "1.5e-09 ± 7.1e-10"
    assert over_seeds([0.5, 0.5 + 1e-9]) == "0.500000 ± 7.1e-10"


def test_changes_over_seeds() -> None:
    assert change_over_seeds([1.1, 2.2, 3.3], [1.0, 2.0, 3.0]) == "+0.20 ± 0.25"  # 4.3027 * 0.1 / sqrt(3)
    assert change_over_seeds([1.1, 2.2, 3.1, 4.2], [1.0, 2.0, 3.0, 4.0]) == "+0.15 ± 0.09 *"  # 3.1824 * 0.0577 / 2
    assert change_over_seeds([1.0], [2.0]) == "-1"
    assert change_over_seeds([math.nan], [2.0]) == "-"
    assert change_over_seeds([2e-9, 3e-9, 4e-9], [1e-9] * 3) == "+2e-09 ± 2.5e-09"
    assert change_over_seeds([1234.4, math.nan], [0.0, 2.0]) == "+1,234 (1 of 2)"
    wide = change_over_seeds([1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0] * 6, digits=5)  # five degrees of freedom
    assert wide == "+0.16667 ± 0.42843"  # 2.5706 * 0.40825 / sqrt(6)
