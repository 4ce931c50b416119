"""The density that samples are drawn from: fit-prior."""

from __future__ import annotations

from .completion import RunFolder
from .console import Json, err, show


def fit_prior(
    run: RunFolder,
    /,
    *,
    data: str | None = None,
    components: int = 300,
    seed: int | None = None,
    device: str = "auto",
    json: Json = False,
) -> None:
    """Fit the prior that the codes of samples are drawn from.

    For each training image, the encoder gives a distribution of codes (the posterior). The command draws one code from each, fits a
    Gaussian mixture to these codes, and writes the mixture to prior.safetensors beside the model. If a run was trained with
    augmentation.flip, the command also draws a code from each mirrored image. The weights of the model do not change.

    vaegan train does this after its last step. Use this command if the run is from an older version, if the run was interrupted before the
    fit, or if you want a mixture of fewer Gaussians.

    Parameters
    ----------
    run
        The folder of a run. The folder of a model also works, together with --data.
    data
        The set that holds the training images. The default is the set that the run was trained on.
    components
        The largest number of Gaussians. The fit tries 1, 3, 10, 100 and 300 Gaussians, but none above this number: with 5,
        it tries 1 and 3. It keeps the number that is best for codes held out from the fit. Use a smaller number if
        vaegan evaluate finds copies.
    seed
        The random seed of the fit. The default is the seed of the run.
    device
        The device to compute on: cpu, cuda, mps or auto. With auto, it is a GPU if there is one.
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import prior as api

    show(api.fit_prior(run, data, components=components, seed=seed, device=device, progress=err), json=json)
