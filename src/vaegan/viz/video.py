"""Moving pictures: GIF by Pillow, MP4 by ffmpeg where there is one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UserError
from ..evenly_spaced import evenly_spaced
from ..files import replacing
from ..progress import Progress

DrawFrame = Callable[[int], NDArray[np.uint8]]
"""From the number of a frame to its pixels, H x W x 3. So only one is in memory at a time."""
PALETTE_OF = 12
"""Frames, evenly spread, that the colours of a GIF are chosen from."""
KINDS = (".gif", ".mp4")
GIF_BYTES = 2_000_000_000
"""Pixels of all frames together that a GIF may have: Pillow keeps them until the last one, a byte each."""


def save(frame: DrawFrame, count: int, path: Path, fps: float, progress: Progress = lambda *_: None) -> Path:
    """Write a video that runs for ever where the player lets it, as .gif or .mp4.

    Raises:
        UserError: the name asks for something else, for .mp4 and there is no ffmpeg, or for .gif and that would not fit into memory.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UserError(f"cannot write a video as {path}: give it a name that ends in .gif or .mp4")
    program = ffmpeg() if kind == ".mp4" else ""
    first = frame(0)
    if kind == ".gif" and (pixels := count * first.shape[0] * first.shape[1]) > GIF_BYTES:
        way = "make the video shorter, or give --out a name that ends in .mp4"
        raise UserError(f"a .gif of {pixels:,} pixels is too large, because at most {GIF_BYTES:,} are possible: {way}")

    def frames() -> Iterator[NDArray[np.uint8]]:
        for number in range(count):
            yield frame(number)
            progress("drawing", number + 1, count)

    with replacing(path) as temporary:
        if kind == ".gif":
            _gif(frames(), _palette(frame, count), temporary, fps)
        else:
            _mp4(frames(), first.shape, temporary, fps, program)
    return path


def ffmpeg() -> str:
    """The ffmpeg of this machine, or of the package imageio-ffmpeg.

    Raises:
        UserError: there is neither.
    """
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        raise UserError(
            "an .mp4 needs ffmpeg: give --out a name that ends in .gif, or install ffmpeg with: pip install imageio-ffmpeg"
        ) from None
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _palette(frame: DrawFrame, count: int) -> Image.Image:
    """256 colours for all frames, so that they do not flicker from one to the next."""
    some = [frame(number) for number in evenly_spaced(count, PALETTE_OF).tolist()]
    return Image.fromarray(np.concatenate(some)).quantize(256, Image.Quantize.MEDIANCUT)


def _gif(frames: Iterator[NDArray[np.uint8]], palette: Image.Image, path: Path, fps: float) -> None:
    pictures = (Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE) for pixels in frames)
    first = next(pictures)
    first.save(path, "GIF", save_all=True, append_images=pictures, duration=max(20, round(1000 / fps)), loop=0)


def _mp4(frames: Iterator[NDArray[np.uint8]], shape: tuple[int, ...], path: Path, fps: float, program: str) -> None:
    """H.264 in yuv420p, which every player knows; it takes even sides."""
    command = [program, "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{shape[1]}x{shape[0]}"]
    command += ["-r", f"{fps:g}", "-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-c:v", "libx264", "-crf", "16"]
    command += ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", str(path)]
    # Without a buffer: what is left in one when ffmpeg ends early would be an error once more as the pipe is closed.
    with subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 (found by name)
        assert process.stdin
        assert process.stderr
        try:
            for pixels in frames:
                _write_all(process.stdin, pixels.tobytes())
            process.stdin.close()
        except BrokenPipeError:  # it has ended early, and says why below
            pass
        complaint = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        reason = complaint.splitlines()[-1] if complaint else f"it exited with code {process.returncode}"
        raise UserError(f"ffmpeg could not write the video: {reason}; to write it without ffmpeg, give --out a name that ends in .gif")


def _write_all(pipe: IO[bytes], content: bytes) -> None:
    """A pipe without a buffer may take less than it is given."""
    rest = memoryview(content)
    while rest:
        rest = rest[pipe.write(rest) :]
