"""What the encoder says of an image: a normal distribution of codes."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Posterior(NamedTuple):
    """Of a batch of images, q(z|x) = N(mean, exp(logvar)); each N x latent."""

    mean: Tensor
    logvar: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Codes mean + sigma * noise, with `noise` standard normal and N x latent."""
        return self.mean + (0.5 * self.logvar).exp() * noise
