"""Fit the prior of a model: the density of codes of its training images, from which samples are then drawn."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..data import ImageSet, Indices
from ..errors import NOT_FINITE, UserError
from ..evenly_spaced import subsample
from ..files import locked
from ..models.fingerprint import fingerprint
from ..models.prior import Mixture
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..run import Run
from .encode import encode
from .fit_mixture import COMPONENTS, fit_mixture

MOST = 8_000
"""Images that are encoded; of more, evenly spaced ones."""
FEWEST = 20
"""Images, below which nothing can be said of their codes: samples are then drawn from N(0, I)."""


def fit_prior(
    run: str | Path,
    data: str | Path | None = None,
    *,
    components: int = COMPONENTS[-1],
    seed: int | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = lambda *_: None,
) -> Mixture:
    """Fit the prior of a run anew, and save it beside the model. From then on, samples are drawn from it.

    `vaegan.train` does this at its end. The weights of the model do not change.

    Args:
        run: a run folder or a model folder.
        data: the training images; by default those that the run was trained on. A model folder needs them.
        components: at most so many; fewer, if the fitted prior copies training images.
        seed: of the posterior samples and of the fit; by default that of the run.
        device: encodes the images.
        progress: called as the work goes on.

    Raises:
        UserError: there is no such run, or it has no encoder; there are too few images; or a process is training into the run.
    """
    if components < 1:
        raise UserError(f"--components must be at least 1, not {components}")
    opened = Run.open(run)
    with ExitStack() as stack:
        if opened.is_run and not stack.enter_context(locked(opened.lock_file)):
            raise UserError(
                f"{opened.folder} is still being trained by another process, which will also fit the prior: wait until that process ends"
            )
        model = opened.model(device, prior=False)
        model.require("encoder")
        images = opened.images(data, flag="--data", progress=progress)
        training, _ = opened.split(images)
        if seed is None:
            seed = opened.recipe.training.seed if opened.is_run else 0
        prior = prior_of(model, images, training, components=components, seed=seed, progress=progress)
        prior.save(opened.model_folder)
    return prior


def prior_of(
    model: VAEGAN,
    images: ImageSet,
    training: Indices,
    *,
    components: int = COMPONENTS[-1],
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Mixture:
    """The density of posterior samples of training images; of a conditional model, together with their attributes.

    Args:
        model: in evaluation mode. It is not changed.
        images: the set that it was trained on.
        training: indices of the training images.
        components: at most so many; see `fit_mixture`.
        seed: of the posterior samples and of the fit.
        progress: called as the work goes on.

    Raises:
        UserError: the model has no encoder, or its codes are not finite; there are too few images; or they lack the model's attributes.
    """
    if len(training) < FEWEST:
        raise UserError(
            f"there are only {len(training)} training images, and at least {FEWEST} are needed for a prior: samples are drawn from N(0, I)"
        )
    indices = subsample(training, MOST)
    attributes = torch.from_numpy(images.attributes_named(model.architecture.attributes)[indices]) if model.conditional else None
    posterior = encode(model, images.images, indices, progress, attributes=attributes)
    noise = np.random.default_rng([seed, 1]).standard_normal(posterior.mean.shape, np.float32)  # other noise than that of samples
    codes = posterior.sample(torch.from_numpy(noise))
    if not torch.isfinite(codes).all():
        raise UserError(NOT_FINITE)
    standardised = None if attributes is None else model.standardised(attributes).cpu()
    prior = fit_mixture(codes, standardised, most_components=components, seed=seed, progress=progress)
    return replace(prior, model=fingerprint(model))
