"""vaegan encode and project, as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..command import fails, is_picture, works


def test_projections(avatars_run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    works("project", avatars_run, photos / "photo 00.png", "--steps", 5, "--out", tmp_path / "p.png")
    line = capsys.readouterr().out.splitlines()[0]
    before, after = (float(word.rstrip(",")) for word in line.split("similarity error ")[1].split(", pixel")[0].split(" -> "))
    assert after <= before
    assert is_picture(tmp_path / "p.png")


MISTAKES = {
    "no steps": (["project", "PHOTO", "--steps", "0"], "--steps"),
    "a rate that is no number": (["project", "PHOTO", "--lr", "nan"], "--lr"),
    "a picture that cannot be written": (["project", "PHOTO", "--steps", "1000000", "--out", "p.xyz"], "ends in .png"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(arguments: list[str], words: str, avatars_run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, *rest = (photos / "photo 00.png" if argument == "PHOTO" else argument for argument in arguments)
    fails(capsys, command, avatars_run, *rest, words=words)
