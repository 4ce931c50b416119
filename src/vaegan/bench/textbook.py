"""The training step as it is usually written: what the package's own step is compared with.

Plainly from the method, without any of the package's ways to save work: three losses, three passes back through the whole graph, float32,
images as N x C x H x W, optimisers as torch makes them, losses read at every step. The networks are the package's, and so are the numbers:
a test holds one such step against one of `vaegan.training.trainer.Trainer`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..losses.gate import EquilibriumGate
from ..models.convolution import ImageConvolution
from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..settings import ObjectiveSettings, Optimizer


class Textbook:
    """A VAE/GAN and its three optimisers, to be stepped."""

    def __init__(self, recipe: Recipe, model: VAEGAN, *, autocast: bool = False) -> None:
        """Train `model`, in bfloat16 where torch thinks it safe if `autocast`.

        Raises:
            UserError: see `paper_only`.
        """
        paper_only(recipe.objective)
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
        prior_noise: N x latent, the codes of the samples.
        conditions: N x attributes, of a conditional model.
    """
    gamma, weight = objective.gamma, objective.real_weight
    mean, logvar = model.encoder(images, conditions)
    reconstructed = model.decoder(mean + torch.exp(logvar / 2) * noise, conditions)
    sampled = model.decoder(prior_noise, conditions)

    prior = divergence(mean, logvar)
    of_reconstructed, of_images = model.discriminator.features(torch.cat([reconstructed, images]), objective.level).chunk(2)
    similarity = squared_error(of_reconstructed, of_images.detach() if objective.detach_target else of_images)

    generated = [reconstructed, sampled] if objective.reconstructions else [sampled]
    told = None if conditions is None else torch.cat([conditions] * (1 + len(generated)))
    scores = torch.sigmoid(model.discriminator(torch.cat([images, *generated]), told)).chunk(1 + len(generated))
    real = cost(scores[0])
    fakes = [cost(1 - score) for score in scores[1:]]
    gan = 2 * weight * real + 2 * (1 - weight) * sum(fakes)
    adversarial = -gan / (2 * (1 - weight)) if objective.saturating else sum(cost(score) for score in scores[1:])

    watched = {"prior": prior, "similarity": similarity, "real": real, "fake": fakes[-1]}
    return watched, {
        "encoder": objective.prior_weight * prior + similarity,
        "decoder": gamma * similarity + (1 - gamma) * adversarial,
        "discriminator": gan,
    }


def use_plain_convolutions(network: nn.Module) -> None:
    """Put torch's convolutions in the place of those that the package computes in its own way; the weights are the same."""
    for name, module in network.named_children():
        if isinstance(module, ImageConvolution):
            plain = nn.Conv2d(module.in_channels, module.out_channels, module.weight.shape[-1], padding="same")
            plain.weight, plain.bias = module.weight, module.bias
            setattr(network, name, plain)
        else:
            use_plain_convolutions(module)


def paper_only(objective: ObjectiveSettings) -> None:
    """Refuse what the textbook step does not know.

    Raises:
        UserError: it has what is not the paper's: the joint objective, another GAN loss, a penalty.
    """
    for name in ("joint", "gan", "penalty"):
        if getattr(objective, name):
            raise UserError(f"there is no textbook step for objective.{name}, which is not the paper's: choose a recipe without it")


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
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.kind == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=settings.betas, eps=settings.eps)
    return torch.optim.RMSprop(groups, lr=lr, alpha=settings.alpha, eps=settings.eps)
