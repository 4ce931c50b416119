"""A page to play with a model: studio."""

from __future__ import annotations

from pathlib import Path

from ..run import Run
from ..studio.page import StudioPage, write_page
from ..studio.weights import Precision
from .notices import ShowProgress, Talk


def studio(
    run: Run | str | Path,
    out: str | Path | None = None,
    *,
    examples: int = 12,
    precision: Precision | None = None,
    score: bool = False,
    progress: ShowProgress = None,
) -> StudioPage:
    """Write studio.html, one page in which anyone can try a model: the networks run in the browser, and nothing is fetched.

    If the run has no directions of attributes yet, they are learned first.

    Args:
        run: a run, or the path of a run folder or a model folder.
        out: the page to write; by default RUN/studio.html.
        examples: held-out images in the page, at most; 0 if no image may leave this machine.
        precision: of the weights in the page: float32, float16 or int8; by default float16, and int8 for networks of more than 4 million
            parameters.
        score: whether the page also shows how unusual an image is; this takes the discriminator, too.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no model, or a page cannot run it.
    """
    opened = run if isinstance(run, Run) else Run.open(run)
    talk = Talk(progress)
    with talk.bar() as bar:
        page = write_page(opened, out, examples=examples, precision=precision, score=score, progress=bar)
    for note in page.notes:
        talk.say(f"note: {note}")
    return page
