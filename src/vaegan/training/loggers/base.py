"""What a logger is: it takes the scalars, warnings and pictures of a run, as it is trained."""

from __future__ import annotations

from PIL import Image

from ...recipe import Recipe
from ...run import Run


class Logger:
    """A logger. Only `scalars` must be written anew; it is made by the process that writes the run folder, and by no other.

    Names are the same for all loggers: a heading and a curve, such as `loss/prior`.
    """

    remote = False
    """Whether it hands on what it gets to a service. If that fails, the run says so and continues without it."""

    def __init__(self, run: Run, recipe: Recipe, step: int) -> None:
        """Begin, or go on after a step. What was logged of later steps, before a stop or a rollback, will be logged again.

        Raises:
            UserError: it cannot begin.
        """
        self.run, self.recipe, self.first = run, recipe, step

    def scalars(self, values: dict[str, float], step: int) -> None:
        """A point of each of these curves."""
        raise NotImplementedError

    def text(self, name: str, text: str, step: int) -> None:
        """A sentence, such as a warning."""

    def image(self, name: str, picture: Image.Image, step: int) -> None:
        """A picture."""

    def close(self) -> None:
        """The training ends here."""
