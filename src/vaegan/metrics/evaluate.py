"""All that is measured of a model, as flat numbers with what they depend on beside them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import __version__
from ..data import ImageSet, Numbers
from ..errors import UserError
from ..files import append
from ..models.fingerprint import fingerprint
from ..models.vaegan import VAEGAN
from ..progress import Progress
from .collect import MOST_KEPT, cloud_of, collect, sample_parts
from .extractors.base import Extractor
from .features import Comparison, compare_resampled
from .image import multiscale
from .memorization import Copying, copying_of, copying_test
from .neighbors import nearest
from .posterior import Carried, carried
from .reconstruction import reconstruct_all

FEWEST = 20
"""Images of each kind, below which nothing can be said."""
METRICS = "metrics.jsonl"
SPREAD = "standard deviation over random draws without replacement"


@dataclass(frozen=True)
class Evaluation:
    """What was found."""

    extractor: str
    """Its name."""
    samples: Comparison
    """Of samples of the prior, against training images."""
    reconstructions: Comparison | None
    """Of reconstructions of held-out images, against the same; None where no encoder was trained, as are `codes`."""
    errors: dict[str, NDArray[np.float64]]
    """Of each reconstruction; see `vaegan.metrics.reconstruction.Reconstructions`. Empty where there is none."""
    held_out: NDArray[np.int64]
    """The numbers of the held-out images that were taken."""
    codes: Carried | None
    copying: Copying
    """How far samples and held-out images are from training images, in features."""
    nearest: NDArray[np.int64]
    """Of the first samples, the number of the nearest training image."""
    told: Tensor | None
    """Of a conditional model, the attributes of the first samples."""
    settings: dict[str, Any]
    """What the numbers depend on, as JSON has it."""

    def numbers(self) -> dict[str, float]:
        """Every number under a name of its own. A distance is named by its extractor; FID is Inception's Frechet distance alone."""
        found: dict[str, float] = {}
        for kind, comparison in (("samples", self.samples), ("reconstructions", self.reconstructions)):
            if not comparison:
                continue
            for measure, value in comparison.value.items():
                name = f"{kind}_{named(measure, self.extractor)}"
                found[name] = value
                for which, resampled in (("halves", comparison.halves[measure]), ("floor", comparison.floor[measure])):
                    found |= {f"{name}_{which}": resampled.mean, f"{name}_{which}_spread": resampled.spread}
            found[f"{kind}_images_a_half"] = comparison.each
        for name, values in self.errors.items():
            found[name] = float(values.mean())
            found[f"{name}_standard_error"] = float(values.std(ddof=1) / np.sqrt(len(values)))
        if self.codes:
            found |= {"kl": float(self.codes.nats.sum()), "active_units": self.codes.active, "latent": len(self.codes.nats)}
        z, p = copying_test(self.copying)
        return found | {
            "share_of_samples_nearer_than_half_of_held_out": self.copying.share,
            "copying_z": z,
            "copying_p": p,
        }

    def append_to(self, run: Path) -> Path:
        """Add a line of JSON to the run's metrics; returns the file."""
        line: dict[str, Any] = {
            **{name: value if np.isfinite(value) else None for name, value in self.numbers().items()},
            "settings": self.settings,
        }
        if self.codes:
            line["kl_of_dimensions"] = [round(float(value), 6) for value in self.codes.nats]
        path = run / METRICS
        append(path, json.dumps(line).encode() + b"\n")
        return path


def named(measure: str, extractor: str) -> str:
    """A measure's name with its extractor's."""
    short = {"Inception": "inception", "MobileNetV2": "mobilenet"}.get(extractor, extractor)
    return "fid" if (measure, short) == ("frechet_distance", "inception") else f"{measure}_{short}"


def require_enough(training: Numbers, held_out: Numbers, samples: int, resamplings: int) -> None:
    """Whether anything can be said of so many images.

    Raises:
        UserError: there are too few.
    """
    if samples < FEWEST:
        raise UserError(f"--samples must be at least {FEWEST}, not {samples}")
    if resamplings < 2:
        raise UserError(f"a spread needs --resamplings of at least 2, not {resamplings}")
    if not len(held_out):
        raise UserError(
            "the run holds out no images, so nothing can be said of reconstructions and copies: train with --data.held_out 0.05"
        )
    for what, numbers in (("training", training), ("held-out", held_out)):
        if len(numbers) < FEWEST:
            raise UserError(f"there are only {len(numbers)} {what} images, and at least {FEWEST} are needed to measure anything")


def evaluate(
    model: VAEGAN,
    extractor: Extractor,
    images: ImageSet,
    training: Numbers,
    held_out: Numbers,
    *,
    level: int = 3,
    samples: int = 10_000,
    seed: int = 0,
    resamplings: int = 5,
    progress: Progress = lambda *_: None,
) -> Evaluation:
    """Measure a model.

    Samples and reconstructions are compared with images of the training distribution, of which up to `samples` are drawn, once. A
    conditional model is told the attributes of other training images for its samples (see `asked_of`), and those of each held-out image
    for its reconstruction. Of a model whose encoder was never trained, nothing is reconstructed. Beyond `collect.MOST_KEPT` images, memory
    grows by the codes of samples and the posteriors and errors of held-out images alone.

    Args:
        model: in evaluation mode.
        extractor: makes the features that distances are measured in.
        images: the set that the model was trained on.
        training: numbers of the images that it was trained on.
        held_out: numbers of images that it was not trained on.
        level: the layer of the discriminator that gives the learned similarity, as `objective.level` has it.
        samples: how many samples, and at most how many training and held-out images.
        seed: of the samples, and of which images are drawn.
        resamplings: how many draws the spread is taken over.
        progress: called as the work goes on.

    Raises:
        UserError: there are too few images, or numbers are not finite.
    """
    require_enough(training, held_out, samples, resamplings)
    attributes_of(model, images, np.empty(0, np.int64))  # a set without them is refused before the work
    reals, others = _drawn(training, samples, [seed, 0]), _drawn(held_out, samples, [seed, 1])
    real = cloud_of(extractor, images, reals, "features of training images", progress)
    new = cloud_of(extractor, images, others, "features of held-out images", progress)
    wanted = attributes_of(model, images, asked_of(training, reals, samples))
    sampled = collect(extractor, sample_parts(model, samples, seed, wanted, progress=progress), samples)
    again, of_reconstructions = None, None
    if "encoder" not in model.untrained:
        told = attributes_of(model, images, others)
        again = reconstruct_all(model, extractor, images.images, others, level, attributes=told, progress=progress)
        of_reconstructions = compare_resampled(again.cloud, real, resamplings, seed, what="comparing reconstructions", progress=progress)
    of_samples = compare_resampled(sampled, real, resamplings, seed, what="comparing samples", progress=progress)
    copying = copying_of(sampled.vectors, new.vectors, real.vectors)
    places, _ = nearest(sampled.vectors[:FEWEST], real.vectors, 1)
    window, scales = multiscale(model.architecture.size)
    settings = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "version": __version__,
        "model": fingerprint(model),
        "extractor": extractor.name,
        "extractor_weights_sha256": extractor.weights,
        "extractor_resize": extractor.resize,
        "set": images.identity,
        "preparation": images.preparation.as_dict(),
        "split": {"training": len(training), "held_out": len(held_out)},
        "images": {"samples": samples, "training": len(reals), "held_out": len(others)},
        "images_kept": MOST_KEPT,
        "reconstructions": "by the posterior mean",
        "similarity_level": level,
        "ms_ssim": {"window": window, "scales": scales},
        "seed": seed,
        "resamplings": resamplings,
        "spread": SPREAD,
    }
    return Evaluation(
        extractor.name,
        of_samples,
        of_reconstructions,
        again.errors if again else {},
        others,
        carried(again.posterior) if again else None,
        copying,
        reals[: len(real.vectors)][places[:, 0]],
        None if wanted is None else wanted[:FEWEST],
        settings,
    )


def attributes_of(model: VAEGAN, images: ImageSet, numbers: NDArray[np.int64]) -> Tensor | None:
    """What a conditional model is told of some images of a set; None for another model.

    Raises:
        UserError: the set does not have these attributes.
    """
    return torch.from_numpy(images.attributes_named(model.architecture.attributes)[numbers]) if model.conditional else None


def asked_of(training: Numbers, compared: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Training images whose attributes the samples of a conditional model are told.

    None that the samples are compared with, where there are others: each sample would have a real image of its very attributes beside it,
    which new images have not, and would seem copied from it.
    """
    others = np.setdiff1d(training[:], compared)
    return np.resize(np.random.default_rng(0).permutation(others if len(others) else compared), count)


def _drawn(numbers: Numbers, most: int, seed: list[int]) -> NDArray[np.int64]:
    """Up to `most` of the numbers, in random order."""
    places = np.random.default_rng(seed).choice(len(numbers), size=min(most, len(numbers)), replace=False)
    return numbers[places]
