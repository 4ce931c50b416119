"""Writing files so that a reader, or a machine that stops, never sees half of one."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import count, islice
from pathlib import Path

from .errors import UserError

PARTIAL = ".partial"
"""How the name of a file ends while it is being written; that of a second one at the same time ends in .2.partial."""
MOST_NAMES = 10_000
"""So many names in a folder are compared with one that is not there."""
LOOKS, BETWEEN_LOOKS = 3, 0.05
"""How often, and after how many seconds, a lock is asked for: `is_locked` holds it for a moment."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path to write to. Once written and flushed to disk, that file takes the place of `path`; on an error `path` stays.

    Of several that write at the same time, each has a file of its own, and the last one to end wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _naming(path), _own_file(path) as temporary:
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)


@contextmanager
def _own_file(path: Path) -> Iterator[Path]:
    """An empty file beside a path, which nobody else writes to meanwhile. The one that a killed process left is used again."""
    if os.name != "posix":  # no locks, and what is open cannot be renamed
        yield path.with_name(f"{path.name}.{os.getpid()}{threading.get_native_id()}{PARTIAL}")
        return
    for number in count(1):
        temporary = path.with_name(path.name + (f".{number}" if number > 1 else "") + PARTIAL)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if _lock(descriptor) and _is_at(temporary, descriptor):
                try:
                    temporary.write_bytes(b"-")
                except PermissionError:  # an SMB share: a lock keeps out the one who has it, if the file is opened once more
                    _unlock(descriptor)
                except OSError:
                    temporary.unlink(missing_ok=True)
                    raise
                os.ftruncate(descriptor, 0)
                yield temporary
                return
        finally:
            os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a path still leads to an open file: it may have been renamed since."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def final_name(name: str) -> str:
    """The name that a file gets once it is written, if `replacing` made it; any other name stays."""
    return re.sub(rf"(\.\d+)?{re.escape(PARTIAL)}$", "", name)


def free_path(path: Path, beside: str = "") -> Path:
    """The path, or with -2, -3 and so on before its ending where there is something already.

    Args:
        path: where something is to be written.
        beside: the ending of another file that is written beside it, under the same name, if there is one.
    """
    number, free = 1, path
    while free.exists() or (beside and free.with_suffix(beside).exists()):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


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


def is_locked(path: Path) -> bool:
    """Whether another process keeps a file by `locked`. No file is made. Where there are no locks, this is False."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file. A shared lock keeps out only who wants it alone."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    for look in range(LOOKS):
        if look:
            time.sleep(BETWEEN_LOOKS)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if shared:
                return False
        except OSError:  # a file system without locks
            return True
        else:
            return True
    return False


def _unlock(descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_UN)


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file. What is added is there for every reader, and stays if this process is killed."""
    with _naming(path), path.open("ab") as file:
        file.write(content)


def append_line(path: Path, line: str) -> None:
    """As `append`, a line. If a full disk or a killed process cut the line before it short, that one ends first: only it is lost."""
    with _naming(path), path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else f"\n{line}"
        file.write(f"{line}\n".encode())


def remove_partial(folders: Iterable[Path]) -> None:
    """Remove what a process that was killed while it was `replacing` files of these folders has left there."""
    for folder in folders:
        for path in folder.glob(f"*{PARTIAL}"):
            if os.name != "posix":  # what is open cannot be removed
                path.unlink(missing_ok=True)
                continue
            with locked(path) as unused:  # another one may be writing it
                if unused:
                    path.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have errors of the system say which file it is: that of a full disk does not."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def flush_folder(folder: Path) -> None:
    """Have the disk know the names in a folder, too: or a power cut could undo a rename."""
    if os.name == "posix":  # elsewhere folders cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def free_space(folder: Path) -> int | None:
    """The free bytes of the disk on which a folder is or would be made; None where the system does not say."""
    there = next((path for path in (folder, *folder.absolute().parents) if path.is_dir()), None)
    if there is None:
        return None
    try:
        total, _, free = shutil.disk_usage(there)
    except OSError:
        return None
    return free if total else None


def missing(path: Path, way_out: str = "", *, inside: Path | None = None, names: Iterable[str] = ()) -> UserError:
    """The mistake of a path where nothing is, or a folder in place of a file, or the reverse. Where nothing is, the sentence ends in what
    is there and is called nearly so, if there is such a thing.

    Args:
        path: the path.
        way_out: what to do.
        inside, names: see `did_you_mean`.
    """
    what = f"is not a {'file' if path.is_dir() else 'folder'}" if path.exists() else "does not exist"
    return UserError(f"{path} {what}{f': {way_out}' if way_out else ''}{did_you_mean(path, inside=inside, names=names)}")


def did_you_mean(path: Path, *, inside: Path | None = None, names: Iterable[str] = ()) -> str:
    """The end of a sentence on a path where nothing is.

    Args:
        path: the path.
        inside: a folder in which such things usually lie, such as runs; the newest are named if none has nearly this name.
        names: what may be named in place of a path.
    """
    if path.exists():
        return ""
    named = next(iter(get_close_matches(path.name, names, n=1)), None)
    usual = inside / path if inside else None
    found = usual if usual and usual.exists() else _nearest(path) or named or (usual and _nearest(usual))
    return f". Did you mean {found}?" if found else there_are(inside) if inside else ""


def there_are(folder: Path) -> str:
    """The end of a sentence: the newest folders in one, at most three; empty if there are none."""
    try:
        inside = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        newest = sorted(inside, key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return ""
    names = ", ".join([str(path) for path in newest[:3]] + ["..."] * (len(newest) > 3))
    return f". There {'is' if len(newest) == 1 else 'are'} {names}" if names else ""


def _nearest(path: Path) -> Path | None:
    """The path if it is there; else one that is there, in which some names are spelt a little differently; or None."""
    if path.exists():
        return path
    parent = None if path.parent == path else _nearest(path.parent)
    if parent is None or (parent / path.name).exists():
        return parent and parent / path.name
    alike: dict[str, list[str]] = {}
    try:
        with os.scandir(parent) as entries:
            names = (entry.name for entry in islice(entries, MOST_NAMES))
            for name in sorted(name for name in names if name.isprintable() and not name.startswith(".")):
                alike.setdefault(Path(name).stem.lower(), []).append(name)
    except OSError:  # no folder, or one that may not be read
        return None
    stems = get_close_matches(path.stem.lower(), alike, n=1)  # not whole names, which share their endings
    return parent / get_close_matches(path.name, alike[stems[0]], n=1, cutoff=0)[0] if stems else None


def from_home(path: str | Path) -> Path:
    """A path with ~ and ~name written out, where there is such a user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is none)


def read_text(path: Path) -> str:
    """The text of a file, with its line ends as they are.

    Raises:
        UserError: there is no such file, or it is no text.
    """
    if not path.is_file():
        raise missing(path)
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
