"""Where the model of a name is, such as `avatars`, which lies beside this file. benchmarks/pretrained.py made it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ..data.prepare import cache_folder
from ..files import from_home

PACKAGED = Path(__file__).parent


def names() -> list[str]:
    """The models that come with the package."""
    return sorted(path.name for path in PACKAGED.iterdir() if (path / "model").is_dir())


def is_name(run: str | Path) -> bool:
    """Whether this is the name of a model, and not a path: a folder that is there goes before a name."""
    return Path(run).as_posix() in names() and not from_home(run).exists()


def find(name: str | Path) -> Path:
    """The run folder of a name, which may be written into.

    Raises:
        UserError: there is no folder for the copy.
        OSError: it cannot be copied.
    """
    return _copy_of(PACKAGED / name)


def _copy_of(packaged: Path) -> Path:
    """A copy in the cache: what is learned later is saved beside a model, and an installed package may be read-only, and of many users."""
    digest = hashlib.sha256()
    for path in sorted(path for path in packaged.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(packaged).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    folder = cache_folder() / "models" / digest.hexdigest()[:16] / packaged.name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            whole = shutil.copytree(packaged, Path(temporary) / packaged.name, copy_function=shutil.copyfile)
            with suppress(OSError):  # another process was first
                whole.rename(folder)
    return folder
