"""What the tests of the page in a browser share: the browser, a run with its page, and a photo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vaegan
from vaegan import Run

from ..command import train


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from ..browser import Browser  # skips the test where there is no selenium

    browser = Browser()
    downloads = tmp_path_factory.mktemp("downloads")
    browser.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
    browser.downloads = downloads  # type: ignore[attr-defined]
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings: dict[str, Any] = {"data__avatars": 300, "networks__size": (32, 32), "networks__latent": 20, "data__held_out": 0.3}
    return Run.open(train(tmp_path_factory.mktemp("studio") / "run", **settings, training__length="20 steps", training__batch=8))


@pytest.fixture(scope="module")
def page(run: Run) -> Path:
    return Path(vaegan.studio(run, score=True))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Three squares: black, red and blue."""
    wide = np.zeros((300, 900, 3), np.uint8)
    wide[:, 300:600, 0], wide[:, 600:, 2] = 255, 255
    Image.fromarray(wide).save(tmp_path / "photo.jpg", quality=98)
    return tmp_path / "photo.jpg"
