"""What a run was trained on, and the sets that commands open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..recipe import RECIPE, Recipe
from ..settings import Data
from .console import err

if TYPE_CHECKING:
    from ..data import ImageSet, Preparation


def recipe_of(run: Path) -> Recipe | None:
    """The recipe of a run folder; a model folder has none."""
    return Recipe.load(run / RECIPE) if (run / RECIPE).is_file() else None


def open_set(source: str | None, preparation: Preparation, recipe: Recipe | None, flag: str = "--data") -> ImageSet:
    """A set that is named, or else the run's own, packed with a bar where it is not yet.

    Args:
        source: what is named, or None.
        preparation: how the images are made ready; a model has it as `model.preparation`.
        recipe: of the run; None of a model folder.
        flag: by which a set is named.

    Raises:
        UserError: there is no such set, or none is named and there is no run.
    """
    from ..data import open_images
    from ..progress import progress_bar

    settings = recipe.data if recipe else Data()
    if source is None and not recipe:
        raise UserError(f"a model folder does not say what it was trained on: name images by {flag}")
    with progress_bar(err) as progress:
        return open_images(settings.source if source is None else source, preparation, count=settings.avatars, progress=progress)
