"""Pictures of what can be done in the latent space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..data import ImageSet
from ..data.batches import to_tensor
from ..models.vaegan import VAEGAN
from ..viz.grid import to_uint8
from ..viz.tiles import CELL, Tile, tiled
from .directions import Directions, How
from .encode import decode
from .project import Projection

ACROSS = 5
DEVIATIONS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""How far codes are moved along principal directions."""


@torch.inference_mode()
def attribute_sheet(
    model: VAEGAN, directions: Directions, images: ImageSet, indices: NDArray[np.int64], image: NDArray[np.uint8] | None = None
) -> Image.Image:
    """For every attribute, the reconstruction of an image without it, beside the same with it.

    Args:
        model: in evaluation mode.
        directions: of its latent space.
        images: a set with these attributes.
        indices: of the images to choose from, the first without an attribute first, and a different one for each.
        image: 1 x H x W x C, uint8: to be shown under every attribute, instead.
    """
    tiles: list[Tile] = []
    columns = [images.attribute_names.index(name) for name in directions.names]
    answers = images.attributes[indices][:, columns]
    for number, name in enumerate(directions.names):
        if image is None:
            without = np.flatnonzero(answers[:, number] <= 0)
            pixels = images.images[indices[without[[number % len(without)]]]]
        else:
            pixels = image
        codes = model.encode(to_tensor(pixels), check=False).mean
        tiles.append(Tile(model.decode(torch.cat([codes, directions.edit(codes, {name: 1.0})])), (name,)))
    rows = [tiles[start : start + ACROSS] for start in range(0, len(tiles), ACROSS)]
    return tiled("each pair: a reconstruction before and after an edit at strength 1; the attribute is named below", rows)


@torch.inference_mode()
def principal_sheet(model: VAEGAN, directions: Directions, image: NDArray[np.uint8]) -> Image.Image:
    """For every principal direction, a row of an image's reconstruction moved along it.

    Args:
        model: in evaluation mode.
        directions: of its latent space.
        image: 1 x H x W x C.
    """
    codes = model.encode(to_tensor(image, model.device), check=False).mean
    rows = [
        [
            Tile(decode(model, directions.edit(codes, {name: strength})), (f"{name} {strength:{'+g' if strength else 'g'}}",))
            for strength in DEVIATIONS
        ]
        for name in directions.principal.names
    ]
    return tiled("a reconstruction, edited along each principal direction (strengths are in standard deviations)", rows)


@torch.inference_mode()
def edits(
    model: VAEGAN, directions: Directions, images: Tensor, codes: Tensor, *, steps: Sequence[Mapping[str, float]], how: How
) -> Image.Image:
    """A row for each image: itself, its reconstruction, and edits of that.

    Args:
        model: in evaluation mode.
        directions: of its latent space.
        images: N x C x H x W in [-1, 1].
        codes: N x latent, theirs.
        steps: the strengths of each edit.
        how: see `Directions.edit`.
    """
    columns: list[tuple[tuple[str, ...], Tensor]] = [(("image",), images.cpu()), (("reconstruction",), decode(model, codes))]
    for strengths in steps:
        words = tuple(f"{name} {strength:{'+g' if strength else 'g'}}" for name, strength in strengths.items())
        columns.append((words, decode(model, directions.edit(codes, strengths, how))))
    rows = [[Tile(column[number : number + 1], lines) for lines, column in columns] for number in range(len(images))]
    return tiled(f"edits by {how}", rows)


class Summand(NamedTuple):
    """Some images whose mean code is added, or subtracted."""

    sign: int
    """1 or -1."""
    names: list[str]
    images: Tensor
    codes: Tensor


def total_of(summands: Sequence[Summand]) -> Tensor:
    """The sum of their mean codes, 1 x latent."""
    return torch.stack([summand.sign * summand.codes.mean(0) for summand in summands]).sum(0, keepdim=True)


@torch.inference_mode()
def sum_of(model: VAEGAN, summands: Sequence[Summand]) -> Image.Image:
    """The images of a sum with their signs, and under them their reconstructions and the sum's image."""
    above: list[Tile | None] = []
    below: list[Tile | None] = []
    for summand in summands:
        signs = ["+" if summand.sign > 0 else "-"] + ["and"] * (len(summand.names) - 1)
        for sign, name, image, again in zip(signs, summand.names, summand.images, decode(model, summand.codes), strict=True):
            above.append(Tile(image[None].cpu(), (f"{sign} {name}",)))
            below.append(Tile(again[None], ("reconstruction",)))
    below.append(Tile(decode(model, total_of(summands)), ("= the sum",)))
    return tiled("arithmetic of codes", [above, below])


@torch.inference_mode()
def projections(model: VAEGAN, images: Tensor, found: Projection, shown: Sequence[int]) -> Image.Image:
    """A row for each image: itself, its reconstruction, and what its code became on the way.

    The images are the first, or all, of those that `found` is of.
    """
    names = ["reconstruction" if not step else f"after {step} steps" for step in shown]
    columns = [("image", images.cpu())] + [
        (name, decode(model, codes[: len(images)])) for name, codes in zip(names, found.path, strict=True)
    ]
    errors = [None, *(found.similarity[step] for step in shown)]
    rows = [
        [
            Tile(column[number : number + 1], (words, "" if error is None else f"error {error[number]:.4g}"))
            for (words, column), error in zip(columns, errors, strict=True)
        ]
        for number in range(len(images))
    ]
    return tiled("codes improved with the learned similarity", rows)


def enlarged(images: Tensor, columns: int) -> NDArray[np.uint8]:
    """Images side by side, `columns` in a row, as one frame H x W x 3; small ones by a whole factor, as in all pictures."""
    pixels = to_uint8(images)
    zoom = -(-CELL // pixels.shape[1])
    pixels = pixels.repeat(zoom, axis=1).repeat(zoom, axis=2)
    count, height, width, _ = pixels.shape
    grid = pixels.reshape(count // columns, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(grid.reshape(-1, columns * width, 3))
