"""What a VAE/GAN minimises: three objectives out of one forward and one backward pass.

With q(z|x) = N(mean, exp(logvar)), x~ = Dec(z) a reconstruction, x_p = Dec(z_p) a sample, of the prior or of a code like those of the
images, and Dis_l a layer of the discriminator (Larsen et al. 2016, section 3 and algorithm 1):

    L_prior = KL(q(z|x) || N(0, I))
    L_llike = 1/2 sum (Dis_l(x) - Dis_l(x~))^2             the learned similarity: a Gaussian of unit variance, summed over features
    L_GAN   = -log Dis(x) - log(1 - Dis(x_p))              a cost of the discriminator

    encoder        minimises   L_prior + L_llike
    decoder        minimises   gamma L_llike - (1 - gamma) L_GAN
    discriminator  minimises   L_GAN

The baselines of the paper's experiments are parts of it: a VAE of pixels (L_prior and the squared error of pixels, no discriminator), a GAN
(no encoder), and VAE_Disl (a VAE whose error is L_llike in the features of a discriminator that was trained before and stays as it is).
All three networks of a conditional model take some attributes of each image, too (section 4.2).

Other GAN losses are in gan.py, further terms of the discriminator in penalties.py.

Every term is a mean over images. The textbook step writes three losses and goes back through the graph three times. Here the routing is
in the graph: `scale` multiplies a gradient where it passes from one network to the next, so that each receives its own objective, exactly,
from one sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..errors import UserError
from ..models.base import Decoder, Discriminator, Encoder
from ..models.posterior import Posterior, drawn_like
from ..settings import ObjectiveSettings
from .diff_augment import diff_augment
from .gan import by_count, find_gan_loss
from .kl import kl_divergence
from .penalties import Seen, find_penalty
from .routing import Number, constant, evaluating, scale, statistics_fixed, wide
from .similarity import MeanOverProcesses, features_together, relative_error, squared_error


class Networks(Protocol):
    """The three networks, as `vaegan.models.vaegan.VAEGAN` holds them."""

    encoder: Encoder
    decoder: Decoder
    discriminator: Discriminator


@dataclass(frozen=True)
class Losses:
    """The terms of one step, each a scalar: means over the images of the batch. A term that the objective does not have is 0."""

    prior: Tensor
    """L_prior, in nats."""
    similarity: Tensor
    """L_llike: half the squared error of the reconstructions' features, summed over features; of kind `vae`, of their pixels. With
    similarity `levels`, the error in standard deviations, the mean over levels."""
    real: Tensor
    """-log Dis(x), or what else the GAN loss says images cost the discriminator. The gate reads this one and the next."""
    fake: Tensor
    """-log(1 - Dis(x_p)), of the samples alone."""
    pixel: Tensor
    """Mean squared error of the reconstructions' pixels in [-1, 1]; watched, not minimised."""
    total: Tensor
    """What `backward` differentiates. Its value has no meaning of its own: gradients are scaled on their way."""

    def backward(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add to the .grad of these parameters, and do no work for any other: leave out a network that will not step."""
        torch.autograd.backward(self.total, inputs=list(parameters))


class _Batch(NamedTuple):
    """What `Objective` is called with."""

    images: Tensor
    noise: Tensor
    prior_noise: Tensor
    conditions: Tensor | None
    numbers: Tensor | None
    penalty: Number


class _Encoded(NamedTuple):
    """Images after the encoder."""

    prior: Tensor
    """L_prior, a scalar."""
    codes: Tensor
    """Of the posteriors, N x latent."""


class _GanLosses(NamedTuple):
    """The GAN."""

    real: Tensor
    """What it costs the discriminator that images are real, a scalar."""
    fake: Tensor
    """That samples are not."""
    total: Tensor
    """The GAN's part of `Losses.total`."""


class Objective:
    """The VAE/GAN objective, or one of its parts. Call it with the networks and a batch, then `Losses.backward`."""

    def __init__(
        self,
        settings: ObjectiveSettings | None = None,
        average: MeanOverProcesses = lambda tensor: tensor,
        gather: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        **changes: Any,
    ) -> None:
        """Take settings, by default the reference's, with changes by name, as in `Objective(gamma=1e-5)`.

        `average` is the mean over the processes that train together, and `gather` has a constant tensor of each, one below the other.

        Raises:
            UserError: they do not go together, or name a GAN loss or a penalty that there is not.
        """
        self.settings = replace(settings or ObjectiveSettings(), **changes)
        self._average, self._gather = average, gather
        self._gan_loss = find_gan_loss(self.settings.gan_loss)
        self._penalty = find_penalty(self.settings.penalty) if self.settings.penalty else None

    def check(self, discriminator: Discriminator) -> None:
        """See that this discriminator can serve this objective.

        Raises:
            UserError: it compares the images of a batch, where each must be judged by itself.
        """
        if self.settings.similarity == "levels" and self.settings.kind != "vae" and not discriminator.independent:
            raise UserError(
                "objective.similarity=levels needs a discriminator without batch normalisation: use for example networks.family=resize"
            )

    def __call__(
        self,
        networks: Networks,
        images: Tensor,
        noise: Tensor,
        prior_noise: Tensor,
        *,
        gamma: Number | None = None,
        penalty: Number | None = None,
        conditions: Tensor | None = None,
        numbers: Tensor | None = None,
    ) -> Losses:
        """Run the forward pass.

        Args:
            networks: in training mode.
            images: N x C x H x W in [-1, 1].
            noise: N x latent, standard normal: z = mean + exp(logvar / 2) * noise.
            prior_noise: N x latent, standard normal: z_p, or what z_p is made of where samples have codes like those of the images.
            gamma: in place of the objective's own.
            penalty: the weight of the discriminator's penalty, in place of the objective's own. Where it is the number 0, no work is done.
            conditions: N x attributes, of a conditional model: of each image, and of the sample that has its place.
            numbers: N x 7, see `vaegan.losses.diff_augment.draw`: then the discriminator sees each image, its reconstruction and the sample
                in its place with the same random changes.
        """
        batch = _Batch(images, noise, prior_noise, conditions, numbers, self.settings.penalty_weight if penalty is None else penalty)
        if not self.settings.autoencodes:
            return self._gan(networks, batch)
        if not self.settings.adversarial:
            return self._vae(networks, batch)
        if self.settings.similarity == "levels":
            return self._vaegan_of_levels(networks, batch, self.settings.gamma if gamma is None else gamma)
        return self._vaegan(networks, batch, self.settings.gamma if gamma is None else gamma)

    def _gan(self, networks: Networks, batch: _Batch) -> Losses:
        """Decoder and discriminator alone."""
        sampled = networks.decoder(batch.prior_noise, batch.conditions)
        gan_losses = self._gan_losses(networks.discriminator, batch, networks.discriminator.stem(batch.images), sampled, 0.0)
        zero = torch.zeros_like(gan_losses.real)
        return Losses(zero, zero, gan_losses.real, gan_losses.fake, zero, gan_losses.total)

    def _vae(self, networks: Networks, batch: _Batch) -> Losses:
        """Encoder and decoder alone, with the error of pixels, or of the features of a discriminator that does not change."""
        images, discriminator = batch.images, networks.discriminator
        encoded = _encode(networks.encoder, batch)
        reconstructed = networks.decoder(encoded.codes, batch.conditions)
        if self.settings.kind == "vae":
            similarity = self._error_of_pixels(reconstructed, images)
        else:
            with constant(discriminator), evaluating(discriminator):
                similarity = self._error_of_features(discriminator, reconstructed, images)
        total = self.settings.kl_weight * encoded.prior + similarity
        zero = torch.zeros_like(encoded.prior)
        return Losses(encoded.prior.detach(), similarity.detach(), zero, zero, _pixel_error(reconstructed, images), total)

    def _error_of_pixels(self, reconstructed: Tensor, images: Tensor) -> Tensor:
        if self.settings.similarity == "levels":
            return self._relative_error([reconstructed], [images])
        return squared_error(reconstructed, images)

    def _error_of_features(self, discriminator: Discriminator, reconstructed: Tensor, images: Tensor) -> Tensor:
        if self.settings.similarity == "levels":
            return self._relative_error(discriminator.judge(reconstructed)[0], discriminator.judge(images)[0])
        return squared_error(*features_together(discriminator, [*map(discriminator.stem, (reconstructed, images))], self.settings.level))

    def _relative_error(self, maps: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        return relative_error(maps, targets, self._average, error=self.settings.error)

    def _vaegan(self, networks: Networks, batch: _Batch, gamma: Number) -> Losses:
        """All three networks."""
        settings, decoder, discriminator = self.settings, networks.decoder, networks.discriminator
        # Of the joint objective's two feature errors the decoder minimises the mean, the encoder the sum (the reference's lambda_mse / 2).
        likeness = gamma / 2 if settings.joint else gamma
        encoded = _encode(networks.encoder, batch)
        # The error comes back to the images as 1, passes the decoder as gamma and reaches the encoder as 1 again.
        reconstructed = decoder(scale(encoded.codes, 1 / likeness), batch.conditions)
        sampled = decoder(batch.prior_noise, batch.conditions)
        stem = discriminator.stem(batch.images)  # the same in both batches that the images are in, computed once

        # The error of reconstructions, through a discriminator that is a constant. In the joint objective samples have such an error, too;
        # there all images are judged together once more below, and that pass updates the running statistics.
        with constant(discriminator), statistics_fixed(discriminator) if settings.joint else nullcontext():
            compared = [reconstructed, sampled] if settings.joint else [reconstructed]
            of_reconstructed, *of_sampled = [discriminator.stem(scale(generated, likeness)) for generated in compared]
            stems = [of_reconstructed, stem.detach(), *of_sampled]
            features, of_images, *of_others = features_together(discriminator, stems, settings.level)
        target = of_images.detach() if settings.detach_target else of_images
        similarity = error = squared_error(features, target)
        for other in of_others:
            error = error + squared_error(other, target)

        generated = sampled
        if settings.reconstructions or settings.joint:  # decoded once more, from constant codes: no GAN gradient must reach the encoder
            with statistics_fixed(decoder):
                generated = torch.cat([decoder(encoded.codes.detach(), batch.conditions), sampled])
        gan_losses = self._gan_losses(discriminator, batch, stem, generated, gamma)

        total = settings.kl_weight * encoded.prior + (error + gan_losses.total)
        pixel = _pixel_error(reconstructed, batch.images)
        return Losses(encoded.prior.detach(), similarity.detach(), gan_losses.real, gan_losses.fake, pixel, total)

    def _vaegan_of_levels(self, networks: Networks, batch: _Batch, gamma: Number) -> Losses:
        """All three networks, with an error over all levels of a discriminator that judges each image by itself, which sees it once.

        Here the encoder minimises L_prior + L_llike; where reconstructions are judged, also (1 - gamma) / gamma times what they cost the
        decoder.
        """
        settings, discriminator = self.settings, networks.discriminator
        encoded = _encode(networks.encoder, batch)
        # What comes back from the discriminator passes the decoder as gamma and reaches the encoder as 1.
        generated = self._decoded(networks.decoder, batch, scale(encoded.codes, 1 / gamma))
        leaf, count = generated.detach().requires_grad_(), len(batch.images)
        with parametrize.cached():  # both passes with the same weights, normalised once
            images, judged = _changed(batch.images, batch.numbers), _changed(leaf.view_as(leaf), self._in_place(batch.numbers))
            seen, theirs = Seen(images, batch.conditions), self._in_place(batch.conditions)
            targets, logits = discriminator.judge(*seen)
            maps, others = discriminator.judge(judged, theirs)
            extra: Tensor | float = 0.0
            if torch.is_grad_enabled():
                extra = self._penalties(discriminator, seen, Seen(judged.detach(), theirs), batch.penalty)
        error = self._relative_error(maps, targets)  # of the reconstructions, which come first
        logits, *kinds = self._scaled(logits), *self._scaled(others).tensor_split([count])
        playing = kinds if settings.reconstructions else kinds[1:]
        real, fakes = self._gan_loss.discriminator(logits, playing)
        costs = self._discriminator_cost(real, by_count(fakes, logits, playing))
        total = settings.kl_weight * encoded.prior + costs + extra
        if torch.is_grad_enabled():
            against = by_count(self._gan_loss.decoder(logits, playing), logits, playing).sum()
            total = total + _passed_on(gamma * error + (1 - gamma) * against, leaf, generated)
        pixel = _pixel_error(generated[:count], batch.images)
        return Losses(encoded.prior.detach(), error.detach(), real.detach(), fakes[-1].detach(), pixel, total)

    def _decoded(self, decoder: Decoder, batch: _Batch, codes: Tensor) -> Tensor:
        """Reconstructions, then samples: N + N / images_per_sample of C x H x W.

        They are two batches, because codes of N(0, I) spread otherwise. Batch normalisation keeps the running statistics of the
        reconstructions: codes that are drawn later, from a fitted prior, are like those of images.
        """
        every = self.settings.images_per_sample
        drawn = batch.prior_noise[::every]
        if self.settings.samples == "codes":
            drawn = drawn_like(self._gather(codes.detach()), drawn)
        reconstructed = decoder(codes, batch.conditions)
        with statistics_fixed(decoder):
            sampled = decoder(drawn, None if batch.conditions is None else batch.conditions[::every])
        return torch.cat([reconstructed, sampled])

    def _in_place(self, of_images: Tensor | None) -> Tensor | None:
        """What belongs to the images, N x ..., for their reconstructions and for the samples in their places."""
        return None if of_images is None else torch.cat([of_images, of_images[:: self.settings.images_per_sample]])

    def _gan_losses(self, discriminator: Discriminator, batch: _Batch, stem: Tensor, generated: Tensor, gamma: Number) -> _GanLosses:
        """The GAN, on images (with their `stem`) and one or two kinds of generated image, the samples last."""
        loss = self._gan_loss
        against = -(1 - gamma) / (2 * (1 - self.settings.real_weight))
        leaf = generated.detach().requires_grad_()
        judged = scale(generated, against) if loss.opposed else leaf.view_as(leaf)  # (FlopCounterMode knows no leaves)
        stems = torch.cat([stem, discriminator.stem(judged)])
        kinds = len(stems) // len(stem)  # images, perhaps reconstructions, samples
        conditions = None if batch.conditions is None else batch.conditions.repeat(kinds, 1)
        logits = self._scaled(discriminator.logits_of(stems, conditions)).unflatten(0, (kinds, -1))
        real, fakes = loss.discriminator(logits[0], logits[1:].unbind())
        total = self._discriminator_cost(real, fakes)
        if not loss.opposed and torch.is_grad_enabled():
            total = total + _passed_on((1 - gamma) * loss.decoder(logits[0], logits[1:].unbind()).sum(), leaf, generated)
        if torch.is_grad_enabled():
            seen, theirs = Seen(batch.images, batch.conditions), None if conditions is None else conditions[len(batch.images) :]
            total = total + self._penalties(discriminator, seen, Seen(generated.detach(), theirs), batch.penalty)
        return _GanLosses(real.detach(), fakes[-1].detach(), total)

    def _scaled(self, logits: Tensor) -> Tensor:
        """The logits as GAN losses take them."""
        return self.settings.logit_scale * wide(logits)

    def _discriminator_cost(self, real: Tensor, fakes: Tensor) -> Tensor:
        """L_GAN, of the cost of images, a scalar, and of each kind of generated image."""
        weight = self.settings.real_weight
        return 2 * weight * real + 2 * (1 - weight) * fakes.sum()

    def _penalties(self, discriminator: Discriminator, images: Seen, generated: Seen, weight: Number) -> Tensor | float:
        """What else the discriminator minimises."""
        if not self._penalty or (isinstance(weight, float) and weight == 0):
            return 0.0
        with statistics_fixed(discriminator):
            return weight * self._penalty(discriminator, images, generated)


def _encode(encoder: Encoder, batch: _Batch) -> _Encoded:
    mean, logvar = encoder(batch.images, batch.conditions)
    posterior = Posterior(wide(mean), wide(logvar))
    return _Encoded(kl_divergence(posterior).sum(1).mean(), posterior.sample(batch.noise))


def _passed_on(cost: Tensor, leaf: Tensor, generated: Tensor) -> Tensor:
    """A scalar whose gradient at `generated` is that of `cost` at `leaf`, its constant copy.

    The decoder's cost has another gradient at the discriminator's output than the discriminator's own, so it is one more pass back through
    the discriminator, for the generated images alone.
    """
    (wanted,) = torch.autograd.grad(cost, leaf, retain_graph=True)
    return (generated * wanted).sum()


def _changed(images: Tensor, numbers: Tensor | None) -> Tensor:
    """As the discriminator sees them."""
    return images if numbers is None else diff_augment(images, numbers)


def _pixel_error(reconstructed: Tensor, images: Tensor) -> Tensor:
    """The mean squared error, to be watched."""
    return (reconstructed.detach() - images).square().mean()
