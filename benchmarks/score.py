"""How well `vaegan score` tells what does not belong: each term alone, and ways to combine them.

    python benchmarks/score.py RUN FACES [--half]

RUN is trained on avatars; FACES is any set of real faces, such as celeba:PATH. Of the run's held-out avatars one half calibrates, and the
other half is what is normal here, as are the training images for the fit; with --half, the fit, too, uses held-out avatars alone, as
`--calibrate` does. The odd ones are real faces, and the normal half itself, altered:

    upside down (an avatar mirrored left to right is nearly the same), half covered in grey, red, green and blue in each other's place,
    a coloured square of a fifth of the side at a random place, blurred (1.5 pixels), and with noise (25 of 255)

Printed is the AUC: how often an odd one scores higher than a normal one. A half is chance; below it, odd ones seem more normal than normal
ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import vaegan
from vaegan.data import open_images, split
from vaegan.latent.score import TERMS, Scorer, Scores

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]
FACES = 800


def auc(odd: Values, normal: Values) -> float:
    """How often an odd one scores higher than a normal one; equal ones count a half."""
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, odd, "left") + np.searchsorted(ordered, odd, "right")
    return float(below.mean() / 2 / len(normal))


def square(images: Pixels) -> Pixels:
    """A coloured square on each."""
    random = np.random.default_rng(0)
    covered, side = images.copy(), images.shape[1] // 5
    for image in covered:
        top, left = random.integers(0, np.array(image.shape[:2]) - side)
        image[top : top + side, left : left + side] = random.integers(0, 256, 3)
    return covered


def odd_ones(normal: Pixels, faces: Pixels) -> dict[str, Pixels]:
    """Of each kind."""
    half = normal.copy()
    half[:, :, : half.shape[2] // 2] = 128
    noise = np.random.default_rng(0).normal(0, 25, normal.shape)
    blurred = [np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1.5))) for image in normal]
    return {
        "faces": faces,
        "upside down": normal[:, ::-1].copy(),
        "half": half,
        "colours": normal[..., [1, 2, 0]].copy(),
        "square": square(normal),
        "blurred": np.stack(blurred),
        "noise": (normal + noise).clip(0, 255).astype(np.uint8),
    }


def combinations(calibration: Scores) -> dict[str, Callable[[Scores], Values]]:
    """What `vaegan score` does, and what else could be done; each a number that is larger for odder images."""
    names = [name for name in TERMS if name not in ("prior", "code")]
    logarithms = {name: np.sort(np.log(calibration.terms[name])) for name in TERMS}

    def standard(scores: Scores) -> Values:
        columns = []
        for name, normal in logarithms.items():
            median = np.median(normal)
            columns.append((np.log(scores.terms[name]) - median) / (1.4826 * np.median(np.abs(normal - median))))
        return np.stack(columns, 1)

    def fisher(scores: Scores) -> Values:
        total = np.zeros(len(scores))
        for name, normal in logarithms.items():
            higher = len(normal) - np.searchsorted(normal, np.log(scores.terms[name]))
            total -= 2 * np.log((1 + higher) / (len(normal) + 1))
        return total

    chosen = [TERMS.index(name) for name in names]
    return {
        "combined": lambda scores: scores.combined,
        "largest": lambda scores: standard(scores).max(1),
        "largest of errors": lambda scores: standard(scores)[:, chosen].max(1),
        "sum": lambda scores: standard(scores).sum(1),
        "Fisher": fisher,
    }


def main(run: Path, faces_source: str, *, half: bool) -> None:
    """Calibrate, score, print."""
    model, recipe = vaegan.load(run), vaegan.Recipe.load(run / "recipe.yaml")
    images = open_images(recipe.data.source, model.preparation, count=recipe.data.avatars, progress=lambda *_: None)
    training, held_out = split(images, recipe.data.held_out, recipe.data.train_on)
    faces = open_images(faces_source, model.preparation, count=1, progress=lambda *_: None).images
    middle = len(held_out) // 2
    calibrating, normal = held_out[:middle], images.images[held_out[middle:]]
    began = time.perf_counter()
    level = recipe.objective.level
    scorer = Scorer.calibrate(model, images.images, calibrating, fitted_on=None if half else training, level=level)
    calibrated = time.perf_counter()
    of_normal = scorer.score(normal)
    scored = time.perf_counter()
    print(
        f"calibrated in {calibrated - began:.1f} s, scores {len(normal) / (scored - calibrated):.0f} images/s; {len(scorer.ranked)} ranks"
    )
    kinds = odd_ones(normal, faces[np.unique(np.linspace(0, len(faces) - 1, FACES).astype(np.int64))])
    scores = {kind: scorer.score(pixels) for kind, pixels in kinds.items()}
    ways: dict[str, Callable[[Scores], Values]] = {name: lambda scores, name=name: scores.terms[name] for name in TERMS}  # type: ignore[misc]
    ways |= combinations(scorer.score(images.images, calibrating))
    print(f"{'AUC':18}", *(f"{kind:>11}" for kind in kinds), f"{'mean':>7}", f"{'first 4':>8}")
    for name, way in ways.items():
        values = [auc(way(found), way(of_normal)) for found in scores.values()]
        print(f"{name:18}", *(f"{value:11.3f}" for value in values), f"{np.mean(values):7.3f}", f"{np.mean(values[:4]):8.3f}")
    for alarms in (0.01, 0.05):
        found = " ".join(f"{100 * of.over(alarms).mean():10.1f}%" for of in scores.values())
        print(f"over at {alarms:4}      ", found, f" of new normal ones {100 * of_normal.over(alarms).mean():.1f}%")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("faces")
    parser.add_argument("--half", action="store_true")
    given = parser.parse_args()
    main(given.run, given.faces, half=given.half)
