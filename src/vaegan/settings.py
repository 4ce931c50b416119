"""The settings of a run, a class for each section of a recipe: what they are, what they mean, and which values they take.

What does the work takes its settings from here: data, networks, losses, training. Nothing here imports torch.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from .errors import UserError

Crop = Literal["centre", "pad", "none", "celeba", "box"]
Resampling = Literal["fast", "bicubic", "lanczos", "bilinear", "nearest"]
PriorKind = Literal["fitted", "standard"]
"""What codes of samples are drawn from: a fitted mixture, or N(0, I)."""
NETWORKS = ("encoder", "decoder", "discriminator")
PerNetwork = tuple[float, float, float]
"""One value each for encoder, decoder, discriminator."""
NO_END = 10**9
"""Steps of a run whose length is not known yet: a schedule that depends on the length is at its start."""
STRIDES = 2**3
"""Networks of family `larsen` halve an image three times: its sides are multiples of this."""
LEAST_GAMMA = 1e-30
"""A decay takes gamma no lower: gradients are divided by it, and 1 / 1e-39 is infinite in float32."""
LARGEST_MAP = 8
"""Networks of family `resize` halve an image until its shorter side is at most this."""


def require(condition: bool, sentence: str) -> None:
    """Refuse a value.

    Raises:
        UserError: the condition does not hold.
    """
    if not condition:
        raise UserError(sentence)


@dataclass(frozen=True)
class Data:
    """Images: where they come from and how they are made ready."""

    source: str = "avatars"
    """The images, in one of these forms. `avatars`: the built-in cartoon faces. A folder, zip file or tar file of images. A packed set.
    `KIND:PATH`: a public data set as it is published, for example `celeba:PATH` (the kinds are celeba, lfw, stl10, cifar10, cifar100, mnist
    and classes). `hf:NAME`: a data set of the Hugging Face hub.
    If a program gave the images to `vaegan.train`, this is their packed copy in the cache, or `DataLoader`."""
    crop: Crop = "centre"
    """How images are cropped. `centre`: the largest central part that has the shape of the networks' images. `pad`: the whole image,
    with bars of the colour of its edges beside it, or above and below it. `none`: the whole image, squeezed into that shape. `celeba`: the
    148x148 pixels around the face in CelebA's aligned images of 178x218 pixels, or the same part of a smaller copy; images of another shape
    are cropped as with `centre`. `box`: the part that `data.box` describes."""
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    """For `data.crop` `box`: the left, top, right and bottom edge of the part, in pixels."""
    blur: bool = False
    """Blur images before they are shrunk, with a Gaussian of sqrt(scale) / 2 pixels, as the paper's authors do. Then take the bicubic value
    at each point."""
    resampling: Resampling = "fast"
    """How images are resized. `fast`: bicubic; large JPEG files are first decoded at a half, a quarter or an eighth of their size, if that
    is large enough. `bicubic`, `lanczos`, `bilinear`: all pixels are used. `nearest`, for drawings: one for each pixel of the result."""
    range: tuple[float, float] = (0.0, 0.0)
    """The values that become black and white, if images have more than 8 bits: the lower one first. `0 0`: the lowest and the highest
    value, found by reading all images once (see `data.range_percentiles`)."""
    range_percentiles: tuple[float, float] = (0.0, 100.0)
    """Which values become black and white if `data.range` is `0 0`, as percentiles of all values. `0 100`: from the lowest to the highest
    value, or, for files that state how many bits they have, the range of these. With `0.1 99.9`, a few extreme values do not count."""
    train_on: str = "train"
    """The split to train on, if the set has splits. Several splits are joined by +, for example `train+unlabeled`."""
    held_out: float = 0.05
    """The share of the images that training never sees. Pictures show reconstructions of these images. If the set has a split `validation`
    or `test`, this split is held out instead, unless the share is 0."""
    avatars: int = 16_000
    """The number of avatars to draw, if the source is `avatars`."""

    def __post_init__(self) -> None:
        require(0 <= self.held_out < 1, f"data.held_out must be at least 0 and below 1, not {self.held_out}")
        require(self.avatars > 0, f"data.avatars must be above 0, not {self.avatars}")


@dataclass(frozen=True)
class Augmentation:
    """Random changes of each training image; all but `flip` are normally distributed, and their sizes are standard deviations."""

    flip: bool = False
    """Mirror each training image, left to right, with a probability of one half."""
    shift: float = 0.0
    """Shift each image vertically and horizontally. This is the standard deviation, as a part of the height: 0.01 is about one pixel of
    100."""
    scale: float = 0.0
    """Enlarge or shrink each image by a factor near 1. This is the standard deviation of its logarithm."""
    rotation: float = 0.0
    """Rotate each image. This is the standard deviation, in radians."""
    gamma: float = 0.0
    """Raise the values of each image, from 0 to 1, to a power near 1. The standard deviation of its logarithm is this number / log 2."""
    contrast: float = 0.0
    """Raise the saturation and the brightness to a power near 1. The standard deviation of its logarithm is this number / log 2."""
    hue: float = 0.0
    """Shift the hue of each image. This is the standard deviation, as a part of the full circle."""

    def __post_init__(self) -> None:
        for name in ("shift", "scale", "rotation", "gamma", "contrast", "hue"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"augmentation.{name} must be from 0 to 1, not {value}")


@dataclass(frozen=True)
class Architecture:
    """What it takes to build the three networks; a saved model's config.json holds just this.

    The defaults are the paper's networks for 64x64 colour images.
    """

    family: str = "larsen"
    """The kind of networks (see `vaegan.models.families`). `larsen`: the networks of the paper. `resize`: the depth follows the size, the
    decoder enlarges by nearest neighbours, and the discriminator judges each image by itself."""
    size: tuple[int, int] = (64, 64)
    """Height and width in pixels. `larsen`: both are multiples of 8 and at least 16. `resize`: both are at least 8, and both can be halved
    until the shorter one is at most 8."""
    channels: int = 3
    """The number of colour channels of an image: 3 for colour, 1 for grey."""
    latent: int = 128
    """The length of a latent code z: how many numbers stand for an image."""
    width: float = 1.0
    """A factor for the number of units in every hidden layer."""
    encoder: tuple[int, ...] = (64, 128, 256)
    """The channels after each strided convolution of the encoder, at width 1. `larsen`: three numbers. `resize`: one number for each
    halving. If there are fewer numbers, the last one is repeated. The same holds for `decoder` and `discriminator`."""
    encoder_units: int = 1024
    """The units of the encoder's fully connected layer, at width 1. `resize` has no such layer."""
    decoder: tuple[int, ...] = (256, 256, 128, 32)
    """The channels of the decoder's feature maps, at width 1. `larsen`: four numbers, from the smallest map to the image. `resize`: one
    number for each map, from full resolution to the smallest map."""
    discriminator: tuple[int, ...] = (32, 128, 256, 256)
    """The channels after each convolution of the discriminator, at width 1. `larsen`: four numbers. `resize`: one number for each level,
    from full resolution to the smallest map."""
    discriminator_units: int = 512
    """The units of the discriminator's fully connected layer, at width 1. `resize` has no such layer."""
    attributes: tuple[str, ...] = ()
    """The attributes of each image that all three networks take as an input; then the model is conditional. `all`: all of the set's."""

    def __post_init__(self) -> None:
        if self.family == "larsen":  # another family checks sizes where its networks are built
            fits = all(side >= 16 and side % STRIDES == 0 for side in self.size)
            require(fits, f"networks.size must be two multiples of {STRIDES}, each at least 16, not {self.size[0]} {self.size[1]}")
            for name, count in (("encoder", 3), ("decoder", 4), ("discriminator", 4)):
                listed = getattr(self, name)
                require(len(listed) == count, f"networks.{name} must be {count} numbers for family larsen, not {len(listed)}")
        if self.family == "resize":
            height, width = self.size
            require(
                min(self.size) >= LARGEST_MAP, f"networks.size must be at least {LARGEST_MAP} in height and width, not {height} {width}"
            )
            if height % (1 << self.halvings) or width % (1 << self.halvings):
                near = "x".join(map(str, self._nearest_size()))
                what = f"networks.size must be divisible by {1 << self.halvings} in height and width, not {height}x{width}"
                raise UserError(f"{what}: choose {near}, the nearest size that works")
        for name in ("encoder", "decoder", "discriminator"):
            listed = getattr(self, name)
            require(len(listed) > 0 and min(listed) > 0, f"networks.{name} must be numbers above 0, not {listed}")
        for name in ("channels", "latent", "width", "encoder_units", "discriminator_units"):
            require(0 < getattr(self, name) < inf, f"networks.{name} must be a finite number above 0, not {getattr(self, name)}")

    def _nearest_size(self) -> tuple[int, int]:
        """The nearest height and width that family `resize` can halve often enough."""
        found = []
        for halvings in range(1, self.halvings + 2):
            step = 1 << halvings
            height, width = (max(step * LARGEST_MAP // 2, step * round(side / step)) for side in self.size)
            if min(height, width) <= step * LARGEST_MAP:
                found.append((abs(height - self.size[0]) + abs(width - self.size[1]), height, width))
        return min(found)[1:]

    @property
    def halvings(self) -> int:
        """How often family `resize` halves height and width: until the shorter is at most 8."""
        return max(0, math.ceil(math.log2(min(self.size) / LARGEST_MAP)))

    @property
    def smallest_map(self) -> tuple[int, int]:
        """Height and width of the smallest feature map of family `resize`."""
        height, width = self.size
        return height >> self.halvings, width >> self.halvings

    def scaled(self, units: int) -> int:
        """`units` at width 1, scaled by the width multiplier (to a multiple of 8, which is what fast kernels want)."""
        return units if self.width == 1 else max(8, 8 * round(units * self.width / 8))


@dataclass(frozen=True)
class ObjectiveSettings:
    """What is minimised: the VAE/GAN objective, or one of its parts. `vaegan.Objective` computes it."""

    kind: Literal["vaegan", "vae", "vae-dis", "gan"] = "vaegan"
    """The kind of model. `vaegan`: the VAE/GAN. The others are for comparison. `vae`: the error is measured in pixels. `vae-dis`: the error
    is measured in the features of another run's discriminator, which does not change (the paper's VAE_Disl); the other run is a `gan`, for
    example. `gan`: there is no encoder."""
    discriminator: str = ""
    """For kind `vae-dis`: the folder of the run whose discriminator is used."""
    gamma: float = 1e-6
    """The weight of the learned similarity in the decoder's objective, above 0 and at most 1. The GAN has the weight 1 - gamma. With a
    higher number, the decoder learns more from reconstructions and less from the GAN."""
    similarity: Literal["level", "levels"] = "level"
    """How the error is measured in the discriminator's features. `level`: half the squared error of the features of one level, summed, as
    in the paper. `levels`: the error of each level in standard deviations of its features, then the mean over all levels; the scale of
    this error does not depend on width, size and data."""
    error: Literal["squared", "absolute"] = "squared"
    """How a difference of u standard deviations counts with similarity `levels`. `squared`: u^2. `absolute`: about 2 |u|, so that small
    differences count more. With similarity `level`, the error is always squared."""
    level: int = 3
    """The layer of the discriminator that gives the features (see `Discriminator.features`). The allowed levels depend on the family of
    networks. With similarity `levels`, training does not use this setting, but search, project, score and evaluate do."""
    saturating: bool = True
    """The GAN loss of the decoder. `true`: the decoder minimises -(1 - gamma) L_GAN, as in the paper. `false`: it minimises the
    non-saturating (1 - gamma) * -log Dis(x_p), where x_p are samples."""
    gan: str = ""
    """The name of another GAN loss (see `vaegan.losses.gan`). If it is set, `saturating` has no effect."""
    logit_scale: float = 1.0
    """The discriminator's logits are multiplied by this number, above 0, before the GAN loss. With a higher number, the decoder learns more
    from the GAN, and `hinge` reaches its margin of 1 with smaller logits. A discriminator with spectral normalisation has small logits.
    Penalties take the logits as they are."""
    penalty: str = ""
    """A term that is added to the discriminator's loss. `r1`: half the squared norm of the gradient of its logit at real images. `r1_r2`:
    the same at real images and at generated images."""
    penalty_weight: float = 1.0
    """The weight of the penalty."""
    penalty_every: int = 1
    """Compute the penalty only in every n-th step, with n times its weight, where n is this number. The penalty is slow to compute and
    changes slowly."""
    diff_augment: bool = False
    """Change all images that the discriminator sees at random, so that it cannot learn a small set by heart. The changes are brightness,
    saturation, contrast, position, and a hole (DiffAugment, Zhao et al. 2020). Only for similarity `levels`."""
    reconstructions: bool = False
    """Add -log(1 - Dis(x~)) to L_GAN, where x~ are the reconstructions. The paper's algorithm 1 does this. The authors' runs do not."""
    samples: Literal["standard", "codes"] = "standard"
    """Where codes of samples come from in training. `standard`: from N(0, I), as in the paper. `codes`: from the Gaussian that fits the
    codes of the batch; only similarity `levels` with kind `vaegan` uses it."""
    images_per_sample: int = 1
    """A step makes one sample for this number of images; training.batch must be a multiple of it. Only with similarity `levels` and kind
    `vaegan`."""
    real_weight: float = 0.5
    """The weight w of real images against generated images in L_GAN = 2 w real + 2 (1 - w) fake. It applies only to the discriminator: the
    decoder's part is scaled back to weight 1, as in the authors' code."""
    detach_target: bool = False
    """Treat the features of real images x as constants. They depend on the reconstructions x~ only through batch normalisation, and
    gradients through it disturb the training."""
    kl_weight: float = 1.0
    """The weight of L_prior in the encoder's objective. With a number below 1, codes carry more information about their images, and fit
    N(0, I) less well. Narrow networks have few features, so a weight of 1 is too strong for them."""
    joint: bool = False
    """Use the second objective of the reference implementation: one discriminator batch of reconstructions, images and samples, a feature
    error of samples, too, and a non-saturating GAN loss on reconstructions and samples."""
    gamma_decay: float = 1.0
    """The factor by which gamma is multiplied after each epoch. gamma never exceeds 1, and does not fall below 1e-30."""

    def __post_init__(self) -> None:
        require(not self.joint or self.similarity == "level", "objective.joint needs objective.similarity=level, not levels")
        fits = self.similarity == "levels" and self.kind == "vaegan"
        require(self.images_per_sample > 0, f"objective.images_per_sample must be above 0, not {self.images_per_sample}")
        require(not self.diff_augment or fits, "objective.diff_augment needs objective.similarity=levels and objective.kind=vaegan")
        require(not self.joint or self.kind == "vaegan", f"objective.joint needs objective.kind=vaegan, not {self.kind}")
        if self.kind == "vae-dis":
            way = "give a trained run that has one, for example a GAN, with --objective.discriminator RUN"
            require(bool(self.discriminator), f"objective.kind=vae-dis needs a discriminator: {way}")
        else:
            require(not self.discriminator, f"objective.discriminator needs objective.kind=vae-dis, not {self.kind}")
        require(0 < self.gamma <= 1, f"objective.gamma must be above 0 and at most 1, not {self.gamma}")
        require(0 < self.real_weight < 1, f"objective.real_weight must be above 0 and below 1, not {self.real_weight}")
        require(0 < self.logit_scale < inf, f"objective.logit_scale must be a finite number above 0, not {self.logit_scale}")
        require(self.level >= 0, f"objective.level must be at least 0, not {self.level}")
        require(self.kl_weight >= 0, f"objective.kl_weight must be at least 0, not {self.kl_weight}")
        weight = self.penalty_weight
        require(0 <= weight < inf, f"objective.penalty_weight must be a finite number of at least 0, not {weight}")
        require(self.penalty_every > 0, f"objective.penalty_every must be above 0, not {self.penalty_every}")
        require(self.gamma_decay > 0, f"objective.gamma_decay must be above 0, not {self.gamma_decay}")

    def at(self, epoch: int) -> ObjectiveSettings:
        """The objective as it is in an epoch (from 0): gamma decays."""
        if self.gamma_decay == 1:
            return self
        try:
            gamma = self.gamma * self.gamma_decay**epoch
        except OverflowError:  # of a factor above 1
            gamma = 1.0
        return replace(self, gamma=min(1.0, max(gamma, min(self.gamma, LEAST_GAMMA))))

    def penalty_at(self, step: int) -> float:
        """The weight of the penalty in a step (from 0)."""
        return self.penalty_weight * self.penalty_every if self.penalty and step % self.penalty_every == 0 else 0.0

    @property
    def gan_loss(self) -> str:
        """The name of the GAN loss. The joint objective is non-saturating."""
        return self.gan or ("saturating" if self.saturating and not self.joint else "non_saturating")

    @property
    def has_cross_entropy(self) -> bool:
        """Whether images and samples cost the discriminator cross entropies, in nats; other GAN losses have scales of their own."""
        return self.gan_loss in ("saturating", "non_saturating")

    @property
    def trained(self) -> tuple[str, ...]:
        """The networks that learn."""
        learns = (self.autoencodes, True, self.adversarial)
        return tuple(name for name, does in zip(NETWORKS, learns, strict=True) if does)

    @property
    def untrained(self) -> tuple[str, ...]:
        """The networks that stay as they began, and so are of no use; that of a `vae-dis` was trained before."""
        unused = {"gan": "encoder", "vae": "discriminator"}.get(self.kind)
        return (unused,) if unused else ()

    @property
    def autoencodes(self) -> bool:
        """Whether there is an encoder, and reconstructions."""
        return self.kind != "gan"

    @property
    def adversarial(self) -> bool:
        """Whether decoder and discriminator play the GAN's game."""
        return self.kind in ("vaegan", "gan")


@dataclass(frozen=True)
class GateSettings:
    """Stops the discriminator while it wins and the decoder while it is hopelessly behind (the authors' and the reference's trick).

    A discriminator that knows nothing says 1/2 and pays -log(1/2) = 0.69 for every image: that is the equilibrium, 0.68. It is too good
    once either cost is more than a margin below, and too weak to teach the decoder once either is more than a margin above.
    """

    equilibrium: float = 0.68
    """The cost of the discriminator, in nats, that the gate aims at."""
    margin: float = 0.35
    """How far a cost of the discriminator may be from the equilibrium, in nats. If a cost is below equilibrium - margin, the discriminator
    waits. If a cost is above equilibrium + margin, the decoder waits."""
    equilibrium_decay: float = 1.0
    """The factor by which the equilibrium is multiplied after each epoch. The equilibrium never falls below the margin."""
    margin_decay: float = 1.0
    """The factor by which the margin is multiplied after each epoch."""
    enabled: bool = True
    """Use the gate. If this is false, both networks take every step."""

    def __post_init__(self) -> None:
        for name in ("equilibrium", "margin", "equilibrium_decay", "margin_decay"):
            require(getattr(self, name) > 0, f"gate.{name} must be above 0, not {getattr(self, name)}")

    def bounds(self, epoch: int) -> tuple[float, float]:
        """The lowest cost at which the discriminator steps and the highest at which the decoder does, in this epoch (from 0)."""
        if not self.enabled:
            return -inf, inf
        equilibrium, margin = self.equilibrium, self.margin
        for _ in range(min(epoch, 1) if self.equilibrium_decay == self.margin_decay == 1 else epoch):  # the first alone may change them
            margin *= self.margin_decay
            equilibrium = max(equilibrium * self.equilibrium_decay, margin)  # the reference: never a bound below 0
        return equilibrium - margin, equilibrium + margin


@dataclass(frozen=True)
class Optimizer:
    """How the three networks step; each has an optimiser of its own."""

    kind: Literal["rmsprop", "adam"] = "rmsprop"
    """The optimiser: `rmsprop` or `adam`."""
    lr: float = 3e-4
    """The learning rate at the start."""
    lr_factors: PerNetwork = (1.0, 1.0, 1.0)
    """The learning rates of encoder, decoder and discriminator, as multiples of `lr`."""
    posterior_lr_factor: float = 1.0
    """The learning rate of the weights that compute the mean and the log variance of a code, as a multiple of the encoder's rate."""
    schedule: Literal["constant", "exponential", "anneal"] = "exponential"
    """How the learning rate changes. `constant`: not at all. `exponential`: it is multiplied by `decay` after every epoch. `anneal`: it is
    lr - (t/T)^power (lr - final_lr) at step t of T, as the authors do."""
    decay: float = 0.75
    """The factor of the exponential schedule for each epoch."""
    power: float = 0.75
    """The exponent of the schedule `anneal`."""
    final_lr: float = 0.0
    """The learning rate at the end of the schedule `anneal`."""
    alpha: float = 0.9
    """For RMSProp: the share of the old mean square that a step keeps."""
    betas: tuple[float, float] = (0.5, 0.99)
    """For Adam: the shares of the old mean gradient and of the old mean square that a step keeps."""
    eps: float = 1e-8
    """A number that is added to the root of the mean square."""
    weight_decay: float = 0.0
    """The weight of the L2 penalty on weights. Biases and batch normalisation have no penalty."""
    clip: Literal["none", "value", "norm"] = "none"
    """How gradients are clipped. `none`: not at all. `value`: each element to +-`clip_at`. `norm`: the gradient of each network is scaled
    to a norm of at most `clip_at`."""
    clip_at: PerNetwork = (1.0, 1.0, 1.0)
    """The limits for encoder, decoder and discriminator. 0 leaves a network unclipped."""

    def __post_init__(self) -> None:
        for name in ("lr", "decay", "power", "eps"):
            require(0 < getattr(self, name) < inf, f"optimizer.{name} must be a finite number above 0, not {getattr(self, name)}")
        for name in ("posterior_lr_factor", "final_lr", "weight_decay"):
            require(0 <= getattr(self, name) < inf, f"optimizer.{name} must be a finite number of at least 0, not {getattr(self, name)}")
        for name in ("lr_factors", "clip_at"):
            values = getattr(self, name)
            require(all(0 <= value < inf for value in values), f"optimizer.{name} must be finite numbers of at least 0, not {values}")
        for name, values in (("alpha", (self.alpha,)), ("betas", self.betas)):
            require(all(0 <= value < 1 for value in values), f"optimizer.{name} must be at least 0 and below 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Training:
    """How long, how much at a time, and what is shown and kept on the way."""

    length: str = "13 epochs"
    """How long to train: a number of `epochs`, `steps`, `images` or `minutes`, for example "1500 steps". A run converts minutes to the
    number of steps that this machine takes in that time (see docs/recipes.md), and writes that number here."""
    batch: int = 64
    """The number of images in a step, in each process."""
    seed: int = 0
    """The seed of everything random: weights, order, flips, noise."""
    init_from: str = ""
    """A run folder or a model folder whose weights the training begins with, as far as they fit. Its networks must have the same family,
    width and layers. Image size, channels, code length and attributes may differ. Empty: random weights."""
    ema: float = 0.0
    """Show and save an exponential moving average of the weights. This is the share of the old average that a step keeps; 0 means no
    average. Step s (from 0) keeps at most (1 + s) / (10 + s); otherwise the first weights would count too much for a long time. The running
    statistics of batch normalisation are those of the last weights. `training.average_half_life` is the newer average."""
    average_half_life: int = 0
    """Show and save an average of the weights and of the running statistics of batch normalisation. Values that are this number of images
    old count half as much as the newest ones; 0 means no average. The half-life is at most 5% of the images seen so far."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """The precision of matrix products and convolutions. Weights are always float32. `auto` is bf16 if the device
    can compute in bf16, and 32 otherwise."""
    threads: int = 0
    """The number of CPU threads in each process. 0 means one for each core. A resumed run keeps its number of threads, because the number
    changes the order of additions."""
    graph: bool = True
    """On one GPU: record the whole step once as a CUDA graph and replay it. Then the host does not start hundreds of operations one by one.
    If this is not possible, the run says why and continues without it."""
    compile: bool = False
    """Let torch.compile write kernels for the networks. This takes some time before the first step, and needs a compiler for the device.
    Without a compiler, the run says so and continues without it."""
    loggers: tuple[str, ...] = ("tensorboard",)
    """Where losses, speed and pictures are also written, besides stats.jsonl and samples/: any number of `tensorboard`, `csv` (stats.csv in
    the run folder), `wandb` and `mlflow`. The last two need packages of their own."""
    log_every: int = 10
    """The number of steps between lines of stats.jsonl and points of the loggers."""
    picture_every: int = 200
    """The number of steps between pictures."""
    checkpoint_every: int = 1000
    """The number of steps between checkpoints. A run also writes one at its end and when it is stopped."""
    keep: int = 2
    """The number of checkpoints to keep: the newest ones. With 2, one is left if the other is damaged."""
    keep_every: int = 0
    """Also keep the checkpoint of every n-th step. n is this number, a multiple of `checkpoint_every`; 0 means no such checkpoint."""
    on_nan: Literal["stop", "rollback"] = "stop"
    """What to do if a loss or a gradient is NaN or infinite. `stop`: stop. `rollback`: return to the last checkpoint and continue with half
    the learning rates."""
    rollbacks: int = 3
    """The largest number of rollbacks in a run."""
    sync_batchnorm: bool = False
    """With several processes: batch normalisation takes its statistics over the images of all processes, not of each process alone."""

    def __post_init__(self) -> None:
        for name in ("batch", "log_every", "picture_every", "checkpoint_every", "keep"):
            require(getattr(self, name) > 0, f"training.{name} must be above 0, not {getattr(self, name)}")
        for name in ("threads", "keep_every", "rollbacks", "average_half_life"):
            require(getattr(self, name) >= 0, f"training.{name} must be at least 0, not {getattr(self, name)}")
        require(self.keep_every % self.checkpoint_every == 0, "training.keep_every must be a multiple of training.checkpoint_every")
        require(self.batch > 1, "training.batch must be at least 2: batch normalisation needs more than one image")
        require(0 <= self.seed < 2**63, f"training.seed must be at least 0 and below 2^63, not {self.seed}")
        require(0 <= self.ema < 1, f"training.ema must be at least 0 and below 1, not {self.ema}")
        both = self.ema > 0 and self.average_half_life > 0
        require(not both, "training.ema and training.average_half_life cannot both be above 0: set one of them to 0")
        self.steps(1, 1)

    def steps(self, steps_per_epoch: int, images_per_step: int) -> int:
        """The length in steps; of a length in minutes, which says no number of steps, `NO_END`."""
        count, unit = self._counted()
        return {"epoch": count * steps_per_epoch, "step": count, "image": -(-count // images_per_step), "minute": NO_END}[unit]

    @property
    def averages(self) -> bool:
        """Whether an average of the weights is shown and saved."""
        return self.ema > 0 or self.average_half_life > 0

    @property
    def minutes(self) -> int | None:
        """The length in minutes, if that is how it is given."""
        count, unit = self._counted()
        return count if unit == "minute" else None

    def _counted(self) -> tuple[int, str]:
        """The length's number and unit."""
        match = re.fullmatch(r"(-?\d[\d_,]*) ?(epoch|step|image|minute)s?", self.length.strip())
        units = "epochs, steps, images or minutes"
        require(match is not None, f'training.length must be a number of {units} such as "1500 steps", not "{self.length}"')
        assert match is not None
        count = int(re.sub("[_,]", "", match[1]))
        require(count > 0, f"training.length must be above 0, not {self.length}")
        return count, match[2]
