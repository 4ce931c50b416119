"""Where the model of a name is.

`avatars` lies beside this file; benchmarks/pretrained.py made it. `hf:USER/NAME` is on the Hugging Face hub.
"""

from __future__ import annotations

import filecmp
import hashlib
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import safetensors
from safetensors import SafetensorError

from ..data.prepare import cache_folder
from ..files import from_home, replacing
from ..hub.client import LEARNED, PREFIX, REPOSITORY, fetch

PACKAGED = Path(__file__).parent


def names() -> list[str]:
    """The models that come with the package."""
    return sorted(path.name for path in PACKAGED.iterdir() if (path / "model").is_dir())


def is_name(run: str | Path) -> bool:
    """Whether this is the name of a model, and not a path: a folder that is there goes before a name, and ./avatars is a path."""
    name = run if isinstance(run, str) else run.as_posix()
    return (name in names() or name.startswith(PREFIX)) and not from_home(run).exists()


def find(name: str | Path) -> Path:
    """The run folder of a name, which may be written into.

    Raises:
        UserError: there is no folder for the copy; or a model of the hub cannot be fetched, see `fetch`.
        OSError: it cannot be copied.
    """
    text = Path(name).as_posix()
    if text.startswith(PREFIX):
        return _copy_of(fetch(text), file_name(text))
    return _copy_of(PACKAGED / text, text)


def file_name(name: str) -> str:
    """How files and folders of a model are called: NAME of hf:USER/NAME@REVISION."""
    return name.partition("@")[0].rpartition("/")[2]


def result_file(run: str | Path, name: str) -> Path:
    """Where a command puts a result by default: RUN/samples.png; of the model avatars, avatars-samples.png in the current folder.

    The model is not fetched for this.
    """
    return named_result(Path(run).as_posix(), name) if is_name(run) else from_home(run) / name


def named_result(model: str, name: str) -> Path:
    """The same for the name of a model."""
    return Path(f"{file_name(model)}-{name}")


def model_folder(folder: str | Path) -> Path:
    """The model folder of a name; what is no name is taken for a path. A text USER/NAME is a model of the hub, as elsewhere in the field.

    Raises:
        UserError, OSError: see `find`.
    """
    path = from_home(folder)
    if path.exists():
        return path
    name = f"{PREFIX}{folder}" if isinstance(folder, str) and REPOSITORY.fullmatch(folder) else folder
    if not is_name(name):
        return path
    found = find(name)
    return found / "model" if (found / "model").is_dir() else found


def _copy_of(original: Path, name: str) -> Path:
    """A copy in the cache: what is learned later is saved beside a model, and an installed package may be read-only, and of many users.
    Files of the copy that are damaged or missing are copied again.
    """
    digest, files = hashlib.sha256(), sorted(path for path in original.rglob("*") if path.is_file())
    for path in files:
        digest.update(f"{path.relative_to(original).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    folder = cache_folder() / "models" / digest.hexdigest()[:16] / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            whole = shutil.copytree(original, Path(temporary) / name, copy_function=shutil.copyfile)
            with suppress(OSError):  # another process was first
                whole.rename(folder)
    for path in files:
        copy = folder / path.relative_to(original)
        if not _is_whole(copy, path):
            with replacing(copy) as partial:
                shutil.copyfile(path, partial)
    return folder


def _is_whole(copy: Path, original: Path) -> bool:
    """Whether a file of a copy is as it was, or, where a command may have written it since, can be read."""
    if not copy.is_file():
        return False
    if copy.suffix == ".jsonl":  # metrics, which commands add to
        return True
    if copy.name not in LEARNED:
        return filecmp.cmp(copy, original, shallow=False)
    try:
        with safetensors.safe_open(copy, "np"):
            return True
    except (SafetensorError, OSError):
        return False
