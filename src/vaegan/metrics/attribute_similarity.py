"""How well a conditional model follows attributes: the best of several samples, by what a judge reads off them.

For a query of attributes a and images x_1 .. x_k made for it, with r(x) what the judge reads, the best is the one of the largest cosine
similarity a . r(x_i) / (|a| |r(x_i)|), and the squared error is |a - r(x_i)|^2 of that one (Larsen et al. 2016, section 4.2). Attributes
have mean 0 and standard deviation 1; those that are not known of a query are left out of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import ImageSet, Indices
from ..data.batches import Images, to_tensor
from ..data.sources.base import some
from ..errors import UserError
from ..evenly_spaced import subsample
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..settings import PriorKind
from .base import Metric, Value
from .regressor import MOST, Regressor, regressor_of

if TYPE_CHECKING:
    from .context import Context

EACH = 10
"""Samples of a query."""
QUERIES = 1_000
"""Held-out images whose attributes are asked for."""
PART = 25
"""Queries at a time."""
TABLE = f"best of {EACH} samples for the attributes of held-out images"


class AttributeSimilarity(Metric):
    """The paper's table 2 for one model. The judge is trained on real training images alone."""

    name = "attribute_similarity"
    needs = ("attributes",)

    def __call__(self, context: Context) -> Iterable[Value]:
        """Means over the queries: of the model, of the held-out images themselves, and of real images that are drawn at random."""
        images, names = context.images, context.model.architecture.attributes
        queries, attributes = queries_of(images, context.held_out, names)
        regressor = regressor_of(images, context.training, names, context.progress)
        best = best_samples(context.model, regressor, attributes, seed=context.seed, prior=context.prior, progress=context.progress)
        real = best_of(regressor.standard(attributes), _read(images.images, queries, regressor)[:, None])
        random = best_images(images.images, subsample(context.training, MOST), regressor, attributes, seed=context.seed)
        yield Value("attribute_cosine", float(best.cosine.mean()), "cosine", TABLE)
        yield Value("attribute_error", float(best.error.mean()), "squared error", TABLE)
        yield Value("best_samples", best.number.tolist(), table=TABLE)
        for who, found in (("real", real), ("random", random)):
            yield Value(f"attribute_cosine_{who}", float(found.cosine.mean()), table=TABLE)
            yield Value(f"attribute_error_{who}", float(found.error.mean()), table=TABLE)


def queries_of(images: ImageSet, held_out: Indices, names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Held-out images of which an attribute is known, up to `QUERIES`: their indices, and their attributes as the set has them.

    Raises:
        UserError: there is none.
    """
    queries = subsample(held_out, QUERIES)
    attributes = images.attributes_named(tuple(names))[queries]
    known = np.isfinite(attributes).any(1)
    if not known.any():
        raise UserError(
            f"the held-out images have no values for these attributes: {some(names)}; use a set whose table has values for them"
        )
    return queries[known], attributes[known]


class Best(NamedTuple):
    """Of each of N queries."""

    number: NDArray[np.int64]
    """Which of its images is the best, from 0."""
    cosine: NDArray[np.float64]
    """Its cosine similarity to the query."""
    error: NDArray[np.float64]
    """Its squared error, summed over attributes."""


def best_of(queries: NDArray[np.float64], readings: NDArray[np.float64]) -> Best:
    """The best of the images of each query.

    Args:
        queries: N x A, NaN where an attribute is not known.
        readings: N x k x A: what the judge reads off k images made for each.
    """
    known = np.isfinite(queries)[:, None]
    wanted = np.nan_to_num(queries)[:, None]
    read = np.where(known, readings, 0)
    lengths = np.linalg.norm(wanted, axis=2) * np.linalg.norm(read, axis=2)
    cosine = (wanted * read).sum(2) / np.maximum(lengths, 1e-12)
    error = np.square(wanted - read).sum(2)
    number = cosine.argmax(1)
    at = np.arange(len(queries)), number
    return Best(number, cosine[at], error[at])


def best_samples(
    model: VAEGAN,
    regressor: Regressor,
    attributes: NDArray[np.float32],
    *,
    seed: int,
    prior: PriorKind | None = None,
    progress: Progress = lambda *_: None,
) -> Best:
    """The best of the samples of a conditional model for each query.

    Args:
        model: conditional, in evaluation mode, on the attributes of the regressor in their order.
        regressor: the judge.
        attributes: N x A, as the set has them.
        seed: of the codes.
        prior: that codes are drawn from; see `VAEGAN.find_prior`.
        progress: called as the work goes on.
    """
    queries = regressor.standard(attributes)
    readings = np.empty((len(queries), EACH, len(regressor.names)))
    for start in range(0, len(queries), PART):
        part = slice(start, min(start + PART, len(queries)))
        images = samples_for(model, attributes[part], np.arange(part.start, part.stop), seed=seed, prior=prior)
        readings[part] = regressor.read(images.flatten(0, 1)).reshape(-1, EACH, len(regressor.names))
        progress("sampling for queries", part.stop, len(queries))
    return best_of(queries, readings)


def best_images(
    images: Images, indices: NDArray[np.int64], regressor: Regressor, attributes: NDArray[np.float32], *, seed: int = 0
) -> Best:
    """The best of real images that are drawn at random for each query: what comes of not looking at the query at all."""
    queries = regressor.standard(attributes)
    drawn = np.random.default_rng([seed, 1]).choice(indices, min(len(indices), 2_000), replace=False)
    read = _read(images, drawn, regressor)
    picked = np.random.default_rng([seed, 2]).integers(0, len(drawn), (len(queries), EACH))
    return best_of(queries, read[picked])


@torch.inference_mode()
def samples_for(
    model: VAEGAN,
    attributes: NDArray[np.float32],
    positions: NDArray[np.int64],
    *,
    seed: int,
    each: int = EACH,
    prior: PriorKind | None = None,
) -> Tensor:
    """Samples given attributes: N x each x C x H x W in [-1, 1], on the CPU. A query's noise follows from the seed and its place alone."""
    shape = (each, model.architecture.latent)
    generators = [np.random.default_rng([seed, position]) for position in positions.tolist()]
    codes = torch.from_numpy(np.concatenate([generator.standard_normal(shape, np.float32) for generator in generators]))
    cond = torch.from_numpy(attributes).repeat_interleave(each, 0)
    if mixture := model.find_prior(prior):
        uniform = torch.from_numpy(np.concatenate([generator.random(each) for generator in generators]))
        codes = mixture.codes(codes, uniform, model.standardised(cond))
    made = model.decode(codes, cond).float().cpu()
    return made.unflatten(0, (len(positions), each))


def _read(images: Images, indices: NDArray[np.int64], regressor: Regressor) -> NDArray[np.float64]:
    """What the judge reads off images of a set, N x A."""
    return np.concatenate([regressor.read(to_tensor(images[indices[start : start + 250]])) for start in range(0, len(indices), 250)])
