"""The kinds of sources, one file each, and how each is asked for: `photos`, `photos.zip`, `celeba:PATH`, `hf:NAME`.

To add one, write a function from a path to a `Source` in a file here, and name it in `KINDS`; docs/data.md shows one.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from ...errors import UserError
from ...files import from_home
from . import celeba, cifar, classes, files, huggingface, idx, lfw, stl10
from .base import Source

KINDS: dict[str, Callable[[Path], Source]] = {
    "celeba": celeba.source,
    "lfw": lfw.source,
    "stl10": stl10.source,
    "cifar10": cifar.cifar10,
    "cifar100": cifar.cifar100,
    "mnist": idx.source,
    "classes": classes.source,
}
"""Sets in their published layouts, by the name that stands before the colon."""
HUB = ("hf", "hf-stream")


def find_source(text: str) -> Source:
    """The source that is asked for by KIND:PATH, `hf:NAME`, or the path of a folder or archive.

    Raises:
        UserError: there is no such thing, or it is not what it should be.
    """
    if not text:
        raise UserError("cannot take images from a folder without a name: give --data a folder, or avatars")
    kind, path = _parts(text)
    if not kind:
        return _of_path(from_home(text))
    if kind in HUB:
        return huggingface.source(path, streaming=kind != "hf")
    if kind not in KINDS:
        nearest = get_close_matches(kind, [*KINDS, *HUB], n=1)
        hint = f"Did you mean {nearest[0]}?" if nearest else f"There are {', '.join([*KINDS, *HUB])}."
        raise UserError(f"there is no kind of source {kind} (and no folder {text}). {hint}")
    place = from_home(path)
    if not path or not place.exists():
        raise UserError(f"cannot take images from {text}: there is no such folder")
    return KINDS[kind](place)


def _parts(text: str) -> tuple[str, str]:
    """The kind of a source, empty for a folder or an archive, and what stands behind it."""
    kind, colon, path = text.partition(":")
    plain = not colon or len(kind) < 2 or "/" in kind or Path(text).exists()  # one letter is a drive
    return ("", text) if plain else (kind, path)


def anchored(text: str) -> str:
    """The same source, named so that it is found from any folder."""
    kind, path = _parts(text)
    if kind in KINDS and path:
        return f"{kind}:{from_home(path).absolute()}"
    if kind in HUB and path and from_home(path).exists():
        return f"{kind}:{from_home(path).absolute()}"
    return text if kind or not text else str(from_home(text).absolute())


def short_name(text: str) -> str:
    """A word for a source, to name things after it."""
    kind, path = _parts(text)
    return from_home(path).resolve().name.partition(".")[0] or kind


def _of_path(path: Path) -> Source:
    hint = next((f"; it looks like {kind}: ask for it by {kind}:PATH" for kind in KINDS if path.is_dir() and _looks_like(kind, path)), "")
    try:
        source = files.source(path)
    except UserError as error:
        raise UserError(f"{error}{hint}") from None
    if hint:
        source.notes.append(f"only its image files are taken{hint}")
    return source


def _looks_like(kind: str, path: Path) -> bool:
    marks = {
        "celeba": ("list_attr_celeba.txt", "*/list_attr_celeba.txt"),
        "lfw": ("peopleDevTrain.txt", "lfw_attributes.txt"),
        "stl10": ("train_X.bin", "unlabeled_X.bin", "*/train_X.bin"),
        "cifar10": ("data_batch_1.bin", "*/data_batch_1.bin"),
        "cifar100": ("fine_label_names.txt", "*/fine_label_names.txt"),
        "mnist": ("*idx3-ubyte*",),
    }
    return any(next(path.glob(mark), None) for mark in marks.get(kind, ()))
