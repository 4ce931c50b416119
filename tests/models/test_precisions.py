"""A model in another precision does all that it does in float32, and nearly the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vaegan
from vaegan.models.fingerprint import fingerprint

PIXELS = np.random.default_rng(0).integers(0, 256, (44, 16, 16, 3), dtype=np.uint8)
FEW = PIXELS[:2]
FUNCTIONS: dict[str, Callable[[vaegan.VAEGAN], Any]] = {
    "sample": lambda model: vaegan.sample(model, 2).images,
    "call": lambda model: model(FEW).detach(),
    "encode": lambda model: vaegan.encode(model, FEW).mean,
    "edit": lambda model: vaegan.edit(model, FEW, {"direction-1": 1}).images,
    "attributes": lambda model: [
        row.mean_accuracy for row in vaegan.attributes(model, with_images=PIXELS[:22], without_images=PIXELS[22:], name="A").rows
    ],
    "interpolate": lambda model: vaegan.interpolate(model, FEW, steps=3).images,
    "arithmetic": lambda model: vaegan.arithmetic(model, [FEW[0], "-", FEW[1]]).image,
    "project": lambda model: [row.pixel_error for row in vaegan.project(model, FEW, steps=1).rows],
    "search": lambda model: [row.distance for row in vaegan.search(model, FEW, within=PIXELS, count=2).rows],
    "search by similarity": lambda model: [row.distance for row in vaegan.search(model, FEW, within=PIXELS, by="similarity").rows],
    "score": lambda model: [row.p for row in vaegan.score(model, FEW, calibrate=PIXELS).rows],
}


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_other_precisions(name: str, precision: torch.dtype, run_on_photos: Path) -> None:
    exact, found = (FUNCTIONS[name](vaegan.load(run_on_photos).to(dtype)) for dtype in (torch.float32, precision))
    exact, found = (torch.as_tensor(value).double() for value in (exact, found))
    loose = 0.3 if name in ("score", "attributes") else 0.1  # these are ranks
    assert float((exact - found).abs().max()) <= loose * max(1.0, float(exact.abs().max()))


def test_the_fingerprint_of_a_model_is_its_bytes(run_on_photos: Path) -> None:
    model = vaegan.load(run_on_photos)
    assert fingerprint(model) == fingerprint(vaegan.load(run_on_photos))
    assert fingerprint(model) != fingerprint(model.bfloat16())
