"""The process that measures a trained contender: the numbers of the table, and the pictures of the sheet.

    python -m contest.measure FOLDER COUNT EXTRACTOR ...

opens the model of FOLDER/job.json, and writes FOLDER/found.json and FOLDER/shown.npz.

All comparisons are with the same COUNT held-out images, which no contender has seen: of as many samples, of as many reconstructions (of
these very images), and, for the floor, of as many training images.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import vaegan
from vaegan import VAEGAN, UserError
from vaegan.data import ImageSet, Indices
from vaegan.data.batches import to_tensor
from vaegan.evenly_spaced import subsample
from vaegan.metrics.collect import PART, collect, features_of
from vaegan.metrics.extractors.base import Extractor
from vaegan.metrics.extractors.registry import ExtractorName, choose
from vaegan.metrics.feature_error import feature_error
from vaegan.metrics.features import Features
from vaegan.metrics.frechet import FrechetDistance
from vaegan.metrics.grain import share_of_period_two
from vaegan.metrics.kid import KernelDistance
from vaegan.metrics.prdc import Prdc
from vaegan.settings import PriorKind
from vaegan.viz.grid import to_uint8

from .job import Job, parts_of, write_json

FOUND, SHOWN = "found.json", "shown.npz"
COLUMNS = 12
"""Images of each kind on the sheet."""
SEED = 0
"""Of the codes of samples: the same for all contenders, so that nobody picks."""
STANDARD, FITTED = "N(0, I)", "fitted"
MEASURES = (FrechetDistance(), KernelDistance(), Prdc())


def main(folder: Path, count: int, kinds: Sequence[ExtractorName]) -> None:
    """Measure one contender."""
    torch.set_num_threads(1)
    job = Job.read(folder)
    images = ImageSet.open(Path(job.images))
    ruler = Ruler(images, count, kinds)
    found, shown = ruler.measure(vaegan.load(job.run))
    np.savez_compressed(folder / SHOWN, **shown)  # type: ignore[arg-type] # numpy says that they might be its flags
    write_json(folder / FOUND, found)


def drawn(numbers: Indices, count: int, seed: int) -> NDArray[np.int64]:
    """So many of the numbers, in random order: blocks of the kernel distance must not follow the order of the set."""
    places = np.random.default_rng([SEED, seed]).permutation(len(numbers))[:count]
    return np.asarray(numbers[places], np.int64)


class Ruler:
    """What all contenders of a set are measured by."""

    def __init__(self, images: ImageSet, count: int, kinds: Sequence[ExtractorName]) -> None:
        training, held_out = parts_of(images)
        self.images = images
        self.held_out, self.others = drawn(held_out, count, 0), drawn(training, count, 1)
        self.shown = subsample(held_out, COLUMNS)
        chosen = (choose(kind, images, training, torch.device("cpu")) for kind in kinds)
        self.extractors = [extractor for extractor in chosen if extractor]
        self._real: dict[str, Features] = {}
        self.real_grain = grain(self.real_parts())

    def real_parts(self) -> Iterator[Tensor]:
        """The held-out images, N x C x H x W in [-1, 1], part by part."""
        return (to_tensor(self.images.images[self.held_out[start : start + PART]]) for start in range(0, len(self.held_out), PART))

    def floor(self) -> dict[str, Any]:
        """What real images get that are compared with others: the training images, in place of samples."""
        found: dict[str, Any] = {}
        for extractor in self.extractors:
            others = features_of(extractor, self.images, self.others, "features of training images")
            found[extractor.name] = compared(others, self.real(extractor))
        return found

    def real(self, extractor: Extractor) -> Features:
        """Features of the held-out images, and what was found out about them."""
        if extractor.name not in self._real:
            self._real[extractor.name] = features_of(extractor, self.images, self.held_out, "features of held-out images")
        return self._real[extractor.name]

    @torch.inference_mode()
    def measure(self, model: VAEGAN) -> tuple[dict[str, Any], dict[str, NDArray[np.uint8]]]:
        """The numbers by kind of image and extractor, and what the sheet shows of each kind.

        Raises:
            UserError: the model takes attributes, or its numbers are not finite.
        """
        if model.conditional:
            raise UserError("a conditional model cannot be compared with the others: train it without networks.attributes")
        found: dict[str, Any] = {"samples": {}}
        shown: dict[str, NDArray[np.uint8]] = {}
        kinds: dict[str, PriorKind] = {STANDARD: "standard"} if model.prior is None else {STANDARD: "standard", FITTED: "fitted"}
        for prior, kind in kinds.items():
            samples = model.sample(len(self.held_out), SEED, prior=kind).float()
            found["samples"][prior] = self._numbers(samples)
            shown[prior] = to_uint8(samples[:COLUMNS])
        if "encoder" not in model.untrained:
            again = torch.cat([model.reconstruct(part) for part in self.real_parts()]).float()
            found["reconstructions"] = self._numbers(again, of_originals=True)
            shown["reconstructions"] = to_uint8(model.reconstruct(to_tensor(self.images.images[self.shown])))
        return found, shown

    def _numbers(self, images: Tensor, *, of_originals: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = {"grain": grain(images.split(PART)) / max(self.real_grain, 1e-12)}
        for extractor in self.extractors:
            features, real = collect(extractor, images.split(PART), len(images)), self.real(extractor)
            found[extractor.name] = compared(features, real)
            if of_originals:
                found[extractor.name]["feature_error"] = feature_error(features.vectors, real.vectors)
        return found


def compared(features: Features, real: Features) -> dict[str, float]:
    """All distances and shares of some images against as many real ones."""
    return {name: value for measure in MEASURES for name, value in measure.between(features, real).items()}


def grain(parts: Iterable[Tensor]) -> float:
    """The mean share of variance at period 2."""
    shares = torch.cat([share_of_period_two(part) for part in parts])
    return float(shares.mean()) if torch.isfinite(shares).all() else math.nan


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])  # type: ignore[arg-type]
