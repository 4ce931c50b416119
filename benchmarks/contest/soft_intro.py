"""A plain Soft-IntroVAE step (Daniel and Tamar, "Soft-IntroVAE: Analyzing and Improving the Introspective Variational Autoencoder", 2021).

There is no discriminator: the encoder tells real images from generated ones by their evidence lower bound. With L_r(x) the squared error
of a reconstruction, KL(x) that of the posterior, s = 1 / (C H W), and f all generated images (samples of the prior and reconstructions):

    encoder   minimises  s (b_rec L_r(x) + b_kl KL(x)) + 1/2 exp(-2 s (b_rec L_r(f) + b_neg KL(f)))
    decoder   minimises  s (b_rec L_r(x) + b_kl KL(f) + gamma_r b_rec L_r(f))

Images are in [0, 1]. The settings are the authors' for CIFAR-10, whose size is nearest (github.com/taldatech/soft-intro-vae-pytorch).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vaegan import VAEGAN
from vaegan.data.batches import Batches
from vaegan.latent.fit_prior import prior_of
from vaegan.losses.kl import kl_divergence
from vaegan.models.posterior import Posterior
from vaegan.models.prior import Mixture
from vaegan.training.device import keep_freed_memory

from .train import Task

BATCH = 32
RATE = 2e-4
RECONSTRUCTION, KL, NEGATIVE = 1.0, 1.0, 256.0
"""b_rec, b_kl and b_neg."""
GAMMA = 1e-8
"""gamma_r."""


class SoftIntroStep:
    """A model and its two optimisers; call it with images N x C x H x W in [-1, 1]."""

    def __init__(self, model: VAEGAN) -> None:
        self.model = model
        self.encoder, self.decoder = (torch.optim.Adam(network.parameters(), RATE) for network in (model.encoder, model.decoder))
        self.scale = 1 / float(np.prod(model.preparation.shape))

    def __call__(self, images: Tensor) -> None:
        """Update the encoder, then the decoder."""
        noise = torch.randn(len(images), self.model.architecture.latent)
        codes = self._update_encoder(images, noise)
        self._update_decoder(images, noise, codes)

    def _update_encoder(self, images: Tensor, noise: Tensor) -> Tensor:
        self.model.encoder.requires_grad_(True)
        self.model.decoder.requires_grad_(False)
        posterior, codes = self._encode(images)
        again = self.model.decoder(codes)
        cost = RECONSTRUCTION * _error(images, again).mean() + KL * _kl(posterior).mean()
        generated = torch.zeros(())
        for made in (again.detach(), self.model.decoder(noise)):
            theirs, their_codes = self._encode(made)
            bound = RECONSTRUCTION * _error(made, self.model.decoder(their_codes)) + NEGATIVE * _kl(theirs)
            generated = generated + (-2 * self.scale * bound).exp().mean() / 2  # the mean over both kinds
        self.encoder.zero_grad()
        (self.scale * cost + generated / 2).backward()
        self.encoder.step()
        return codes.detach()

    def _update_decoder(self, images: Tensor, noise: Tensor, codes: Tensor) -> None:
        self.model.encoder.requires_grad_(False)
        self.model.decoder.requires_grad_(True)
        again = self.model.decoder(codes)
        cost = RECONSTRUCTION * _error(images, again).mean()
        for made in (again, self.model.decoder(noise)):
            theirs, their_codes = self._encode(made)
            error = _error(made.detach(), self.model.decoder(their_codes.detach())).mean()
            cost = cost + (KL * _kl(theirs).mean() + GAMMA * RECONSTRUCTION * error) / 2
        self.decoder.zero_grad()
        (self.scale * cost).backward()
        self.decoder.step()

    def _encode(self, images: Tensor) -> tuple[Posterior, Tensor]:
        """The posteriors, and a sample of each."""
        posterior = Posterior(*self.model.encoder(images))
        return posterior, posterior.sample(torch.randn_like(posterior.mean))


def train(task: Task) -> Mixture:
    """Train the encoder and the decoder, and fit this package's prior to their codes; see `contest.train.Function`."""
    keep_freed_memory()
    model, images, training, job, progress = task
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches, step = Batches(images.images, training, BATCH, seed=job.seed), SoftIntroStep(model)
    for number in range(job.steps):
        step(batches(number))
        progress()
    model.requires_grad_(True).eval()
    return prior_of(model, images, training, seed=job.seed)


def _error(images: Tensor, again: Tensor) -> Tensor:
    """The squared error of each image, summed over its values from 0 to 1: N."""
    return ((again - images) / 2).square().sum((1, 2, 3))


def _kl(posterior: Posterior) -> Tensor:
    """KL(q(z|x) || N(0, I)) of each image: N."""
    return kl_divergence(posterior).sum(1)
