"""What codes carry: how far each dimension's posterior is from N(0, 1), and how many dimensions are used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..losses.kl import kl_divergence
from ..models.posterior import Posterior
from .base import Metric, Value

if TYPE_CHECKING:
    from .context import Context

ACTIVE = 0.01
"""Variance of the posterior mean over images above which a dimension counts as used (Burda et al. 2016, section 5.2)."""


class PosteriorMetric(Metric):
    """The KL and the active units of the codes of held-out images."""

    name = "posterior"
    needs = ("encoder",)

    def __call__(self, context: Context) -> Iterable[Value]:
        """Over all held-out images that were drawn."""
        stats = posterior_stats(context.posterior)
        nats, latent = stats.nats, len(stats.nats)
        most_and_least = f"{nats.max():.3g}, {nats.min():.3g}"
        return [
            Value("kl", float(nats.sum()), "KL divergence from the prior, nats", "codes"),
            Value(
                "kl_of_dimensions",
                [round(float(value), 6) for value in nats],
                "largest and smallest KL of all dimensions",
                "codes",
                most_and_least,
            ),
            Value("active_units", stats.active, "active units", "codes", f"{stats.active} of {latent}"),
            Value("latent", latent, table="codes"),
        ]


class PosteriorStats(NamedTuple):
    """Of the posteriors of N images."""

    nats: NDArray[np.float64]
    """For each dimension of the code, the mean over images of KL(q(z_d|x) || N(0, 1))."""
    variance: NDArray[np.float64]
    """For each dimension, the variance over images of the posterior mean."""

    @property
    def active(self) -> int:
        """How many dimensions are used."""
        return int((self.variance > ACTIVE).sum())


def posterior_stats(posterior: Posterior) -> PosteriorStats:
    """Measure posteriors, N x latent."""
    exact = Posterior(*(values.double().cpu() for values in posterior))
    return PosteriorStats(kl_divergence(exact).numpy().mean(0), exact.mean.numpy().var(0))
