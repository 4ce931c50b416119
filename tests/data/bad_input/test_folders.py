"""Links, folders that cannot be read, and other things that are no files."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ...command import fails
from ...processes import LIMIT
from .place import GOOD, Place, archive, noise, picture, surroundings, write

LINKS = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


def link(folder: Path, **targets: str) -> None:
    for name, target in targets.items():
        (folder / f"{name}.png").symlink_to(target)


@LINKS
def test_links_to_nowhere(place: Place) -> None:
    link(place.photos, m="gone.png", n="../gone/too.png")
    place.packs(skipped={"m.png": "No such file", "n.png": "No such file"})


@LINKS
def test_a_link_to_itself(place: Place) -> None:
    link(place.photos, m="m.png")
    place.packs(skipped={"m.png": "symbolic links"})


@LINKS
def test_links_in_a_ring(place: Place) -> None:
    link(place.photos, m="n.png", n="m.png")
    place.packs(skipped={"m.png": "symbolic links", "n.png": "symbolic links"})


@LINKS
def test_links_to_folders_are_entered_once(place: Place) -> None:
    """Also one that is called like an image; but no folder twice, and none that holds what is read already."""
    write(place.root / "other", {"b.png": picture(5), "deep/c.png": picture(6)})
    (place.photos / "sub").mkdir()
    links = {"m.png": "../other", "other": "../other", "part": "../other/deep", "sub/up": "..", "sub/here": ".", "sub/all": "../.."}
    for name, target in links.items():
        (place.photos / name).symlink_to(target, target_is_directory=True)
    what = "left out: a link to a folder in or above the source"
    images = place.packs(
        good={"a.png": 1, "m.png/b.png": 5, "m.png/deep/c.png": 6, "z.png": 2},
        skipped=dict.fromkeys(("other", "part", "sub/all", "sub/here", "sub/up"), what),
    )
    assert images.skipped == []
    assert images.manifest["notes"] == ["left out 5 folders, listed in skipped.txt: 5 folders (links to folders in or above the source)"]


@LINKS
def test_links_between_folders_outside(place: Place) -> None:
    """A ring of them ends, and a folder that two links lead to is read under the first one's name."""
    write(place.root, {"x/a.png": picture(1), "y/z.png": picture(2)})
    (place.root / "x" / "on").symlink_to("../y", target_is_directory=True)
    (place.root / "y" / "on").symlink_to("../x", target_is_directory=True)
    source = place.root / "links"
    source.mkdir()
    for name, target in {"p": "../x", "q": "../y"}.items():
        (source / name).symlink_to(target, target_is_directory=True)
    place.packs(source, good={"p/a.png": 1, "p/on/z.png": 2}, skipped={"p/on/on": "left out: a link", "q": "left out: a link"})


@LINKS
def test_links_to_files(place: Place) -> None:
    """A link to an image is that image; a link to another file is no image."""
    write(place.root / "other", {"b.png": picture(5), "c.txt": "text", "d.png": b""})
    link(place.photos, m="../other/b.png", n="../other/c.txt", o="../other/d.png")
    place.packs(good={"a.png": 1, "m.png": 5, "z.png": 2}, skipped={"n.png": "^not an image$", "o.png": "^empty file$"})


@LINKS
def test_a_source_that_is_a_link(place: Place) -> None:
    (place.root / "link").symlink_to("photos")
    place.packs(place.root / "link")
    for name, target in (("loop", "loop"), ("dangling", "gone")):
        (place.root / name).symlink_to(target)
        place.refuses(place.root / name, place.root / "out2", words=f"{place.root / name} does not exist")


class TooLong(BaseException):
    """What a test raises that would wait for ever. No Exception, which would be taken for a fault of the picture."""


@contextmanager
def not_forever() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_a_pipe_that_nobody_writes_to(place: Place) -> None:
    """It is not waited for."""
    os.mkfifo(place.photos / "m.png")
    with not_forever():
        place.packs(skipped={"m.png": "."})


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no sockets in folders")
def test_sockets_and_devices(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    link(place.photos, m="/dev/null", n="/dev/zero")
    monkeypatch.chdir(place.photos)
    with socket.socket(socket.AF_UNIX) as server, not_forever():
        server.bind("o.png")
        place.packs(skipped={"m.png": "^empty file$", "n.png": "^not an image$", "o.png": "^No such device or address$"})


USERS = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights are another thing there")


@pytest.fixture
def shared(capsys: pytest.CaptureFixture[str]) -> Iterator[Place]:
    """Like `place`, but where any user may read and write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        write(Path(folder) / "photos", {name: picture(number) for name, number in GOOD.items()})
        yield Place(Path(folder), capsys)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Within, files that may not be read cannot be read: root gives its rights away."""
    Image.init()  # the parts of Pillow may lie where only root can read
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)


@USERS
def test_files_and_folders_without_permission(shared: Place) -> None:
    write(shared.photos, {"m.png": picture(3), "n/b.png": picture(4)})
    places = (shared.photos / "m.png", shared.photos / "n")
    for path in places:
        path.chmod(0)
    try:
        with unprivileged():
            images = shared.prepare()
            assert images.names == ["a.png", "z.png"]
            assert np.array_equal(images.images[:], [noise(1), noise(2)])
            shared.skips({"m.png": "^Permission denied$", "n": "^Permission denied$"})
    finally:
        for path in places:
            path.chmod(0o755)


@USERS
@pytest.mark.parametrize("name", ["photos", "photos.zip", "photos.tar"])
def test_a_source_without_permission(name: str, shared: Place) -> None:
    for kind in ("zip", "tar"):
        archive(shared.root / f"photos.{kind}", {"a.png": picture(1)})
    (shared.root / name).chmod(0)
    try:
        with unprivileged():
            sentence = fails(shared.capsys, "prepare", shared.root / name, shared.out, "--workers", 1, words="ermission denied")
            assert not shared.out.exists()
        assert str(shared.root / name) in sentence
    finally:
        (shared.root / name).chmod(0o755)


@USERS
def test_a_table_without_permission(shared: Place) -> None:
    write(shared.root, {"t.csv": "name,Round\na.png,1\n"})
    (shared.root / "t.csv").chmod(0)
    with unprivileged():
        words = f"ermission denied: {shared.root / 't.csv'}"
        fails(shared.capsys, "prepare", shared.photos, shared.out, "--attributes", shared.root / "t.csv", words=words)
        assert not shared.out.exists()


@USERS
def test_an_out_without_permission(shared: Place) -> None:
    (shared.root / "closed").mkdir(0o555)
    with unprivileged():
        out = shared.root / "closed" / "out"
        fails(shared.capsys, "prepare", shared.photos, out, "--workers", 1, words=f"ermission denied: {out}")
    assert list((shared.root / "closed").iterdir()) == []


def test_a_folder_that_cannot_be_listed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one is on a disk that fails."""
    write(place.photos, {"m/b.png": picture(3)})
    around, scandir = surroundings(place.root, place.out), os.scandir

    def failing(path: Any = ".") -> Any:
        if str(path).endswith("/m"):
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", failing)
        images = place.prepare()
    assert surroundings(place.root, place.out) == around
    assert images.names == ["a.png", "z.png"]
    assert np.array_equal(images.images[:], [noise(1), noise(2)])
    place.skips({"m": "^Input/output error$"})
