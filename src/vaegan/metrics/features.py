"""Features of many images: points in an extractor's space."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .moments import Moments

T = TypeVar("T")


class Features:
    """Features of images. What is found out about them is found out once."""

    def __init__(self, vectors: NDArray[np.float32], moments: Moments | None = None) -> None:
        """Take features.

        Args:
            vectors: N x D, in random order; of very many images, the first ones.
            moments: of all images; by default of these vectors.
        """
        self.vectors = vectors
        if moments:
            self.moments = moments
        self._cache: dict[str, object] = {}

    @cached_property
    def moments(self) -> Moments:
        """Mean and covariance of all images."""
        return Moments.of(self.vectors)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returns, made once and kept under a name."""
        if name not in self._cache:
            self._cache[name] = make()
        return self._cache[name]  # type: ignore[return-value]
