"""The training step as it is usually written: what the package's own step is compared with.

It follows the method plainly, without any of the package's ways to save work: three losses, three passes back through the whole graph,
float32, images as N x C x H x W, layers and optimisers as torch makes them, losses read at every step. The networks are the package's,
and so are the numbers: a test holds one such step against one of `vaegan.training.trainer.Trainer`.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import UserError
from ..losses.gate import EquilibriumGate
from ..losses.routing import statistics_fixed
from ..losses.similarity import ROUNDING
from ..models.base import Encoder
from ..models.convolution import ImageConvolution
from ..models.resize import Downsampling, Upsampling
from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..settings import ObjectiveSettings, Optimizer


class Textbook:
    """A VAE/GAN and its three optimisers, to be stepped."""

    def __init__(self, recipe: Recipe, model: VAEGAN, *, autocast: bool = False) -> None:
        """Train `model`, in bfloat16 where torch thinks it safe if `autocast`.

        Raises:
            UserError: see `textbook_only`.
        """
        textbook_only(recipe.objective)
        self.recipe, self.autocast = recipe, autocast
        use_plain_convolutions(model)
        self.model = model.to(memory_format=torch.contiguous_format).train()  # type: ignore[call-overload]
        self.networks: dict[str, nn.Module] = {"encoder": model.encoder, "decoder": model.decoder, "discriminator": model.discriminator}
        self.optimizers = {
            name: make_optimizer(network, recipe.optimizer, recipe.optimizer.lr * factor)
            for (name, network), factor in zip(self.networks.items(), recipe.optimizer.lr_factors, strict=True)
        }

    def step(self, pixels: Tensor, noise: Tensor | None = None, prior_noise: Tensor | None = None) -> dict[str, float]:
        """One step on pixels N x C x H x W, uint8; returns the losses."""
        images = pixels.float() / 127.5 - 1
        if noise is None or prior_noise is None:
            noise, prior_noise = torch.randn(2, len(images), self.recipe.networks.latent, device=images.device)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.autocast):
            watched, minimised = losses(self.model, self.recipe.objective, images, noise, prior_noise)
        values = {name: loss.item() for name, loss in watched.items()}
        decision = EquilibriumGate(self.recipe.gate)(values["real"], values["fake"])
        steps = {"encoder": True, "decoder": decision.decoder, "discriminator": decision.discriminator}

        # Every loss has gradients for all three networks, of which one is wanted. No network may step before the last pass back: that
        # would change weights which are still part of the graph.
        gradients = {}
        for name, network in self.networks.items():
            if steps[name]:
                self.model.zero_grad()
                minimised[name].backward(retain_graph=name != "discriminator")
                gradients[name] = [parameter.grad for parameter in network.parameters()]
        for name, own in gradients.items():
            for parameter, gradient in zip(self.networks[name].parameters(), own, strict=True):
                parameter.grad = gradient
            self.clip(name)
            self.optimizers[name].step()
        return values

    def clip(self, name: str) -> None:
        """Clip a network's gradient, if the recipe says so."""
        settings = self.recipe.optimizer
        limit = dict(zip(self.networks, settings.clip_at, strict=True))[name]
        if limit and settings.clip == "value":
            nn.utils.clip_grad_value_(self.networks[name].parameters(), limit)
        elif limit and settings.clip == "norm":
            nn.utils.clip_grad_norm_(self.networks[name].parameters(), limit)


def losses(
    model: VAEGAN, objective: ObjectiveSettings, images: Tensor, noise: Tensor, prior_noise: Tensor, *, conditions: Tensor | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The terms that are watched, and what each network minimises, over the whole graph: of a VAE/GAN, but not of the joint objective.

    Args:
        model: in training mode.
        objective: says how the terms are weighed.
        images: N x C x H x W in [-1, 1].
        noise: N x latent, of the codes of the images.
        prior_noise: N x latent, the codes of the samples, or what they are made of.
        conditions: N x attributes, of a conditional model.
    """
    if objective.similarity == "levels":
        return losses_of_levels(model, objective, images, noise, prior_noise, conditions=conditions)
    gamma, weight = objective.gamma, objective.real_weight
    mean, logvar = model.encoder(images, conditions)
    reconstructed = model.decoder(mean + torch.exp(logvar / 2) * noise, conditions)
    sampled = model.decoder(prior_noise, conditions)

    prior = divergence(mean, logvar)
    of_reconstructed, of_images = model.discriminator.features(torch.cat([reconstructed, images]), objective.level).chunk(2)
    similarity = squared_error(of_reconstructed, of_images.detach() if objective.detach_target else of_images)

    generated = [reconstructed, sampled] if objective.reconstructions else [sampled]
    repeated_conditions = None if conditions is None else torch.cat([conditions] * (1 + len(generated)))
    logits = objective.logit_scale * model.discriminator(torch.cat([images, *generated]), repeated_conditions)
    scores = torch.sigmoid(logits).chunk(1 + len(generated))
    real = cost(scores[0])
    fakes = [cost(1 - score) for score in scores[1:]]
    gan = 2 * weight * real + 2 * (1 - weight) * sum(fakes)
    adversarial = -gan / (2 * (1 - weight)) if objective.saturating else sum(cost(score) for score in scores[1:])

    watched = {"prior": prior, "similarity": similarity, "real": real, "fake": fakes[-1]}
    return watched, {
        "encoder": objective.kl_weight * prior + similarity,
        "decoder": gamma * similarity + (1 - gamma) * adversarial,
        "discriminator": gan,
    }


def of_one_gaussian(codes: Tensor, noise: Tensor) -> Tensor:
    """Codes of a Gaussian with the mean and the covariance of the given codes, at most as many as a code has numbers."""
    codes = codes[: noise.shape[1]]
    deviations = codes - torch.mean(codes, dim=0)
    return torch.mean(codes, dim=0) + torch.einsum("mn,nl->ml", noise[:, : len(codes)], deviations) / (max(2, len(codes)) - 1) ** 0.5


def losses_of_levels(
    model: VAEGAN, objective: ObjectiveSettings, images: Tensor, noise: Tensor, prior_noise: Tensor, *, conditions: Tensor | None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The same with an error over all levels of a discriminator that judges each image by itself."""
    gamma, weight = objective.gamma, objective.real_weight
    mean, logvar = model.encoder(images, conditions)
    codes = mean + torch.exp(logvar / 2) * noise
    reconstructed = model.decoder(codes, conditions)
    with statistics_fixed(model.decoder):
        every = objective.images_per_sample
        drawn = of_one_gaussian(codes.detach(), prior_noise) if objective.samples == "codes" else prior_noise
        sampled = model.decoder(drawn[::every], None if conditions is None else conditions[::every])
    count, three = len(images), None if conditions is None else torch.cat([conditions, conditions, conditions[::every]])
    maps, logits = model.discriminator.judge(torch.cat([images, reconstructed, sampled]), three)
    logits = objective.logit_scale * logits
    prior = divergence(mean, logvar)
    similarity = torch.stack([relative_error(part[:count], part[count : 2 * count], objective.error) for part in maps]).mean()

    of_images, of_reconstructions, of_samples = logits[:count], logits[count : 2 * count], logits[2 * count :]
    # (logits, those of the images in their places, their number as a share of that of the images)
    kinds = [(of_reconstructions, of_images, 1.0), (of_samples, of_images[::every], 1 / every)]
    kinds = kinds if objective.reconstructions else kinds[1:]
    if objective.gan == "hinge":
        real, costs = torch.mean(torch.relu(1 - of_images)), [share * torch.mean(torch.relu(1 + fake)) for fake, _, share in kinds]
        adversarial = sum(-share * torch.mean(fake) for fake, _, share in kinds)
    elif objective.gan == "relativistic":
        costs = [share * torch.mean(functional.softplus(fake - image)) / 2 for fake, image, share in kinds]
        real = torch.stack(costs).sum()
        adversarial = sum(share * torch.mean(functional.softplus(image - fake)) for fake, image, share in kinds)
    else:
        real, costs = cost(torch.sigmoid(of_images)), [share * cost(1 - torch.sigmoid(fake)) for fake, _, share in kinds]
        adversarial = -sum(costs) if objective.saturating else sum(share * cost(torch.sigmoid(fake)) for fake, _, share in kinds)
    gan = 2 * weight * real + 2 * (1 - weight) * sum(costs)
    decoder = gamma * similarity + (1 - gamma) * adversarial

    watched = {"prior": prior, "similarity": similarity, "real": real, "fake": costs[-1] * every}
    return watched, {"encoder": objective.kl_weight * prior + decoder / gamma, "decoder": decoder, "discriminator": gan}


def relative_error(images: Tensor, reconstructions: Tensor, error: str) -> Tensor:
    """The squared or absolute error of feature maps N x F x h x w in standard deviations of those of the images, which are constants."""
    target = images.detach()
    variance = target.transpose(0, 1).flatten(1).var(1, correction=0).mean()
    squares = (reconstructions - target) ** 2 / variance
    return torch.mean(squares if error == "squared" else 2 * (torch.sqrt(squares + ROUNDING**2) - ROUNDING))


def use_plain_convolutions(network: nn.Module) -> None:
    """Have the layers that the package computes in its own way computed as torch's are; the weights are the same."""
    for module in network.modules():
        for layer, forward in ((ImageConvolution, nn.Conv2d.forward), (Upsampling, _upsample), (Downsampling, _downsample)):
            if isinstance(module, layer):
                module.forward = MethodType(forward, module)  # type: ignore[method-assign]


def _upsample(layer: Upsampling, maps: Tensor) -> Tensor:
    kernel = layer.weight.transpose(0, 1).flip(2, 3)
    return functional.conv2d(functional.interpolate(maps, scale_factor=2), kernel, padding=1)


def _downsample(layer: Downsampling, maps: Tensor) -> Tensor:
    return functional.avg_pool2d(functional.conv2d(maps, layer.weight, layer.bias, padding=1), 2)


def textbook_only(objective: ObjectiveSettings) -> None:
    """Refuse what the textbook step does not know.

    Raises:
        UserError: the joint objective, another GAN loss, a penalty, random changes of what the discriminator sees.
    """
    known = ("", "saturating", "non_saturating", "hinge", "relativistic") if objective.similarity == "levels" else ("",)
    unknown = {"joint": objective.joint, "gan": objective.gan not in known, "penalty": objective.penalty}
    for name, refused in {**unknown, "diff_augment": objective.diff_augment}.items():
        if refused:
            raise UserError(f"there is no training step in plain PyTorch for objective.{name}: choose a recipe without this setting")


def divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """Of posteriors from the prior, KL(N(mean, exp(logvar)) || N(0, I)); the mean over images."""
    return torch.mean(torch.sum(-0.5 * (1 + logvar - mean**2 - torch.exp(logvar)), 1))


def squared_error(one: Tensor, other: Tensor) -> Tensor:
    """Half the squared distance of N x D, the mean over images: the negative log likelihood of a unit Gaussian, but for a constant."""
    return torch.mean(torch.sum((one - other) ** 2, 1)) / 2


def cost(probability: Tensor) -> Tensor:
    """Of what should be 1."""
    return -torch.mean(torch.log(probability + 1e-3))


def make_optimizer(network: nn.Module, settings: Optimizer, lr: float) -> torch.optim.Optimizer:
    """As torch sets it up by default, with weight decay for weights alone."""
    posterior = {*network.posterior_weights()} if isinstance(network, Encoder) else set()
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1 and p not in posterior], "weight_decay": settings.weight_decay},
        {
            "params": [p for p in network.parameters() if p in posterior],
            "weight_decay": settings.weight_decay,
            "lr": lr * settings.posterior_lr_factor,
        },
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.kind == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=settings.betas, eps=settings.eps)
    return torch.optim.RMSprop(groups, lr=lr, alpha=settings.alpha, eps=settings.eps)
