"""GAN losses, by the name that `ObjectiveSettings.gan_loss` has. A new one is a class and a line in `GAN_LOSSES`.

All take the discriminator's logits, (1 + K) x N: logits[0] are of N images, logits[1:] of K kinds of generated image (perhaps
reconstructions, then samples).
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import UserError

EPSILON = 1e-3  # log(p + 1e-3), as the authors and the reference have it: it bounds a cost at 6.9


class GanLoss(Protocol):
    """What the discriminator minimises, and what the decoder does."""

    opposed: ClassVar[bool]
    """The decoder minimises the negative of the discriminator's cost: then `decoder` is not called, and there is one backward pass less."""

    def discriminator(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The cost of images, a scalar, and that of each kind of generated image, K; means over images.

        The gate reads both. It expects the cross entropy: 0.69 where the discriminator knows nothing, 0 where it wins. With other costs,
        set gate.equilibrium and gate.margin, or gate.enabled to false.
        """

    def decoder(self, logits: Tensor) -> Tensor:
        """What each kind of generated image costs the decoder, K; means over images."""


class Saturating:
    """The cross entropy -log Dis(x) - log(1 - Dis(x_p)); the decoder maximises it (Goodfellow et al. 2014, equation 1)."""

    opposed: ClassVar[bool] = True

    def discriminator(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """-log Dis(x), and -log(1 - Dis(x_p))."""
        scores = torch.sigmoid(logits)
        return -(scores[0] + EPSILON).log().mean(), -(1 - scores[1:] + EPSILON).log().mean(1)

    def decoder(self, logits: Tensor) -> Tensor:
        """log(1 - Dis(x_p))."""
        return -self.discriminator(logits)[1]


class NonSaturating(Saturating):
    """The same cross entropy for the discriminator; the decoder minimises -log Dis(x_p) (Goodfellow et al. 2014, section 3)."""

    opposed: ClassVar[bool] = False

    def decoder(self, logits: Tensor) -> Tensor:
        """-log Dis(x_p)."""
        return -(torch.sigmoid(logits)[1:] + EPSILON).log().mean(1)


class Hinge:
    """max(0, 1 - D(x)) + max(0, 1 + D(x_p)); the decoder minimises -D(x_p) (Lim and Ye 2017, "Geometric GAN")."""

    opposed: ClassVar[bool] = False

    def discriminator(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """max(0, 1 - D(x)), and max(0, 1 + D(x_p))."""
        return functional.relu(1 - logits[0]).mean(), functional.relu(1 + logits[1:]).mean(1)

    def decoder(self, logits: Tensor) -> Tensor:
        """-D(x_p)."""
        return -logits[1:].mean(1)


class Relativistic:
    """softplus(D(x_p) - D(x)), of each image and the generated image in its place; the decoder minimises softplus(D(x) - D(x_p))
    (Jolicoeur-Martineau 2018, "The relativistic discriminator").

    Images and generated images share the discriminator's cost by halves.
    """

    opposed: ClassVar[bool] = False

    def discriminator(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Half of softplus(D(x_p) - D(x)) summed over the kinds of generated image, and half of it for each kind."""
        costs = 0.5 * functional.softplus(logits[1:] - logits[0]).mean(1)
        return costs.sum(), costs

    def decoder(self, logits: Tensor) -> Tensor:
        """softplus(D(x) - D(x_p))."""
        return functional.softplus(logits[0] - logits[1:]).mean(1)


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
        raise UserError(f"there is no objective.gan {name}: there are {', '.join(GAN_LOSSES)}")
    return GAN_LOSSES[name]()
