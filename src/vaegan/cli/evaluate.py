"""How good a model is: evaluate."""

from __future__ import annotations

from pathlib import Path

from ..metrics.base import RESAMPLINGS, SAMPLES
from ..metrics.extractors.registry import DEFAULT, ExtractorName
from ..settings import PriorKind
from .console import err, wrote
from .console import out as stdout
from .inputs import check_seed, open_set


def evaluate(
    run: Path,
    /,
    *,
    data: str | None = None,
    samples: int = SAMPLES,
    extractor: ExtractorName = DEFAULT,
    seed: int = 0,
    resamplings: int = RESAMPLINGS,
    prior: PriorKind | None = None,
    device: str = "auto",
    out: Path | None = None,
) -> None:
    """Measure samples, reconstructions and codes.

    Samples and reconstructions are compared with real images, and samples with the training images, to find copies.

    A gan has no encoder, so it has no reconstructions and codes. A vae has no discriminator, so it has no learned similarity.

    Parameters
    ----------
    run
        A run folder or a model folder.
    data
        The set to measure on, by default the one that the run was trained on. Another set is split in the same way; if it lacks such
        splits, it is split as by default.
    samples
        How many samples of each prior, and at most how many training and held-out images.
    extractor
        The network whose features are compared: efficientnet, mobilenet, inception (which gives FID), or attributes (learned from the
        set). none measures only what needs no features, such as errors of pixels.
    seed
        Another seed, other samples and other draws.
    resamplings
        How many draws the spread of each number is taken over.
    prior
        Which samples to measure. fitted is the density that vaegan train fits to codes of training images (see vaegan fit-prior);
        standard is N(0, I). By default both, side by side, if the run has a fitted prior.
    device
        auto takes a GPU if there is one; or cpu, cuda, mps.
    out
        The picture to write; RUN/evaluation.png by default.
    """
    from ..data.sources import anchored
    from ..metrics.context import Context, require_enough
    from ..metrics.evaluate import evaluate as measure
    from ..metrics.extractors.registry import choose
    from ..metrics.figure import evaluation_sheet
    from ..metrics.tables import tables
    from ..progress import progress_bar
    from ..run import Run
    from ..training.device import make_fabric
    from ..viz import grid

    check_seed(seed)
    opened = Run.open(run)
    picture = out or opened.folder / "evaluation.png"
    grid.kind_of(picture)  # now, and not after minutes of work
    model = opened.model(make_fabric(device).device)
    images = open_set(opened, data)
    training, held_out = opened.split(images)
    if not opened.is_run:
        err.print(
            "note: a model folder does not say how its set was split, so the model may have been trained on images that are held out here: "
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
            samples=samples,
            seed=seed,
            resamplings=resamplings,
            progress=progress,
            prior=prior,
        )
        found = measure(context)
    found.settings["split"] |= {"train_on": opened.train_on(images), "share_held_out": opened.data.held_out}
    if data is not None and (not opened.is_run or anchored(data) != anchored(opened.data.source)):
        found.settings["source"] = data  # which is not that of the run
    for table in tables(found):
        stdout.print(table.on_screen(narrow=True))
        stdout.print()
    wrote(found.append_to(opened.metrics_file))
    wrote(grid.save(evaluation_sheet(context), picture))
