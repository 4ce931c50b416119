"""The files of a packed set that say what is in it: splits and the manifest. Packing and joining write them alike."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replacing, sha256
from .dataset import FORMAT, HEADER, MANIFEST, capacity, split_file
from .permutation import SPLIT_SEED, Permutation

BLOCK = 1 << 20  # images whose splits are looked at together


def image_header(shape: tuple[int, ...]) -> bytes:
    """The head of a .npy file; numpy leaves room in it for the first number to grow, so it can be written again over itself."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
    assert head.tell() == HEADER
    return head.getvalue()


def checked(path: Path) -> dict[str, Any]:
    """What the manifest says of a file: its length and its checksum."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def random_codes(fractions: Mapping[str, float], images: int) -> NDArray[np.uint16]:
    """The number, from 1, of the split that each of so many images is in, drawn at random; always the same."""
    codes = np.zeros(images, np.uint16)
    order = Permutation(images, SPLIT_SEED)
    edges = np.round(np.cumsum(list(fractions.values())) * images).astype(np.int64)
    for start in range(0, images, BLOCK):
        positions = np.arange(start, min(start + BLOCK, images))
        codes[order[positions]] = np.minimum(np.searchsorted(edges, positions, side="right"), len(edges) - 1) + 1
    return codes


def write_splits(folder: Path, names: Sequence[str], codes: NDArray[np.uint16]) -> dict[str, int]:
    """Write the indices of each split's images, rising; returns how many each has.

    Args:
        folder: where the files go.
        names: the splits.
        codes: for each image the number, from 1, of its split, or 0 where it is in none; images after the last one need not be there.
    """
    counts = np.zeros(len(names) + 1, np.int64)
    for start in range(0, len(codes), BLOCK):
        counts += np.bincount(codes[start : start + BLOCK], minlength=len(counts))
    for code, name in enumerate(names, 1):
        indices = np.lib.format.open_memmap(folder / split_file(name), "w+", np.int64, (int(counts[code]),))
        filled = 0
        for start in range(0, len(codes), BLOCK):
            found = np.flatnonzero(codes[start : start + BLOCK] == code) + start
            indices[filled : filled + len(found)] = found
            filled += len(found)
        indices.flush()
    return {name: int(count) for name, count in zip(names, counts[1:], strict=True)}


def write_manifest(
    folder: Path,
    images: int,
    shape: tuple[int, int, int],
    *,
    splits: Mapping[str, int],
    classes: set[str],
    attribute_names: Sequence[str],
    preparation: Mapping[str, Any],
    made_from: Mapping[str, Any],
    notes: Sequence[str],
    files: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the manifest: `images` of a shape H x W x C, and length and checksum of every file. The keys are those of the file."""
    manifest = {
        "format": FORMAT,
        "shape": [images, *shape],
        "images_per_file": capacity(shape),
        "splits": splits,
        "classes": sorted(classes),
        "attributes": list(attribute_names),
        "preparation": preparation,
        "made_from": made_from,
        "notes": list(notes),
        "files": dict(sorted(files.items())),
    }
    with replacing(folder / MANIFEST) as path:
        path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
