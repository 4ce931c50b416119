"""Pictures of what can be done in the latent space."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..data import ImageSet, Numbers
from ..data.batches import to_tensor
from ..model import VAEGAN
from ..tiles import Tile, tiled
from .directions import Directions

ACROSS = 5
SEARCHED = 4_000
"""Held-out images among which those to show are looked for."""


@torch.inference_mode()
def attribute_sheet(
    model: VAEGAN, directions: Directions, images: ImageSet, numbers: Numbers, given: NDArray[np.uint8] | None = None
) -> Image.Image:
    """For every attribute, the reconstruction of an image without it, beside the same with it.

    Args:
        model: in evaluation mode.
        directions: of its latent space.
        images: a set with these attributes.
        numbers: of the images to choose from, a different one for each attribute.
        given: 1 x H x W x C, uint8: to be shown under every attribute, instead.
    """
    tiles: list[Tile] = []
    columns = [images.attribute_names.index(name) for name in directions.names]
    searched = numbers[:SEARCHED]
    answers = images.attributes[searched][:, columns]
    for number, name in enumerate(directions.names):
        if given is None:
            without = np.flatnonzero(answers[:, number] <= 0)
            if not len(without):  # all that is held out has it
                continue
            pixels = images.images[searched[without[[number % len(without)]]]]
        else:
            pixels = given
        codes = model.encode(to_tensor(pixels)).mean
        tiles.append(Tile(model.decode(torch.cat([codes, directions.edit(codes, {name: 1.0})])), (name,)))
    rows = [tiles[start : start + ACROSS] for start in range(0, len(tiles), ACROSS)]
    return tiled("reconstructions, each beside itself with what is named under it, at strength 1", rows)
