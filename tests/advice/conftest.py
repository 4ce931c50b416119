"""Runs to make mistakes with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ..command import train, works
from .case import World


@pytest.fixture(scope="session")
def made(all_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed set with attributes, and runs on it: a VAE/GAN, a GAN, and a conditional VAE/GAN."""
    folder = tmp_path_factory.mktemp("advice")
    rows = [f"photo {n:02d}.png,{n % 2},{int(n % 4 < 2)},{int(n < 2)}\n" for n in range(40)]
    (folder / "table.csv").write_text("file,Round,Square,Rare\n" + "".join(rows))
    works("prepare", all_photos, folder / "packed", "--size", 16, "--attributes", folder / "table.csv", "--workers", 1)
    common: dict[str, Any] = {"data__avatars": None, "training__length": "2 steps", "training__batch": 8, "data__held_out": 0.5}
    for name, more in {"run": [], "gan": ["--objective", "gan"], "conditional": ["--networks.attributes", "Round"]}.items():
        train(folder / name, "--data", folder / "packed", *more, **common)
    return folder


@pytest.fixture
def world(made: Path, all_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> World:
    folder = tmp_path / "a place"
    folder.mkdir()
    for name in ("run", "gan", "conditional"):
        shutil.copytree(made / name, folder / name)
    monkeypatch.chdir(folder)
    places = {
        "RUN": folder / "run",
        "MODEL": folder / "run" / "model",
        "GAN": folder / "gan",
        "CONDITIONAL": folder / "conditional",
        "PACKED": made / "packed",
        "TABLE.csv": made / "table.csv",
        "PHOTO": all_photos / "photo 00.png",
        **dict.fromkeys(("PHOTOS", "IMAGES", "SOURCE"), all_photos),
        "IMAGE": all_photos / "photo 01.png",
        "SET": folder / "set",
        "OUT": folder / "out",
        "PART": folder / "part",
        "PARTS": folder / "parts",
        "OTHER-PART": folder / "other part",
        "NEW-RUN": folder / "new",
    }
    return World(folder, places, monkeypatch, capsys)
