"""Batches out of a DataLoader of the user's own, as it gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from ..settings import NO_END, Augmentation
from .augmentation import Augmenter
from .batches import Batches, to_device
from .dataset import ImageSet, PackedImages
from .held_out import Indices
from .images import Preparation
from .prepare import LOADER
from .sources.memory import ValueRange, as_numpy, channels_last, check_range, image_of, to_pixels

if TYPE_CHECKING:
    from ..recipe import Recipe

SAMPLE = 1024
"""Images of the first batches that pictures show, and that the prior is fitted to."""
NOT_EXACT = (
    "the DataLoader decides on the order of the images and on their changes: if the run is resumed, the DataLoader starts "
    "again, and the result is not exactly that of a run without a break"
)


@dataclass(frozen=True)
class LoaderSample(ImageSet):
    """The images of the first batches, where a set is expected."""

    @property
    def identity(self) -> str:
        """What is in a DataLoader is not known: any one counts as the same."""
        return LOADER


class LoaderBatches(Batches):
    """Training batches, step after step, in place of those of a set.

    Before each pass, torch's generator gets a seed that follows from the run's and from the step. Batches that are shorter than the first
    one are left out.
    """

    def __init__(self, loader: Any) -> None:
        """Look at the first batches.

        Raises:
            UserError: they are no batches of images.
        """
        self.loader = loader
        values = ValueRange()
        taken: list[NDArray[np.uint8]] = []
        with torch.random.fork_rng(devices=[]):  # the program's generator on the CPU stays as it was
            torch.manual_seed(0)
            for batch in loader:
                images = _numpy(batch)
                if not taken:
                    self.batch, self.shape = len(images), images.shape[1:]
                self._check_shape(images)
                taken.append(to_pixels(images, values))
                if sum(map(len, taken)) >= SAMPLE or len(taken[-1]) != self.batch:
                    break
        if not taken:
            raise UserError(
                "the DataLoader gives no batch: its data set is empty, or has fewer images than one batch (with drop_last=True); "
                "lower batch_size"
            )
        pixels = np.concatenate(taken)[:SAMPLE]
        manifest: dict[str, Any] = {
            "files": {},
            "splits": {},
            "classes": [],
            "attributes": [],
            "shape": pixels.shape,
            "notes": [],
            "made_from": {},
        }
        self.sample = LoaderSample(Path(LOADER), manifest, cast(PackedImages, pixels), Preparation(self.shape[:2], self.shape[2]))
        self.augment, self.resident, self.rank, self.processes = Augmenter(Augmentation()), None, 0, 1
        self.indices: Indices = np.arange(len(pixels))
        """Of the sample."""
        self.steps_per_epoch = _length(loader, self.batch)
        self.notes = [NOT_EXACT, *values.notes]
        """What is to be said before training."""
        self.seed = 0
        self._step, self._batches = -1, cast(Iterator[Any], iter(()))

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe of a run on these batches: their number and shape of images, and no changes beside those of the DataLoader.

        Raises:
            UserError: it asks for what only a set of images has.
        """
        if recipe.networks.attributes:
            raise UserError("networks.attributes needs a set of images, not a DataLoader: pass the data set itself as data=")
        if recipe.training.minutes:
            raise UserError("training.length cannot be in minutes with a DataLoader: give it in steps")
        if self.steps_per_epoch == NO_END and "epoch" in recipe.training.length:
            raise UserError("training.length cannot be in epochs with a DataLoader that has no len(): give it in steps or images")
        return replace(
            recipe,
            data=replace(recipe.data, source=LOADER, held_out=0.0),
            augmentation=Augmentation(),
            networks=replace(recipe.networks, size=self.shape[:2], channels=self.shape[2]),
            training=replace(recipe.training, batch=self.batch),
        )

    def keep_on(self, device: torch.device) -> bool:  # noqa: ARG002
        """Nothing is kept on the device."""
        return False

    def indices_of(self, step: int) -> NDArray[np.int64]:
        """Not known."""
        raise NotImplementedError(step)

    def inputs(self, step: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """The next batch, for a step that is the next one or the first: N x H x W x C, uint8 or float in [-1, 1]; and no changes to it.

        Raises:
            UserError: the DataLoader gives no batch of the first one's size any more, or images of another shape or range.
        """
        if step != self._step + 1:  # the first step of this process, or one after a rollback
            self._begin(step)
        self._step = step
        images = self._next()
        if images is None:
            self._begin(step)
            images = self._next()
        if images is None:
            raise UserError(f"the DataLoader ended without a batch of {self.batch} images: each pass must give at least one such batch")
        return to_device(images, device), torch.zeros(self.batch, 10, device=device)

    def _begin(self, step: int) -> None:
        torch.manual_seed(self.seed + step)
        self._batches = iter(self.loader)

    def _check_shape(self, images: NDArray[Any]) -> None:
        if images.shape[1:] != self.shape:
            here, first = (" x ".join(map(str, shape)) for shape in (images.shape[1:], self.shape))
            raise UserError(
                f"a batch of the DataLoader has images of {here}, and the first batch had images of {first}: make all images the same shape"
            )

    def _next(self) -> NDArray[Any] | None:
        for batch in self._batches:
            images = _numpy(batch)
            self._check_shape(images)
            if len(images) == self.batch:
                check_range(images)
                return np.ascontiguousarray(images, images.dtype if images.dtype == np.uint8 else np.float32)
        return None


def _numpy(batch: Any) -> NDArray[Any]:
    """The images of a batch: N x H x W x C."""
    images = image_of(batch)
    if not isinstance(images, (Tensor, np.ndarray)):
        raise UserError(
            f"a batch of the DataLoader must be a tensor of images, or a tuple that begins with such a tensor, not {type(images).__name__}"
        )
    return channels_last(as_numpy(images))


def _length(loader: Any, batch: int) -> int:
    """The batches of a pass, without a short last one; `NO_END` where that is not known."""
    try:
        count = len(loader)
        return max(1, len(loader.sampler) // batch if loader.batch_size and not loader.drop_last else count)
    except TypeError:
        return NO_END
