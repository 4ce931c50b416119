"""CelebA as published: img_align_celeba (a folder, or the zip), list_attr_celeba.txt, list_eval_partition.txt (or .csv).

Liu, Luo, Wang and Tang, "Deep learning face attributes in the wild" (2015). The lists may also lie in Anno/ and Eval/, the images in Img/.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ...files import read_text, sha256
from ...words import counted
from .base import Item, Source
from .files import listing
from .table_files import read_celeba_list
from .tables import PARTITIONS, attributes_of, read_table, with_table


def source(path: Path) -> Source:
    """The aligned faces with their 40 attributes and the official split, where the lists are there.

    Raises:
        UserError: there are no images, or a list is damaged.
    """
    pictures = _find(path, "img_align_celeba", "img_align_celeba.zip", "Img/img_align_celeba", "Img/img_align_celeba.zip")
    if pictures is None:
        raise UserError(f"{path} is not CelebA: it has no img_align_celeba, neither as a folder nor as a zip")
    files = listing(pictures)
    partition, attributes = (
        _find(path, *(f"{folder}{name}.{suffix}" for suffix in SUFFIXES for folder in ("", "Eval/", "Anno/"))) for name in LISTS
    )
    splits = _read_partition(partition) if partition else {}

    def items() -> Iterator[Item]:
        for name, picture in files:
            file = name.rpartition("/")[2]
            yield Item(file, picture, splits.get(file, ""))

    if partition:
        files.fingerprint.add(partition.name, partition)
    celeba = Source("celeba", items, files.count, crop="celeba", left_out=files.left_out, **files.fingerprint.hashes)
    for found, name, what in ((partition, LISTS[0], "splits"), (attributes, LISTS[1], "attributes")):
        if not found:
            celeba.notes.append(f"{name}.txt does not exist: no {what} are known")
    if partition and (missing := sum(not item.split for item in items())):
        celeba.notes.append(f"{counted(missing, 'image')} no row in {partition.name}, and so no split")
    if attributes:
        if attributes.suffix == ".csv":
            return with_table(celeba, read_table(attributes, [item.name for item in items()]))
        known = attributes_of(read_celeba_list(attributes), 0)
        known.fingerprint = sha256(attributes)  # as sets have it that were packed before
        return with_table(celeba, known)
    return celeba


LISTS = ("list_eval_partition", "list_attr_celeba")
SUFFIXES = ("txt", "csv")  # as published, and as often passed on


def _find(path: Path, *candidates: str) -> Path | None:
    return next((path / candidate for candidate in candidates if (path / candidate).exists()), None)


def _read_partition(path: Path) -> dict[str, str]:
    try:
        rows = [line.replace(",", " ").split() for line in read_text(path).splitlines() if line.strip()]
        rows = rows[1:] if rows and rows[0][1:] == ["partition"] else rows
        return {name: PARTITIONS[split] for name, split in rows}
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} is not CelebA's list of partitions: each row must be a file name and 0, 1 or 2") from error
