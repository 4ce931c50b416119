"""What the tests of commands share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..command import works


@pytest.fixture(scope="package")
def avatars_run(run_on_avatars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on avatars that knows the directions of its attributes."""
    run = Path(shutil.copytree(run_on_avatars, tmp_path_factory.mktemp("latent") / "run"))
    works("attributes", run)
    return run
