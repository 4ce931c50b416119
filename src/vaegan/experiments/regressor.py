"""A network that reads attributes off images, trained on real ones alone: the judge of what conditional models make."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from ..data import ImageSet, Numbers
from ..data.batches import to_tensor
from ..data.chosen import evenly
from ..errors import UserError
from ..evaluation.attributes import AttributeNetwork, new_network
from ..files import replacing
from ..progress import Progress

VERSION = 1
"""Of its training: raise it when that changes."""
STEPS, BATCH, LR = 1_500, 64, 2e-3
MOST = 50_000
"""Images that it learns from."""
PART = 256


@dataclass(frozen=True)
class Regressor:
    """Reads A attributes, each with mean 0 and standard deviation 1 over the training images."""

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    """Of the attributes over the training images, as is the next."""
    scale: NDArray[np.float64]
    network: AttributeNetwork
    weights: str
    """A hash of all of it."""

    def standard(self, attributes: NDArray[np.float32]) -> NDArray[np.float64]:
        """N x A attributes as the set has them, in these units; NaN where one is not known."""
        return (attributes - self.mean) / self.scale

    @torch.inference_mode()
    def read(self, images: Tensor) -> NDArray[np.float64]:
        """N x C x H x W in [-1, 1] -> N x A."""
        return torch.cat([self.network(part.float().cpu()) for part in images.split(PART)]).double().numpy()


def regressor_of(
    images: ImageSet, training: Numbers, names: tuple[str, ...], folder: Path, progress: Progress = lambda *_: None
) -> Regressor:
    """The regressor of a set, trained once and kept in a folder; the same each time. What is not known of an image is left out.

    It minimises the squared error, on four strided convolutions and a linear layer (`AttributeNetwork`).

    Args:
        images: a set with attributes.
        training: numbers of the images to learn from; of more than `MOST`, so many, evenly spread.
        names: of the attributes, none of which is the same for all training images.
        folder: where it is kept.
        progress: called as it learns.

    Raises:
        UserError: there are too few images.
    """
    if len(training) < BATCH:
        raise UserError(f"attributes are learned from at least {BATCH} images, not {len(training)}")
    chosen = evenly(training, MOST)
    attributes = images.attributes_named(names)
    mean, scale = (np.asarray(moment(attributes[training[:]], 0, dtype=np.float64)) for moment in (np.nanmean, np.nanstd))
    wanted = ((attributes - mean) / scale).astype(np.float32)
    digest = hashlib.sha256(f"{VERSION} {STEPS} {BATCH} {LR} {images.identity} {names}".encode())
    digest.update(chosen.tobytes() + wanted.tobytes())
    path = folder / f"regressor-{digest.hexdigest()[:16]}.safetensors"
    network = new_network(images, len(names))
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (SafetensorError, OSError, RuntimeError):
        network = _train(new_network(images, len(names)), images, chosen, wanted, progress)
        with suppress(OSError), replacing(path) as partial:
            partial.write_bytes(_content(network))
    weights = hashlib.sha256(_content(network) + mean.tobytes() + scale.tobytes()).hexdigest()
    return Regressor(names, mean, scale, network.eval(), weights)


def _train(
    network: AttributeNetwork, images: ImageSet, chosen: NDArray[np.int64], wanted: NDArray[np.float32], progress: Progress
) -> AttributeNetwork:
    """Minimise the squared error over `STEPS` steps, with the learning rate rising and falling once."""
    known = torch.from_numpy(np.isfinite(wanted)).float()
    answers = torch.from_numpy(np.nan_to_num(wanted))
    optimizer = torch.optim.Adam(network.parameters(), lr=LR, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=STEPS)
    random = np.random.default_rng(0)
    order = np.empty(0, np.int64)
    for step in range(STEPS):
        if len(order) < BATCH:
            order = random.permutation(chosen)
        batch, order = np.sort(order[:BATCH]), order[BATCH:]
        errors = (network(to_tensor(images.images[batch])) - answers[batch]).square()
        loss = (errors * known[batch]).sum() / known[batch].sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress("learning to read attributes", step + 1, STEPS)
    return network


def _content(network: AttributeNetwork) -> bytes:
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()})
