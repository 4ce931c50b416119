"""The feature error is 0 for the image itself and 1 for any other."""

from __future__ import annotations

import numpy as np
import pytest

from vaegan.metrics.feature_error import feature_error


def test_feature_error() -> None:
    random = np.random.default_rng(0)
    originals, others = random.normal(size=(2, 500, 6)).astype(np.float32)
    assert feature_error(originals, originals) == 0
    assert feature_error(others, originals) == pytest.approx(1, abs=0.1)
    assert feature_error(np.zeros_like(originals), originals) == pytest.approx(0.5, abs=0.05)
