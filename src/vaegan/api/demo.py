"""The model that comes with the package: demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PIL.Image import Image

from ..report import report
from ..result import PYTHON_ONLY, Result
from ..run import Run
from ..studio.page import write_page
from ..viz.grid import open_picture
from ..words import command
from .notices import ShowProgress, Talk

MODEL = "avatars"


@dataclass(frozen=True, repr=False)
class Demo(Result):
    """The pages of the model that comes with the package."""

    model: str
    """The name of the model, which commands and functions take in place of a run."""
    files: list[Path]
    """The page about its training, and the page to try it."""
    run: Run = field(metadata=PYTHON_ONLY)

    def lines(self) -> list[str]:
        """How to go on."""
        return [f"More of this model: {command('sample', self.model)}", f"Train it yourself: {command('train', '--recipe', 'drawings')}"]

    def figure(self) -> Image | None:
        """The last picture of its training."""
        return open_picture(max(self.run.pictures.items())[1])


def demo(*, progress: ShowProgress = None) -> Demo:
    """Show the model that comes with the package: a page about its training, and a page to try it.

    It is the model that `vaegan train --recipe drawings` makes: a VAE/GAN of the built-in avatars. The pages are put into the current
    folder.

    Args:
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: a page cannot be written.
    """
    run = Run.open(MODEL)
    with Talk(progress).bar() as bar:
        return Demo(MODEL, [report(run), *write_page(run, progress=bar).files], run)
