"""How the networks of a conditional model take the attributes of images."""

from __future__ import annotations

import torch
from torch import Tensor


def beside(features: Tensor, conditions: Tensor | None, attributes: int) -> Tensor:
    """Features beside the conditions, as the input of a fully connected layer.

    Args:
        features: N x F.
        conditions: N x attributes (see `VAEGAN.conditions`); None for those of the average image, which are 0.
        attributes: how many the networks take; of 0, the features alone are returned.

    Returns:
        N x (F + attributes).
    """
    if not attributes:
        return features
    if conditions is None:
        conditions = features.new_zeros(len(features), attributes)
    return torch.cat([features, conditions.to(features.dtype)], 1)
