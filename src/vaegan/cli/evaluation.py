"""How good a model is: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..metrics.base import RESAMPLINGS, SAMPLES
from ..metrics.extractors.registry import Kind
from ..recipe import Recipe
from ..run import Run
from .app import app, err, wrote
from .app import out as stdout
from .sets import open_set, recipe_of

if TYPE_CHECKING:
    from ..data import ImageSet
    from ..models.vaegan import VAEGAN


@app.command
def evaluate(
    run: Path,
    /,
    *,
    data: str | None = None,
    samples: int = SAMPLES,
    extractor: Kind | None = None,
    seed: int = 0,
    resamplings: int = RESAMPLINGS,
    device: str = "auto",
    out: Path | None = None,
) -> None:
    """Measure samples and reconstructions against real images, what codes carry, and whether samples are copies.

    A gan has no encoder, hence no reconstructions and codes; a vae no discriminator, hence no learned similarity.

    Parameters
    ----------
    run
        A run folder or a model folder.
    data
        The set to measure on, split as the run's; by default the one that the run was trained on.
    samples
        How many samples of the prior; and at most how many training and held-out images.
    extractor
        The network whose features are compared: mobilenet, inception (which gives FID), or attributes (learned from the set). By default
        mobilenet where its weights are installed, else attributes where the set has some.
    seed
        Another seed, other samples and other draws.
    resamplings
        How many draws the spread of each number is taken over.
    device
        auto takes a GPU if there is one; or cpu, cuda, mps.
    out
        The picture to write; RUN/evaluation.png by default.
    """
    from ..data import split
    from ..data.sources import anchored
    from ..metrics.context import Context, require_enough
    from ..metrics.evaluate import evaluate as measure
    from ..metrics.extractors.registry import choose
    from ..metrics.figure import evaluation_sheet
    from ..metrics.tables import tables
    from ..models.vaegan import load
    from ..progress import progress_bar
    from ..training.device import make_fabric
    from ..viz import grid

    if not 0 <= seed < 2**63:
        raise UserError(f"--seed must be at least 0 and below 2^63, not {seed}")
    picture = out or run / "evaluation.png"
    grid.kind_of(picture)  # now, and not after minutes of work
    model = load(run, make_fabric(device).device)
    recipe = recipe_of(run)
    images = _open(data, model, recipe)
    settings = recipe or Recipe()
    training, held_out = split(images, settings.data.held_out, settings.data.train_on)
    if not recipe:
        err.print(
            "note: a model folder does not say how its set was split, so images that are held out here may have been trained on: "
            "name the run folder instead",
            soft_wrap=True,
        )
    require_enough(training, held_out, samples, resamplings)
    with progress_bar(err) as progress:
        context = Context(
            model,
            images,
            training,
            held_out,
            choose(extractor, images, training, model.device, progress),
            level=settings.objective.level,
            samples=samples,
            seed=seed,
            resamplings=resamplings,
            progress=progress,
        )
        found = measure(context)
    found.settings["split"] |= {"train_on": settings.data.train_on, "share_held_out": settings.data.held_out}
    if data is not None and (not recipe or anchored(data) != anchored(recipe.data.source)):
        found.settings["source"] = data  # which is not that of the run
    for table in tables(found):
        stdout.print(table.on_screen(narrow=True))
        stdout.print()
    wrote(found.append_to(Run(run).metrics))
    wrote(grid.save(evaluation_sheet(context), picture))


def _open(data: str | None, model: VAEGAN, recipe: Recipe | None) -> ImageSet:
    """The set that is named, or the run's.

    Raises:
        UserError: it is not there.
    """
    try:
        return open_set(data, model.preparation, recipe, "--data")
    except UserError as error:
        if data is None and recipe:
            raise UserError(
                f"the set that the run was trained on cannot be opened: {error}; say where its images are now by --data"
            ) from error
        raise
