"""How much the ways of shrinking a photograph differ from one another.

    python benchmarks/resampling.py

cuts parts out of three photographs that come with scikit-image, makes JPEGs of CelebA's size of them, and shrinks these as CelebA's faces
are, to 64x64, in each way. Printed is the mean peak signal-to-noise ratio between two ways, in dB: more is more alike.
"""

from __future__ import annotations

import io
import math

import numpy as np
import skimage.data
import skimage.filters
import skimage.transform
from numpy.typing import NDArray
from PIL import Image

from vaegan.data.images import CELEBA_BOX, CELEBA_SHAPE, Preparation, read
from vaegan.data.sources.base import Encoded

SIZE = (64, 64)
PARTS = 6  # of each photograph
WAYS = {
    "fast": Preparation(SIZE, 3, "celeba"),
    "bicubic": Preparation(SIZE, 3, "celeba", resampling="bicubic"),
    "lanczos": Preparation(SIZE, 3, "celeba", resampling="lanczos"),
    "bilinear": Preparation(SIZE, 3, "celeba", resampling="bilinear"),
    "blur": Preparation(SIZE, 3, "celeba", blur=True),
}
PAIRS = (
    *(("fast", "bicubic"), ("bicubic", "lanczos"), ("bilinear", "lanczos")),
    *(("bicubic", "authors"), ("fast", "authors"), ("blur", "authors")),
)


def photographs() -> list[bytes]:
    """JPEGs of 178x218."""
    height, width = CELEBA_SHAPE
    jpegs = []
    for photo in (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee()):
        image = Image.fromarray(photo)
        for number in range(PARTS):
            random = np.random.default_rng(number)
            wide = int(random.integers(width, min(image.size) - 40))
            left, high = int(random.integers(0, image.width - wide)), int(wide * height / width)
            if high > image.height:
                continue
            top = int(random.integers(0, image.height - high + 1))
            content = io.BytesIO()
            image.crop((left, top, left + wide, top + high)).resize((width, height), Image.Resampling.LANCZOS).save(
                content, "JPEG", quality=90
            )
            jpegs.append(content.getvalue())
    return jpegs


def authors(jpeg: bytes) -> NDArray[np.float64]:
    """The authors' recipe, with scikit-image: a Gaussian, then bicubic values at points."""
    left, top, right, bottom = CELEBA_BOX
    face = np.asarray(Image.open(io.BytesIO(jpeg)))[top:bottom, left:right]
    smooth = skimage.filters.gaussian(face, sigma=math.sqrt(len(face) / SIZE[0]) / 2, channel_axis=-1)
    shrunk: NDArray[np.float64] = skimage.transform.resize(smooth, (*SIZE, 3), order=3, anti_aliasing=False)
    return shrunk * 255


def main() -> None:
    """Print the table."""
    ratios: dict[tuple[str, str], list[float]] = {pair: [] for pair in PAIRS}
    for jpeg in photographs():
        results = {name: read(Encoded(jpeg), way).astype(float) for name, way in WAYS.items()} | {"authors": authors(jpeg)}
        for one, other in PAIRS:
            ratios[one, other].append(10 * math.log10(255**2 / ((results[one] - results[other]) ** 2).mean()))
    for (one, other), values in ratios.items():
        print(f"{one:>10} and {other:10}{np.mean(values):6.1f} dB  ({len(values)} photographs)")


if __name__ == "__main__":
    main()
