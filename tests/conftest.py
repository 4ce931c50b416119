"""What tests share."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vaegan import Recipe, recipe

from .command import train

torch.set_num_threads(1)  # the networks of tests are too small to share out


_load = Recipe.load
_loaded: dict[str, Recipe] = {}


def _load_once(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Each recipe with each of its overrides is loaded once: many tests would take most of their time for that."""
    tree = recipe.read(name)
    source = (overrides or {}).get("data.source") or tree.get("data", {}).get("source")
    key = repr((str(name), tree, overrides, recipe.of_set(source)))
    if key not in _loaded:
        _loaded[key] = _load(name, overrides)
    return _loaded[key]


@pytest.fixture(scope="session", autouse=True)
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache; avatars are drawn once for all tests. What is said does not depend on how long it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAEGAN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for module in ("vaegan.progress", "vaegan.training.monitor"):
            patch.setattr(f"{module}.PLAIN_SECONDS", math.inf)
        patch.setattr(Recipe, "load", _load_once)
        patch.setattr(recipe, "documentation", cache(recipe.documentation))  # which each run writes into its recipe
        yield


@pytest.fixture(scope="session")
def all_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 small colour images, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("all") / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(40):
        pixels = random.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((32, 40), Image.Resampling.BICUBIC).save(folder / f"photo {number:02d}.png")
    return folder


@pytest.fixture
def photos(all_photos: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(all_photos, tmp_path / "photos"))


@pytest.fixture(scope="session")
def run_on_photos(all_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps on half of the images."""
    run = tmp_path_factory.mktemp("on-photos") / "run"
    return train(run, "--data", all_photos, training__length="2 steps", training__batch=8, data__held_out=0.5)


@pytest.fixture(scope="session")
def run_on_avatars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps on 300 of 400 avatars."""
    return train(tmp_path_factory.mktemp("on-avatars") / "run", data__avatars=400, training__length="2 steps", data__held_out=0.25)


@pytest.fixture
def trained(run_on_photos: Path, tmp_path: Path) -> Path:
    """A copy of the run on photos."""
    return Path(shutil.copytree(run_on_photos, tmp_path / "run"))


@pytest.fixture
def trained_on_avatars(run_on_avatars: Path, tmp_path: Path) -> Path:
    """A copy of the run on avatars."""
    return Path(shutil.copytree(run_on_avatars, tmp_path / "run"))
