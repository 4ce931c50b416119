"""One of several parts of a whole, for machines that share out the work on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError


class Shard(NamedTuple):
    """Part `number` (from 1) of so many parts. Parts follow each other in the order of the whole, and their sizes differ little."""

    number: int
    parts: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read K/N.

        Raises:
            UserError: it is no such text.
        """
        found = re.fullmatch(r"0*([0-9]{1,9})/0*([0-9]{1,9})", text)
        shard = cls(*map(int, found.groups())) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.parts:
            raise UserError(f"--shard must be K/N with K from 1 to N, such as 3/16, not {text}")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    def file(self, path: Path) -> Path:
        """The name of a file that holds this part of what would be in `path`, as codes-03-of-16.npz: names sort as the parts do."""
        return path.with_stem(f"{path.stem}-{self.number:0{len(str(self.parts))}d}-of-{self.parts}")

    def of(self, count: int, unit: int = 1) -> range:
        """The indices, out of `count`, that are in this part.

        Args:
            count: how many there are in all.
            unit: how many are worked on together. Parts begin at multiples of it, if there are enough images for that: then the same
                images are together as in work on the whole, and the results are the same, bit for bit.

        Raises:
            UserError: there are fewer than there are parts.
        """
        if count < self.parts:
            raise UserError(f"there are only {count} images, and --shard {self} needs at least {self.parts}: choose fewer parts")
        unit = unit if count >= unit * self.parts else 1
        start, stop = (number * (-(-count // unit)) // self.parts * unit for number in (self.number - 1, self.number))
        return range(start, min(stop, count))
