"""What the functions share: where they say what they do, runs and models, sets and pictures that people name, and checks."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import NoneType
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from ..data import ImageSet, pack_memory
from ..data.any_images import AnyImages, any_images
from ..data.batches import to_tensor
from ..data.prepare import matching
from ..errors import UserError
from ..files import free_path
from ..finish import lacks_prior
from ..latent.encode import encode
from ..list_runs import status_of
from ..models.vaegan import VAEGAN
from ..run import Run
from ..settings import PriorKind
from ..viz.grid import save, to_pil
from ..words import command
from .notices import Talk

Subject: TypeAlias = VAEGAN | Run | str | Path
"""What functions work on: a model, a run, or the path of a run folder or a model folder."""


class ModelInMemory(Run):
    """A model that is not in a folder, where a run is expected. It knows neither images nor settings, and nothing is written beside it."""

    def __init__(self, model: VAEGAN) -> None:
        if model.training:
            raise UserError("the model is in training mode: call model.eval() first")
        super().__init__(Path("a-model-in-memory"))
        self._model = model
        self.preparation = model.preparation

    @property
    def is_run(self) -> bool:
        """It is none."""
        return False

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return "a model in memory"

    def model(self, device: str | torch.device = "cpu", *, prior: bool = True) -> VAEGAN:  # noqa: ARG002 (it stays where it is)
        """The model, wherever it is."""
        return self._model


def open_run(run: Subject) -> Run:
    """The run of what was named.

    Raises:
        UserError: there is none; or a model is in training mode.
    """
    if isinstance(run, VAEGAN):
        return ModelInMemory(run)
    return run if isinstance(run, Run) else Run.open(run)


class Pictures(NamedTuple):
    """Images that a person named."""

    names: list[str]
    images: Tensor
    """N x C x H x W in [-1, 1], as the model takes them."""
    codes: Tensor
    """N x latent: their posterior means."""


def open_set(run: Run, data: AnyImages | None, flag: str, talk: Talk) -> ImageSet:
    """A set that is named, or else the run's own, packed with a bar where it is not yet; see `Run.images`.

    Raises:
        UserError: see `Run.images`; or it is no form of images, or a set that was prepared in another way.
    """
    if isinstance(data, ImageSet):
        return matching(data, run.preparation)
    with talk.bar() as progress:
        if not isinstance(data, (str, Path, NoneType)):
            return ImageSet.open(pack_memory(data, run.preparation, progress=progress))
        return run.images(data, flag=flag, progress=progress)


def encode_pictures(model: VAEGAN, images: AnyImages, talk: Talk) -> Pictures:
    """Images and their codes.

    Raises:
        UserError: an image is not there, or one that is named by itself cannot be read; or the model has no encoder.
    """
    paths = [str(path) for path in (images if isinstance(images, (list, tuple)) else [images]) if isinstance(path, (str, Path))]

    def skip(name: str, reason: str) -> None:
        if name in paths:  # named by itself, it is missed
            raise UserError(f"cannot read {name}: {reason}")
        talk.skip(name, reason)

    names, pixels = any_images(images, model.preparation, skip, talk.left_out)
    with talk.bar() as progress:
        return Pictures(names, to_tensor(pixels), encode(model, pixels, progress=progress).mean)


def save_each(names: Iterable[str], images: Tensor, folder: str | Path) -> list[Path]:
    """Write each image as a PNG of its own size, named after its source. No file is overwritten: a second a.png is a-2.png.

    Args:
        names: of the images; of a path, the last part without its ending counts.
        images: N x C x H x W in [-1, 1].
        folder: is made if it is not there.
    """
    folder = Path(folder)
    files = []
    for name, picture in zip(names, to_pil(images), strict=True):
        files.append(save(picture, free_path(folder / f"{Path(name).stem or 'image'}.png")))
    return files


def note_on_prior(run: Run, model: VAEGAN, prior: PriorKind | None, talk: Talk) -> None:
    """Say so where samples come from N(0, I) only because the run is not at its end, where `vaegan train` fits the prior."""
    if prior is not None or model.prior is not None or "encoder" in model.untrained or not run.is_run or run.name:
        return
    with suppress(UserError, OSError):  # the images are not at hand
        if not lacks_prior(run, run.recipe, run.split(run.images_at_hand())[0]):
            return
    status = status_of(run.folder)
    if status.state == "training":
        talk.note("note: samples come from the standard normal distribution, N(0, I): the prior is fitted at the end of the training")
    elif status.state == "interrupted":
        talk.note(
            f"note: samples come from N(0, I), because the run was interrupted at step {status.step}, before its prior was fitted: "
            f"continue it with: {command('train', '--resume', run.folder)}"
        )
    else:
        talk.note(f"note: samples come from N(0, I), because the run has no fitted prior: fit it with: {command('fit-prior', run.folder)}")


def check_seed(seed: int) -> None:
    """See that a number can be a seed.

    Raises:
        UserError: it cannot.
    """
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed must be at least 0 and below 2^63, not {seed}")


def check_fps(fps: float) -> None:
    """See that a film can be so fast.

    Raises:
        UserError: it cannot.
    """
    if not 1 <= fps <= 50:  # players of GIFs know no more
        raise UserError(f"--fps must be from 1 to 50, not {fps}")


def columns_of(count: int) -> int:
    """Columns of a sheet that is wider than high, and without a gap in its last row if that can be."""
    wanted = round((1.6 * count) ** 0.5)
    even = [columns for columns in range(wanted, min(2 * wanted, 16) + 1) if count % columns == 0]
    return count if count <= 6 else even[0] if even else min(16, wanted)
