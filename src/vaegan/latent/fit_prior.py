"""Fit the prior of a model: the density of codes of its training images, from which samples are then drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..data import ImageSet, Indices
from ..errors import NOT_FINITE, UserError
from ..evenly_spaced import subsample
from ..models.fingerprint import fingerprint
from ..models.prior import FEWEST, Mixture
from ..models.vaegan import VAEGAN
from ..progress import Progress
from .encode import encode
from .fit_mixture import SHARING, fit_mixture

MOST = 16_000
"""Images that are encoded; of more, evenly spaced ones."""


def prior_of(
    model: VAEGAN,
    images: ImageSet,
    training: Indices,
    *,
    mirrored: bool = False,
    components: int = SHARING[-1],
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Mixture:
    """The density of posterior samples of training images; of a conditional model, together with their attributes.

    Args:
        model: in evaluation mode. It is not changed.
        images: the set that it was trained on.
        training: indices of the training images.
        mirrored: whether it was trained on mirrored images, too; then their codes are fitted to as well.
        components: at most so many; see `fit_mixture`.
        seed: of the posterior samples and of the fit.
        progress: called as the work goes on.

    Raises:
        UserError: the model has no encoder, or its codes are not finite; there are too few images; or they lack the model's attributes.
    """
    if len(training) < FEWEST:
        raise UserError(f"there are only {len(training)} training images, and at least {FEWEST} are needed for a prior")
    indices = subsample(training, MOST)
    attributes = torch.from_numpy(images.attributes_named(model.architecture.attributes)[indices]) if model.conditional else None
    random = np.random.default_rng([seed, 1])  # other noise than that of samples

    def drawn(*, flipped: bool) -> Tensor:
        posterior = encode(model, images.images, indices, progress, attributes=attributes, mirrored=flipped)
        codes = posterior.sample(torch.from_numpy(random.standard_normal(posterior.mean.shape, np.float32)))
        if not torch.isfinite(codes).all():
            raise UserError(NOT_FINITE)
        return codes

    codes, others = drawn(flipped=False), drawn(flipped=True) if mirrored else None
    standardised = None if attributes is None else model.standardised(attributes).cpu()
    prior = fit_mixture(codes, standardised, mirrored=others, most_components=components, seed=seed, progress=progress)
    return replace(prior, model=fingerprint(model))
