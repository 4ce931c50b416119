"""What the encoder says of an image, a normal distribution of codes; and the one that fits the codes of a batch."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from torch import Tensor


class Posterior(NamedTuple):
    """Of a batch of images, q(z|x) = N(mean, exp(logvar)); each N x latent."""

    mean: Tensor
    logvar: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Codes mean + sigma * noise, with `noise` standard normal and N x latent."""
        return self.mean + (0.5 * self.logvar).exp() * noise


def drawn_like(codes: Tensor, noise: Tensor) -> Tensor:
    """New codes of the Gaussian that has the mean m and the covariance of n codes: m + sum over i of e_i (z_i - m) / sqrt(n - 1).

    The e_i are standard normal. So no covariance is computed, and n may be below the number of latent dimensions.

    Args:
        codes: z_i, N x latent. If N is above latent, the first `latent` of them count: n is the smaller one.
        noise: e, standard normal, M x latent: the first n columns count.

    Returns:
        M x latent.
    """
    some = codes[: codes.shape[1]]
    mean, count = some.mean(0), len(some)
    return mean + noise[:, :count] @ (some - mean) / sqrt(max(1, count - 1))
