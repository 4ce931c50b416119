"""A picture to go with the numbers: samples beside what they may be copies of and real images, and reconstructions good and bad."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..data import ImageSet
from ..data.batches import to_tensor
from ..models.vaegan import VAEGAN
from ..viz.grid import pair_rows, sheet
from .evaluate import Evaluation, attributes_of

COLUMNS = 12


@torch.inference_mode()
def evaluation_sheet(model: VAEGAN, images: ImageSet, evaluation: Evaluation) -> Image.Image:
    """Samples, each above its nearest training image; held-out images; the best, middling and worst reconstructions if any."""
    codes = model.prior_codes(evaluation.settings["images"]["samples"], evaluation.settings["seed"])[:COLUMNS]  # those that were measured
    samples = model.decode(codes, None if evaluation.told is None else evaluation.told[:COLUMNS]).cpu()
    copied = to_tensor(images.images[evaluation.nearest[:COLUMNS]])
    parts = [
        (
            f"samples of the prior, each above the training image nearest to it in features ({evaluation.extractor})",
            pair_rows(samples, copied, COLUMNS),
        ),
        ("held-out images", to_tensor(images.images[evaluation.held_out[:COLUMNS]])),
    ]
    ranked = {"similarity_error": "learned similarity", "pixel_error": "pixels"}  # the former where there is a trained discriminator
    name = next((name for name in ranked if name in evaluation.errors), None)
    if name:
        errors = evaluation.errors[name]
        order = np.argsort(errors, kind="stable")
        columns = min(COLUMNS, len(order) // 3)
        middle = (len(order) - columns) // 2
        for what, places in (("best", order[:columns]), ("middling", order[middle : middle + columns]), ("worst", order[-columns:])):
            low, high = errors[places[[0, -1]]]
            pairs = _pairs(model, images, evaluation.held_out[places])
            parts.append((f"held-out images above their reconstructions: {what} by {ranked[name]}, error {low:.3g} to {high:.3g}", pairs))
    return sheet(parts, COLUMNS)


def _pairs(model: VAEGAN, images: ImageSet, numbers: NDArray[np.int64]) -> Tensor:
    originals = to_tensor(images.images[numbers])
    return pair_rows(originals, model.reconstruct(originals, attributes_of(model, images, numbers)).cpu(), COLUMNS)
