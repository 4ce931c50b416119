"""What extractors see in images that were changed, and how fast they are.

    python benchmarks/extractors.py [--data celeba:PATH --crop celeba] [--size 48] [--images 4000] [--sides 64 96 128 224]

compares one half of some real images with the other half: as it is (the floor), blurred, noisy, compressed as JPEG, and chequered. It
prints Frechet distances, and grain. A strength is the standard deviation of the blur in pixels, the quality of JPEG, or levels of 255
(standard deviation of the noise, amplitude of the chequer). `--sides` adds EfficientNet-Lite0 with images resized to other sizes. The
last line has images per second of processor time, on one thread.
"""

from __future__ import annotations

import argparse
import io
import time

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vaegan import UserError
from vaegan.data import Preparation, open_images
from vaegan.data.batches import to_tensor
from vaegan.metrics.collect import PART, collect
from vaegan.metrics.extractors.base import Extractor
from vaegan.metrics.extractors.efficientnet import EfficientNet
from vaegan.metrics.extractors.mobilenet import MobileNet
from vaegan.metrics.features import Features
from vaegan.metrics.frechet import FrechetDistance
from vaegan.metrics.grain import share_of_period_two
from vaegan.training.device import keep_freed_memory

CHANGES = {"": (0,), "blurred": (0.5, 1, 2), "noisy": (4, 8, 16), "JPEG": (75, 50, 25), "chequered": (1, 2, 4, 8)}


def changed(pixels: NDArray[np.uint8], how: str, strength: float) -> NDArray[np.uint8]:
    """H x W x C, changed in one way."""
    if how == "chequered":
        signs = np.where(np.indices(pixels.shape[:2]).sum(0) % 2, -1.0, 1.0)
        return (pixels + strength * signs[..., None]).clip(0, 255).astype(np.uint8)
    if how == "noisy":
        noise = np.random.default_rng(int(pixels.sum())).normal(0, strength, pixels.shape)
        return (pixels + noise).round().clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if how == "blurred":
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(strength)))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=int(strength))
    return np.asarray(Image.open(content))


def measured(extractor: Extractor, pixels: NDArray[np.uint8]) -> tuple[Features, float]:
    """Features, and how many seconds of processor they took."""
    began = time.process_time()
    found = collect(extractor, to_tensor(pixels).split(PART), len(pixels))
    return found, time.process_time() - began


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="avatars")
    parser.add_argument("--crop", default="centre")
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--sides", type=int, nargs="*", default=[])
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    extractors: dict[str, Extractor] = {"EfficientNet-Lite0": EfficientNet()}
    try:
        extractors["MobileNetV2"] = MobileNet()
    except UserError as error:
        print(error)
    extractors |= {f"at {side}": EfficientNet(side=side) for side in given.sides}
    images = open_images(given.data, Preparation((given.size, given.size), 3, given.crop), count=given.images, progress=lambda *_: None)
    pixels = images.images[np.random.default_rng(0).permutation(len(images.images))[: given.images]]
    half = len(pixels) // 2
    real = {name: measured(extractor, pixels[:half]) for name, extractor in extractors.items()}
    share = share_of_period_two(to_tensor(pixels[:half])).mean().item()
    print(f"{given.data}, {half:,} images of {given.size}x{given.size} against {half:,}")
    print(f"{'':16}{'grain':>10}" + "".join(f"{name:>20}" for name in extractors))
    for how, strengths in CHANGES.items():
        for strength in strengths:
            others = np.stack([changed(one, how, strength) for one in pixels[half:]]) if how else pixels[half:]
            grain = share_of_period_two(to_tensor(others)).mean().item() / share
            distances = [
                FrechetDistance().between(measured(extractor, others)[0], real[name][0])["frechet_distance"]
                for name, extractor in extractors.items()
            ]
            print(
                f"{f'{how} {strength}' if how else 'the floor':16}{grain:10.3g}" + "".join(f"{one:20.4g}" for one in distances), flush=True
            )
    print(f"{'images/s':16}{'':10}" + "".join(f"{half / seconds:20.0f}" for _, seconds in real.values()))


if __name__ == "__main__":
    main()
