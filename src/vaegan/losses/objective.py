"""What a VAE/GAN minimises: three objectives out of one forward and one backward pass, and the gate that keeps the GAN in equilibrium.

With q(z|x) = N(mean, exp(logvar)), x~ = Dec(z) a reconstruction, x_p = Dec(z_p) a sample of the prior, and Dis_l a layer of the
discriminator (Larsen et al. 2016, section 3 and algorithm 1):

    L_prior = KL(q(z|x) || N(0, I))
    L_llike = 1/2 sum (Dis_l(x) - Dis_l(x~))^2             the learned similarity: a Gaussian of unit variance, summed over features
    L_GAN   = -log Dis(x) - log(1 - Dis(x_p))              a cost of the discriminator

    encoder        minimises   L_prior + L_llike
    decoder        minimises   gamma L_llike - (1 - gamma) L_GAN
    discriminator  minimises   L_GAN

The baselines of the paper's experiments are parts of it: a VAE of pixels (L_prior and the squared error of pixels, no discriminator), a GAN
(no encoder), and VAE_Disl (a VAE whose error is L_llike in the features of a discriminator that was trained before and stays as it is).
A conditional model is told some attributes of each image in all three networks (section 4.2).

Every term is a mean over images. The textbook step writes three losses and goes back through the graph three times. Here the routing is
in the graph: `scale` multiplies a gradient where it passes from one network to the next, so that each receives its own objective, exactly,
from one sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..settings import GateSettings, ObjectiveSettings

Number = float | Tensor
"""A number, or a scalar tensor: what must be able to change in a step that is recorded once and replayed."""
EPSILON = 1e-3  # log(p + 1e-3) in the GAN terms, as the authors and the reference have it: it bounds a cost at 6.9


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, factor: Number) -> Tensor:
        ctx.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        if isinstance(ctx.factor, Tensor):  # it would be rounded to the gradient's precision first, and gamma times 1/gamma not be 1
            return (_wide(gradient) * ctx.factor).to(gradient.dtype), None
        return gradient * ctx.factor, None


def scale(tensor: Tensor, factor: Number) -> Tensor:
    """The tensor itself; a gradient that comes back through here is multiplied by `factor`."""
    return _ScaleGradient.apply(tensor, factor)


@contextmanager
def _constant(network: nn.Module) -> Iterator[None]:
    """Within, the network's parameters are constants: gradients pass through the network, none is computed for it."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def _fixed(network: nn.Module) -> Iterator[None]:
    """Within, batch normalisation uses its running statistics."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


@contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    """Within, batch normalisation still uses the batch's statistics but leaves the running ones alone."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _wide(tensor: Tensor) -> Tensor:
    """At least float32: sums over thousands of features are not for half precision."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


class Networks(Protocol):
    """The three networks, as `vaegan.models.vaegan.VAEGAN` holds them."""

    encoder: Any
    decoder: Any
    discriminator: Any


@dataclass(frozen=True)
class Losses:
    """The terms of one step, each a scalar: means over the images of the batch."""

    prior: Tensor
    """L_prior, in nats."""
    similarity: Tensor
    """L_llike: half the squared error of the reconstructions' features, summed over features; of kind `vae`, of their pixels."""
    real: Tensor
    """-log Dis(x). The gate reads this one and the next."""
    fake: Tensor
    """-log(1 - Dis(x_p)), of the samples alone."""
    pixel: Tensor
    """Mean squared error of the reconstructions' pixels in [-1, 1]; watched, not minimised."""
    total: Tensor
    """What `backward` differentiates. Its value has no meaning of its own: gradients are scaled on their way."""

    def backward(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add to the .grad of these parameters, and do no work for any other: leave out a network that will not step."""
        torch.autograd.backward(self.total, inputs=list(parameters))


class Objective:
    """The VAE/GAN objective, or one of its parts. Call it with the networks and a batch, then `Losses.backward`."""

    def __init__(self, settings: ObjectiveSettings | None = None, **changes: Any) -> None:
        """Take settings, by default the reference's, with changes by name, as in `Objective(gamma=1e-5)`.

        Raises:
            UserError: they do not go together.
        """
        self.settings = replace(settings or ObjectiveSettings(), **changes)

    def __call__(
        self,
        networks: Networks,
        images: Tensor,
        noise: Tensor,
        prior_noise: Tensor,
        *,
        gamma: Number | None = None,
        conditions: Tensor | None = None,
    ) -> Losses:
        """Run the forward pass.

        Args:
            networks: in training mode.
            images: N x C x H x W in [-1, 1].
            noise: N x latent, standard normal: z = mean + exp(logvar / 2) * noise.
            prior_noise: N x latent, standard normal: z_p.
            gamma: in place of the objective's own.
            conditions: N x attributes, of a conditional model: of each image, and of the sample that has its place.
        """
        encoder, decoder, discriminator = networks.encoder, networks.decoder, networks.discriminator
        gamma = self.settings.gamma if gamma is None else gamma
        if not (self.settings.autoencodes and self.settings.plays):  # then there is nothing to weigh
            gamma = 1.0 if self.settings.autoencodes else 0.0
        # Of the joint objective's two feature errors the decoder minimises the mean, the encoder the sum (the reference's lambda_mse / 2).
        likeness = gamma / 2 if self.settings.joint else gamma
        prior = pixel = error = real = fake = total = _wide(images).new_zeros(())

        if self.settings.autoencodes:
            mean, logvar = map(_wide, encoder(images, conditions))
            prior = 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(1).mean()
            codes = mean + (0.5 * logvar).exp() * noise
            # The error comes back to the images as 1, passes the decoder as gamma and reaches the encoder as 1 again.
            reconstructed = decoder(scale(codes, 1 / likeness), conditions)
            pixel = (reconstructed.detach() - images).square().mean()
        if self.settings.plays:
            sampled = decoder(prior_noise, conditions)
            stem = discriminator.stem(images)  # what of x is the same in both batches that it is in, computed once

        # The error of reconstructions, through a discriminator that is a constant.
        if self.settings.kind == "vae":
            error = total = 0.5 * (reconstructed - images).square().sum((1, 2, 3)).mean()
        elif self.settings.autoencodes:
            if self.settings.joint:  # images, reconstructions and samples are judged together, too, which moves the running statistics
                statistics: AbstractContextManager[None] = _statistics_kept(discriminator)
            else:
                statistics = nullcontext() if self.settings.plays else _fixed(discriminator)
            with _constant(discriminator), statistics:
                stems = [
                    discriminator.stem(scale(reconstructed, likeness)),
                    stem.detach() if self.settings.plays else discriminator.stem(images),
                ]
                if self.settings.joint:
                    stems.append(discriminator.stem(scale(sampled, likeness)))
                features = _wide(discriminator.features_of(torch.cat(stems), self.settings.level)).chunk(len(stems))
            target = features[1].detach() if self.settings.detach_target else features[1]
            error = total = 0.5 * (features[0] - target).square().sum(1).mean()
            if self.settings.joint:
                total = total + 0.5 * (features[2] - target).square().sum(1).mean()

        if self.settings.plays:
            generated = sampled
            if (
                self.settings.reconstructions or self.settings.joint
            ):  # decoded once more, from constant codes: no GAN gradient must reach the encoder
                with _statistics_kept(decoder):
                    generated = torch.cat([decoder(codes.detach(), conditions), sampled])
            real, fake, game = self._play(discriminator, stem, generated, gamma, conditions)
            total = total + game

        total = self.settings.prior_weight * prior + total
        return Losses(prior.detach(), error.detach(), real.detach(), fake.detach(), pixel, total)

    def _play(
        self, discriminator: Any, stem: Tensor, generated: Tensor, gamma: Number, conditions: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The GAN. What it costs the discriminator that images (their `stem`) are real, that samples are not, and the term of the total."""
        saturating = self.settings.saturating and not self.settings.joint
        against = -(1 - gamma) / (2 * (1 - self.settings.real_weight))
        constant = generated.detach().requires_grad_()
        judged = scale(generated, against) if saturating else constant.view_as(constant)  # (FlopCounterMode knows no leaves)
        stems = torch.cat([stem, discriminator.stem(judged)])
        kinds = len(stems) // len(stem)  # images, perhaps reconstructions, samples
        logits = _wide(discriminator.logits_of(stems, conditions if conditions is None else conditions.repeat(kinds, 1)))
        scores = torch.sigmoid(logits).unflatten(0, (kinds, -1))
        real = -(scores[0] + EPSILON).log().mean()
        fakes = -(1 - scores[1:] + EPSILON).log().mean(1)
        term = 2 * self.settings.real_weight * real + 2 * (1 - self.settings.real_weight) * fakes.sum()
        if not saturating and torch.is_grad_enabled():
            # Another cotangent at the discriminator's output, so one more pass back through it, for the images alone.
            cost = -(1 - gamma) * (scores[1:] + EPSILON).log().mean(1).sum()
            (wanted,) = torch.autograd.grad(cost, constant, retain_graph=True)
            term = term + (generated * wanted).sum()
        return real, fakes[-1], term


class Open(NamedTuple):
    """Which of the two players of the GAN take this step; the encoder always does."""

    decoder: bool | Tensor
    discriminator: bool | Tensor


class EquilibriumGate:
    """Decides which players step; see `vaegan.settings.GateSettings`."""

    def __init__(self, settings: GateSettings | None = None, **changes: Any) -> None:
        """Take settings, with changes by name, as in `EquilibriumGate(margin=0.2)`."""
        self.settings = replace(settings or GateSettings(), **changes)

    def __call__(self, real: Number, fake: Number, epoch: int = 0) -> Open:
        """Decide from the costs -log Dis(x) and -log(1 - Dis(x_p)); several processes must pass the means over all of them."""
        return opened(real, fake, *self.settings.bounds(epoch))


def opened(real: Number, fake: Number, low: Number, high: Number) -> Open:
    """The gate's decision between given bounds; of tensors it is tensors, on their device, and nobody waits for it."""
    discriminator = (real >= low) & (fake >= low)
    decoder = (real <= high) & (fake <= high)
    return Open(decoder >= discriminator, discriminator >= decoder)  # where both are shut, both step
