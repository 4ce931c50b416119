"""Joining the parts that several machines packed: a set made of sets, whose images stay where they are."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import final_name, missing, replacing
from ..progress import Progress
from ..this_process import cores
from ..words import command
from .dataset import HEADER, MANIFEST, PARTS, ImageSet, PackedImages, capacity, image_file, item_file, read_manifest, split_file
from .left_out import notes_on_rests
from .prepare import packed_folder
from .scan import note_of_filling
from .set_files import checked, image_header, random_codes, write_manifest, write_splits
from .shard import Shard
from .sources.base import called, none_readable, some
from .writer import differing

OWN_FILE = re.compile(rf"split-.+\.npy|skipped\.txt|{re.escape(PARTS)}|{re.escape(MANIFEST)}")
"""What a joining that was interrupted may have left."""
CHUNK = 1 << 20
NEW = "choose another folder for the joined set"

Files = dict[str, dict[str, Any]]


def join(out: Path, folders: Sequence[Path], *, progress: Progress) -> ImageSet:
    """Make one set of the parts that `prepare` packed with `shard`. No image is copied: the set names the folders of its parts.

    Its order, splits and manifest are those of the set that is packed at once, byte for byte. For the checksums in the manifest, the
    files of the parts are read once. Where `out` is this set already, only the places of its parts are written.

    Args:
        out: the folder to make. Parts may lie in it.
        folders: the parts, in any order.
        progress: called as the work goes on.

    Raises:
        UserError: a part is missing, is not whole, or does not belong to the others; or `out` holds something else.
    """
    parts = _in_order(folders)
    about = _about(parts[0])
    there = _check_out(out, about, parts)
    if not any(map(len, parts)):
        unread = [line for part in parts for line in part.skipped]
        raise none_readable(len(unread), called(about["made_from"]["source"]), next(iter(unread), ""))
    files = _files_of_images(parts, progress)
    if there is None:
        out.mkdir(parents=True, exist_ok=True)
        splits = _write_splits(out, parts, about["made_from"]["fractions"])
        lines = [line for part in parts for line in part.not_read]
        skipped = "".join(f"{line}\n" for line in lines)
        if skipped:
            (out / "skipped.txt").write_text(skipped, encoding="utf-8", newline="\n")
        filling = (
            note_of_filling([file for part in parts for file in part.images.files], parts[0].preparation)
            if parts[0].preparation.range
            else []
        )
        names = [split_file(name) for name in splits] + (["skipped.txt"] if skipped else [])
        _write_folders(out, parts)
        write_manifest(
            out,
            sum(map(len, parts)),
            parts[0].preparation.shape,
            splits=splits,
            classes={label for part in parts for label in part.classes},
            notes=[*dict.fromkeys(note for part in parts for note in part.manifest["notes"]), *filling, *notes_on_rests(lines)],
            files=files | {name: checked(out / name) for name in names},
            **about,
        )
    elif any(there["files"].get(name) != file for name, file in files.items()):
        raise UserError(f"{out} exists already: it is a packed set with other images; {NEW}")
    else:
        _write_folders(out, parts)
    return ImageSet.open(out)


def _in_order(folders: Sequence[Path]) -> list[ImageSet]:
    """The parts by their numbers.

    Raises:
        UserError: they are not all of one set, or one is there twice or not at all.
    """
    found: dict[int, ImageSet] = {}
    parts = 0
    for folder in folders:
        if packed_folder(str(folder)) is None:
            what = f"{folder} is not a packed set: give the folders of packed parts"
            raise UserError(what) if folder.exists() else missing(folder)
        part = ImageSet.open_part(folder)
        if part.shard is None:
            raise UserError(
                f"{folder} was not packed as a part of a set: pack each part with: {command('prepare', 'SOURCE', 'PART', '--shard', 'K/N')}"
            )
        first, parts = next(iter(found.values()), part), parts or part.shard.parts
        others = differing(_about(first), _about(part)) + (["number of parts"] if part.shard.parts != parts else [])
        if others:
            sentence = f"{folder} does not fit {first.folder}: they differ in {some(others)}"
            raise UserError(f"{sentence}; pack all parts from the same images, with the same options")
        if twin := found.get(part.shard.number):
            raise UserError(f"{twin.folder} and {folder} are both part {part.shard}: leave out one")
        found[part.shard.number] = part
    if not found:
        raise UserError("no parts were given: give the folders of all parts of a set")
    if absent := [str(Shard(number, parts)) for number in range(1, parts + 1) if number not in found]:
        pack = command("prepare", "SOURCE", "PART", "--shard", absent[0], *next(iter(found.values())).preparation.flags)
        which, were, its_folder = ("part", "was", "its folder") if len(absent) == 1 else ("parts", "were", "their folders")
        raise UserError(f"{which} {some(absent, 8)} {were} not given: give {its_folder} too, or pack part {absent[0]} with: {pack}")
    return [part for _, part in sorted(found.items())]


def _about(part: ImageSet) -> dict[str, Any]:
    """What the manifests of all parts have alike, as the set's own."""
    manifest = part.manifest
    made_from = {key: value for key, value in manifest["made_from"].items() if key != "shard"}
    return {"attribute_names": manifest["attributes"], "preparation": manifest["preparation"], "made_from": made_from}


def _check_out(out: Path, about: dict[str, Any], parts: Sequence[ImageSet]) -> dict[str, Any] | None:
    """The manifest of the joined set that is there already, or None where there is none.

    Raises:
        UserError: there is something else.
    """
    if ImageSet.is_set(out):
        there = read_manifest(out)
        if not (out / PARTS).is_file():
            raise UserError(f"{out} exists already: it is a packed set; {NEW}")
        if others := differing({**there, "attribute_names": there["attributes"]}, about):
            raise UserError(f"{out} exists already: it was joined from parts with other images or settings ({some(others)}); {NEW}")
        return there
    inside = {Path(_place(out, part.folder)).parts[0] for part in parts}
    others = sorted(entry.name for entry in out.iterdir()) if out.is_dir() else []
    if others := [name for name in others if name not in inside and not OWN_FILE.fullmatch(final_name(name))]:
        raise UserError(f"{out} exists already: it holds {some(others)}; {NEW}")
    return None


def _place(out: Path, part: Path) -> str:
    """Where a part is, for the list: from the set's folder if it lies in it or beside it, so that both can be moved together."""
    base, place = out.resolve(), Path(os.path.abspath(part))  # noqa: PTH100 (a link to another disk stays a link)
    place = place.parent.resolve() / place.name
    near = place.is_relative_to(base.parent) and base.parent != base.parent.parent
    return Path(os.path.relpath(place, base)).as_posix() if near else str(place)


def _write_folders(out: Path, parts: Sequence[ImageSet]) -> None:
    with replacing(out / PARTS) as path:
        path.write_text(json.dumps([_place(out, part.folder) for part in parts], indent=2) + "\n", encoding="utf-8")


def _write_splits(out: Path, parts: Sequence[ImageSet], fractions: dict[str, float] | None) -> dict[str, int]:
    """Write the splits: drawn at random over all images, or those that the parts have from the source."""
    count = sum(map(len, parts))
    if fractions:
        return write_splits(out, list(fractions), random_codes(fractions, count))
    names = list(dict.fromkeys(name for part in parts for name in part.splits))
    codes, start = np.zeros(count if names else 0, np.uint16), 0
    for part in parts:
        for name in part.splits:
            codes[start + part.split(name)] = names.index(name) + 1
        start += len(part)
    return write_splits(out, names, codes)


def _files_of_images(parts: Sequence[ImageSet], progress: Progress) -> Files:
    """Length and checksum of the files of images and of items that the set has when it is packed at once."""
    shape, count = parts[0].preparation.shape, sum(map(len, parts))
    most = capacity(shape)
    ranges = [range(start, min(start + most, count)) for start in range(0, count, most)]
    images = PackedImages([file for part in parts for file in part.images.files], (count, *shape))
    size, done = int(np.prod(shape)), 0
    files: Files = {}
    with ThreadPoolExecutor(cores()) as pool:  # hashing and reading need no Python
        futures = {pool.submit(_checksum, image_header((len(wanted), *shape)), images, wanted): wanted for wanted in ranges}
        for future in as_completed(futures):
            wanted = futures[future]
            files[image_file(wanted.start // most)] = {"bytes": HEADER + len(wanted) * size, "sha256": future.result()}
            done += len(wanted)
            progress("reading the parts for their checksums", done, count)
    header, rows = _header_of_items(parts[0]), _rows(parts)
    for number, wanted in enumerate(ranges):
        digest, length = hashlib.sha256(header), len(header)
        for row in islice(rows, len(wanted)):
            digest.update(row)
            length += len(row)
        files[item_file(number)] = {"bytes": length, "sha256": digest.hexdigest()}
    return files


def _checksum(header: bytes, images: PackedImages, wanted: range) -> str:
    """The SHA-256 of a file of some images, which lie in other files."""
    digest, size, start = hashlib.sha256(header), int(np.prod(images.shape[1:])), 0
    for path, count in images.files:
        first, last = max(wanted.start - start, 0), min(wanted.stop - start, count)
        start += count
        if first < last:
            with path.open("rb") as file:
                file.seek(HEADER + first * size)
                rest = (last - first) * size
                while chunk := file.read(min(CHUNK, rest)):
                    digest.update(chunk)
                    rest -= len(chunk)
    return digest.hexdigest()


def _header_of_items(part: ImageSet) -> bytes:
    with part.item_files[0].open("rb") as file:
        return file.readline()


def _rows(parts: Iterable[ImageSet]) -> Iterator[bytes]:
    """What is known of each image, as its line in a file of items.

    Raises:
        UserError: a part has more or fewer lines than images.
    """
    for part in parts:
        count = 0
        for path in part.item_files:
            with path.open("rb") as file:
                for row in islice(file, 1, None):
                    yield row
                    count += 1
        if count != len(part):
            raise UserError(f"the packed set {part.folder} is damaged: it has {count:,} rows for {len(part):,} images; pack it again")
