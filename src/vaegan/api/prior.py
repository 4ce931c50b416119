"""The density that samples are drawn from: fit_prior."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..files import free_path, locked
from ..latent.fit_mixture import SHARING
from ..latent.fit_prior import prior_of
from ..models.prior import Mixture
from ..pretrained.find import file_name
from ..result import Result
from ..run import Run
from ..training.device import make_fabric
from ..words import command, quoted
from .notices import ShowProgress, Talk
from .shared import check_seed


@dataclass(frozen=True, repr=False, eq=False)
class FittedPrior(Mixture, Result):
    """The density that samples of a run are drawn from."""

    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def lines(self) -> list[str]:
        """What it is."""
        return [self.summary]


def fit_prior(
    run: Run | str | Path,
    data: str | Path | None = None,
    *,
    components: int = SHARING[-1],
    seed: int | None = None,
    device: str = "auto",
    progress: ShowProgress = None,
) -> FittedPrior:
    """Fit the prior of a run anew, and save it beside the model. From then on, samples are drawn from it.

    `vaegan.train` does this at its end. Codes of mirrored images count, too, if the run was trained with `augmentation.flip`; a model
    folder does not say so. The weights of the model do not change.

    Args:
        run: a run, or the path of a run folder or a model folder.
        data: the training images; by default those that the run was trained on. A model folder needs them.
        components: at most so many Gaussians; fewer, if the fitted prior copies training images.
        seed: of the posterior samples and of the fit; by default that of the run.
        device: auto, cpu, cuda or mps.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no such run, or it has no encoder; it is the model of a name, such as avatars; there are too few images; or a
            process is training into the run.
    """
    if components < 1:
        raise UserError(f"--components must be at least 1, not {components}")
    if seed is not None:
        check_seed(seed)
    opened = run if isinstance(run, Run) else Run.open(run)
    if opened.name:
        own = free_path(Path(f"my-{file_name(opened.name)}"))  # cp would copy into a folder that is there
        way_out = f"fit the prior of a copy with: {quoted('cp', '-r', opened.folder, own)} && {command('fit-prior', own)}"
        because = "because every command that uses this model reads the same files"
        raise UserError(f'cannot change the prior of the model "{opened.name}", {because}: {way_out}')
    with ExitStack() as stack:
        if opened.is_run and not stack.enter_context(locked(opened.lock_file)):
            raise UserError(
                f"{opened.folder} is still being trained by another process, which will also fit the prior: wait until that process ends"
            )
        model = opened.model(make_fabric(device).device, prior=False)
        model.require("encoder")
        if seed is None:
            seed = opened.recipe.training.seed if opened.is_run else 0
        mirrored = opened.is_run and opened.recipe.augmentation.flip
        bar = stack.enter_context(Talk(progress).bar())
        images = opened.images(data, flag="--data", progress=bar)
        training, _ = opened.split(images)
        prior = prior_of(model, images, training, mirrored=mirrored, components=components, seed=seed, progress=bar)
        prior.save(opened.model_folder)
    return FittedPrior(**vars(prior), files=[opened.prior_file])
