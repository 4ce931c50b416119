"""How well `vaegan score` tells what does not belong: each term alone, and ways to combine them.

    python benchmarks/score.py RUN [OTHERS] [--half] [--write FOLDER]

RUN is a run on avatars or on other faces; OTHERS, if given, is a set of images of another kind, such as celeba:PATH or avatars. One half of
the run's held-out images calibrates, and the other half is what is normal here, as are the training images for the fit; with --half, the
fit, too, uses held-out images alone, as `--calibrate` does. The odd ones are the others, and the normal half itself, altered:

    upside down (an avatar mirrored left to right is nearly the same), half covered in grey, red, green and blue in each other's place,
    a coloured square of a fifth of the side at a random place, blurred (1.5 pixels), and with noise (25 of 255)

Printed is the AUC: how often an odd one scores higher than a normal one. A half is chance; below it, odd ones seem more normal than normal
ones. --write makes a folder of a few images of each kind but the others, to try the command on, and ends there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from sklearn.metrics import roc_auc_score

import vaegan
from vaegan.data import open_images
from vaegan.evenly_spaced import evenly_spaced
from vaegan.latent.anomaly import MEASUREMENTS, Scorer, Scores

PixelArray = NDArray[np.uint8]
Values = NDArray[np.float64]
OTHERS = 800


def auc(odd: Values, normal: Values) -> float:
    """How often an odd one scores higher than a normal one; equal ones count a half."""
    return float(roc_auc_score(np.repeat([1, 0], [len(odd), len(normal)]), np.concatenate([odd, normal])))


def square(images: PixelArray) -> PixelArray:
    """A coloured square on each."""
    random = np.random.default_rng(0)
    covered, side = images.copy(), images.shape[1] // 5
    for image in covered:
        top, left = random.integers(0, np.array(image.shape[:2]) - side)
        image[top : top + side, left : left + side] = random.integers(0, 256, 3)
    return covered


def odd_ones(normal: PixelArray) -> dict[str, PixelArray]:
    """Altered images, of each kind."""
    half = normal.copy()
    half[:, :, : half.shape[2] // 2] = 128
    noise = np.random.default_rng(0).normal(0, 25, normal.shape)
    blurred = [np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1.5))) for image in normal]
    return {
        "upside down": normal[:, ::-1].copy(),
        "half": half,
        "colours": normal[..., [1, 2, 0]].copy(),
        "square": square(normal),
        "blurred": np.stack(blurred),
        "noise": (normal + noise).clip(0, 255).astype(np.uint8),
    }


def combinations(calibration: Scores) -> dict[str, Callable[[Scores], Values]]:
    """What `vaegan score` does, and what else could be done; each a number that is larger for odder images."""
    logarithms = {name: np.sort(np.log(calibration.measurements[name])) for name in MEASUREMENTS}

    def standard(scores: Scores) -> Values:
        columns = []
        for name, normal in logarithms.items():
            median = np.median(normal)
            columns.append((np.log(scores.measurements[name]) - median) / (1.4826 * np.median(np.abs(normal - median))))
        return np.stack(columns, 1)

    def fisher(scores: Scores) -> Values:
        total = np.zeros(len(scores))
        for name, normal in logarithms.items():
            higher = len(normal) - np.searchsorted(normal, np.log(scores.measurements[name]))
            total -= 2 * np.log((1 + higher) / (len(normal) + 1))
        return total

    return {
        "combined": lambda scores: scores.combined,
        "largest": lambda scores: standard(scores).max(1),
        "sum": lambda scores: standard(scores).sum(1),
        "Fisher": fisher,
    }


def write(normal: PixelArray, folder: Path) -> None:
    """A folder of 40 normal images and 2 of each kind of odd ones, all of different avatars."""
    folder.mkdir(parents=True, exist_ok=True)
    odd = {kind: pixels[2 * place : 2 * place + 2] for place, (kind, pixels) in enumerate(odd_ones(normal).items())}
    for kind, pixels in {"plain": normal[-40:], **odd}.items():
        for number, image in enumerate(pixels):
            Image.fromarray(image).save(folder / f"{kind} {number:02d}.png")


def main(run: Path, others: str | None, folder: Path | None, *, half: bool) -> None:
    """Calibrate, score, print; or write."""
    opened = vaegan.Run.open(run)
    model, images = opened.model(), opened.images()
    training, held_out = opened.split(images)
    middle = len(held_out) // 2
    calibrating, normal = held_out[:middle], images.images[held_out[middle:]]
    if folder:
        write(normal, folder)
        return
    began = time.perf_counter()
    scorer = Scorer.calibrate(model, images.images, calibrating, fitted_on=None if half else training)
    calibrated = time.perf_counter()
    of_normal = scorer.score(normal)
    scored = time.perf_counter()
    print(
        f"calibrated in {calibrated - began:.1f} s, scores {len(normal) / (scored - calibrated):.0f} images/s; {len(scorer.ranked)} ranks"
    )
    kinds = odd_ones(normal)
    if others:
        foreign = open_images(others, model.preparation, count=OTHERS, progress=lambda *_: None).images
        kinds = {"others": foreign[evenly_spaced(len(foreign), OTHERS)], **kinds}
    scores = {kind: scorer.score(pixels) for kind, pixels in kinds.items()}
    ways: dict[str, Callable[[Scores], Values]] = {name: lambda scores, name=name: scores.measurements[name] for name in MEASUREMENTS}  # type: ignore[misc]
    of_calibration = scorer.score(images.images, calibrating)
    ways |= combinations(of_calibration)
    print(f"{'AUC':18}", *(f"{kind:>11}" for kind in kinds), f"{'mean':>7}", f"{'first 4':>8}")
    for name, way in ways.items():
        values = [auc(way(found), way(of_normal)) for found in scores.values()]
        print(f"{name:18}", *(f"{value:11.3f}" for value in values), f"{np.mean(values):7.3f}", f"{np.mean(values[:4]):8.3f}")
    for rate in (0.01, 0.05):
        found = " ".join(f"{100 * of.over(rate).mean():10.1f}%" for of in scores.values())
        print(f"over at {rate:4}      ", found, f" of new normal ones {100 * of_normal.over(rate).mean():.1f}%")
    if not half:
        false_positives(np.concatenate([of_calibration.combined, of_normal.combined]))


def false_positives(combined: Values) -> None:
    """What share of normal images is over the threshold, where other halves of them are the ranks: the fit has seen none of them."""
    random = np.random.default_rng(0)
    halves = [np.split(random.permutation(combined)[: len(combined) // 2 * 2], 2) for _ in range(200)]
    for rate in (0.01, 0.05):
        shares = []
        for ranked, new in halves:
            p = (1 + len(ranked) - np.searchsorted(np.sort(ranked), new)) / (len(ranked) + 1)
            shares.append(100 * (p <= rate).mean())
        print(f"of normal ones over at {rate}, in 200 random halvings: {np.mean(shares):.1f}%, standard deviation {np.std(shares):.1f}%")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("others", nargs="?")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--half", action="store_true")
    given = parser.parse_args()
    main(given.run, given.others, given.write, half=given.half)
