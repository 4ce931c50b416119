"""The nearest images of a set: exactly, among many, with memory that does not grow with their number."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Indices
from ..data.batches import Images, to_tensor
from ..errors import NOT_FINITE, UserError
from ..models.vaegan import VAEGAN
from ..progress import Progress

BLOCK = 1 << 14
"""Codes that are compared at a time."""
PART = 128
"""Images whose features are compared at a time: each has thousands."""
QUERIES = 256
"""Queries that are compared at a time."""
EXACT = 1 << 21
"""Numbers that are subtracted in float64 at a time."""

Vectors = Tensor | NDArray[np.floating]
"""N x D, real numbers."""


class NearestNeighbors:
    """The nearest vectors to some queries among all that were added so far: a running choice of the best.

    One matrix product in float32 gives all distances, less exactly than float64 would. How far off they can be is known, and every vector
    that could for all that be among the nearest is measured again, as a sum of squared differences in float64. So the answer is that of
    measuring all of them in float64; of equal distances the lower number comes first.
    """

    def __init__(self, queries: Vectors, count: int) -> None:
        """Look for `count` neighbors of each of `queries`, Q x D.

        Raises:
            ValueError: the queries are no table, or no neighbor is asked for.
            UserError: a query is not finite.
        """
        self.queries = _finite(_array(queries))
        if count < 1:
            raise ValueError(f"the number of neighbours must be above 0, not {count}")
        self.count = count
        # Distances do not change when all is moved, and products are the more exact the nearer all is to 0.
        self._centre = self.queries.mean(0, keepdims=True) if len(self.queries) else np.zeros((1, self.queries.shape[1]), np.float32)
        self._moved = self.queries - self._centre
        self._lengths = _lengths(self._moved)
        # Places that are not taken yet are infinitely far; no vector has the number -1.
        self._indices = np.full((len(self.queries), count), -1)
        self._squares = np.full((len(self.queries), count), np.inf)

    def add(self, vectors: Vectors, indices: NDArray[np.int64]) -> None:
        """Compare all queries to more vectors, B x D, which have these numbers.

        Raises:
            ValueError: the vectors are of another length than the queries.
            UserError: one is not finite.
        """
        array = _finite(_array(vectors))
        if array.shape != (len(indices), self.queries.shape[1]):
            raise ValueError(f"vectors must be {len(indices)} x {self.queries.shape[1]}, not {' x '.join(map(str, array.shape))}")
        if not len(array):
            return
        moved = array - self._centre
        lengths = _lengths(moved)
        for start in range(0, len(self.queries), QUERIES):
            here = slice(start, start + QUERIES)
            rows, columns = self._candidates(here, moved, lengths)
            self._keep(here, rows, indices[columns], squared_distances(self.queries[here], array, rows, columns))

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Numbers and Euclidean distances of the neighbors of each query, nearest first; each Q x count, or fewer if there were fewer."""
        taken = int((self._indices >= 0).sum(1).max(initial=0))
        return self._indices[:, :taken], np.sqrt(self._squares[:, :taken])

    def _candidates(
        self, here: slice, moved: NDArray[np.float32], lengths: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of one of these queries (its row) and a vector (its column) that may be near enough."""
        own = self._lengths[here, None]
        about = np.square(lengths).astype(np.float32) - 2 * (self._moved[here] @ moved.T)
        about += np.square(own).astype(np.float32)
        # A product of D terms in float32 is off by at most D eps |a| |b|; moving, squaring and adding round a few times more.
        off = (moved.shape[1] + 16) * np.finfo(np.float32).eps * np.square(own + lengths.max())
        last = min(self.count, len(moved)) - 1
        enough = np.partition(about, last, axis=1)[:, last : last + 1] + off if last == self.count - 1 else np.inf
        enough = np.minimum(enough, self._squares[here, -1:])
        rows, columns = np.nonzero(~(about - off > enough))  # not <=, so that an overflow leaves the decision to float64
        return rows, columns

    def _keep(self, here: slice, rows: NDArray[np.int64], indices: NDArray[np.int64], squares: NDArray[np.float64]) -> None:
        """Of what these queries had before and what is new, keep the nearest of each."""
        before = self._indices[here]
        rows = np.concatenate([np.repeat(np.arange(len(before)), self.count), rows])
        indices = np.concatenate([before.ravel(), indices])
        squares = np.concatenate([self._squares[here].ravel(), squares])
        order = np.lexsort((indices, squares, rows))
        rank = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
        nearest_first = order[rank < self.count]
        self._indices[here], self._squares[here] = (
            indices[nearest_first].reshape(before.shape),
            squares[nearest_first].reshape(before.shape),
        )


def nearest(queries: Vectors, codes: Vectors, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest codes to each query, as exactly as float64 tells; of equal distances the lower number first.

    Args:
        queries: Q x D; taken as float32, as codes are.
        codes: N x D.
        count: how many neighbors of each; all codes if there are fewer.

    Returns:
        Their rows in `codes` and their Euclidean distances, nearest first, each Q x count.

    Raises:
        ValueError: queries and codes are not of the same length, or count is below 1.
        UserError: a query or a code is not finite.
    """
    search = NearestNeighbors(queries, min(count, max(1, len(codes))))
    for start in range(0, len(codes), BLOCK):
        block = codes[start : start + BLOCK]
        search.add(block, np.arange(start, start + len(block)))
    return search.result()


@torch.inference_mode()
def features(model: VAEGAN, images: Images, indices: Indices, level: int) -> NDArray[np.float32]:
    """Dis_l of some images, n x features; see `Discriminator.features`."""
    parts = [to_tensor(images[indices[start : start + PART]], model.device) for start in range(0, len(indices), PART)]
    found = [model.discriminator.features(part.to(model.dtype), level).float().cpu() for part in parts]
    return torch.cat(found).numpy()


def nearest_by_similarity(
    model: VAEGAN,
    queries: Tensor,
    images: Images,
    indices: Indices,
    count: int,
    *,
    level: int | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest images to each query by the learned similarity; the set passes through the discriminator and is not kept.

    The distance is |Dis_l(x) - Dis_l(y)|, so that half its square is the learned similarity's error.

    Args:
        model: in evaluation mode.
        queries: Q x C x H x W in [-1, 1].
        images: N x H x W x C, uint8, of the model's size: an array, or the images of a packed set.
        indices: which of them to look among.
        count: how many neighbors of each.
        level: the layer of the discriminator that gives the features; by default that of the learned similarity.
        progress: called as the work goes on.

    Returns:
        Indices of images and their distances, nearest first, each Q x count.

    Raises:
        UserError: the features are not finite, or the discriminator was never trained.
    """
    model.require("discriminator")
    level = model.level if level is None else level
    with torch.inference_mode():
        parts = (part.to(model.device, model.dtype) for part in queries.split(PART))
        wanted = torch.cat([model.discriminator.features(part, level).float().cpu() for part in parts])
    search = NearestNeighbors(wanted, min(count, max(1, len(indices))))
    for start in range(0, len(indices), PART):
        part = indices[start : start + PART]
        search.add(features(model, images, part, level), np.asarray(part))
        progress("comparing", min(start + PART, len(indices)), len(indices))
    return search.result()


def _array(vectors: Vectors) -> NDArray[np.float32]:
    array = vectors.detach().cpu().numpy() if isinstance(vectors, Tensor) else vectors
    if array.ndim != 2:
        raise ValueError(f"vectors must be N x D, not {' x '.join(map(str, array.shape))}")
    return np.ascontiguousarray(array, np.float32)


def _finite(array: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(array).all():
        raise UserError(NOT_FINITE)
    return array


def _lengths(array: NDArray[np.float32]) -> NDArray[np.float64]:
    """The Euclidean length of each row."""
    return np.sqrt(np.einsum("nd,nd->n", array, array, dtype=np.float64))


def squared_distances(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Of each pair, in float64, some pairs at a time."""
    step = max(1, EXACT // queries.shape[1])
    squares = np.empty(len(rows))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        difference = queries[rows[part]].astype(np.float64) - vectors[columns[part]]
        squares[part] = np.square(difference).sum(1)
    return squares
