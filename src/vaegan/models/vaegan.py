"""A VAE/GAN to use: encode, decode, sample, reconstruct, save and load. No training code is in here."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..data.images import Preparation
from ..errors import UserError
from ..files import replacing
from ..settings import Architecture
from .larsen import Decoder, Discriminator, Encoder

FORMAT = 2  # of a model folder
PART = 256  # images at a time, so that memory does not grow with their number
CONFIG, WEIGHTS = "config.json", "model.safetensors"
MOST_DEVIATION = 3.0
"""Attributes that are further from their mean, in standard deviations, are told as this far."""


class Posterior(NamedTuple):
    """Of a batch of images, q(z|x) = N(mean, exp(logvar)); each N x latent."""

    mean: Tensor
    logvar: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Codes mean + sigma * noise, with `noise` standard normal and N x latent."""
        return self.mean + (0.5 * self.logvar).exp() * noise

    @property
    def nats(self) -> Tensor:
        """KL(q(z_d|x) || N(0, 1)) of each image and dimension d of the code, N x latent (Kingma and Welling 2014, appendix B)."""
        return 0.5 * (self.mean.square() + self.logvar.exp() - self.logvar - 1)


class VAEGAN(nn.Module):
    """The three networks of a VAE/GAN. Images are float tensors N x C x H x W in [-1, 1]; codes are N x latent."""

    attribute_mean: Tensor
    """Of a conditional model, over the images that it was trained on."""
    attribute_scale: Tensor

    def __init__(
        self, architecture: Architecture | None = None, preparation: Preparation | None = None, untrained: tuple[str, ...] = ()
    ) -> None:
        """Take new networks, how pictures are made ready for them (by default centred), and which networks no objective will train.

        Raises:
            ValueError: the preparation makes images of another shape than the networks take.
        """
        super().__init__()
        self.architecture = architecture or Architecture()
        self.preparation = preparation or Preparation(self.architecture.size, self.architecture.channels)
        """How image files become this model's inputs; see `vaegan.data.images.read`."""
        if self.preparation.shape != (*self.architecture.size, self.architecture.channels):
            raise ValueError(f"the networks take no images of {self.preparation.shape}")
        self.untrained = untrained
        """Networks that are of no use: the encoder of a GAN, the discriminator of a VAE."""
        self.encoder = Encoder(self.architecture)
        self.decoder = Decoder(self.architecture)
        self.discriminator = Discriminator(self.architecture)
        if self.architecture.attributes:
            count = len(self.architecture.attributes)
            self.register_buffer("attribute_mean", torch.zeros(count))
            self.register_buffer("attribute_scale", torch.ones(count))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def conditional(self) -> bool:
        """Whether the networks are told attributes."""
        return bool(self.architecture.attributes)

    def require(self, network: Literal["encoder", "discriminator"]) -> None:
        """See that a network can be used.

        Raises:
            UserError: it was never trained.
        """
        if network in self.untrained:
            raise UserError(f"this takes the {network}, which this model's objective.kind left untrained: take a model of kind vaegan")

    def attributes(self, known: Mapping[str, float]) -> Tensor:
        """Of a conditional model, 1 x attributes for one image: these values by name, and NaN for those that are not known.

        Raises:
            UserError: the networks are not told such an attribute.
        """
        names = self.architecture.attributes
        if unknown := [name for name in known if name not in names]:
            raise UserError(
                f"the model is not told {unknown[0]}: " + (f"it is told {', '.join(names)}" if names else "it is not conditional")
            )
        return torch.tensor([[known.get(name, math.nan) for name in names]])

    def conditions(self, attributes: Tensor | None) -> Tensor | None:
        """What a conditional model's networks are told of images with these attributes.

        Args:
            attributes: N x attributes, in the values of the set that the model was trained on, NaN where one is not known; None if none is.

        Returns:
            N x attributes: with mean 0 and standard deviation 1 over the training images, and 0 for what is not known; None for None.

        Raises:
            ValueError: the model is not conditional, or on another number of attributes.
        """
        if attributes is None:
            return None
        told = len(self.architecture.attributes)
        if not told:
            raise ValueError("the model is not conditional: it takes no attributes")
        if attributes.ndim != 2 or attributes.shape[1] != told:
            raise ValueError(f"attributes must be N x {told}, not {' x '.join(map(str, attributes.shape))}")
        standard = (attributes.to(self.device) - self.attribute_mean) / self.attribute_scale
        return standard.nan_to_num(0.0).clamp(-MOST_DEVIATION, MOST_DEVIATION)

    def encode(self, images: Tensor, attributes: Tensor | None = None) -> Posterior:
        """The posterior of each image; of a conditional model, given its attributes (see `conditions`).

        Raises:
            ValueError: the images are not N x C x H x W of this model's size.
            UserError: the encoder was never trained.
        """
        self.require("encoder")
        expected = (self.architecture.channels, *self.architecture.size)
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise ValueError(f"images must be N x {' x '.join(map(str, expected))}, not {' x '.join(map(str, images.shape))}")
        return Posterior(*self.encoder(images.to(self.device), self.conditions(attributes)))

    def decode(self, codes: Tensor, attributes: Tensor | None = None) -> Tensor:
        """The image of each code; of a conditional model, with these attributes (see `conditions`)."""
        images: Tensor = self.decoder(codes.to(self.device), self.conditions(attributes))
        return images

    def prior_codes(self, count: int, seed: int) -> Tensor:
        """Codes drawn from the prior N(0, I): count x latent. Those of a smaller count need not be the first of these."""
        return torch.randn(count, self.architecture.latent, generator=torch.Generator().manual_seed(seed))

    def sample(self, count: int, seed: int = 0, attributes: Tensor | None = None) -> Tensor:
        """`count` images decoded from the prior N(0, I); the same seed gives the same codes on any device."""
        codes = self.prior_codes(count, seed)
        parts = range(0, count, PART)
        return torch.cat([self.decode(codes[i : i + PART], None if attributes is None else attributes[i : i + PART]) for i in parts])

    def reconstruct(self, images: Tensor, attributes: Tensor | None = None) -> Tensor:
        """Each image through the bottleneck and back, by way of its posterior mean."""
        parts = []
        for start in range(0, len(images), PART):
            told = None if attributes is None else attributes[start : start + PART]
            parts.append(self.decode(self.encode(images[start : start + PART], told).mean, told))
        return torch.cat(parts)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors; each replaces its older self only once it is whole."""
        folder = Path(folder)
        config = {
            "format": FORMAT,
            "preparation": self.preparation.as_dict(),
            "architecture": dataclasses.asdict(self.architecture),
            "untrained": self.untrained,
        }
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        with replacing(folder / WEIGHTS) as path:
            path.write_bytes(safetensors.torch.save(weights))  # by a path, safetensors would hide that a disk is full
        with replacing(folder / CONFIG) as path:
            path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> VAEGAN:
        """Load what `save_pretrained` wrote, in evaluation mode. No code in the files is run.

        Raises:
            UserError: the folder does not hold a model, or holds a damaged one.
        """
        folder = Path(folder)
        for name in (CONFIG, WEIGHTS):
            if not (folder / name).is_file():
                raise UserError(f"{folder} is not a model folder: it has no {name}")
        try:
            config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            if config["format"] != FORMAT:
                raise UserError(f"{folder} has model format {config['format']}; this version of vaegan reads {FORMAT}")
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in config["architecture"].items()
            }
            model = cls(Architecture(**fields), Preparation.from_dict(config["preparation"]), tuple(config.get("untrained", ())))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{folder / CONFIG} is damaged: {error}") from error
        try:
            model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
        except (SafetensorError, RuntimeError) as error:
            raise UserError(f"{folder / WEIGHTS} is damaged or does not belong to its {CONFIG}") from error
        return model.eval().to(device)
