"""What is not read: files of a source that are no images, by their kinds; and what a file holds beside its first image."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from PIL import Image, TiffImagePlugin

from .formats import Kind

MARK = ": left out: "
"""Between name and reason, in the lines of a skipped.txt that are no failure."""
OLD_MARK = ": passed over: "
"""What earlier versions wrote there."""
LISTED = "listed in skipped.txt"
"""As a manifest has it, wherever its set lies; `ImageSet.notes` says which file that is."""
MOST_NAMES = 10_000
"""So many files of one ending are named."""
OTHERS = "other file"
MOST_ENDINGS = 5
"""So many endings of one kind are counted one by one in a sentence."""
ENDING = re.compile(r"\.[a-z][a-z0-9]{0,7}")
PARTS = {"GIF": "frame", "PNG": "frame", "WEBP": "frame", "AVIF": "frame", "TIFF": "page", "HEIF": "picture"}
"""What there can be more of, by format. The second picture of an MPO, as phones write it, is a map of depth or of light."""
REST = re.compile(rf".*(?:{MARK}|{OLD_MARK})([\d,]+) more (frame|page|picture|band)s?\n?")
SAMPLES_PER_PIXEL = 277


def is_left_out(line: str) -> bool:
    """Whether a line of skipped.txt is no failure."""
    return MARK in line or OLD_MARK in line


def skipped_line(name: str, reason: str) -> str:
    """A line of skipped.txt for a picture that gave no image. A name that could seem to end too early is in quotes, as JSON has it."""
    quoted = json.dumps(name, ensure_ascii=False) if ": " in name or name.startswith('"') else name
    return f"{quoted}: {reason}"


def name_and_reason(line: str) -> tuple[str, str]:
    """What `skipped_line` made a line of. In older sets, no name is in quotes."""
    if line.startswith('"'):
        with suppress(ValueError):
            name, end = json.JSONDecoder().raw_decode(line)
            if line.startswith(": ", end):
                return name, line[end + 2 :]
    name, _, reason = line.partition(": ")
    return name, reason


class LeftOut:
    """Files and folders of a source that are not read. Of any number of them, little is kept in memory."""

    def __init__(self, root: Path | None = None) -> None:
        """`root` is the folder that names are from, where there is one."""
        self.root = root
        self.folders = 0  # that were looked through
        self._counts: Counter[tuple[str, Kind]] = Counter()
        self._names: dict[tuple[str, Kind], list[str]] = {}

    def __len__(self) -> int:
        return self._counts.total()

    def clear(self) -> None:
        """Begin anew."""
        self.folders = 0
        self._counts.clear()
        self._names.clear()

    def add(self, name: str, kind: Kind, what: str = "") -> None:
        """Count one file by the ending of its name, or as what it is, such as "folder"."""
        ending = name[name.rfind(".") :].lower()
        key = (what or (ending if ENDING.fullmatch(ending) else OTHERS), kind)
        self._counts[key] += 1
        names = self._names.setdefault(key, [])
        if len(names) < MOST_NAMES:
            names.append(name)

    def use(self, path: Path) -> None:
        """Take out a file that is read after all, or that another sentence is about, such as a table of attributes beside the images.

        Without a root, the path is the end of a name, such as that of a file in an archive.
        """
        if self.root and not path.resolve().is_relative_to(self.root.resolve()):
            return
        name = path.resolve().relative_to(self.root.resolve()).as_posix() if self.root else path.name
        for key, names in self._names.items():
            found = next((one for one in names if one == name or (not self.root and one.endswith(f"/{name}"))), None)
            if found is not None:
                names.remove(found)
                self._counts[key] -= 1
        self._counts += Counter()  # which drops what is at 0

    def in_words(self) -> str:
        """How many of which kind, and what makes images of them."""
        kinds: dict[Kind, Counter[str]] = {}
        for (what, kind), count in self._counts.items():
            kinds.setdefault(kind, Counter())[what] = count
        return "; ".join(_group(kind, counts) for kind, counts in sorted(kinds.items(), key=lambda pair: -pair[1].total()))

    def in_all(self) -> str:
        """What a folder or an archive without images holds, as the end of a sentence that begins with its name."""
        there = [self.in_words(), _some(self.folders, "folder") if self.folders else ""]
        return f"holds {' and '.join(filter(None, there))}" if any(there) else "is empty"

    @property
    def notes(self) -> list[str]:
        """One sentence for the owner of the source, or none."""
        return [f"left out {self.total()}, {LISTED}: {self.in_words()}"] if self._counts else []

    def total(self) -> str:
        """How many files and folders there are, in words."""
        folders = sum(count for (what, _), count in self._counts.items() if what == "folder")
        files = len(self) - folders
        return " and ".join(_some(count, what) for count, what in ((files, "file"), (folders, "folder")) if count)

    def lines(self) -> Iterator[str]:
        """A line for skipped.txt for each, or for as many as are kept."""
        for (what, kind), names in self._names.items():
            yield from (f"{name}{MARK}{kind}" for name in names)
            if more := self._counts[what, kind] - len(names):
                yield f"... and {_some(more, f'more {what}')}{MARK}{kind}"


def rest_of(image: object) -> str:
    """What is not taken of an image file that was decoded, such as "39 more frames"; empty where that is nothing."""
    part = PARTS.get(image.format or "") if isinstance(image, Image.Image) else None
    if not part:
        return ""
    try:
        more = getattr(image, "n_frames", 1) - 1
    except Exception:  # what follows is damaged
        more = 0
    if not more and isinstance(image, TiffImagePlugin.TiffImageFile):
        used = sum(band != "X" for band in image.getbands())
        more, part = int(image.tag_v2.get(SAMPLES_PER_PIXEL, 1)) - used, "band"
    return _some(more, f"more {part}") if more > 0 else ""


def notes_on_rests(lines: Iterable[str]) -> list[str]:
    """One sentence on all that `rest_of` found, by the lines of a skipped.txt, or none."""
    left: Counter[str] = Counter()
    images: Counter[str] = Counter()
    for found in filter(None, map(REST.fullmatch, lines)):
        left[found[2]] += int(found[1].replace(",", ""))
        images[found[2]] += 1
    if not left:
        return []
    listed = ", ".join(f"{_some(count, part)} of {_some(images[part], 'file')}" for part, count in left.items())
    return [f"left out {listed}, {LISTED}: only the first frame, page or bands of a file are used"]


def _group(kind: Kind, counts: Counter[str]) -> str:
    shown = counts.most_common(MOST_ENDINGS)
    if rest := counts.total() - sum(count for _, count in shown):
        shown = [(what, count + rest if what == OTHERS else count) for what, count in shown]
        shown += [] if OTHERS in dict(shown) else [(OTHERS, rest)]
    listed = ", ".join(_some(count, what) for what, count in shown)
    name = kind.one if counts.total() == 1 else kind.many
    return f"{listed} ({name}{': ' if kind.way_out else ''}{kind.way_out})"


def _some(count: int, what: str) -> str:
    alike = count == 1 or what.rpartition(" ")[2].startswith(".")
    return f"{count:,} {what}{'' if alike else 's'}"
