"""What codes carry: how far each dimension's posterior is from the prior, and how many dimensions are used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..models.posterior import Posterior

ACTIVE = 0.01
"""Variance of the posterior mean over images above which a dimension counts as used (Burda et al. 2016, section 5.2)."""


class Carried(NamedTuple):
    """Of the posteriors of N images."""

    nats: NDArray[np.float64]
    """For each dimension of the code, the mean over images of KL(q(z_d|x) || N(0, 1))."""
    variance: NDArray[np.float64]
    """For each dimension, the variance over images of the posterior mean."""

    @property
    def active(self) -> int:
        """How many dimensions are used."""
        return int((self.variance > ACTIVE).sum())


def carried(posterior: Posterior) -> Carried:
    """Measure posteriors, N x latent."""
    exact = Posterior(*(values.double().cpu() for values in posterior))
    return Carried(exact.nats.numpy().mean(0), exact.mean.numpy().var(0))
