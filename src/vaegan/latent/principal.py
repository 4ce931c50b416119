"""The widest principal directions of the codes: what images differ in most. They need no attributes, only the fitted prior."""

from __future__ import annotations

import re
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.vaegan import VAEGAN

COUNT = 10
"""The number of directions, the widest ones."""
NAME = re.compile(r"direction-\d+")
"""The names of principal directions. No attribute may have such a name."""


class PrincipalDirections(NamedTuple):
    """The widest directions of the codes of training images, by the fitted prior."""

    vectors: Tensor
    """K x latent: each as long as the standard deviation of the codes along it."""
    shares: Tensor
    """K: how much of the variance of the codes each has."""

    @property
    def names(self) -> list[str]:
        """direction-1 is the widest one."""
        return [f"direction-{number}" for number in range(1, len(self.vectors) + 1)]


def principal_directions(model: VAEGAN) -> PrincipalDirections:
    """Those of a model's fitted prior; none where it has no fitted prior."""
    if model.prior is None:
        return PrincipalDirections(torch.empty(0, model.architecture.latent), torch.empty(0))
    _, factor = model.prior.moments()
    values, vectors = torch.linalg.eigh(factor @ factor.mT)
    widest = values.argsort(descending=True)[:COUNT]
    directions = (vectors[:, widest] * values[widest].sqrt()).mT
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()  # so that they are the same on any machine
    return PrincipalDirections((directions * signs).float(), (values[widest] / values.sum()).float())
