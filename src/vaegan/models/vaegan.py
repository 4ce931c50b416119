"""A VAE/GAN to use: encode, decode, sample, reconstruct, save and load. No training code is in here."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..data.any_images import AnyImages, any_images, check_values
from ..data.batches import to_tensor
from ..data.images import Preparation
from ..errors import UserError, unknown_name
from ..files import missing, replacing
from ..hub.card import FILE as CARD
from ..hub.card import card
from ..hub.client import send
from ..pretrained.find import model_folder, names
from ..settings import NETWORKS, Architecture, PriorKind
from ..words import spelt_as
from .base import Decoder, Discriminator, Encoder
from .families import find_family
from .fingerprint import fingerprint
from .posterior import Posterior
from .prior import FILE as PRIOR
from .prior import WAY_OUT, Mixture

FORMAT = 2  # of a model folder
PART = 256  # images at a time, so that memory does not grow with their number
CONFIG, WEIGHTS = "config.json", "model.safetensors"
MOST_DEVIATION = 3.0
"""Attributes are at most so many standard deviations from their mean; larger values are clamped."""


def unreadable_config(folder: Path, error: Exception) -> UserError:
    """The mistake of a model folder whose config.json does not say what it should, from what was raised when it was read."""
    if isinstance(error, KeyError):
        what = f'it has no entry "{error.args[0]}"'
    elif isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        what = "it is not JSON"
    else:
        what = "an entry is unknown, or has a value that does not fit"
    return UserError(f"{folder / CONFIG} is damaged, or was written by another version of vaegan: {what}")


class VAEGAN(nn.Module):
    """The three networks of a VAE/GAN. Images are float tensors N x C x H x W in [-1, 1]; codes are N x latent."""

    attribute_mean: Tensor
    """Of a conditional model, over the images that it was trained on."""
    attribute_scale: Tensor

    def __init__(
        self,
        architecture: Architecture | None = None,
        preparation: Preparation | None = None,
        untrained: tuple[str, ...] = (),
        level: int | None = None,
    ) -> None:
        """Make new networks.

        Args:
            architecture: by default the paper's networks.
            preparation: how pictures are made ready for them; by default centred.
            untrained: the networks that no objective will train.
            level: the level of the discriminator that is the learned similarity; by default the last.

        Raises:
            ValueError: the preparation makes images of another shape than the networks take.
            UserError: there is no such family of networks, or the discriminator has no such level.
        """
        super().__init__()
        self.architecture = architecture or Architecture()
        self.preparation = preparation or Preparation(self.architecture.size, self.architecture.channels)
        """How image files become this model's inputs; see `vaegan.data.images.read`."""
        if self.preparation.shape != (*self.architecture.size, self.architecture.channels):
            raise ValueError(
                f"images of {self.preparation.shape} do not fit the networks, which take "
                f"{(*self.architecture.size, self.architecture.channels)}"
            )
        self.untrained = untrained
        """Networks that are of no use: the encoder of a GAN, the discriminator of a VAE."""
        self.prior: Mixture | None = None
        """The density that samples are drawn from; None until one is fitted (see `vaegan.fit_prior`), and N(0, I) then."""
        family = find_family(self.architecture.family)
        self.encoder: Encoder = family.encoder(self.architecture)
        self.decoder: Decoder = family.decoder(self.architecture)
        self.discriminator: Discriminator = family.discriminator(self.architecture)
        self.level = self.discriminator.levels[-1] if level is None else level
        """The level of the discriminator whose features are the learned similarity."""
        if self.level not in self.discriminator.levels:
            there = ", ".join(map(str, self.discriminator.levels))
            raise UserError(f"objective.level must be one of {there} for networks of family {self.architecture.family}, not {level}")
        if self.architecture.attributes:
            count = len(self.architecture.attributes)
            self.register_buffer("attribute_mean", torch.zeros(count))
            self.register_buffer("attribute_scale", torch.ones(count))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights, which images and codes are converted to."""
        return next(self.parameters()).dtype

    @property
    def conditional(self) -> bool:
        """Whether the networks take attributes."""
        return bool(self.architecture.attributes)

    def require(self, network: Literal["encoder", "discriminator"]) -> None:
        """See that a network can be used.

        Raises:
            UserError: it was never trained.
        """
        if network in self.untrained:
            raise UserError(
                f"this needs a trained {network}, and this model has none: use a model that was trained with --objective.kind vaegan"
            )

    def attributes(self, known: Mapping[str, float]) -> Tensor:
        """Of a conditional model, 1 x attributes for one image: these values by name, and NaN for those that are not known.

        Raises:
            UserError: the networks do not take such an attribute.
        """
        names = self.architecture.attributes
        known = {spelt_as(names, name): value for name, value in known.items()}
        if unknown := [name for name in known if name not in names]:
            raise (
                unknown_name("attribute", unknown[0], names) if names else UserError("the model is not conditional: it takes no attributes")
            )
        return torch.tensor([[known.get(name, math.nan) for name in names]])

    def conditions(self, attributes: Tensor | None) -> Tensor | None:
        """The conditions that a conditional model's networks take, for images with these attributes.

        Args:
            attributes: N x attributes, in the values of the set that the model was trained on, NaN where one is not known; None if none is.

        Returns:
            N x attributes: with mean 0 and standard deviation 1 over the training images, and 0 for what is not known; None for None.

        Raises:
            ValueError: the model is not conditional, or on another number of attributes.
        """
        return None if attributes is None else self.standardised(attributes).nan_to_num(0.0).to(self.dtype)

    def standardised(self, attributes: Tensor) -> Tensor:
        """The same as `conditions`, but NaN stays NaN: N x attributes.

        Raises:
            ValueError: the model is not conditional, or on another number of attributes.
        """
        count = len(self.architecture.attributes)
        if not count:
            raise ValueError("the model is not conditional: it takes no attributes")
        if attributes.ndim != 2 or attributes.shape[1] != count:
            raise ValueError(f"attributes must be N x {count}, not {' x '.join(map(str, attributes.shape))}")
        standard = (attributes.to(self.device) - self.attribute_mean) / self.attribute_scale
        return standard.clamp(-MOST_DEVIATION, MOST_DEVIATION)

    def forward(self, images: AnyImages, attributes: Tensor | None = None) -> Tensor:
        """The same images as those of `reconstruct`, but all at once, and with gradients."""
        return self.decode(self.encode(images, attributes).mean, attributes)

    def inputs(self, images: AnyImages, *, check: bool = True) -> Tensor:
        """Images in any form as the networks take them: N x C x H x W in [-1, 1], of the model's size.

        Args:
            images: see `vaegan.data.any_images.AnyImages`.
            check: whether the values of a float tensor N x C x H x W are looked at.

        Raises:
            ValueError: a float tensor N x C x H x W is of another size.
            UserError: they are no images; float values are not in [-1, 1]; or what else `any_images` says.
        """
        if not (isinstance(images, Tensor) and images.is_floating_point() and images.ndim == 4):
            return to_tensor(any_images(images, self.preparation).pixels)
        expected = (self.architecture.channels, *self.architecture.size)
        if tuple(images.shape[1:]) != expected:
            raise ValueError(f"images must be N x {' x '.join(map(str, expected))}, not {' x '.join(map(str, images.shape))}")
        if check and images.numel():
            check_values(*(float(value) for value in images.detach().aminmax()))
        return images

    def encode(self, images: AnyImages, attributes: Tensor | None = None, *, check: bool = True) -> Posterior:
        """The posterior of each image; of a conditional model, given its attributes (see `conditions`).

        Args:
            images: N x C x H x W in [-1, 1], or any other form of images; see `vaegan.data.any_images.AnyImages`.
            attributes: of a conditional model, N x attributes.
            check: see `inputs`.

        Raises:
            ValueError, UserError: these are no images for this model; see `inputs`.
            UserError: the encoder was never trained.
        """
        self.require("encoder")
        return Posterior(*self.encoder(self.inputs(images, check=check).to(self.device, self.dtype), self.conditions(attributes)))

    def decode(self, codes: Tensor, attributes: Tensor | None = None) -> Tensor:
        """The image of each code; of a conditional model, with these attributes (see `conditions`)."""
        images: Tensor = self.decoder(codes.to(self.device, self.dtype), self.conditions(attributes))
        return images

    def find_prior(self, prior: PriorKind | None = None) -> Mixture | None:
        """The prior of this name: the fitted one, or None for N(0, I). By default the fitted one if there is one.

        Raises:
            UserError: the fitted one is asked for, and there is none.
            ValueError: there is no prior of this name.
        """
        if prior not in (None, *get_args(PriorKind)):
            raise ValueError(f"the prior must be one of {', '.join(get_args(PriorKind))}, not {prior}")
        if prior == "fitted" and self.prior is None:
            if "encoder" in self.untrained:
                raise UserError("this model has no encoder, so its prior is N(0, I): leave out --prior fitted")
            raise UserError("this model has no fitted prior: leave out --prior fitted, or fit one with: vaegan fit-prior RUN")
        return None if prior == "standard" else self.prior

    def name_prior(self, prior: PriorKind | None = None) -> str:
        """The prior of this name as people call it; see `find_prior`."""
        return "N(0, I)" if self.find_prior(prior) is None else "the fitted prior"

    def prior_codes(self, count: int, seed: int, attributes: Tensor | None = None, prior: PriorKind | None = None) -> Tensor:
        """Codes drawn from the prior: count x latent, on the CPU. Those of a smaller count need not be the first of these.

        Args:
            count: how many.
            seed: the same seed gives the same codes on any device.
            attributes: of a conditional model, count x attributes (see `conditions`): the fitted prior gives codes that go with those that
                are known. N(0, I) does not depend on attributes.
            prior: see `find_prior`.

        Raises:
            UserError: as for `find_prior`.
        """
        mixture = self.find_prior(prior)
        if mixture is None:
            return torch.randn(count, self.architecture.latent, generator=torch.Generator().manual_seed(seed))
        return mixture.draw(count, seed, None if attributes is None else self.standardised(attributes))

    @torch.no_grad()  # the graph of each part would stay in memory
    def sample(self, count: int, seed: int = 0, attributes: Tensor | None = None, prior: PriorKind | None = None) -> Tensor:
        """`count` images decoded from codes of the prior, without gradients; see `prior_codes`."""
        codes = self.prior_codes(count, seed, attributes, prior)
        parts = range(0, max(count, 1), PART)  # at least one: of no images, it is empty
        return torch.cat([self.decode(codes[i : i + PART], None if attributes is None else attributes[i : i + PART]) for i in parts])

    @torch.no_grad()
    def reconstruct(self, images: AnyImages, attributes: Tensor | None = None, *, check: bool = True) -> Tensor:
        """Each image through the bottleneck and back, by way of its posterior mean, without gradients; see `encode`."""
        self.require("encoder")
        images, parts = self.inputs(images, check=check), []
        for start in range(0, max(len(images), 1), PART):
            part = None if attributes is None else attributes[start : start + PART]
            parts.append(self.decode(self.encode(images[start : start + PART], part, check=False).mean, part))
        return torch.cat(parts)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors; each replaces its older self only once it is whole.

        A fitted prior is written beside them. It is left out if it was fitted to other weights, as after more training.

        Raises:
            UserError: the networks are not those of the model's family, so that the files could not be loaded again.
        """
        self._require_own_networks()
        folder = Path(folder)
        config = {
            "format": FORMAT,
            "preparation": self.preparation.as_dict(),
            "architecture": dataclasses.asdict(self.architecture),
            "untrained": self.untrained,
            "level": self.level,
        }
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        (folder / PRIOR).unlink(missing_ok=True)  # first, so that it is never beside weights that it was not fitted to
        with replacing(folder / WEIGHTS) as path:
            path.write_bytes(safetensors.torch.save(weights))  # by a path, safetensors would hide that a disk is full
        with replacing(folder / CONFIG) as path:
            path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        if self.prior is not None:
            mine = fingerprint(self)
            if self.prior.model in ("", mine):
                replace(self.prior, model=mine).save(folder)

    def push_to_hub(self, repository: str, *, license: str | None = None, private: bool = False) -> str:  # noqa: A002 (the hub's name)
        """Send the model to the Hugging Face hub. `vaegan.push` also sends what is known of its run. Returns the address.

        Args:
            repository: USER/NAME. It is made if it is not there.
            license: the license of the model, as the hub names licenses, such as mit.
            private: whether only you may see a repository that is made now.

        Raises:
            UserError: see `save_pretrained`; or the model cannot be sent.
        """
        lead = f"A VAE/GAN for images of {' x '.join(map(str, self.architecture.size))} pixels."
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            (Path(folder) / CARD).write_text(card(repository, lead, license=license), encoding="utf-8")
            return send(Path(folder), repository, private=private)

    def _require_own_networks(self) -> None:
        """See that the architecture describes the networks, some of which a user may have replaced.

        Raises:
            UserError: it does not.
        """
        name = self.architecture.family
        family = find_family(name)
        for network in NETWORKS:
            with torch.device("meta"):  # tensors without values: this takes neither memory nor random numbers
                described = getattr(family, network)(self.architecture)
            mine = getattr(self, network)
            shapes, wanted = ({key: tensor.shape for key, tensor in n.state_dict().items()} for n in (mine, described))
            if type(mine) is not type(described) or shapes != wanted:
                way = "add your own family to vaegan.models.families.FAMILIES, and set architecture.family to its name"
                raise UserError(f'cannot save the model: its family is "{name}", but its {network} is not a network of that family: {way}')

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu", *, prior: bool = True) -> VAEGAN:
        """Load what `save_pretrained` wrote, in evaluation mode. No code in the files is run.

        Args:
            folder: the model folder; or a model by its name, such as avatars, or USER/NAME on the Hugging Face hub.
            device: where the weights are put.
            prior: whether to load the fitted prior, if there is one.

        Raises:
            UserError: the folder does not hold a model, or holds a damaged one; or its prior is damaged, or was fitted to other weights.
        """
        folder = model_folder(folder)
        if not folder.exists():
            raise missing(folder, names=names())
        for name in (CONFIG, WEIGHTS):
            if not (folder / name).is_file():
                raise UserError(f"{folder} is not a model folder: it has no {name}")
        try:
            config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            if config["format"] != FORMAT:
                raise UserError(
                    f"{folder} is a model folder of format {config['format']}, but this version of vaegan reads format {FORMAT}"
                )
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in config["architecture"].items()
            }
            preparation = Preparation.from_dict(config["preparation"])
            model = cls(Architecture(**fields), preparation, tuple(config.get("untrained", ())), config.get("level"))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise unreadable_config(folder, error) from error
        try:
            model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
        except (SafetensorError, RuntimeError) as error:
            raise UserError(f"{folder / WEIGHTS} is damaged, or does not fit its {CONFIG}") from error
        if prior and (folder / PRIOR).is_file():
            model.prior = Mixture.load(folder, model.architecture.latent, len(model.architecture.attributes))
            if model.prior.model != fingerprint(model):
                raise UserError(f"{folder / PRIOR} belongs to other weights: the model changed after its prior was fitted; {WAY_OUT}")
        return model.eval().to(device)
