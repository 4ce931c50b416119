"""Terms that the discriminator minimises beside the GAN loss, by the name that objective.penalty has. A new one is a function and a
line in `PENALTIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import unknown_name
from ..models.base import Discriminator


class Seen(NamedTuple):
    """What the discriminator sees, as constants."""

    images: Tensor
    """N x C x H x W."""
    conditions: Tensor | None = None
    """N x attributes, of a conditional model."""


Penalty = Callable[[Discriminator, Seen, Seen], Tensor]
"""Takes the discriminator, images, and generated images; returns a scalar, whose gradient reaches the discriminator alone."""


def r1(discriminator: Discriminator, images: Seen, generated: Seen) -> Tensor:  # noqa: ARG001
    """R1: half the squared norm of the gradient of the logit at real images, the mean over images (Mescheder et al. 2018, equation 9)."""
    return _half_squared_slope(discriminator, images)


def r1_r2(discriminator: Discriminator, images: Seen, generated: Seen) -> Tensor:
    """R1, and the same at generated images, which is R2 (Mescheder et al. 2018, equation 10)."""
    return _half_squared_slope(discriminator, images) + _half_squared_slope(discriminator, generated)


def _half_squared_slope(discriminator: Discriminator, seen: Seen) -> Tensor:
    points = seen.images.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(discriminator(points, seen.conditions).sum(), points, create_graph=True)
    return 0.5 * slopes.square().sum((1, 2, 3)).mean()


PENALTIES: dict[str, Penalty] = {
    "r1": r1,
    "r1_r2": r1_r2,
}


def find_penalty(name: str) -> Penalty:
    """The penalty of that name.

    Raises:
        UserError: there is none.
    """
    if name not in PENALTIES:
        raise unknown_name("objective.penalty", name, PENALTIES)
    return PENALTIES[name]
