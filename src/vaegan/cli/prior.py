"""The density that samples are drawn from: fit-prior."""

from __future__ import annotations

from pathlib import Path

from .console import err, wrote
from .inputs import check_seed


def fit_prior(run: Path, /, *, data: str | None = None, components: int = 10, seed: int | None = None, device: str = "auto") -> None:
    """Fit the prior that samples are drawn from.

    vaegan train does this at its end. It is needed for runs of older versions, for runs that were interrupted before it was done, and to
    fit with fewer components.

    A Gaussian mixture is fitted to codes of training images, and written beside the model as prior.safetensors. The weights of the
    model do not change.

    Parameters
    ----------
    run
        A run folder, or a model folder with --data.
    data
        The training images; by default those that the run was trained on.
    components
        At most so many Gaussians; held-out codes decide how many. Take fewer if vaegan evaluate says that samples are copies.
    seed
        Another seed, another fit; by default that of the run.
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
