"""Features of many images, a part at a time; those of real images are kept in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from ..data import ImageSet, cache_folder
from ..data.batches import Images, to_tensor
from ..errors import NOT_FINITE, UserError
from ..files import replacing
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..settings import PriorKind
from .extractors.base import Extractor
from .features import Features
from .moments import Moments

FORMAT = 1
PART = 128
"""Images at a time."""
MOST_VECTORS = 10_000
"""Images whose features stay in memory; of those beyond, mean and covariance alone take account."""


class Collector:
    """Gathers features part by part."""

    def __init__(self, dimensions: int, count: int) -> None:
        """Expect `count` images of so many features."""
        self._vectors = np.empty((min(count, MOST_VECTORS), dimensions), np.float32)
        self._moments = Moments.none(dimensions)

    def add(self, features: Tensor) -> None:
        """Take n x D more.

        Raises:
            UserError: they are not finite.
        """
        vectors = features.numpy()
        if not np.isfinite(vectors).all():
            raise UserError(NOT_FINITE)
        place = self._vectors[self._moments.count :][: len(vectors)]
        place[:] = vectors[: len(place)]
        self._moments.add(vectors)

    def features(self) -> Features:
        """All that was added."""
        return Features(self._vectors[: self._moments.count], self._moments)


def collect(extractor: Extractor, parts: Iterable[Tensor], count: int) -> Features:
    """Features of `count` images that come in parts, n x C x H x W in [-1, 1]."""
    collector = Collector(extractor.dimensions, count)
    for part in parts:
        collector.add(extractor(part))
    return collector.features()


def read_parts(images: Images, indices: NDArray[np.int64], what: str, progress: Progress = lambda *_: None) -> Iterator[Tensor]:
    """Images of a set, n x C x H x W in [-1, 1], part by part."""
    for start in range(0, len(indices), PART):
        part = indices[start : start + PART]
        yield to_tensor(images[part])
        progress(what, start + len(part), len(indices))


@torch.inference_mode()
def sample_parts(
    model: VAEGAN,
    count: int,
    seed: int,
    attributes: Tensor | None = None,
    *,
    prior: PriorKind | None = None,
    progress: Progress = lambda *_: None,
) -> Iterator[Tensor]:
    """Samples, those of `VAEGAN.sample` with this seed, these attributes and this prior, part by part."""
    codes = model.prior_codes(count, seed, attributes, prior)
    for start in range(0, count, PART):
        part = slice(start, min(start + PART, count))
        yield model.decode(codes[part], None if attributes is None else attributes[part])
        progress("sampling", part.stop, count)


def features_of(
    extractor: Extractor, images: ImageSet, indices: NDArray[np.int64], what: str, progress: Progress = lambda *_: None
) -> Features:
    """Features of some images of a set.

    They are kept by what the images are, which of them in which order, and how features are made of them. A damaged file is made anew;
    where nothing can be written, nothing is kept.
    """
    made_from = f"{FORMAT} {images.identity} {extractor.name} {extractor.weights} {extractor.resize} {MOST_VECTORS}"
    digest = hashlib.sha256(made_from.encode() + np.asarray(indices, np.int64).tobytes())
    path = cache_folder() / "features" / f"{digest.hexdigest()[:32]}.safetensors"
    found = _read(path, (min(len(indices), MOST_VECTORS), extractor.dimensions), len(indices))
    if found is None:
        found = collect(extractor, read_parts(images.images, indices, what, progress), len(indices))
        content = safetensors.numpy.save({"vectors": found.vectors, "mean": found.moments.mean, "scatter": found.moments.scatter})
        with suppress(OSError), replacing(path) as partial:
            partial.write_bytes(content)
    return found


def _read(path: Path, shape: tuple[int, int], count: int) -> Features | None:
    """What a file keeps, if it is whole."""
    try:
        stored = safetensors.numpy.load_file(path)
        vectors, mean, scatter = stored["vectors"], stored["mean"], stored["scatter"]
    except (SafetensorError, OSError, KeyError):
        return None
    whole = vectors.shape == shape and mean.shape == shape[1:] and scatter.shape == (shape[1], shape[1])
    return Features(vectors, Moments(count, mean, scatter)) if whole else None
