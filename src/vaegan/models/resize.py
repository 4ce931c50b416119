"""Networks whose depth follows the image, that upsample without a chequer, and whose discriminator judges each image by itself.

Transposed convolutions with stride 2 give neighbouring pixels unequal numbers of taps, which shows as a chequer (Odena et al. 2016,
"Deconvolution and checkerboard artifacts"). Here an upsampling layer is nearest-neighbour x2, then a 3x3 convolution, and the
discriminator has its mirror image: a 3x3 convolution, then the mean of 2x2 pixels. The discriminator has spectral normalisation
(Miyato et al. 2018) in place of batch normalisation, so that an image's features and its logit depend on no other image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from ..settings import Architecture
from . import base
from .conditions import beside
from .convolution import ImageConvolution

KERNEL = 3
SLOPE = 0.2  # of LeakyReLU below 0, in the discriminator


class Upsampling(nn.Module):
    """Nearest-neighbour x2, then a 3x3 convolution, in fewer steps: a transposed 4x4 convolution with stride 2, whose kernel is the 3x3
    kernel spread by ones(2, 2). Each output then takes 4 taps in place of 9.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(_weight(inputs, outputs, fan_in=inputs * KERNEL**2))
        """inputs x outputs x 3 x 3; as in transposed convolutions, mirrored against nn.Conv2d."""

    def forward(self, maps: Tensor) -> Tensor:
        """N x inputs x h x w -> N x outputs x 2h x 2w."""
        return functional.conv_transpose2d(maps, 4 * spread(self.weight), stride=2, padding=1)


class Downsampling(nn.Module):
    """A 3x3 convolution, then the mean of 2x2 pixels, in one step: a 4x4 convolution with stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(_weight(outputs, inputs, fan_in=inputs * KERNEL**2))
        """outputs x inputs x 3 x 3."""
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        """N x inputs x 2h x 2w -> N x outputs x h x w."""
        return functional.conv2d(maps, spread(self.weight), self.bias, stride=2, padding=1)


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value, as a matrix of outputs x the rest (Miyato et al. 2018).

    One step of power iteration is taken each time the weight is used in training mode. (torch's own takes fifteen when it is made, which
    takes a second for networks on the meta device.)
    """

    direction: Tensor
    """Of the singular value, on the side of the inputs: of length 1."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("direction", functional.normalize(torch.randn(weight[0].numel()), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight to compute with."""
        matrix = weight.flatten(1)
        if self.training:
            with torch.no_grad():
                self.direction.copy_(functional.normalize(matrix.mT @ (matrix @ self.direction), dim=0))
        return weight / (matrix @ self.direction.clone()).norm()


T = TypeVar("T", bound=nn.Module)


def _normalised(layer: T) -> T:
    assert isinstance(layer.weight, Tensor)
    parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight))
    return layer


def spread(weight: Tensor) -> Tensor:
    """The full convolution of kernels ... x 3 x 3 with the mean of 2x2: ... x 4 x 4."""
    return functional.avg_pool2d(weight, 2, stride=1, padding=1)


def _weight(*channels: int, fan_in: int) -> Tensor:
    """Uniform in +-1/sqrt(fan_in), as torch's convolutions begin."""
    return torch.empty(*channels, KERNEL, KERNEL).uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))


def stages(listed: Sequence[int], count: int) -> list[int]:
    """The channels of `count` stages, which are counted from the image: where fewer are listed, the last holds for those that follow."""
    return [listed[min(number, len(listed) - 1)] for number in range(count)]


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, momentum=0.1)


class Encoder(base.Encoder):
    """Images to the mean and log variance of the posterior."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        channels = [a.channels, *map(a.scaled, stages(a.encoder, a.halvings))]
        self.attributes = len(a.attributes)
        self.convolutions = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(i, o, 4, stride=2, padding=1, bias=False), _norm(o), nn.ReLU(inplace=True))
                for i, o in pairwise(channels)
            )
        )
        features = channels[-1] * math.prod(a.smallest_map) + self.attributes
        self.mean = nn.Linear(features, a.latent)
        self.logvar = nn.Linear(features, a.latent)

    def forward(self, images: Tensor, conditions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """N x C x H x W in [-1, 1], and N x attributes of a conditional model -> mean and logvar, each N x latent."""
        features = self.features(images, conditions)
        return self.mean(features), self.logvar(features)

    def posterior_weights(self) -> list[Tensor]:
        """Of the two last layers."""
        return [self.mean.weight, self.logvar.weight]

    def features(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        """The smallest feature maps, flat, and the conditions: N x features."""
        return beside(self.convolutions(images).flatten(1), conditions, self.attributes)


class Decoder(base.Decoder):
    """Latent codes to images; the generator of the GAN."""

    counted_from_image = "upsamplings"

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        channels = [*map(a.scaled, stages(a.decoder, a.halvings + 1))][::-1]
        self.attributes = len(a.attributes)
        self.map_shape = (channels[0], *a.smallest_map)
        self.first = nn.Linear(a.latent + self.attributes, math.prod(self.map_shape), bias=False)
        self.norm = nn.Sequential(_norm(channels[0]), nn.ReLU(inplace=True))
        self.upsamplings = nn.Sequential(*(nn.Sequential(Upsampling(i, o), _norm(o), nn.ReLU(inplace=True)) for i, o in pairwise(channels)))
        self.image = ImageConvolution(channels[-1], a.channels, KERNEL)

    def forward(self, codes: Tensor, conditions: Tensor | None = None) -> Tensor:
        """N x latent, and N x attributes of a conditional model -> N x C x H x W in [-1, 1]."""
        maps = self.norm(self.first(beside(codes, conditions, self.attributes)).unflatten(1, self.map_shape))
        return torch.tanh(self.image(self.upsamplings(maps)))


class Discriminator(base.Discriminator):
    """Images to the logit of "this is real", and to the features whose distance is the learned similarity."""

    independent = True

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        channels = [*map(a.scaled, stages(a.discriminator, a.halvings + 1))]
        self.levels = tuple(range(1, a.halvings + 2))
        layers = [ImageConvolution(a.channels, channels[0], KERNEL), *(Downsampling(i, o) for i, o in pairwise(channels))]
        self.convolutions = nn.ModuleList(map(_normalised, layers))
        self.logit = _normalised(nn.Linear(channels[-1] * math.prod(a.smallest_map), 1))
        self.projection = _normalised(nn.Linear(len(a.attributes), channels[-1], bias=False)) if a.attributes else None

    def stem(self, images: Tensor) -> Tensor:
        """The images: no layer compares them."""
        return images

    def maps_of(self, stems: Tensor, level: int) -> Tensor:
        """The maps after the activation of a level: 1 is at full resolution, each further one at half of that before."""
        maps = stems
        for layer in self.convolutions[:level]:
            maps = functional.leaky_relu(layer(maps), SLOPE, inplace=True)
        return maps

    def last_maps_of(self, stems: Tensor) -> Tensor:
        """Those of the last level."""
        return self.maps_of(stems, self.levels[-1])

    def logits_of(self, stems: Tensor, conditions: Tensor | None = None) -> Tensor:
        """By a linear layer."""
        return self._logits(self.last_maps_of(stems), conditions)

    def judge(self, images: Tensor, conditions: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """The maps of all levels and the logits, in one pass."""
        found = [images]
        for layer in self.convolutions:
            found.append(functional.leaky_relu(layer(found[-1]), SLOPE, inplace=True))
        return found[1:], self._logits(found[-1], conditions)

    def _logits(self, maps: Tensor, conditions: Tensor | None) -> Tensor:
        """Of the last maps; attributes come in by their projection on the mean of these (Miyato and Koyama 2018)."""
        logits: Tensor = self.logit(maps.flatten(1)).squeeze(1)
        if self.projection is not None and conditions is not None:
            logits = logits + (self.projection(conditions.to(maps.dtype)) * maps.mean((2, 3))).sum(1)
        return logits
