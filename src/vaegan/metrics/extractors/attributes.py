"""A small network that learns to read a set's attributes: a classifier, and an extractor that needs nothing from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ...data import ImageSet, Indices, cache_folder
from ...data.batches import to_tensor
from ...errors import UserError
from ...evenly_spaced import subsample
from ...files import replacing
from ...progress import Progress
from .base import resized

VERSION = 1
"""Of the network and its training: raise it when either changes."""
CHANNELS = (32, 64, 128, 128)
EPOCHS, BATCH, LR = 3, 128, 2e-3
MOST = 20_000
"""Images that it learns from."""


class AttributeNetwork(nn.Module):
    """Four strided convolutions and a linear layer."""

    def __init__(self, size: tuple[int, int], channels: int, attributes: int) -> None:
        """Take images of a height and width, of so many channels, and answer so many questions."""
        super().__init__()
        self.size = size
        layers: list[nn.Module] = []
        for inputs, outputs in zip((channels, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        self.convolutions = nn.Sequential(*layers)
        height, width = (-(-side // 2 ** len(CHANNELS)) for side in size)
        self.answers = nn.Linear(CHANNELS[-1] * height * width, attributes)

    def forward(self, images: Tensor) -> Tensor:
        """N x C x H x W in [-1, 1] -> N x attributes: the logit of each."""
        return self.answers(self.convolutions(images).flatten(1))

    def features(self, images: Tensor) -> Tensor:
        """N x C x H x W -> N x 128: what the last convolution puts out, averaged over places."""
        return self.convolutions(images).mean((2, 3))


def new_network(images: ImageSet, attributes: int) -> AttributeNetwork:
    """A network for a set's images and so many questions as it begins: always the same, and the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, height, width, channels = images.images.shape
        network = AttributeNetwork((height, width), channels, attributes)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def train_network(images: ImageSet, indices: Indices, progress: Progress = lambda *_: None, *, epochs: int = EPOCHS) -> AttributeNetwork:
    """A network that reads all attributes of a set, the same each time. What is not known of an image is left out.

    Args:
        images: a set with attributes.
        indices: images to learn from, at least `BATCH`; of very many, `MOST` evenly spread ones.
        progress: called as it learns.
        epochs: passes over the images.

    Raises:
        UserError: the set has no attributes, or there are too few images.
    """
    if not images.attribute_names:
        raise UserError("this extractor learns from the attributes of a set, and this set has none: choose another --extractor")
    if len(indices) < BATCH:
        raise UserError(
            f"there are only {len(indices)} images to learn features from, and at least {BATCH} are needed: choose another --extractor"
        )
    learned_from = subsample(indices, MOST)
    said = images.attributes
    wanted = np.where(np.isfinite(said), said > 0, np.float32(np.nan))
    steps, error = epochs * (len(learned_from) // BATCH), partial(binary_cross_entropy_with_logits, reduction="none")
    return learned(images, learned_from, wanted, error, steps=steps, batch=BATCH, lr=LR, progress=partial(progress, "learning attributes"))


def learned(
    images: ImageSet,
    indices: NDArray[np.int64],
    wanted: NDArray[np.float32],
    error: Callable[[Tensor, Tensor], Tensor],
    *,
    steps: int,
    batch: int,
    lr: float,
    progress: Callable[[int, int], None],
) -> AttributeNetwork:
    """A network of which the mean error is minimised, the same each time, with the learning rate rising and falling once.

    Args:
        images: a set.
        indices: images to learn from, at least `batch`.
        wanted: answers for all images of the set, N x attributes; one that is not finite is left out.
        error: of answers, against those that are wanted: both, and what it returns, batch x attributes.
        steps: of the optimiser.
        batch: images a step. In each pass over all of them, the few that are left are passed over.
        lr: the highest learning rate.
        progress: called with how many steps are done, and how many there are.
    """
    network = new_network(images, wanted.shape[1])
    known, answers = torch.from_numpy(np.isfinite(wanted)).float(), torch.from_numpy(np.nan_to_num(wanted))
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    random = np.random.default_rng(0)
    order = np.empty(0, np.int64)
    for step in range(steps):
        if len(order) < batch:
            order = random.permutation(indices)
        some, order = np.sort(order[:batch]), order[batch:]
        errors = error(network(to_tensor(images.images[some])), answers[some])
        loss = (errors * known[some]).sum() / known[some].sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, steps)
    return network.eval()


class AttributeFeatures:
    """Features by such a network; see `vaegan.metrics.extractors.base.Extractor`."""

    name = "attributes"
    dimensions = CHANNELS[-1]

    def __init__(self, network: AttributeNetwork, device: torch.device | str = "cpu") -> None:
        """Take a trained network."""
        self.weights = hashlib.sha256(content(network)).hexdigest()
        self.device = torch.device(device)
        self.network = network.eval().to(self.device)
        self.resize = f"bilinear to {network.size[0]}x{network.size[1]} where they are of another size"

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """N x C x H x W in [-1, 1] -> N x 128, on the CPU."""
        pixels = images.to(self.device).float()
        if tuple(pixels.shape[2:]) != self.network.size:
            pixels = resized(pixels, self.network.size)
        return self.network.features(pixels.contiguous(memory_format=torch.channels_last)).cpu()


def make(
    images: ImageSet, training: Indices, device: torch.device | str = "cpu", progress: Progress = lambda *_: None
) -> AttributeFeatures:
    """The extractor of a set, whose network is trained once and kept in the cache; a damaged file is made anew.

    Raises:
        UserError: the set has no attributes, or too few images.
    """
    train = partial(train_network, images, training, progress)
    if not images.attribute_names:
        return AttributeFeatures(train(), device)  # which says why it cannot be
    return AttributeFeatures(cached(_path(images, training), images, len(images.attribute_names), train), device)


def content(network: AttributeNetwork) -> bytes:
    """A network's weights as they are kept."""
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()})


def cached(path: Path, images: ImageSet, attributes: int, train: Callable[[], AttributeNetwork]) -> AttributeNetwork:
    """The network that a file keeps if it is whole; otherwise one that is trained and, if that can be, kept there."""
    network = new_network(images, attributes)
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (SafetensorError, OSError, RuntimeError):
        network = train()
        with suppress(OSError), replacing(path) as partly:
            partly.write_bytes(content(network))
    return network.eval()


def _path(images: ImageSet, indices: Indices) -> Path:
    """The file in the cache for a set's images, what is known of them, and the numbers that are learned from."""
    digest = hashlib.sha256(f"{VERSION} {images.annotated_identity}".encode())
    digest.update(subsample(indices, MOST).tobytes())
    return cache_folder() / "extractors" / f"attributes-{digest.hexdigest()[:16]}.safetensors"
