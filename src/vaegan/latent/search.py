"""Looking through a set for what is near to an image, and seeing whether samples are copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import ImageSet, Indices
from ..data.batches import to_tensor
from ..evenly_spaced import subsample
from ..metrics.memorization import NEIGHBOURS, Copying
from ..metrics.neighbors import nearest, nearest_by_similarity
from ..models.vaegan import PART, VAEGAN
from ..progress import Progress
from ..settings import PriorKind
from .encode import codes_of

By = Literal["code", "similarity"]
"""What is near: images of like posterior means, or of like features in the discriminator."""
MEASURED = 200
"""Samples, and held-out images, whose distances are compared."""


@dataclass(frozen=True)
class Search:
    """Nearest images of a packed set."""

    model: VAEGAN
    """In evaluation mode."""
    images: ImageSet
    """Where to look."""
    by: By = "code"
    level: int | None = None
    """The layer of the discriminator that gives the features of `similarity`; by default that of the learned similarity."""
    progress: Progress = lambda *_: None
    """Called as the work goes on."""

    def __call__(self, queries: Tensor, count: int, among: Indices | None = None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The `count` images nearest to each query, exactly; of equally near ones the lower number first.

        Args:
            queries: Q x C x H x W in [-1, 1].
            count: how many of each; fewer if there are fewer.
            among: indices of the images to look among; all by default.

        Returns:
            Their indices and distances, nearest first, each Q x count.

        Raises:
            UserError: codes or features are not finite.
        """
        found = list(self.parts(queries, count, among))
        return np.concatenate([indices for indices, _ in found]), np.concatenate([distances for _, distances in found])

    def parts(self, queries: Tensor, count: int, among: Indices | None = None) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """The same, for some queries after the other. By similarity it is all of them, because that takes a pass through the set."""
        indices = np.arange(len(self.images)) if among is None else np.sort(among[:])
        if self.by == "similarity":
            images = self.images.images
            yield nearest_by_similarity(self.model, queries, images, indices, count, level=self.level, progress=self.progress)
            return
        codes = codes_of(self.model, self.images, self.progress)
        codes = codes if among is None else codes[torch.from_numpy(indices)]
        for part in queries.split(PART):
            with torch.inference_mode():
                means = self.model.encode(part, check=False).mean.float().cpu()
            rows, distances = nearest(means, codes, count)
            yield indices[rows], distances


def copying(search: Search, training: Indices, held_out: Indices, seed: int = 0, prior: PriorKind | None = None) -> Copying:
    """Compare up to `MEASURED` samples and held-out images by their nearest training images.

    Args:
        search: where and by what to look.
        training: indices of the images that the model was trained on.
        held_out: indices of images that it was not trained on; at least one.
        seed: of the samples.
        prior: that they are drawn from; see `VAEGAN.find_prior`.
    """
    drawn = search.model.sample(MEASURED, seed, prior=prior).cpu()
    queries = torch.cat([drawn, to_tensor(search.images.images[subsample(held_out, MEASURED)])])
    _, distances = search(queries, NEIGHBOURS, among=training)
    return Copying(distances[:MEASURED], distances[MEASURED:])
