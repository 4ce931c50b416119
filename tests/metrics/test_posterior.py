"""The KL of each dimension and the number of active units, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vaegan.metrics.posterior import posterior_stats
from vaegan.models.posterior import Posterior


def test_by_hand() -> None:
    mean = torch.tensor([[1.0, 0.0, 0.05], [-1.0, 0.0, -0.05]])
    logvar = torch.tensor([[0.0, 0.0, 0.0], [0.0, math.log(2), 0.0]])
    found = posterior_stats(Posterior(mean, logvar))
    assert found.nats.tolist() == pytest.approx([0.5, 0.25 * (2 - math.log(2) - 1), 0.5 * 0.05**2], abs=1e-7)
    np.testing.assert_allclose(found.variance, [1, 0, 0.0025], atol=1e-8)
    assert found.active == 1
