"""The kinds of sources, one file each, and how each is asked for: `photos`, `photos.zip`, `celeba:PATH`, `hf:NAME`.

To add one, write a function from a path to a `Source` in a file here, and add its line to `KINDS`; CONTRIBUTING.md shows one.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError, unknown_name
from ...files import from_home, missing
from . import arrays, files, huggingface
from .base import Source
from .columns import NO_CHOICES, ColumnChoices


class SourceKind(NamedTuple):
    """A set in its published layout."""

    function: str
    """The file in this folder and the function in it, as in `celeba:source`."""
    marks: tuple[str, ...] = ()
    """Files that show that a folder is such a set: a person may have named the folder without its kind."""

    def open(self, path: Path) -> Source:
        """The source at a path."""
        module, _, function = self.function.partition(":")
        source: Source = getattr(import_module(f".{module}", __package__), function)(path)
        return source

    def recognizes(self, path: Path) -> bool:
        """Whether a folder looks like such a set."""
        return path.is_dir() and any(next(path.glob(mark), None) for mark in self.marks)


KINDS = {
    "celeba": SourceKind("celeba:source", ("list_attr_celeba.txt", "*/list_attr_celeba.txt", "list_attr_celeba.csv")),
    "lfw": SourceKind("lfw:source", ("peopleDevTrain.txt", "lfw_attributes.txt")),
    "stl10": SourceKind("stl10:source", ("train_X.bin", "unlabeled_X.bin", "*/train_X.bin")),
    "cifar10": SourceKind("cifar:cifar10", ("data_batch_1.bin", "*/data_batch_1.bin")),
    "cifar100": SourceKind("cifar:cifar100", ("fine_label_names.txt", "*/fine_label_names.txt")),
    "mnist": SourceKind("idx:source", ("*idx3-ubyte*",)),
    "classes": SourceKind("classes:source"),
}
"""The kinds of sets by the name before the colon."""
HUB = ("hf", "hf-stream")
AVATARS = "avatars"
"""The drawn faces, which are no file."""


def recognized(text: str) -> str:
    """A folder that is CelebA as Kaggle has it, named as `celeba:`; any other source as it is named."""
    kind, path = _parts(text)
    folder = from_home(path)
    is_celeba = not kind and path and (folder / "list_attr_celeba.csv").is_file() and (folder / "img_align_celeba").is_dir()
    return f"celeba:{text}" if is_celeba else text


def find_source(text: str, choices: ColumnChoices = NO_CHOICES) -> Source:
    """The source that is asked for by KIND:PATH, `hf:NAME`, or the path of a folder, an archive or an array of numpy.

    Args:
        text: how it is asked for.
        choices: what a person says of the columns of a set of the Hugging Face hub.

    Raises:
        UserError: there is no such thing, or it is not what it should be.
    """
    if not text:
        built_in = "avatars, which is the name of the built-in images, as in vaegan train --data avatars"
        raise UserError(f"the name of the images is empty: give a folder, or {built_in}")
    kind, path = _parts(text)
    if not kind:
        return _of_path(from_home(text))
    if kind in HUB:
        return huggingface.source(path, streaming=kind != "hf", choices=choices)
    if kind not in KINDS:
        known = unknown_name("kind of images", kind, [*KINDS, *HUB])
        raise UserError(f"the folder {text} does not exist, and {known}")
    place = from_home(path)
    if not path:
        raise UserError(f'"{kind}:" has no folder after it: give one, as in {kind}:FOLDER')
    if not place.exists():
        raise missing(place)
    return KINDS[kind].open(place)


def _parts(text: str) -> tuple[str, str]:
    """The kind of a source, empty for a folder or an archive, and what stands behind it."""
    kind, colon, path = text.partition(":")
    plain = not colon or len(kind) < 2 or "/" in kind or Path(text).exists()  # one letter is a drive
    return ("", text) if plain else (kind, path)


def is_hub(text: str) -> bool:
    """Whether a source is a set of the Hugging Face hub."""
    return _parts(text)[0] in HUB


def is_plain(text: str) -> bool:
    """Whether a source is the path of a folder or an archive, without a kind."""
    return not _parts(text)[0]


def place_of(text: str) -> Path | None:
    """The folder or the zip whose files a source is, without a table of its own; or None."""
    kind, path = _parts(text)
    place = from_home(path)
    return place if kind in ("", "classes") and path and (place.is_dir() or place.suffix.lower() == ".zip") else None


def anchored(text: str, *, recognizing: bool = True) -> str:
    """The same source, named so that it is found from any folder; see `recognized`."""
    kind, path = _parts(recognized(text) if recognizing else text)
    if kind in KINDS and path:
        return f"{kind}:{from_home(path).absolute()}"
    if kind in HUB and path and from_home(path).exists():
        return f"{kind}:{from_home(path).absolute()}"
    return text if kind or not text else str(from_home(text).absolute())


def short_name(text: str) -> str:
    """A word for a source, to name things after it: of a folder of the cache, without its key."""
    kind, path = _parts(text)
    return re.sub("-[0-9a-f]{16}$", "", from_home(path).resolve().name.partition(".")[0]) or kind


def path_name(text: str) -> str:
    """The same word without what a name of a file should not have."""
    return re.sub(r"[^\w.-]+", "-", short_name(text)).strip("-.") or "images"


def _of_path(path: Path) -> Source:
    if path.suffix.lower() in arrays.ENDINGS and path.is_file():
        return arrays.source(path)
    if not path.exists():
        raise missing(path, names=(AVATARS,))
    hint = next(
        (f"; it looks like {name}: to use all of it, give it as {name}:PATH" for name, kind in KINDS.items() if kind.recognizes(path)), ""
    )
    try:
        source = files.source(path)
    except UserError as error:
        raise UserError(f"{error}{hint}") from None
    if hint:
        source.notes.append(f"only its image files are used{hint}")
    return source
