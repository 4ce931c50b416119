"""The method written out plainly, as three losses and three passes back: slow, and what the fast step must agree with."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from vaegan import VAEGAN, Objective


def losses(
    model: VAEGAN, settings: Objective, images: Tensor, noise: Tensor, prior_noise: Tensor, *, conditions: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What encoder, decoder and discriminator minimise, each over the whole graph."""
    gamma, weight = settings.gamma, settings.real_weight
    mean, logvar = model.encoder(images, conditions)
    reconstructed = model.decoder(mean + torch.exp(logvar / 2) * noise, conditions)
    sampled = model.decoder(prior_noise, conditions)
    prior = settings.prior_weight * torch.mean(torch.sum(-0.5 * (1 + logvar - mean**2 - torch.exp(logvar)), 1))

    if settings.joint:  # one pass of the discriminator over all images
        features = model.discriminator.features(torch.cat([reconstructed, images, sampled]), settings.level).chunk(3)
        score_rec, score_real, score_sampled = torch.sigmoid(model.discriminator(torch.cat([reconstructed, images, sampled]))).chunk(3)
        error = squared_error(features[0], features[1]) + squared_error(features[2], features[1])
        gan = cost(score_real) * 2 * weight + (cost(1 - score_rec) + cost(1 - score_sampled)) * 2 * (1 - weight)
        decoder = gamma / 2 * error + (1 - gamma) * (cost(score_rec) + cost(score_sampled))
        return prior + error, decoder, gan

    of_reconstructed, of_images = model.discriminator.features(torch.cat([reconstructed, images]), settings.level).chunk(2)
    error = squared_error(of_reconstructed, of_images.detach() if settings.detach_target else of_images)
    generated = [reconstructed, sampled] if settings.reconstructions else [sampled]
    told = None if conditions is None else torch.cat([conditions] * (1 + len(generated)))
    real, *fakes = torch.sigmoid(model.discriminator(torch.cat([images, *generated]), told)).chunk(1 + len(generated))
    gan = 2 * weight * cost(real)
    for fake in fakes:
        gan = gan + 2 * (1 - weight) * cost(1 - fake)
    adversarial = -gan / (2 * (1 - weight))
    if not settings.saturating:
        adversarial = torch.stack([cost(fake) for fake in fakes]).sum()
    return prior + error, gamma * error + (1 - gamma) * adversarial, gan


def vae(model: VAEGAN, settings: Objective, images: Tensor, noise: Tensor) -> Tensor:
    """What encoder and decoder of a VAE minimise: of pixels, or of the features of a discriminator that does not change."""
    mean, logvar = model.encoder(images)
    reconstructed = model.decoder(mean + torch.exp(logvar / 2) * noise)
    prior = settings.prior_weight * torch.mean(torch.sum(-0.5 * (1 + logvar - mean**2 - torch.exp(logvar)), 1))
    if settings.kind == "vae":
        return prior + squared_error(reconstructed.flatten(1), images.flatten(1))
    discriminator = copy.deepcopy(model.discriminator).eval()
    return prior + squared_error(*(discriminator.features(seen, settings.level) for seen in (reconstructed, images)))


def gan(model: VAEGAN, settings: Objective, images: Tensor, prior_noise: Tensor) -> tuple[Tensor, Tensor]:
    """What decoder and discriminator of a GAN minimise."""
    real, fake = torch.sigmoid(model.discriminator(torch.cat([images, model.decoder(prior_noise)]))).chunk(2)
    both = cost(real) + cost(1 - fake)
    return -both if settings.saturating else cost(fake), both


def gradients(
    model: VAEGAN, settings: Objective, images: Tensor, noise: Tensor, prior_noise: Tensor, *, conditions: Tensor | None = None
) -> dict[str, Tensor]:
    """The gradient of each parameter for its own network's loss, by the parameter's name."""
    result: dict[str, Tensor] = {}
    three = losses(model, settings, images, noise, prior_noise, conditions=conditions)
    for network, loss in zip(("encoder", "decoder", "discriminator"), three, strict=True):
        named = {f"{network}.{name}": parameter for name, parameter in getattr(model, network).named_parameters()}
        found = torch.autograd.grad(loss, list(named.values()), retain_graph=True)
        result |= dict(zip(named, found, strict=True))
    return result


def cost(probability: Tensor) -> Tensor:
    return -torch.mean(torch.log(probability + 1e-3))


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    return torch.mean(torch.sum((a - b) ** 2, 1)) / 2
