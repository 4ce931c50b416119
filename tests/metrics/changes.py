"""Real photographs, and images changed in ways that a metric should see."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images

SIDE = 48


def photographs() -> NDArray[np.uint8]:
    """48 x 48 x 48 x 3: the squares of two photographs at half their size, from one and from the other in turn."""
    squares = []
    for pixels in load_sample_images().images:
        picture = Image.fromarray(pixels).reduce(2)
        places = [(left, top) for top in range(0, picture.height - SIDE, SIDE) for left in range(0, picture.width - SIDE, SIDE)]
        squares.append([np.asarray(picture.crop((left, top, left + SIDE, top + SIDE))) for left, top in places])
    return np.stack([square for pair in zip(*squares, strict=True) for square in pair])


def changed(images: NDArray[np.uint8], how: str, strength: float) -> NDArray[np.uint8]:
    """N x H x W x 3: blurred (standard deviation in pixels), noisy or chequered (levels of 255), or by JPEG (quality)."""
    if how == "chequered":
        signs = np.where(np.indices(images.shape[1:3]).sum(0) % 2, -1.0, 1.0)
        return (images + strength * signs[..., None]).clip(0, 255).astype(np.uint8)
    if how == "noisy":
        return (images + np.random.default_rng(0).normal(0, strength, images.shape)).round().clip(0, 255).astype(np.uint8)
    return np.stack([_drawn(Image.fromarray(pixels), how, strength) for pixels in images])


def _drawn(picture: Image.Image, how: str, strength: float) -> NDArray[np.uint8]:
    if how == "blurred":
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(strength)))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=int(strength))
    return np.asarray(Image.open(content))
