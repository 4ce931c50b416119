"""A picture to go with the numbers: samples beside what they may be copies of and real images, and reconstructions good and bad."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..data.batches import to_tensor
from ..viz.grid import pair_rows, sheet
from .context import Context, attributes_of
from .neighbors import nearest

COLUMNS = 12
RANKED = {"similarity_error": "learned similarity", "pixel_error": "pixels"}
"""Numbers that reconstructions are ranked by; the first where there is a trained discriminator."""


@torch.inference_mode()
def evaluation_sheet(context: Context) -> Image.Image:
    """Samples; held-out images; the best, middling and worst reconstructions if any.

    With an extractor, each sample is above the training image that is nearest to it in features.

    Args:
        context: after it measured by all metrics.
    """
    parts = [_samples(one) for one in filter(None, (context, context.with_standard_prior))]
    parts.append(("held-out images", to_tensor(context.images.images[context.held_out_indices[:COLUMNS]])))
    each = {name: values for metric in context.metrics for name, values in context.of_reconstructions(metric).items()}
    name = next((name for name in RANKED if name in each), None)
    if name:
        errors = each[name]
        order = np.argsort(errors, kind="stable")
        known = attributes_of(context.model, context.images, context.held_out_indices)
        columns = min(COLUMNS, len(order) // 3)
        middle = (len(order) - columns) // 2
        for what, ranked in (("best", order[:columns]), ("medium", order[middle : middle + columns]), ("worst", order[-columns:])):
            low, high = errors[ranked[[0, -1]]]
            pairs = _pairs(context, context.held_out_indices[ranked], None if known is None else known[ranked])
            parts.append(
                (f"held-out images above their reconstructions: {what} by {RANKED[name]}, errors from {low:.3g} to {high:.3g}", pairs)
            )
    return sheet(parts, COLUMNS)


def _samples(context: Context) -> tuple[str, Tensor]:
    """The first samples that were measured; with an extractor, each above its nearest training image."""
    model, cond = context.model, context.sample_attributes
    codes = model.prior_codes(context.samples, context.seed, cond, context.prior)[:COLUMNS]  # drawn alone, they would be others
    samples = model.decode(codes, None if cond is None else cond[:COLUMNS]).cpu()
    caption = f"samples of {model.name_prior(context.prior)}"
    if not context.extractor:
        return caption, samples
    rows, _ = nearest(context.sampled.vectors[:COLUMNS], context.real.vectors, 1)
    copied = to_tensor(context.images.images[context.real_indices[: len(context.real.vectors)][rows[:, 0]]])
    caption = f"{caption}, each above its nearest training image in features ({context.extractor.name})"
    return caption, pair_rows(samples, copied, COLUMNS)


def _pairs(context: Context, indices: NDArray[np.int64], attributes: Tensor | None) -> Tensor:
    originals = to_tensor(context.images.images[indices])
    reconstructions = context.model.reconstruct(originals, attributes, check=False).cpu()
    return pair_rows(originals, reconstructions, COLUMNS)
