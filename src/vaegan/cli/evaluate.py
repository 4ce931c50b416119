"""How good a model is: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..metrics.base import RESAMPLINGS, SAMPLES
from ..metrics.extractors.registry import DEFAULT, ExtractorName
from ..settings import PriorKind
from .completion import RunFolder
from .console import Json, err, picture_file, save_picture, show


def evaluate(
    run: RunFolder,
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
    json: Json = False,
) -> None:
    """Measure samples, reconstructions and codes.

    It compares samples and reconstructions with real images. A network finds features in all of them, and these measures compare the
    features: Frechet distance (FID, Heusel et al. 2017), kernel distance (KID, Binkowski et al. 2018), precision and recall (Kynkaanniemi
    et al. 2019), density and coverage (Naeem et al. 2020). It compares reconstructions with their images: PSNR, SSIM, MS-SSIM and the
    learned similarity. It compares samples with the training images, to find copies. Reconstructions are decoded from posterior means.

    A gan has no encoder, so it has no reconstructions and no codes. A vae has no discriminator, so it has no learned similarity.

    Parameters
    ----------
    run
        The folder of a run or a model.
    data
        The set to measure on. The default is the set that the run was trained on. The set is divided as in vaegan train. Its train split is
        used as the training images. Its validation split is used as the held-out images, or its test split if it has no validation split.
        A set without splits is divided at random. Samples are compared with both parts.
    samples
        The number of samples to draw. If both priors are measured (see --prior), this number is drawn from each. The samples are compared
        with at most this number of training images, and at most this number of held-out images.
    extractor
        The network whose features are compared: efficientnet, mobilenet, inception (as in papers that report FID), or attributes (a network
        that learns the attributes of the set). With --extractor none, it makes only measurements that use no features, for example pixel
        errors.
    seed
        The random seed. Another seed gives other samples and other random draws.
    resamplings
        The number of random subsets of the images. Each result is shown with its standard deviation over these subsets.
    prior
        Where the codes of the measured samples come from. With --prior fitted, they come from the Gaussian mixture that vaegan train fits
        to codes of training images (see vaegan fit-prior). With --prior standard, they come from N(0, I). If the run has a fitted prior,
        the default is both, side by side.
    device
        The device to compute on: cpu, cuda, mps or auto. With auto, it is a GPU if there is one.
    out
        The picture to write. The default is RUN/evaluation.png.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import evaluate as api
    from ..pretrained.find import result_file

    path = picture_file(out or result_file(run, "evaluation.png"))
    wanted: dict[str, Any] = {
        "samples": samples,
        "extractor": extractor,
        "seed": seed,
        "resamplings": resamplings,
        "prior": prior,
        "device": device,
    }
    found = api.evaluate(run, data, **wanted, progress=err)
    save_picture(found, path)
    show(found, json=json)
