"""What training says of a packed set before it starts. It takes a second at most, however large the set is."""

from __future__ import annotations

import csv
import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..data import ImageSet, Indices
from ..data.permutation import SPLIT_SEED, Permutation
from ..recipe import Recipe
from ..words import command, counted
from .advice import amounts, rare_attributes

SECONDS = 0.7
"""How long copies are looked for."""
BLOCK = 64
"""Images that are read at a time, one after the other in the set."""
SAMPLED = 64
"""Bytes of each image, evenly spaced, that are compared first."""
ROWS = 10_000
"""Rows of attributes that are looked at."""
MIX = np.array([2 * key + 1 for key in range(0x9E3779B9, 0x9E3779B9 + SAMPLED // 8)], np.uint64) * np.uint64(0x9E3779B97F4A7C15)
"""Odd numbers that sampled bytes are multiplied with, so that a sum of 64 bits stands for them."""
MOST_HELD_OUT = 1 << 21
clock = time.monotonic


def notes(images: ImageSet, training: Indices, held_out: Indices, recipe: Recipe) -> Iterator[str]:
    """Sentences on a set that is about to be trained on; `vaegan doctor` looks more closely.

    Args:
        images: the set.
        training: the indices of the images that are trained on.
        held_out: those of the others.
        recipe: what is trained.
    """
    yield from amounts(len(training), len(held_out), recipe, has_splits=bool(images.splits))
    yield from rare_attributes(images.attribute_names, _first_attributes(images), recipe)
    groups, looked_at = exact_copies(images)
    if groups:
        leaks = count_leaks(groups, images, training, held_out)
        leaked = f", and {counted(leaks, 'held-out image', 'is', 'are')} in training, too" if leaks else ""
        copies = sum(len(group) - 1 for group in groups)
        are = "is an exact copy of another one" if copies == 1 else "are exact copies of others"
        found = f"of {looked_at:,} images that were compared, {copies:,} {are}{leaked}"
        yield f"{found}: see all copies with: {command('doctor', recipe.data.source)}"


def exact_copies(images: ImageSet) -> tuple[list[list[int]], int]:
    """Groups of images that have the same pixels, by their indices; and how many images were looked at.

    Images are read in blocks, in a random order of blocks, until `SECONDS` are over.
    """
    began, size = clock(), int(np.prod(images.images.shape[1:]))
    positions = np.linspace(0, size - 1, SAMPLED).astype(np.int64)
    blocks = Permutation(-(-len(images) // BLOCK), SPLIT_SEED)[:]
    keys, numbers = [], []
    for start in (blocks * BLOCK).tolist():
        pixels = images.images[start : start + BLOCK]
        sampled = np.ascontiguousarray(pixels.reshape(len(pixels), size)[:, positions]).view(np.uint64)
        keys.append((sampled * MIX).sum(1, dtype=np.uint64))
        numbers.append(np.arange(start, start + len(pixels)))
        if clock() - began > SECONDS:
            break
    indices = np.concatenate(numbers)
    _, classes, counts = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    same: dict[bytes, list[int]] = defaultdict(list)
    for index in indices[counts[classes] > 1].tolist():  # few: of other images, hardly any agree in so many bytes
        same[hashlib.blake2b(images.images[index].tobytes(), digest_size=16).digest()].append(index)
        if clock() - began > 2 * SECONDS:
            break
    return [sorted(group) for group in same.values() if len(group) > 1], len(indices)


def count_leaks(groups: Sequence[Sequence[int]], images: ImageSet, training: Indices, held_out: Indices) -> int:
    """How many held-out images have the same pixels as an image that is trained on; 0 if there are too many to look them up quickly."""
    if len(held_out) > MOST_HELD_OUT:
        return 0
    grouped = np.concatenate([np.asarray(group) for group in groups])
    held = set(np.intersect1d(grouped, held_out[:]).tolist())
    trained = set(np.intersect1d(grouped, training[:]).tolist()) if images.splits else set(grouped.tolist()) - held
    return sum(len(held.intersection(group)) for group in groups if trained.intersection(group))


def _first_attributes(images: ImageSet) -> NDArray[np.float32]:
    """The attributes of the first images, n x A; not of all, which takes seconds in a large set."""
    names = images.attribute_names
    if not names:
        return np.empty((0, 0), np.float32)
    with images.item_files[0].open(encoding="utf-8", newline="") as file:
        rows = [row[2:] for row in islice(csv.reader(file), 1, 1 + ROWS)]
    return np.array([[float(cell) if cell else np.nan for cell in row] for row in rows], np.float32).reshape(len(rows), len(names))
