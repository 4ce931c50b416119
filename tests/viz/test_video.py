"""Videos have the frames they should, and where there is no ffmpeg it is said how to get it."""

from __future__ import annotations

import builtins
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaegan import UserError
from vaegan.viz import video

SHADES = (0, 40, 80, 120, 160, 200)


def frame(number: int) -> NDArray[np.uint8]:
    pixels = np.full((10, 14, 3), SHADES[number], np.uint8)
    pixels[2:4, number] = (250, 30, 30)
    return pixels


def test_a_gif_has_all_frames_for_ever(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    path = video.save(frame, len(SHADES), tmp_path / "new" / "a.gif", 20, lambda *what: told.append(what))
    assert told[-1] == ("drawing", 6, 6)
    with Image.open(path) as picture:
        assert (picture.n_frames, picture.info["loop"], picture.info["duration"], picture.size) == (6, 0, 50, (14, 10))  # type: ignore[attr-defined]
        for number in range(6):
            picture.seek(number)
            assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - frame(number)).max() <= 8
    assert [file.name for file in path.parent.iterdir()] == ["a.gif"]


def test_an_mp4_gets_all_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for ffmpeg keeps what it is given, under the name it is told."""
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > ' + f"{tmp_path}/arguments\n" + 'cat > "$last"\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    path = video.save(frame, 6, tmp_path / "a.mp4", 12.5)
    assert path.read_bytes() == b"".join(frame(number).tobytes() for number in range(6))
    arguments = (tmp_path / "arguments").read_text()
    assert "-s 14x10 -r 12.5 -i -" in arguments
    program.write_text("#!/bin/sh\necho first >&2\necho 'no such codec' >&2\nexit 3\n")
    with pytest.raises(UserError, match="ffmpeg could not write the video: no such codec"):
        video.save(frame, 6, tmp_path / "b.mp4", 12.5)
    program.write_text("#!/bin/sh\nhead -c 100000 > /dev/null\necho 'no room' >&2\nexit 3\n")  # ends in the middle of a frame
    with pytest.raises(UserError, match="ffmpeg could not write the video: no room"):
        video.save(lambda _: np.zeros((33, 33, 3), np.uint8), 2000, tmp_path / "b.mp4", 12.5)
    assert not (tmp_path / "b.mp4").exists()


def test_a_gif_that_is_too_large_for_memory(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"a \.gif of 2,[78]\d\d,\d{3},\d{3} pixels is too large, because at most 2,000,000,000 are possible"
    ):
        video.save(lambda _: frame(0), 20_000_000, tmp_path / "a.gif", 20)


def test_no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "imageio_ffmpeg":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="pip install imageio-ffmpeg"):
        video.save(frame, 6, tmp_path / "a.mp4", 20)
    with pytest.raises(UserError, match=r"ends in \.gif or \.mp4"):
        video.save(frame, 6, tmp_path / "a.webm", 20)
    assert list(tmp_path.iterdir()) == []
