"""The three networks of a VAE/GAN: encoder, decoder, discriminator.

Layers, widths and initialisation are those of Larsen et al., "Autoencoding beyond pixels using a learned similarity metric" (2016), as in
the authors' own code, made general in image size, channels and width. No training code is in here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..settings import STRIDES, Architecture
from . import base
from .conditions import beside
from .convolution import ImageConvolution

KERNEL = 5  # every convolution of the paper is 5x5


def _map_size(architecture: Architecture) -> tuple[int, int]:
    """Height and width of the smallest feature map."""
    height, width = architecture.size
    return height // STRIDES, width // STRIDES


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    """5x5 convolution that halves height and width, then batch normalisation (hence no bias) and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, KERNEL, stride=2, padding=KERNEL // 2, bias=False)
    return nn.Sequential(convolution, _norm(nn.BatchNorm2d, outputs), nn.ReLU(inplace=True))


def _upsampling(inputs: int, outputs: int) -> nn.Sequential:
    """5x5 transposed convolution that doubles height and width, then batch normalisation and ReLU."""
    convolution = nn.ConvTranspose2d(inputs, outputs, KERNEL, stride=2, padding=KERNEL // 2, output_padding=1, bias=False)
    return nn.Sequential(convolution, _norm(nn.BatchNorm2d, outputs), nn.ReLU(inplace=True))


def _fully_connected(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs, bias=False), _norm(nn.BatchNorm1d, outputs), nn.ReLU(inplace=True))


def _norm(kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d], channels: int) -> nn.BatchNorm1d | nn.BatchNorm2d:
    # The authors' momentum 0.9 is the share of the *old* running value that is kept; torch's momentum is the share of the new one.
    return kind(channels, momentum=0.1)


@torch.no_grad()
def _initialise(network: nn.Module) -> None:
    """Weights uniform in +-1/sqrt(3 fan_in), biases 0, as the authors do."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            fan_in = module.weight[0].numel()
            bound = 1 / math.sqrt(3 * fan_in)
            module.weight.uniform_(-bound, bound)
            if module.bias is not None:
                module.bias.zero_()


class Encoder(base.Encoder):
    """Images to the mean and log variance of the posterior q(z|x) = N(mean, exp(logvar))."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        channels = [a.channels, *map(a.scaled, a.encoder)]
        self.attributes = len(a.attributes)
        self.convolutions = nn.Sequential(*map(_convolution, channels, channels[1:]))
        self.hidden = _fully_connected(channels[-1] * math.prod(_map_size(a)) + self.attributes, a.scaled(a.encoder_units))
        self.mean = nn.Linear(a.scaled(a.encoder_units), a.latent)
        self.logvar = nn.Linear(a.scaled(a.encoder_units), a.latent)
        _initialise(self)

    def forward(self, images: Tensor, conditions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """N x C x H x W in [-1, 1], and N x attributes of a conditional model -> mean and logvar, each N x latent."""
        features = self.features(images, conditions)
        return self.mean(features), self.logvar(features)

    def posterior_weights(self) -> list[Tensor]:
        """Of the two last layers."""
        return [self.mean.weight, self.logvar.weight]

    def features(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        """What the fully connected layer puts out: N x units."""
        features: Tensor = self.hidden(beside(self.convolutions(images).flatten(1), conditions, self.attributes))
        return features


class Decoder(base.Decoder):
    """Latent codes to images; the generator of the GAN."""

    counted_from_image = "upsamplings"

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        channels = [*map(a.scaled, a.decoder)]
        self.attributes = len(a.attributes)
        self.map_shape = (channels[0], *_map_size(a))
        self.hidden = _fully_connected(a.latent + self.attributes, math.prod(self.map_shape))
        self.upsamplings = nn.Sequential(*map(_upsampling, channels, channels[1:]))
        self.image = ImageConvolution(channels[-1], a.channels, KERNEL)
        _initialise(self)

    def forward(self, codes: Tensor, conditions: Tensor | None = None) -> Tensor:
        """N x latent, and N x attributes of a conditional model -> N x C x H x W in [-1, 1]."""
        maps = self.hidden(beside(codes, conditions, self.attributes)).unflatten(1, self.map_shape)
        return torch.tanh(self.image(self.upsamplings(maps)))


class Discriminator(base.Discriminator):
    """Images to the logit of "this is real", and to the features whose distance is the learned similarity."""

    levels = (1, 2, 3)

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        channels = [*map(a.scaled, a.discriminator)]
        self.attributes = len(a.attributes)
        first = nn.Sequential(ImageConvolution(a.channels, channels[0], KERNEL), nn.ReLU(inplace=True))
        self.convolutions = nn.Sequential(first, *map(_convolution, channels, channels[1:]))
        self.hidden = _fully_connected(channels[-1] * math.prod(_map_size(a)) + self.attributes, a.scaled(a.discriminator_units))
        self.logit = nn.Linear(a.scaled(a.discriminator_units), 1)
        _initialise(self)

    def stem(self, images: Tensor) -> Tensor:
        """What the first strided convolution puts out; no batch normalisation is before it."""
        return self._layers(1)[0](self.convolutions[0](images))

    def maps_of(self, stems: Tensor, level: int) -> Tensor:
        """What the `level`-th strided convolution (1 to 3) puts out, before its batch normalisation.

        At 64x64 level 3 has 256 * 8 * 8 = 16,384 features; it is the reference's recon_level 3 and the authors' recon_depth 9.
        """
        maps = stems
        for number in range(1, level):
            _, norm, relu = self._layers(number)
            maps = self._layers(number + 1)[0](relu(norm(maps)))
        return maps

    def last_maps_of(self, stems: Tensor) -> Tensor:
        """What the last strided convolution puts out, after its batch normalisation and ReLU."""
        _, norm, relu = self._layers(3)
        return relu(norm(self.maps_of(stems, 3)))

    def logits_of(self, stems: Tensor, conditions: Tensor | None = None) -> Tensor:
        """By a fully connected layer and a linear one."""
        maps = self.last_maps_of(stems)
        return self.logit(self.hidden(beside(maps.flatten(1), conditions, self.attributes))).squeeze(1)

    def _layers(self, number: int) -> nn.Sequential:
        """Strided convolution, batch normalisation and ReLU, counted from 1."""
        layers = self.convolutions[number]
        assert isinstance(layers, nn.Sequential)
        return layers
