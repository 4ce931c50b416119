"""Codes of a set, computed once and kept in the cache for the next time."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ..data import ImageSet, cache_folder
from ..files import replacing
from ..model import VAEGAN
from ..progress import Progress
from .codes import encode

NAME = "mean"


def fingerprint(model: VAEGAN) -> str:
    """A hash of a model's weights: another after every step of training."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()


def codes_of(model: VAEGAN, images: ImageSet, progress: Progress = lambda *_: None) -> Tensor:
    """The posterior mean of every image of a packed set, N x latent, on the CPU.

    They are kept by what the images are and what the weights are, so that they are never those of another set or model. A damaged file is
    made anew; where nothing can be written, nothing is kept.
    """
    path = cache_folder() / "codes" / f"{images.identity[:16]}-{fingerprint(model)[:16]}.safetensors"
    kept = _read(path, (len(images), model.architecture.latent))
    if kept is None:
        kept = encode(model, images.images, progress=progress).mean
        with suppress(OSError), replacing(path) as partial:
            partial.write_bytes(safetensors.torch.save({NAME: kept}))
    return kept


def _read(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """What a file keeps, if it is whole."""
    try:
        codes = safetensors.torch.load_file(path)[NAME]
    except (SafetensorError, OSError, KeyError):
        return None
    return codes if tuple(codes.shape) == shape else None
