"""Batches of a packed set, as a pure function of seed and step: nothing has to be saved to go on in the middle of an epoch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError


def to_tensor(pixels: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """N x H x W x C uint8 to N x C x H x W in [-1, 1], laid out channels last."""
    return torch.from_numpy(pixels).to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


class Batches:
    """The training batches, step after step; each process reads its own part of the step's images and none of another's.

    Every epoch is a new permutation of the images; those that do not fill a last batch are left for another epoch.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        numbers: NDArray[np.int64],
        batch: int,
        *,
        seed: int,
        flip: bool = False,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        """Take batches of `batch` images a process out of `images` N x H x W x C, of which only `numbers` are trained on."""
        if len(numbers) < batch * processes:
            each = f"a batch of {batch}" if processes == 1 else f"{processes} batches of {batch}"
            raise UserError(
                f"there are only {len(numbers)} images to train on, fewer than {each}: add images or set --training.batch lower"
            )
        self.images, self.numbers, self.batch = images, numbers, batch
        self.seed, self.flip, self.rank, self.processes = seed, flip, rank, processes
        self.steps_per_epoch = len(numbers) // (batch * processes)
        self._order = lru_cache(maxsize=1)(self._new_order)

    def _new_order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, epoch]).permutation(self.numbers)

    def __call__(self, step: int, device: torch.device | str = "cpu") -> Tensor:
        """The images of a step (from 0) for this process: N x C x H x W in [-1, 1], on the device."""
        epoch, position = divmod(step, self.steps_per_epoch)
        start = (position * self.processes + self.rank) * self.batch
        pixels = self.images[np.sort(self._order(epoch)[start : start + self.batch])]
        if self.flip:
            mirrored = np.random.default_rng([self.seed, step, self.rank, 1]).random(self.batch) < 0.5
            pixels[mirrored] = pixels[mirrored, :, ::-1]
        return to_tensor(pixels, device)
