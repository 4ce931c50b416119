"""The command line, called in this process."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaegan.cli import run

from .tiny import flags


def works(*arguments: object) -> None:
    """Run, well."""
    try:
        run([str(argument) for argument in arguments])
    except SystemExit as exit_:
        assert not exit_.code  # noqa: PT017 (help exits, too)


def train(run: Path, *arguments: object, **overrides: Any) -> Path:
    """A tiny run without a report; some flags more, or settings for `tiny`."""
    works("train", "--run", run, "--no-report", *flags(**overrides), *arguments)
    return run


def fails(capsys: pytest.CaptureFixture[str], *arguments: object, words: str = "") -> str:
    """Run, expect a user's error with some words in it, and return its one sentence."""
    error = fails_with_notice(capsys, *arguments, words=words)
    assert "\n" not in error
    return error


def fails_with_notice(capsys: pytest.CaptureFixture[str], *arguments: object, words: str = "") -> str:
    """The same after other lines, as on what was skipped."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        run([str(argument) for argument in arguments])
    assert exit_.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.endswith("\n")
    error = said.err.splitlines()
    assert error[-1].startswith("vaegan: ")
    assert words in error[-1]
    return "\n".join(error)


def partly(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    """Run where some of what is named cannot be read, and return what was said on standard output and on standard error."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        run([str(argument) for argument in arguments])
    assert exit_.value.code == 2
    said = capsys.readouterr()
    return said.out, said.err


def notices(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run, well, and return what was said on standard error."""
    capsys.readouterr()
    works(*arguments)
    return capsys.readouterr().err


def is_picture(path: Path) -> bool:
    """Whether a file holds a picture that is not all of one colour."""
    with Image.open(path) as image:
        return bool(np.asarray(image.convert("RGB")).std() > 1)


def rows(path: Path) -> list[dict[str, str]]:
    """What a command wrote as CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def size(path: Path) -> tuple[int, int]:
    """Width and height of a picture that a command wrote, which is not all one colour."""
    with Image.open(path) as picture:
        assert np.asarray(picture).std() > 1
        return picture.size
