"""What the three networks of a family must offer, and nothing of how they do it.

Everybody outside a family's file (the objective, measurements, experiments, torch.compile) uses only what is named here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn


class Encoder(nn.Module):
    """Images to the mean and log variance of the posterior q(z|x) = N(mean, exp(logvar))."""

    def forward(self, images: Tensor, conditions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """N x C x H x W in [-1, 1], and N x attributes of a conditional model -> mean and logvar, each N x latent."""
        raise NotImplementedError

    def features(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        """What mean and logvar are computed from: N x features."""
        raise NotImplementedError

    def posterior_weights(self) -> list[Tensor]:
        """The weights between `features` and mean and logvar, which `optimizer.posterior_lr_factor` is for. An encoder need have none."""
        return []


class Decoder(nn.Module):
    """Latent codes to images; the generator of the GAN."""

    counted_from_image: ClassVar[str] = ""
    """The name of its list of layers in which a decoder for larger images has the new ones first: `training.init_from` counts these layers
    from the image, and all others from the code. Empty: there is no such list."""

    def forward(self, codes: Tensor, conditions: Tensor | None = None) -> Tensor:
        """N x latent, and N x attributes of a conditional model -> N x C x H x W in [-1, 1]."""
        raise NotImplementedError


class Discriminator(nn.Module):
    """Images to the logit of "this is real", and to the features whose distance is the learned similarity.

    It works in two parts. `stem` looks at each image by itself. The rest may compare the images of a batch, as batch normalisation does.
    So the stem of an image can be computed once and used in several batches.
    """

    independent: ClassVar[bool] = False
    """Nothing in it compares the images of a batch: then `judge` is there, too."""
    levels: Sequence[int]
    """The levels that have features: the allowed values of objective.level, rising."""

    def stem(self, images: Tensor) -> Tensor:
        """N x C x H x W in [-1, 1] -> the first feature maps, N x ..., each of which depends on its own image alone."""
        raise NotImplementedError

    def maps_of(self, stems: Tensor, level: int) -> Tensor:
        """What `stem` returns -> the feature maps of a level, N x F x h x w."""
        raise NotImplementedError

    def last_maps_of(self, stems: Tensor) -> Tensor:
        """What `stem` returns -> the last feature maps, those that the logit is computed from, N x F x h x w."""
        raise NotImplementedError

    def logits_of(self, stems: Tensor, conditions: Tensor | None = None) -> Tensor:
        """What `stem` returns, and N x attributes of a conditional model -> N logits."""
        raise NotImplementedError

    def judge(self, images: Tensor, conditions: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """Of an independent discriminator, the feature maps of all its levels and the logits, in one pass.

        N x C x H x W in [-1, 1], and N x attributes of a conditional model -> for each level N x F x h x w; N logits.
        """
        raise NotImplementedError

    def all_maps(self, images: Tensor) -> list[Tensor]:
        """The feature maps of all levels, N x F x h x w each, of N x C x H x W images in [-1, 1]: in one pass, where they can be."""
        if self.independent:
            return self.judge(images)[0]
        stems = self.stem(images)
        return [self.maps_of(stems, level) for level in self.levels]

    def features_of(self, stems: Tensor, level: int) -> Tensor:
        """What `stem` returns -> Dis_l, the features of a level: N x features."""
        return self.maps_of(stems, level).flatten(1)

    def features(self, images: Tensor, level: int) -> Tensor:
        """Dis_l of N x C x H x W images in [-1, 1]: N x features."""
        return self.features_of(self.stem(images), level)

    def forward(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        """N x C x H x W in [-1, 1], and N x attributes of a conditional model -> N logits; Dis(x) of the paper is their sigmoid."""
        return self.logits_of(self.stem(images), conditions)
