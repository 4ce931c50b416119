"""GAN losses, by the name that `ObjectiveSettings.gan_loss` has. A new one is a class and a line in `GAN_LOSSES`.

All take the discriminator's logits, times `objective.logit_scale`, of N images, and of each of K kinds of generated image (perhaps
reconstructions, then samples). A kind has N images, or fewer: N / n, of which each stands in the place of every n-th image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import unknown_name

EPSILON = 1e-3  # log(p + 1e-3), as the authors and the reference have it: it bounds a cost at 6.9


class GanLoss(Protocol):
    """What the discriminator minimises, and what the decoder does."""

    opposed: ClassVar[bool]
    """The decoder minimises the negative of the discriminator's cost: then `decoder` is not called, and there is one backward pass less."""

    def discriminator(self, images: Tensor, generated: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The cost of images, a scalar, and that of each kind of generated image, K; means over the images of a kind.

        The gate reads both. It expects the cross entropy: 0.69 where the discriminator knows nothing, 0 where it wins. With other costs,
        set gate.equilibrium and gate.margin, or gate.enabled to false.
        """

    def decoder(self, images: Tensor, generated: Sequence[Tensor]) -> Tensor:
        """What each kind of generated image costs the decoder, K; means over the images of a kind."""


class Saturating:
    """The cross entropy -log Dis(x) - log(1 - Dis(x_p)); the decoder maximises it (Goodfellow et al. 2014, equation 1)."""

    opposed: ClassVar[bool] = True

    def discriminator(self, images: Tensor, generated: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """-log Dis(x), and -log(1 - Dis(x_p))."""
        return _cost(torch.sigmoid(images)), torch.stack([_cost(1 - torch.sigmoid(kind)) for kind in generated])

    def decoder(self, images: Tensor, generated: Sequence[Tensor]) -> Tensor:
        """log(1 - Dis(x_p))."""
        return -self.discriminator(images, generated)[1]


class NonSaturating(Saturating):
    """The same cross entropy for the discriminator; the decoder minimises -log Dis(x_p) (Goodfellow et al. 2014, section 3)."""

    opposed: ClassVar[bool] = False

    def decoder(self, images: Tensor, generated: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """-log Dis(x_p)."""
        return torch.stack([_cost(torch.sigmoid(kind)) for kind in generated])


class Hinge:
    """max(0, 1 - D(x)) + max(0, 1 + D(x_p)); the decoder minimises -D(x_p) (Lim and Ye 2017, "Geometric GAN")."""

    opposed: ClassVar[bool] = False

    def discriminator(self, images: Tensor, generated: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """max(0, 1 - D(x)), and max(0, 1 + D(x_p))."""
        return functional.relu(1 - images).mean(), torch.stack([functional.relu(1 + kind).mean() for kind in generated])

    def decoder(self, images: Tensor, generated: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """-D(x_p)."""
        return -torch.stack([kind.mean() for kind in generated])


class Relativistic:
    """softplus(D(x_p) - D(x)), of each image and the generated image in its place; the decoder minimises softplus(D(x) - D(x_p))
    (Jolicoeur-Martineau 2018, "The relativistic discriminator").

    Images and generated images share the discriminator's cost by halves.
    """

    opposed: ClassVar[bool] = False

    def discriminator(self, images: Tensor, generated: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Half of softplus(D(x_p) - D(x)) summed over the kinds of generated image, by their numbers, and half of it for each kind."""
        costs = 0.5 * torch.stack([functional.softplus(kind - _paired(images, kind)).mean() for kind in generated])
        return by_count(costs, images, generated).sum(), costs

    def decoder(self, images: Tensor, generated: Sequence[Tensor]) -> Tensor:
        """softplus(D(x) - D(x_p))."""
        return torch.stack([functional.softplus(_paired(images, kind) - kind).mean() for kind in generated])


def by_count(costs: Tensor, images: Tensor, generated: Sequence[Tensor]) -> Tensor:
    """The mean cost of each kind of generated image, K, times the share of its number in the number of images: so all count the same."""
    return torch.stack([cost * (len(kind) / len(images)) for cost, kind in zip(costs, generated, strict=True)])


def _cost(scores: Tensor) -> Tensor:
    """The cross entropy of scores that should be 1."""
    return -(scores + EPSILON).log().mean()


def _paired(images: Tensor, kind: Tensor) -> Tensor:
    """The images in whose places the generated ones stand."""
    return images[:: len(images) // len(kind)]


GAN_LOSSES: dict[str, type[GanLoss]] = {
    "saturating": Saturating,
    "non_saturating": NonSaturating,
    "hinge": Hinge,
    "relativistic": Relativistic,
}


def find_gan_loss(name: str) -> GanLoss:
    """The GAN loss of that name.

    Raises:
        UserError: there is none.
    """
    if name not in GAN_LOSSES:
        raise unknown_name("objective.gan", name, GAN_LOSSES)
    return GAN_LOSSES[name]()
