"""What is done when a run is trained and saved: the fit of the prior, the last picture with its samples, the pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from .data import ImageSet, Indices
from .errors import UserError
from .latent.fit_prior import prior_of
from .models.prior import FEWEST
from .models.vaegan import WEIGHTS
from .progress import progress_bar
from .recipe import Recipe
from .run import Run
from .signals import Stopped, StopSignal
from .training.pictures import draw
from .training.trainer import Trainer
from .viz.grid import save as save_picture
from .words import command

MOST_IN_PAGE = 30_000_000
"""Numbers in the networks of a page that is written without being asked for: 40 MB."""
STOPPING_FIT = "stopping: the run is saved already ..."


def lacks_prior(run: Run, recipe: Recipe, training: Indices) -> bool:
    """Whether the prior of a finished run is still to be fitted. Each save of a model removes the prior of its older weights."""
    can = recipe.objective.autoencodes and len(training) >= FEWEST and (run.model_folder / WEIGHTS).is_file()
    return can and not run.prior_file.is_file()


def fit_prior(trainer: Trainer, run: Run, images: ImageSet, held_out: Indices, console: Console) -> None:
    """Fit the prior to the model that was saved, which does not change, and draw the last picture anew, with samples of that prior.

    The first process alone is still here.

    Raises:
        Stopped: an interrupt or SIGTERM came.
    """
    with progress_bar(console) as progress, StopSignal(STOPPING_FIT) as signals:

        def watched(what: str, done: int, total: int | None) -> None:
            progress(what, done, total)
            if signals.received is not None:
                sentence = f"{run.folder} is trained, but its prior is not fitted: fit it with: {command('fit-prior', run.folder)}"
                raise Stopped(sentence, signals.received)

        try:
            model = run.model(trainer.fabric.device, prior=False)
            recipe = trainer.recipe
            prior = model.prior = prior_of(
                model,
                images,
                trainer.batches.indices,
                mirrored=recipe.augmentation.flip,
                seed=recipe.training.seed,
                progress=watched,
            )
            save_picture(draw(model, trainer.picture_inputs(images, held_out))[0], run.picture_file(trainer.step))
            prior.save(run.model_folder)  # last: a run without it is taken up again
        except UserError as error:  # the model is saved, and of use
            left = "Its samples come from the standard normal distribution, N(0, I)"
            console.print(f"the model is saved, but its prior could not be fitted: {error}. {left}", soft_wrap=True)
        else:
            console.print(prior.summary, soft_wrap=True)


def write_studio(run: Run, images: ImageSet | None, note: Callable[[str], None]) -> Path | None:
    """The page in which anyone can try the model; None if no page can run it, which a sentence says. Attributes are not learned for it."""
    from .studio.page import write_page

    try:
        page = write_page(run, images=images, learn=False, most=MOST_IN_PAGE)
    except Exception as error:  # whatever it is, it is not worth a training
        note(f"note: {run.studio_file.name} was not written: {str(error).partition(chr(10))[0]}")
        return None
    return page.files[0]


def write_report(run: Run, images: ImageSet | None) -> Path:
    """The page on the run. The first process alone is still here, and all that matters is saved."""
    from .report import report

    return report(run.folder, images=images)
