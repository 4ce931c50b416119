"""The method written out plainly, as three losses and three passes back: slow, and what the fast step must agree with.

Of a VAE/GAN, the losses are those of the textbook step that `vaegan bench` times; the other objectives are here.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from vaegan import VAEGAN
from vaegan.bench import textbook
from vaegan.bench.textbook import cost, divergence, squared_error
from vaegan.settings import ObjectiveSettings


def losses(
    model: VAEGAN, settings: ObjectiveSettings, images: Tensor, noise: Tensor, prior_noise: Tensor, *, conditions: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What encoder, decoder and discriminator minimise, each over the whole graph."""
    if settings.joint:
        return joint(model, settings, images, noise, prior_noise)
    _, minimised = textbook.losses(model, settings, images, noise, prior_noise, conditions=conditions)
    return minimised["encoder"], minimised["decoder"], minimised["discriminator"]


def joint(model: VAEGAN, settings: ObjectiveSettings, images: Tensor, noise: Tensor, prior_noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same of the joint objective: one pass of the discriminator over all images."""
    gamma, weight = settings.gamma, settings.real_weight
    mean, logvar = model.encoder(images)
    reconstructed, sampled = model.decoder(mean + torch.exp(logvar / 2) * noise), model.decoder(prior_noise)
    features = model.discriminator.features(torch.cat([reconstructed, images, sampled]), settings.level).chunk(3)
    logits = settings.logit_scale * model.discriminator(torch.cat([reconstructed, images, sampled]))
    score_rec, score_real, score_sampled = torch.sigmoid(logits).chunk(3)
    error = squared_error(features[0], features[1]) + squared_error(features[2], features[1])
    gan = cost(score_real) * 2 * weight + (cost(1 - score_rec) + cost(1 - score_sampled)) * 2 * (1 - weight)
    decoder = gamma / 2 * error + (1 - gamma) * (cost(score_rec) + cost(score_sampled))
    return settings.kl_weight * divergence(mean, logvar) + error, decoder, gan


def vae(model: VAEGAN, settings: ObjectiveSettings, images: Tensor, noise: Tensor) -> Tensor:
    """What encoder and decoder of a VAE minimise: of pixels, or of the features of a discriminator that does not change."""
    mean, logvar = model.encoder(images)
    reconstructed = model.decoder(mean + torch.exp(logvar / 2) * noise)
    prior = settings.kl_weight * divergence(mean, logvar)
    if settings.kind == "vae":
        return prior + squared_error(reconstructed.flatten(1), images.flatten(1))
    discriminator = copy.deepcopy(model.discriminator).eval()
    return prior + squared_error(*(discriminator.features(seen, settings.level) for seen in (reconstructed, images)))


def gan(model: VAEGAN, settings: ObjectiveSettings, images: Tensor, prior_noise: Tensor) -> tuple[Tensor, Tensor]:
    """What decoder and discriminator of a GAN minimise."""
    logits = settings.logit_scale * model.discriminator(torch.cat([images, model.decoder(prior_noise)]))
    real, fake = torch.sigmoid(logits).chunk(2)
    both = cost(real) + cost(1 - fake)
    return -both if settings.saturating else cost(fake), both


def gradients(
    model: VAEGAN, settings: ObjectiveSettings, images: Tensor, noise: Tensor, prior_noise: Tensor, *, conditions: Tensor | None = None
) -> dict[str, Tensor]:
    """The gradient of each parameter for its own network's loss, by the parameter's name."""
    result: dict[str, Tensor] = {}
    three = losses(model, settings, images, noise, prior_noise, conditions=conditions)
    for network, loss in zip(("encoder", "decoder", "discriminator"), three, strict=True):
        named = {f"{network}.{name}": parameter for name, parameter in getattr(model, network).named_parameters()}
        found = torch.autograd.grad(loss, list(named.values()), retain_graph=True)
        result |= dict(zip(named, found, strict=True))
    return result
