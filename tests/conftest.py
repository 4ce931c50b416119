"""What tests share."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from .command import train

torch.set_num_threads(1)  # the networks of tests are too small to share out


@pytest.fixture(scope="session", autouse=True)
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache; avatars are drawn once for all tests. What is said does not depend on how long it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAEGAN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for module in ("vaegan.progress", "vaegan.training.logger"):
            patch.setattr(f"{module}.PLAIN_SECONDS", math.inf)
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


def files_of(run: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of change of every file of a run."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in run.rglob("*") if path.is_file()}


SHARED: dict[Path, dict[Path, tuple[int, int]]] = {}
"""Runs that many tests read, with their files."""


@pytest.fixture(scope="session")
def run_on_photos(all_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps on half of the images. Tests leave it as it is; `trained` is a copy that they may change."""
    run = tmp_path_factory.mktemp("on-photos") / "run"
    train(run, "--data", all_photos, training__length="2 steps", training__batch=8, data__held_out=0.5)
    SHARED[run] = files_of(run)
    return run


@pytest.fixture(scope="session")
def run_on_avatars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps on 300 of 400 avatars. Tests leave it as it is; `trained_on_avatars` is a copy that they may change."""
    run = train(tmp_path_factory.mktemp("on-avatars") / "run", data__avatars=400, training__length="2 steps", data__held_out=0.25)
    SHARED[run] = files_of(run)
    return run


@pytest.fixture(autouse=True)
def _shared_runs_stay() -> Iterator[None]:
    """A test that changes a shared run fails itself, so that no test depends on those before it."""
    yield
    for run, files in SHARED.items():
        found = files_of(run)
        changed = sorted(str(path.relative_to(run)) for path in {*files, *found} if files.get(path) != found.get(path))
        SHARED[run] = found
        assert not changed, f"the test changed these files of a shared run: {changed}"


@pytest.fixture
def trained(run_on_photos: Path, tmp_path: Path) -> Path:
    """A copy of the run on photos."""
    return Path(shutil.copytree(run_on_photos, tmp_path / "run"))


@pytest.fixture
def trained_on_avatars(run_on_avatars: Path, tmp_path: Path) -> Path:
    """A copy of the run on avatars."""
    return Path(shutil.copytree(run_on_avatars, tmp_path / "run"))
