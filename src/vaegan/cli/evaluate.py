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

    It compares samples and reconstructions with real images in the features of a network: Frechet distance (FID, Heusel et al. 2017),
    kernel distance (KID, Binkowski et al. 2018), precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).
    It compares reconstructions with their images: PSNR, SSIM, MS-SSIM and the learned similarity. It compares samples with the training
    images, to find copies. Reconstructions are decoded from posterior means, not from posterior samples.

    A gan has no encoder, so it has no reconstructions and no codes. A vae has no discriminator, so it has no learned similarity.

    Parameters
    ----------
    run
        The folder of a run or a model.
    data
        The set to measure on. The default is the set that the run was trained on. Another set is split in the same way. If it has no such
        splits, it is split in the default way.
    samples
        The number of samples of each prior. It also limits the number of training images and of held-out images.
    extractor
        The network whose features are compared: efficientnet, mobilenet, inception (as in papers that report FID), or attributes (a network
        that learns the attributes of the set). The value none measures only what needs no features, for example pixel errors.
    seed
        The random seed. Another seed gives other samples and other random draws.
    resamplings
        How many times images are drawn at random. Each result is shown with its standard deviation over these draws.
    prior
        Which samples are measured. fitted is the Gaussian mixture that vaegan train fits to codes of training images (see vaegan
        fit-prior). standard is N(0, I). If the run has a fitted prior, the default is both, side by side.
    device
        The device to compute on: cpu, cuda, mps or auto. auto uses a GPU if there is one.
    out
        The picture to write. The default is RUN/evaluation.png.
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
