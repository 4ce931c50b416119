"""Writing files so that a reader, or a machine that stops, never sees half of one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError

PARTIAL = ".partial"
"""How the name of a file ends while it is being written."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path to write to. Once written and flushed to disk, that file takes the place of `path`; on an error `path` stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + PARTIAL)
    with _naming(path):
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Keep a file, made if need be, from others who would. Yields whether nobody else keeps it.

    The system forgets it when this process ends, however it does. Where there are no locks, nobody is kept out.
    """
    with _naming(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file. What is added is there for every reader, and stays if this process is killed."""
    with _naming(path), path.open("ab") as file:
        file.write(content)


def remove_partial(folders: Iterable[Path]) -> None:
    """Remove what a process that was killed while it was `replacing` files of these folders has left there."""
    for folder in folders:
        for path in folder.glob(f"*{PARTIAL}"):
            path.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have errors of the system say which file it is: that of a full disk does not."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _flush_folder(folder: Path) -> None:
    """Have the disk know the names in a folder, too: or a power cut could undo a rename."""
    if os.name == "posix":  # elsewhere folders cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def from_home(path: str | Path) -> Path:
    """A path with ~ and ~name written out, where there is such a user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is none)


def read_text(path: Path) -> str:
    """The text of a file, with its line ends as they are.

    Raises:
        UserError: there is no such file, or it is no text.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8") from error


def sha256(path: Path) -> str:
    """The checksum of a file, as the command sha256sum gives it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
