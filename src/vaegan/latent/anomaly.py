"""How foreign an image is to a model, as one calibrated number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .. import old_names
from ..data import Indices
from ..data.any_images import source_of
from ..data.batches import Images
from ..errors import UserError
from ..evenly_spaced import subsample
from ..files import replacing
from ..models.fingerprint import fingerprint
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..words import command
from .gaussian import Gaussian, distances_left_out
from .measurements import LEAST, RawMeasurements, measure, measure_all

FORMAT = 1
MEASUREMENTS = ("similarity", "pixel", "prior", "code", "features", "map")
"""Numbers of an image: the first three as `measure` gives them; of code and features the distance from those of normal images; the largest
value of the anomaly map, where each error is a multiple of what few normal images exceed at that place."""
VECTORS = ("code", "features")
COMBINED = ("features", "map")
"""What the combined number is made of: it was chosen by measurement, see docs/score.md."""
FEW = 0.01
"""The share of normal images whose error exceeds the limit, at any one place."""
ROUNDING = 1e-5
"""By so much, in deviations, the combined number of one image may differ between batches. A normal image that is scored again is as unusual
as itself all the same."""
MOST_FITTED = 5_000
MOST_RANKED = 10_000
FEWEST = 20
"""Normal images, below which nothing can be said."""
HELD_OUT = "the run's held-out images"
"""The `source` of a scorer that was calibrated on these."""


class OtherWeightsError(UserError):
    """A calibration does not belong to the model."""

    def __init__(self, sentence: str, source: str) -> None:
        super().__init__(sentence)
        self.source = source
        """What it was calibrated on."""


@dataclass(frozen=True)
class Scores:
    """What was found of N images."""

    measurements: dict[str, NDArray[np.float64]]
    """Of each of `MEASUREMENTS`, N numbers."""
    combined: NDArray[np.float64]
    """By how many standard deviations an image is stranger than the median normal one, as a whole or else at one place."""
    p: NDArray[np.float64]
    """The p-value: how often a normal image is as foreign or more so; at least 1 / (n + 1) for n normal images."""

    def __len__(self) -> int:
        return len(self.p)

    def over(self, false_positive_rate: float) -> NDArray[np.bool_]:
        """Which are over the threshold where at most a share of `false_positive_rate` of normal images are, on average."""
        return self.p <= false_positive_rate

    def strangest(self, count: int) -> NDArray[np.int64]:
        """The places of the most foreign images, the most foreign first; of equals, the first first."""
        return np.argsort(-self.combined, kind="stable")[:count]


@dataclass(frozen=True)
class Calibration:
    """What normal images are like."""

    fitted: Mapping[str, Gaussian]
    """Of each of `VECTORS`."""
    usual: Mapping[str, float]
    """The median of each measurement."""
    limit: NDArray[np.float64]
    """At each place of the error map, h x w, the error that a share of `FEW` exceed."""
    spread: NDArray[np.float64]
    """Median and standard deviation of the logarithms of the measurements in `COMBINED`, 2 x 2."""

    @classmethod
    def fit(cls, raw: RawMeasurements) -> Calibration:
        """Learn it from what `measure` tells of some normal images."""
        limit = np.maximum(np.quantile(raw["errors"].astype(np.float64), 1 - FEW, axis=0), LEAST)
        measurements = _measurements(raw, {name: distances_left_out(raw[name]) for name in VECTORS}, limit)
        usual = {name: max(float(np.median(values)), LEAST) for name, values in measurements.items()}
        logarithms = _logarithms(measurements)
        median = np.median(logarithms, 0)
        deviation = 1.4826 * np.median(np.abs(logarithms - median), 0)  # of a normal distribution, its standard deviation
        fitted = {name: Gaussian.fit(raw[name]) for name in VECTORS}
        return cls(fitted, usual, limit, np.stack([median, np.maximum(deviation, LEAST)]))

    def measurements(self, raw: RawMeasurements) -> dict[str, NDArray[np.float64]]:
        """One number for each of `MEASUREMENTS` of each image."""
        return _measurements(raw, {name: self.fitted[name].distance(raw[name]) for name in VECTORS}, self.limit)

    def combined(self, measurements: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """One number for each image: how strange it looks as a whole, or else at one place, whichever is stranger."""
        median, deviation = self.spread
        strangest: NDArray[np.float64] = ((_logarithms(measurements) - median) / deviation).max(1)
        return strangest


@dataclass(frozen=True)
class Scorer:
    """Scores images against normal ones. Make it by `calibrate` or `load`."""

    model: VAEGAN
    level: int
    calibration: Calibration
    """What was learned of normal images."""
    ranked: NDArray[np.float64]
    """The combined number of other normal images, rising: p-values are ranks among these."""
    source: str = ""
    """What it was calibrated on, in words."""

    @classmethod
    def calibrate(
        cls,
        model: VAEGAN,
        images: Images,
        indices: Indices,
        *,
        fitted_on: Indices | None = None,
        level: int | None = None,
        source: str = "",
        run: str | Path = "RUN",
        progress: Progress = lambda *_: None,
    ) -> Scorer:
        """Learn what is normal.

        The distributions are fitted to some images and the p-values are ranks among others, so that these hold for new normal images:
        were both the same, normal images would seem nearer than they are.

        Args:
            model: in evaluation mode.
            images: N x H x W x C, uint8, of the model's size: an array, or the images of a packed set.
            indices: normal images that the model was not trained on.
            fitted_on: normal images for the distributions, such as the training images; by default a random half of `indices`.
            level: the layer of the discriminator that gives the features; by default that of the learned similarity.
            source: what the images are, in words; by default the folder of the packed set that they are in, or that a program has them.
            run: what a command calls the run of the model, for the error.
            progress: called as the work goes on.

        Raises:
            UserError: there are too few images, or the model's numbers are not finite.
        """
        level = model.level if level is None else level
        source = source or source_of(images)
        order = None
        if fitted_on is None:
            order = np.random.default_rng(0).permutation(len(indices))
            fitted_on, indices = indices[np.sort(order[len(order) // 2 :])], indices[np.sort(order[: len(order) // 2])]
        if min(len(fitted_on), len(indices)) < FEWEST:
            both = (
                f"there are {len(fitted_on)} training images and {len(indices)} held-out images, and at least {FEWEST} of each are needed"
            )
            there = f"there are {len(order)}, and at least {2 * FEWEST} are needed" if order is not None else both
            more = command("score", run, "IMAGES", "--calibrate", "SET")
            raise UserError(f"there are too few normal images to calibrate on: {there}; calibrate on more normal images with: {more}")
        fit, rank = np.sort(subsample(fitted_on, MOST_FITTED)), np.sort(subsample(indices, MOST_RANKED))
        parts = [raw for _, raw in measure_all(model, images, fit, level, progress=progress, what="fitting normal images")]
        calibration = Calibration.fit({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
        scorer = cls(model, level, calibration, np.empty(0), source)
        combined = scorer.score(images, rank, progress=progress, what="ranking normal images").combined
        return cls(model, level, calibration, np.sort(combined), source)

    def score(
        self, images: Images, indices: Indices | None = None, *, progress: Progress = lambda *_: None, what: str = "scoring"
    ) -> Scores:
        """Score images, a part at a time, so that memory holds numbers and not images.

        Args:
            images: N x H x W x C, uint8, of the model's size: an array, or the images of a packed set.
            indices: which of them; all by default.
            progress: called as the work goes on.
            what: what it is told is being done.

        Raises:
            UserError: the model's numbers are not finite.
        """
        return joined(list(self.parts(images, indices, progress=progress, what=what)))

    def parts(
        self, images: Images, indices: Indices | None = None, *, progress: Progress = lambda *_: None, what: str = "scoring"
    ) -> Iterator[Scores]:
        """The same, each part as soon as it is scored; see `score`."""
        wanted: Indices = np.arange(images.shape[0]) if indices is None else indices
        for _, raw in measure_all(self.model, images, wanted, self.level, progress=progress, what=what):
            measurements = self.calibration.measurements(raw)
            combined = self.calibration.combined(measurements)
            as_foreign = len(self.ranked) - np.searchsorted(self.ranked, combined - ROUNDING)
            yield Scores(measurements, combined, (1 + as_foreign) / (len(self.ranked) + 1))

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstructions of N x C x H x W images, and where these are foreign.

        The second is the error of the features at each place, as a multiple of the limit that few normal images exceed there, at the size
        of the images: N x H x W.
        """
        reconstructions, raw = measure(self.model, images, self.level)
        times = torch.from_numpy(raw["errors"] / self.calibration.limit)
        large = torch.nn.functional.interpolate(times[:, None], images.shape[2:], mode="bilinear", align_corners=False)
        return reconstructions, large[:, 0].float()

    def save(self, path: Path) -> None:
        """Write all but the model, with a hash of its weights."""
        calibration = self.calibration
        arrays = {
            "limit": calibration.limit,
            "spread": calibration.spread,
            "usual": np.array([calibration.usual[name] for name in MEASUREMENTS]),
        }
        arrays["ranked"] = self.ranked
        for name, gaussian in calibration.fitted.items():
            arrays |= gaussian.arrays(name)
        about = {"format": FORMAT, "model": fingerprint(self.model), "level": self.level, "source": self.source}
        content = safetensors.numpy.save(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"about": json.dumps(about)}
        )
        with replacing(path) as partial:
            partial.write_bytes(content)

    @classmethod
    def load(cls, path: Path, model: VAEGAN) -> Scorer:
        """Read what `save` wrote, for the same model.

        Raises:
            UserError: it is damaged, or was made for other weights.
        """
        again = f"remove this file, or calibrate again with: {command('score', path.parent, 'IMAGES', '--calibrate', 'SET')}"
        try:
            with safe_open(path, "numpy") as file:
                about = json.loads(file.metadata()["about"])
                arrays = {old_names.score(name): file.get_tensor(name).astype(np.float64) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            if about["format"] != FORMAT:
                raise UserError(
                    f"{path} is a calibration of format {about['format']}, but this version of vaegan reads format {FORMAT}: {again}"
                )
            same = about["model"] == fingerprint(model)
            fitted = {name: Gaussian.of_arrays(arrays, name) for name in VECTORS}
            usual = dict(zip(MEASUREMENTS, arrays["usual"].tolist(), strict=True))
            calibration = Calibration(fitted, usual, arrays["limit"], arrays["spread"])
            scorer = cls(model, int(about["level"]), calibration, arrays["ranked"], str(about["source"]))
        except FileNotFoundError:
            raise UserError(f"the calibration {path} does not exist") from None
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged: {again}") from error
        if not same:
            raise OtherWeightsError(f"{path} does not fit the model: the weights changed after the calibration; {again}", scorer.source)
        return scorer


def joined(parts: Sequence[Scores]) -> Scores:
    """The scores of several sets, one after the other."""
    measurements = {name: np.concatenate([part.measurements[name] for part in parts]) for name in MEASUREMENTS}
    return Scores(measurements, np.concatenate([part.combined for part in parts]), np.concatenate([part.p for part in parts]))


def _measurements(
    raw: RawMeasurements, distances: Mapping[str, NDArray[np.float64]], limit: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """One number for each of `MEASUREMENTS` of each image."""
    measurements = {name: distances[name] if name in VECTORS else raw[name].astype(np.float64) for name in MEASUREMENTS if name != "map"}
    return measurements | {"map": (raw["errors"] / limit).max((1, 2))}


def _logarithms(measurements: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """N x `COMBINED`: errors and distances are positive and vary by factors."""
    return np.log(np.stack([measurements[name] for name in COMBINED], 1) + LEAST)
