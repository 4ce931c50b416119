"""A film: frames that are drawn when they are asked for, to look at in a notebook or to save."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ..result import PYTHON_ONLY, Result, embedded
from ..viz import video
from .notices import ShowProgress, Talk


@dataclass(frozen=True, repr=False, eq=False)
class Film(Result):
    """A film.

    `save` writes it. A notebook plays it by itself.
    """

    frame: video.DrawFrame = field(metadata=PYTHON_ONLY)
    """From the number of a frame to its pixels, H x W x 3, uint8."""
    frames: int
    """The number of frames."""
    fps: float
    """The number of frames per second."""
    progress: ShowProgress = field(default=None, metadata=PYTHON_ONLY)
    """See `vaegan.api.notices.ShowProgress`."""
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def figure(self) -> Image.Image:
        """The first frame."""
        return Image.fromarray(self.frame(0))

    def lines(self) -> list[str]:
        """How long it is."""
        return [f"a film of {self.frames:,} frames, {self.frames / self.fps:.3g} seconds; its method save writes it"]

    def save(self, path: str | Path) -> Path:
        """Write it as .gif or .mp4.

        Raises:
            UserError: the name asks for something else; or see `vaegan.viz.video.save`.
        """
        with Talk(self.progress).bar() as progress:
            return video.save(self.frame, self.frames, Path(path), self.fps, progress)

    def _picture_html(self) -> str:
        with tempfile.TemporaryDirectory() as folder, Talk(self.progress).bar() as progress:
            path = video.save(self.frame, self.frames, Path(folder) / "film.gif", self.fps, progress)
            return embedded(path.read_bytes(), "gif")
