"""Paths through the latent space: from code to code, and round walks through the prior."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from ..models.prior import Mixture

Course = Literal["spherical", "linear"]
CLOSE = 1e-4
"""Sine of the angle between two codes below which a line is as good as an arc, or there is no arc."""


def between(start: Tensor, end: Tensor, steps: int, course: Course = "spherical", prior: Mixture | None = None) -> Tensor:
    """Codes from one to another, both of them included.

    A straight line passes nearer to the origin than codes of the prior ever are: the norm of 128 normal numbers is 11.3 +- 0.7, and that
    of the mean of two such codes 8. An arc does not ("Sampling generative networks", arXiv 1609.04468):

        (sin((1 - t) angle) start + sin(t angle) end) / sin(angle)

    There is no arc to or from a code of zeros, nor between codes in the same or opposite directions: then it is a line.

    Codes of a fitted prior lie around its mean m, and further out in some directions than in others. With the covariance L L^T of its
    codes, the numbers L^-1 (z - m) are as those of N(0, I): the arc is drawn among these.

    Args:
        start: L numbers.
        end: L numbers.
        steps: how many codes, at least 2.
        course: along the arc or the line.
        prior: the fitted prior that codes should stay in; N(0, I) by default.

    Returns:
        steps x L.
    """
    if course == "spherical" and prior is not None:
        mean, factor = prior.moments()
        ends = torch.stack([start, end]).cpu().double() - mean
        white = torch.linalg.solve_triangular(factor, ends.mT, upper=False).mT
        return (mean + between(white[0], white[1], steps) @ factor.mT).to(start)
    t = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)[:, None]
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if course == "linear" or torch.sin(angle) < CLOSE or not (start.any() and end.any()):
        return torch.lerp(start[None], end[None], t)
    return (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)


def through(stops: Tensor, steps: int, course: Course = "spherical", prior: Mixture | None = None) -> Tensor:
    """Codes through stops, S x L, one after the other, with `steps` from one to the next: (S - 1) * steps + 1 codes."""
    legs = [between(start, end, steps + 1, course, prior)[:-1] for start, end in pairwise(stops)]
    return torch.cat([*legs, stops[-1:]])


def walk(walkers: int, latent: int, frames: int, periods: int, seed: int = 0, *, prior: Mixture | None = None) -> Tensor:
    """Random walks through the prior that end where they began, smoothly.

    Each number of a code is a sum of waves with 1 to `periods` periods a walk,

        z(t) = sum_k (a_k cos(2 pi k t) + b_k sin(2 pi k t)) / sqrt(periods),    a_k and b_k from N(0, 1),

    which at every t is N(0, 1), for cos^2 + sin^2 = 1: what is passed through is what samples are. The same seed gives the same walk.

    In a fitted prior, each walk stays in one component, which is drawn by its weight, and z(t) is the noise that `Mixture.codes` turns into
    a code. So the codes at every t are draws of the prior.

    Args:
        walkers: how many walks.
        latent: the length of a code.
        frames: codes of a walk, at t = 0, 1/frames, ...
        periods: the more, the faster.
        seed: another seed, other walks.
        prior: the fitted prior; N(0, I) by default.

    Returns:
        frames x walkers x latent.
    """
    generator = torch.Generator().manual_seed(seed)
    cosines, sines = torch.randn(2, periods, walkers, latent, generator=generator, dtype=torch.float64)
    phase = 2 * math.pi * torch.arange(frames, dtype=torch.float64)[:, None] / frames * torch.arange(1, periods + 1)  # frames x periods
    codes = torch.einsum("fk,kwl->fwl", phase.cos(), cosines) + torch.einsum("fk,kwl->fwl", phase.sin(), sines)
    codes /= math.sqrt(periods)
    if prior is None:
        return codes.float()
    uniform = torch.rand(walkers, generator=generator, dtype=torch.float64)  # one for all frames
    return prior.codes(codes.flatten(0, 1), uniform.repeat(frames)).unflatten(0, (frames, walkers))
