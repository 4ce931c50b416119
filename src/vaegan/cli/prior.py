"""The density that samples are drawn from: fit-prior."""

from __future__ import annotations

from pathlib import Path

from .console import err, wrote
from .inputs import check_seed


def fit_prior(run: Path, /, *, data: str | None = None, components: int = 10, seed: int | None = None, device: str = "auto") -> None:
    """Fit the prior that samples are drawn from.

    vaegan train does this after its last step. Use this command for a run of an older version, for a run that was interrupted before the
    fit, or to fit fewer components.

    It fits a Gaussian mixture to codes of training images, and writes it beside the model as prior.safetensors. The weights of the model
    do not change.

    Parameters
    ----------
    run
        A run folder, or a model folder with --data.
    data
        The set with the training images; by default the one that the run was trained on.
    components
        The largest number of Gaussians. Codes that are left out of the fit decide between 1, 3 and 10. Take fewer if vaegan evaluate finds
        copies.
    seed
        Another seed, another fit; by default the seed of the run.
    device
        auto takes a GPU if there is one; or cpu, cuda, mps.
    """
    from ..latent.fit_prior import fit_prior as fit
    from ..progress import progress_bar
    from ..run import Run
    from ..training.device import make_fabric

    if seed is not None:
        check_seed(seed)
    with progress_bar(err) as progress:
        prior = fit(run, data, components=components, seed=seed, device=make_fabric(device).device, progress=progress)
    print(prior.summary)
    wrote(Run(run).prior_file)
