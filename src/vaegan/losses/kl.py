"""The KL divergence of the posterior from the prior N(0, I): L_prior."""

from __future__ import annotations

from torch import Tensor

from ..models.posterior import Posterior


def kl_divergence(posterior: Posterior) -> Tensor:
    """KL(q(z_d|x) || N(0, 1)) in nats, of each image and each dimension d of the code (Kingma and Welling 2014, appendix B).

    Args:
        posterior: mean and logvar, each N x latent.

    Returns:
        N x latent. Rounding can make a number that should be 0 a little less than 0.
    """
    return 0.5 * (posterior.mean.square() + posterior.logvar.exp() - posterior.logvar - 1)
