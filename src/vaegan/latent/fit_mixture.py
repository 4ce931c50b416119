"""Fit a Gaussian mixture to codes: how many components, and how much each covariance is shrunk, is decided by codes that were left out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..metrics.memorization import UNLIKELY, copying_of
from ..models.prior import Mixture
from ..progress import Progress

COMPONENTS = (3, 10)
"""Numbers of components with a covariance each that are tried, from few to many, after one Gaussian."""
SHARING = (100, 300)
"""Numbers of components that share one covariance."""
CODES_A_NUMBER = 2
"""A component with its own covariance needs so many codes for each number of a code: a covariance of fewer is noise."""
CODES_A_MEAN = 20
"""A component that shares its covariance needs so many codes."""
SHRINKAGES = (0.0, 0.03, 0.1, 0.3, 0.6, 1.0)
"""How far covariances are moved towards a simpler one."""
LEAST_COUNT = 1e-4
"""Added to the number of codes of each component that shares its covariance, so that each has a weight."""
HELD_OUT = 0.1
"""Share of the codes that decide, and are not fitted to."""
ROUNDS, TOLERANCE = 30, 1e-2
"""Of expectation maximisation, at most; and the gain of a round, in nats a code, below which it is the last."""
LEAST_VARIANCE = 1e-4
"""Added to every variance, where the mean variance is 1, so that every density is positive definite."""

ROUNDING = 1e-6
"""Of float32: codes that differ by less than this part of their size do not differ."""

Array = NDArray[np.float64]


class Candidate(NamedTuple):
    """A density that is tried."""

    mixture: Mixture
    shrinkage: float
    held_out: float
    """Mean log density of the held-out codes, in nats; see `Mixture.log_density`."""


def fit_mixture(
    codes: Tensor,
    attributes: Tensor | None = None,
    *,
    mirrored: Tensor | None = None,
    most_components: int = SHARING[-1],
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Mixture:
    """Fit a density to codes, and to their attributes if there are some.

    A tenth of the codes is left out, and decides. First comes one Gaussian, with the covariance (1 - s) C + s c I, where c is the mean
    variance. Then come mixtures, by expectation maximisation: some components with the covariances (1 - s) C_k + s sum_k w_k C_k, and many
    that share the covariance (1 - s) W + s C, with W that within components. The shrinkage s of each is that under which the left-out codes
    are likeliest. A mixture is taken if the left-out codes are likelier under it, and if it does not copy: of codes that are drawn from it,
    no more may be near a single one of the codes that it was fitted to than of the left-out codes (see
    `vaegan.metrics.memorization.Copying.near_one`).

    Args:
        codes: N x latent, at least 2.
        attributes: N x A, standardised, NaN where one is not known: it then counts as the mean, as it does for the networks.
        mirrored: N x latent, codes of the same images mirrored. They are fitted to, too, but for those of images whose codes are left out.
        most_components: a limit on the number of components.
        seed: of what is left out, and of the fit.
        progress: called as candidates are fitted.

    Returns:
        The density, with float32 numbers, as a file holds them.
    """
    latent = codes.shape[1]
    values, *others = (_points(some, attributes) for some in (codes, mirrored) if some is not None)
    scale = float(np.sqrt(values.var(0).mean()))
    if scale <= ROUNDING * float(np.abs(values).mean()):  # they are all the same
        scale = 1.0
    values, *others = (some / scale for some in (values, *others))  # so that the least variance fits codes of any scale
    random = np.random.default_rng(seed)
    order, seed_of_draws = random.permutation(len(values)), int(random.integers(2**62))  # the codes may come of the seed itself
    count = max(1, round(len(values) * HELD_OUT))
    held_out, fitted = values[order[:count]], np.concatenate([some[order[count:]] for some in (values, *others)])
    images = len(values) - count  # a mirrored image is no new one
    kinds = [(_mixtures, COMPONENTS, CODES_A_NUMBER * values.shape[1]), (_sharing, SHARING, CODES_A_MEAN)]
    plans = [(fit, [number for number in numbers if number <= min(images / needed, most_components)]) for fit, numbers, needed in kinds]
    done, whole = 0, 1 + sum(len(numbers) for _, numbers in plans)
    progress("fitting the prior", done, whole)
    best = _likeliest(_one_gaussian(fitted, latent), held_out)
    least = best.held_out
    for fit, numbers in plans:
        for number in numbers:
            done += 1
            progress("fitting the prior", done, whole)
            larger = _likeliest(fit(fitted, latent, number, seed), held_out)
            if larger.held_out <= least or _copies(larger.mixture, fitted, held_out, seed_of_draws):
                break  # more components of this kind would only fit chance
            best, least = max(best, larger, key=lambda candidate: candidate.held_out), larger.held_out
        least = -np.inf
    progress("fitting the prior", whole, whole)
    mixture = best.mixture
    about = {
        "components": str(len(mixture)),
        "shrinkage": f"{best.shrinkage:g}",
        "codes": str(count + len(fitted)),
        "held_out_log_density": f"{best.held_out - latent * np.log(scale):.6g}",
        "seed": str(seed),
    }
    means, factors = ((scale * tensor).float().double() for tensor in (mixture.means, mixture.factors))  # as a file holds them
    return Mixture(mixture.weights.float().double(), means, factors, latent, about=about)


def _points(codes: Tensor, attributes: Tensor | None) -> Array:
    return (codes if attributes is None else torch.cat([codes, attributes.nan_to_num(0.0)], 1)).double().numpy()


def _one_gaussian(fitted: Array, latent: int) -> Iterable[tuple[float, Mixture]]:
    """One Gaussian, with each shrinkage."""
    mean = fitted.mean(0, keepdims=True)
    covariance = (fitted - mean).T @ (fitted - mean) / len(fitted)
    simpler = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return ((s, _mixture(np.ones(1), mean, ((1 - s) * covariance + s * simpler)[None], latent)) for s in SHRINKAGES)


def _mixtures(fitted: Array, latent: int, components: int, seed: int) -> Iterable[tuple[float, Mixture]]:
    """A mixture of so many components with a covariance each, with each shrinkage."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    found = GaussianMixture(components, reg_covar=LEAST_VARIANCE, max_iter=ROUNDS, tol=TOLERANCE, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):  # threads add in an order of chance
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last rounds change little
        found.fit(fitted)
    covariances = found.covariances_
    shared = np.einsum("k,kij->ij", found.weights_, covariances)
    return ((s, _mixture(found.weights_, found.means_, (1 - s) * covariances + s * shared, latent)) for s in SHRINKAGES)


def _sharing(fitted: Array, latent: int, components: int, seed: int) -> Iterable[tuple[float, Mixture]]:
    """A mixture of so many components that share one covariance, with each shrinkage. k-means is where it begins.

    (The mixture of scikit-learn with `covariance_type="tied"` is the same. It takes seventeen times as long for 300 components, because it
    does not know that points need to be whitened only once.)
    """
    from scipy.linalg import solve_triangular
    from scipy.special import logsumexp
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # of codes that are the same
        middle = fitted.mean(0)  # far from 0, little would be left of the difference of two squares
        off = fitted - middle
        total = off.T @ off / len(off)
        begun = KMeans(components, n_init=1, max_iter=ROUNDS, random_state=seed).fit(off)
        chances, likelihood = np.eye(components)[begun.labels_], -np.inf  # chances: of each component, given a code
        for _ in range(ROUNDS):
            counts = chances.sum(0) + LEAST_COUNT
            means, weights = chances.T @ off / counts[:, None], counts / counts.sum()
            within = total - (counts * means.T) @ means / len(off)
            factor = np.linalg.cholesky(within + LEAST_VARIANCE * np.eye(len(within)))
            points, centres = (solve_triangular(factor, some.T, lower=True).T for some in (off, means))
            joint = points @ centres.T - 0.5 * np.square(centres).sum(1) + np.log(weights)
            densities = logsumexp(joint, axis=1, keepdims=True)
            chances, before = np.exp(joint - densities), likelihood
            likelihood = (densities[:, 0] - 0.5 * np.square(points).sum(1)).mean() - np.log(factor.diagonal()).sum()
            if likelihood - before < TOLERANCE:
                break
    return ((s, _mixture(weights, means + middle, ((1 - s) * within + s * total)[None], latent)) for s in SHRINKAGES)


def _likeliest(candidates: Iterable[tuple[float, Mixture]], held_out: Array) -> Candidate:
    points = torch.from_numpy(held_out)
    tried = [Candidate(mixture, shrinkage, float(mixture.log_density(points).mean())) for shrinkage, mixture in candidates]
    return max(tried, key=lambda candidate: candidate.held_out)


def _copies(mixture: Mixture, fitted: Array, held_out: Array, seed: int) -> bool:
    """Whether more draws are near a single one of the codes that the mixture was fitted to than new codes are."""
    drawn = mixture.draw(len(held_out), seed).numpy()
    return copying_of(drawn, held_out[:, : mixture.latent], fitted[:, : mixture.latent]).near_one.p < UNLIKELY


def _mixture(weights: Array, means: Array, covariances: Array, latent: int) -> Mixture:
    factors = np.linalg.cholesky(covariances + LEAST_VARIANCE * np.eye(means.shape[1]))
    return Mixture(torch.from_numpy(weights), torch.from_numpy(means), torch.from_numpy(factors), latent)
