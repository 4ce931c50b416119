"""Batches of a packed set, as a pure function of seed and step: nothing has to be saved to go on in the middle of an epoch."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from ..settings import Augmentation
from . import Indices
from .augmentation import Augmenter
from .permutation import Permutation

BLOCK = 1 << 14
"""Places of an epoch's order that are computed at a time: computing few at a time is slow, computing all of them takes memory."""
RESIDENT_PART = 2**24
"""Bytes that are sent to the device at a time where a set is kept there."""


class Images(Protocol):
    """Images by their indices: an array N x H x W x C, or what is indexed like one, such as `vaegan.data.dataset.PackedImages`.

    They are uint8, or float in [-1, 1]; see `to_tensor`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """N, H, W, C."""

    def __getitem__(self, indices: NDArray[np.int64], /) -> NDArray[Any]:
        """Copies of some images."""


class ImageRange:
    """Consecutive images out of others, without a copy."""

    def __init__(self, images: Images, wanted: range) -> None:
        self.images, self.start = images, wanted.start
        self.shape = (len(wanted), *images.shape[1:])

    def __getitem__(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Copies of some images."""
        return self.images[indices + self.start]


def to_device(array: NDArray[Any], device: torch.device | str = "cpu") -> Tensor:
    """An array as a tensor on the device. A GPU takes it when it comes to it: nobody waits."""
    tensor = torch.from_numpy(array if array.flags.writeable else array.copy())  # torch would share what must not change
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def to_tensor(pixels: NDArray[Any] | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """N x H x W x C to N x C x H x W in [-1, 1], laid out channels last: uint8 is scaled, and float is in [-1, 1] already."""
    tensor = pixels.to(device) if isinstance(pixels, Tensor) else to_device(pixels, device)
    if tensor.is_floating_point():
        return tensor.permute(0, 3, 1, 2)
    return tensor.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


class Batches:
    """The training batches, step after step; each process reads its own part of the step's images and none of another's.

    Every epoch is a new permutation of the images; those that do not fill a last batch are left for another epoch.
    """

    def __init__(
        self,
        images: Images,
        indices: Indices,
        batch: int,
        *,
        seed: int,
        augmentation: Augmentation | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        """Take batches of `batch` images a process out of `images`, of which only `indices` are trained on.

        Raises:
            UserError: these do not fill a batch of each process.
        """
        if len(indices) < batch * processes:
            each = f"a batch of {batch}" if processes == 1 else f"{processes} batches of {batch}"
            raise UserError(f"there are only {len(indices)} training images, fewer than {each}: add images, or lower --training.batch")
        self.images, self.indices, self.batch = images, indices, batch
        self.seed, self.rank, self.processes = seed, rank, processes
        self.augment = Augmenter(augmentation or Augmentation())
        self.steps_per_epoch = len(indices) // (batch * processes)
        self.resident: Tensor | None = None
        self._order = lru_cache(maxsize=1)(lambda epoch: Permutation(len(self.indices), [self.seed, epoch]))
        self._block = lru_cache(maxsize=2)(self._new_block)

    def _new_block(self, epoch: int, block: int) -> NDArray[np.int64]:
        """The indices of the images at some positions of an epoch's order."""
        order = self._order(epoch)
        return self.indices[order[block * BLOCK : (block + 1) * BLOCK]]

    def indices_of(self, step: int) -> NDArray[np.int64]:
        """The indices of the images of a step (from 0) for this process, rising."""
        epoch, position = divmod(step, self.steps_per_epoch)
        start = (position * self.processes + self.rank) * self.batch
        first, last = start // BLOCK, (start + self.batch - 1) // BLOCK
        blocks = np.concatenate([self._block(epoch, block) for block in range(first, last + 1)])
        return np.sort(blocks[start - first * BLOCK :][: self.batch])

    def pixels(self, step: int) -> NDArray[np.uint8]:
        """The images of a step as they are kept: N x H x W x C, uint8."""
        return self.images[self.indices_of(step)]

    def inputs(self, step: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """What `finish` takes for a step: its images as they are kept, N x H x W x C uint8, and what to change in each; on the device."""
        _, height, width, _ = self.images.shape
        changes = self.augment.draw(self.batch, (height, width), np.random.default_rng([self.seed, step, self.rank, 1]))
        if self.resident is not None:
            return self.resident[to_device(self.indices_of(step), device)], to_device(changes, device)
        return to_device(self.pixels(step), device), to_device(changes, device)

    def finish(self, pixels: Tensor, changes: Tensor) -> Tensor:
        """N x H x W x C uint8 to N x C x H x W in [-1, 1], augmented; all of it on the device."""
        return self.augment(to_tensor(pixels, pixels.device), changes)

    def __call__(self, step: int, device: torch.device | str = "cpu") -> Tensor:
        """The images of a step for this process: N x C x H x W in [-1, 1], on the device, augmented."""
        return self.finish(*self.inputs(step, device))

    def keep_on(self, device: torch.device) -> bool:
        """Keep the whole set on a GPU, as uint8, if that takes no more than half of the memory that is free there. Says whether it does."""
        if device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(device)
        if int(np.prod(self.images.shape)) > free // 2:
            return False
        self._upload(device)
        return True

    def _upload(self, device: torch.device) -> None:
        count, *shape = self.images.shape
        self.resident = torch.empty((count, *shape), dtype=torch.uint8, device=device)
        part = max(1, RESIDENT_PART // int(np.prod(shape)))
        for start in range(0, count, part):
            stop = min(start + part, count)
            self.resident[start:stop] = torch.from_numpy(self.images[np.arange(start, stop)])
