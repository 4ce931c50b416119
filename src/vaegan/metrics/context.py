"""What metrics measure by: a model, its samples and reconstructions, and real images beside them. What is expensive is done once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import ImageSet, Indices
from ..errors import NOT_FINITE, UserError
from ..models.posterior import Posterior
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..settings import PriorKind
from .base import RESAMPLINGS, SAMPLES, Metric, Value
from .collect import Collector, features_of, read_parts, sample_parts
from .extractors.base import Extractor
from .features import Features

FEWEST = 20
"""Images of each kind, below which nothing can be said."""
MOST_HELD_OUT = 0.5
"""The largest share of the images that it is wise to hold out."""

T = TypeVar("T")


class PassResult(NamedTuple):
    """What was found of images in one pass over them."""

    features: Features | None
    """In the extractor's space, if there is an extractor."""
    each: dict[str, dict[str, NDArray[np.float64]]]
    """By the name of a metric, its numbers of every image, each by name."""
    posterior: Posterior | None = None
    """Of reconstructed images, N x latent, on the CPU."""


@dataclass(eq=False)
class Context:
    """A model and what it is measured on.

    Samples and reconstructions are compared with images of the training distribution, of which up to `samples` are drawn, once. A
    conditional model gets the attributes of other training images for its samples (see `images_for_attributes`), and those of each
    held-out image for its reconstruction. Beyond `collect.MOST_VECTORS` images, memory grows by the codes of samples and by the posteriors
    and errors of held-out images alone.

    Raises:
        UserError: there are too few images, the set does not have the attributes of a conditional model, or the model has no fitted prior
            where that is asked for.
    """

    model: VAEGAN
    """In evaluation mode."""
    images: ImageSet
    """The set that the model was trained on."""
    training: Indices
    """Indices of the images that it was trained on."""
    held_out: Indices
    """Indices of images that it was not trained on."""
    extractor: Extractor | None = None
    """Makes the features that distances are measured in."""
    samples: int = SAMPLES
    """How many samples, and at most how many training and held-out images."""
    seed: int = 0
    """Of the samples, and of which images are drawn."""
    resamplings: int = RESAMPLINGS
    """How many draws of images spreads are taken over."""
    progress: Progress = lambda *_: None
    """Called as the work goes on."""
    prior: PriorKind | None = None
    """That the samples are drawn from; see `VAEGAN.find_prior`."""
    samples_only: bool = False
    """Whether reconstructions are left out."""
    metrics: Sequence[Metric] = ()
    """Those that look at images as they pass; `measure` sets them, and one that asks later is added."""
    _cache: dict[str, object] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        require_enough(self.training, self.held_out, self.samples, self.resamplings)
        self.model.find_prior(self.prior)
        attributes_of(self.model, self.images, np.empty(0, np.int64))  # a set without them is refused before the work

    def measure(self, metrics: Iterable[Metric]) -> dict[str, list[Value]]:
        """What each metric finds, by its name; those that need what the model has not are left out.

        Raises:
            UserError: the model's numbers are not finite.
        """
        self.metrics = [metric for metric in metrics if not metric.lacking(self)]
        return {metric.name: list(metric(self)) for metric in self.metrics}

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returns, made once for all metrics that ask for this name."""
        if name not in self._cache:
            self._cache[name] = make()
        return self._cache[name]  # type: ignore[return-value]

    # Real images

    @cached_property
    def real_indices(self) -> NDArray[np.int64]:
        """Indices of the training images that are compared with, in random order."""
        return _drawn(self.training, self.samples, [self.seed, 0])

    @cached_property
    def held_out_indices(self) -> NDArray[np.int64]:
        """Indices of the held-out images that are reconstructed, in random order."""
        return _drawn(self.held_out, self.samples, [self.seed, 1])

    @cached_property
    def real(self) -> Features:
        """Features of `real_indices`."""
        return features_of(self._extractor, self.images, self.real_indices, "features of training images", self.progress)

    @cached_property
    def new(self) -> Features:
        """Features of `held_out_indices`."""
        return features_of(self._extractor, self.images, self.held_out_indices, "features of held-out images", self.progress)

    # What the model makes

    @property
    def has_encoder(self) -> bool:
        """Whether there are reconstructions."""
        return not self.samples_only and "encoder" not in self.model.untrained

    @cached_property
    def with_standard_prior(self) -> Context | None:
        """The same with as many samples of N(0, I) and no reconstructions, to be shown beside those of the fitted prior.

        None where a prior is asked for by name, or there is no fitted one.
        """
        if self.prior is not None or self.model.prior is None:
            return None
        other = replace(self, prior="standard", samples_only=True, metrics=())
        other.__dict__ |= {name: self.__dict__[name] for name in ("real", "new") if name in self.__dict__}  # their features are the same
        return other

    @cached_property
    def sample_attributes(self) -> Tensor | None:
        """What a conditional model is asked for, `samples` x attributes."""
        return attributes_of(self.model, self.images, images_for_attributes(self.training, self.real_indices, self.samples))

    @property
    def sampled(self) -> Features:
        """Features of the samples of the prior."""
        return _there(self._sampled.features)

    @property
    def reconstructed(self) -> Features:
        """Features of the reconstructions of `held_out_indices`, by way of the posterior means."""
        return _there(self._reconstructed.features)

    @property
    def posterior(self) -> Posterior:
        """Of `held_out_indices`, N x latent, on the CPU."""
        assert self._reconstructed.posterior
        return self._reconstructed.posterior

    def of_samples(self, metric: Metric) -> Mapping[str, NDArray[np.float64]]:
        """What a metric finds of every sample; nothing of a metric that does not look at samples."""
        return self._seen_by(metric, "_sampled") if _overrides(metric, "of_samples") else {}

    def of_reconstructions(self, metric: Metric) -> Mapping[str, NDArray[np.float64]]:
        """What a metric finds of every reconstruction; nothing of a metric that does not look at reconstructions, or without an encoder."""
        return self._seen_by(metric, "_reconstructed") if _overrides(metric, "of_reconstructions") and self.has_encoder else {}

    def _seen_by(self, metric: Metric, images: Literal["_sampled", "_reconstructed"]) -> Mapping[str, NDArray[np.float64]]:
        """What a metric finds of every image. Images that passed before it was asked for are made again: they are the same."""
        if metric.name not in [one.name for one in self.metrics]:
            self.metrics = [*self.metrics, metric]
        if images in self.__dict__ and metric.name not in self.__dict__[images].each:
            del self.__dict__[images]
        seen: PassResult = getattr(self, images)
        return seen.each[metric.name]

    @cached_property
    def _sampled(self) -> PassResult:
        parts = sample_parts(self.model, self.samples, self.seed, self.sample_attributes, prior=self.prior, progress=self.progress)
        looking = [metric for metric in self.metrics if _overrides(metric, "of_samples")]
        each = ((part, {metric.name: metric.of_samples(self, part) for metric in looking}) for part in parts)
        return self._look(each, self.samples)

    @cached_property
    def _reconstructed(self) -> PassResult:
        means: list[Tensor] = []
        logvars: list[Tensor] = []
        cond = attributes_of(self.model, self.images, self.held_out_indices)
        looking = [metric for metric in self.metrics if _overrides(metric, "of_reconstructions")]

        def parts() -> Iterator[tuple[Tensor, dict[str, Mapping[str, Tensor]]]]:
            done = 0
            for part in read_parts(self.images.images, self.held_out_indices, "reconstructing", self.progress):
                of_part = None if cond is None else cond[done : done + len(part)]
                posterior = self.model.encode(part, of_part, check=False)
                again = self.model.decode(posterior.mean, of_part).float().cpu()
                found = {metric.name: metric.of_reconstructions(self, part, again) for metric in looking}
                means.append(posterior.mean.cpu())
                logvars.append(posterior.logvar.cpu())
                done += len(part)
                yield again, found

        seen = self._look(parts(), len(self.held_out_indices))
        mean, logvar = torch.cat(means), torch.cat(logvars)
        if not all(torch.isfinite(values).all() for values in (mean, logvar, logvar.exp())):
            raise UserError(NOT_FINITE)
        return seen._replace(posterior=Posterior(mean, logvar))

    @torch.inference_mode()
    def _look(self, parts: Iterable[tuple[Tensor, dict[str, Mapping[str, Tensor]]]], count: int) -> PassResult:
        """Gather features, and what metrics find of every image."""
        collector = Collector(self.extractor.dimensions, count) if self.extractor else None
        found: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
        for images, of_part in parts:
            for metric, values in of_part.items():
                lists = found.setdefault(metric, {})
                for name, each_image in values.items():
                    lists.setdefault(name, []).append(each_image.cpu().double().numpy())
            if self.extractor and collector:
                collector.add(self.extractor(images))
        each = {metric: {name: np.concatenate(arrays) for name, arrays in lists.items()} for metric, lists in found.items()}
        if any((np.isnan(values) | np.isneginf(values)).any() for lists in each.values() for values in lists.values()):
            raise UserError(NOT_FINITE)  # the PSNR of an image that is reconstructed exactly is +inf
        return PassResult(collector.features() if collector else None, each)

    @property
    def _extractor(self) -> Extractor:
        return _there(self.extractor)


def _there(thing: T | None) -> T:
    if thing is None:
        raise ValueError("without an extractor there are no features")
    return thing


def _overrides(metric: Metric, method: str) -> bool:
    return getattr(type(metric), method) is not getattr(Metric, method)


def require_enough(training: Indices, held_out: Indices, samples: int, resamplings: int) -> None:
    """Whether anything can be said of so many images.

    Raises:
        UserError: there are too few.
    """
    if samples < FEWEST:
        raise UserError(f"--samples must be at least {FEWEST}, not {samples}")
    if resamplings < 2:
        raise UserError(f"--resamplings must be at least 2, not {resamplings}: a standard deviation needs at least two resamplings")
    if not len(held_out):
        share = max(0.05, math.ceil(100 * FEWEST / max(1, len(training))) / 100)
        way_out = f"train with --data.held_out {share:g}" if share <= MOST_HELD_OUT else "use a set that has more images"
        what = "the run has no held-out images, so vaegan cannot measure reconstructions, and cannot look for copies of training images"
        raise UserError(f"{what}: {way_out}")
    for what, part in (("training", training), ("held-out", held_out)):
        if len(part) < FEWEST:
            share = math.ceil(100 * FEWEST / (len(training) + len(held_out))) / 100
            enough = what == "held-out" and share <= MOST_HELD_OUT
            way_out = f"train with --data.held_out {share:g}, or use a set" if enough else "use a set"
            few = f"there are only {len(part)} {what} images, and at least {FEWEST} are needed"
            raise UserError(f"{few}: {way_out} that has more images")


def attributes_of(model: VAEGAN, images: ImageSet, indices: NDArray[np.int64]) -> Tensor | None:
    """The attributes of some images of a set that a conditional model takes; None for another model.

    Raises:
        UserError: the set does not have these attributes.
    """
    return torch.from_numpy(images.attributes_named(model.architecture.attributes)[indices]) if model.conditional else None


def images_for_attributes(training: Indices, compared: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Training images whose attributes the samples of a conditional model get.

    None that the samples are compared with, where there are others: each sample would have a real image of its very attributes beside it,
    which new images have not, and would seem copied from it.
    """
    others = np.setdiff1d(training[:], compared)
    return np.resize(np.random.default_rng(0).permutation(others if len(others) else compared), count)


def _drawn(indices: Indices, most: int, seed: list[int]) -> NDArray[np.int64]:
    """Up to `most` of the indices, in random order."""
    positions = np.random.default_rng(seed).choice(len(indices), size=min(most, len(indices)), replace=False)
    return indices[positions]
