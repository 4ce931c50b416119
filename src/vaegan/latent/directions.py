"""Directions of attributes in the latent space, and what it is to move along them.

Two ways to give a code z the attribute a, at strength s:

    mean    z + s m_a, with m_a = (mean code with a) - (mean code without): the paper's visual attribute vector (Larsen et al. 2016)
    probe   z + s sum_b d_b v_b, with d and v as follows

The difference of means has in it whatever goes together with a: beards bring ties. The v_b are instead the least-squares solution of
z = c + sum_b y_b v_b over the training images, where y_b is 1 for an image that has b and else 0: v_b is how z changes with b where the
other attributes stay as they are. (Of solutions it is the smallest; there are many where of some attributes an image has always one.)

Linear probes read off a code how much r_b of each attribute it has, from 0 as typical images without it to 1 as typical ones with it.
They decide how far to go:

    s > 0   d_a = l_a (1 - r_a), so that who has it keeps it, and d_b = -r_b for those b that exclude a: a hat hides the colour of the hair
    s < 0   d_a = l_a r_a, so that who has it not stays as he is

and d_b = 0 for all other b. The length l_a is what `attributes.calibrate` finds.

A direction that was learned from two sets of images, with something and without it (see `learn_one.py`), stands beside those of the
attributes. It excludes none of them, and none excludes it. Principal directions (see `principal.py`) are added as they are, by both ways.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ..data.any_images import IN_MEMORY
from ..errors import UserError, unknown_name
from ..files import replacing
from ..models.fingerprint import fingerprint
from ..models.vaegan import VAEGAN
from ..words import command, spelt_as
from .principal import NAME, PrincipalDirections, principal_directions

FORMAT = 1
How = Literal["probe", "mean"]
HOWS: tuple[How, ...] = ("probe", "mean")
BESIDE = ("names", "about", "principal")
"""Fields that are no tensors in the file."""
EACH = ("counts", "tested", "probe", "mean")
"""Lists in `about` that have an item for each direction; a file of an earlier version has no `tested`."""


@dataclass(frozen=True)
class Directions:
    """What is known of A attributes in a latent space of L numbers. Tensors are float32, but for `exclusive`."""

    names: tuple[str, ...]
    """Of the attributes."""
    means: Tensor
    """A x L: the difference of means m_a of each."""
    vectors: Tensor
    """A x L: v_a, the change of a code with an attribute, the others as they are."""
    lengths: Tensor
    """A: l_a."""
    probes: Tensor
    """A x L: weights of the linear probes."""
    offsets: Tensor
    """A: what is added to what they read, so that typical images without an attribute read 0, and with it 1."""
    exclusive: Tensor
    """A x A, bool: which attributes never go together."""
    thresholds: Tensor
    """2 x A: above it, an image has the attribute, by its projection on `means` and by what the probe reads."""
    about: dict[str, Any] = field(default_factory=dict)
    """What they were learned from, and how well they tell held-out images apart."""
    principal: PrincipalDirections = field(default_factory=lambda: PrincipalDirections(torch.empty(0, 0), torch.empty(0)))
    """The principal directions of the model that these were loaded or learned for. They are not in the file: they follow from the prior."""

    @property
    def sources(self) -> dict[str, list[str]]:
        """For each direction that was learned from two sets of images, what these were: with it, and without it."""
        found: dict[str, list[str]] = self.about.get("sources", {})
        return found

    @property
    def of_attributes(self) -> Directions:
        """Those that were learned from attributes of a set."""
        return self.select([number for number, name in enumerate(self.names) if name not in self.sources])

    def index(self, name: str) -> int:
        """The number of an attribute.

        Raises:
            UserError: there is none of this name.
        """
        if (known := spelt_as(self.names, name)) in self.names:
            return self.names.index(known)
        raise self._unknown(name)

    def require(self, name: str) -> None:
        """See that there is an attribute or a principal direction of a name.

        Raises:
            UserError: there is none.
        """
        if spelt_as(self.names, name) not in self.names and name not in self.principal.names:
            raise self._unknown(name)

    def _unknown(self, name: str) -> UserError:
        principal = self.principal.names
        if NAME.fullmatch(name) or not self.names:
            return unknown_name("direction", name, principal)
        more = f", and {principal[0]} to {principal[-1]}" if principal else ""
        return unknown_name("attribute", name, self.names, more=more)

    def edit(self, codes: Tensor, strengths: Mapping[str, float], how: How = "probe") -> Tensor:
        """Codes with attributes added (strength above 0) or taken away (below), one after the other.

        Strength 1 turns a typical image without the attribute into one with it; -1 does the reverse.

        Args:
            codes: N x L.
            strengths: by the names of the attributes, or of principal directions, such as direction-1. For these, strength 1 is one
                standard deviation of the codes of training images.
            how: by the `probe`, which leaves the other attributes where they were, or by the difference of `mean`s, as the paper does.

        Raises:
            UserError: there is no attribute of such a name, or a strength is not finite.
        """
        check_strengths(strengths)
        for name, strength in strengths.items():
            if name in self.principal.names:
                codes = codes + strength * self.principal.vectors[self.principal.names.index(name)].to(codes)
                continue
            number = self.index(name)
            if how == "mean":
                codes = codes + strength * self.means[number].to(codes)
            else:
                codes = codes + strength * self._changes(codes, number, add=strength > 0) @ self.vectors.to(codes)
        return codes

    def readings(self, codes: Tensor) -> Tensor:
        """N x A: how much of each attribute there is in codes, by the probes: 0 as in typical images without it, 1 as in those with it."""
        return codes @ self.probes.to(codes).T + self.offsets.to(codes)

    def _changes(self, codes: Tensor, number: int, *, add: bool) -> Tensor:
        """N x A: d, how the attributes change where this one is added, or taken away."""
        there = self.readings(codes).clamp(0, 1)
        changes = torch.zeros_like(there)
        changes[:, number] = self.lengths[number].to(codes) * (1 - there[:, number] if add else there[:, number])
        if add:
            excluded = self.exclusive[number].to(codes.device)
            changes[:, excluded] = -there[:, excluded]
        return changes

    def save(self, path: str | Path) -> None:
        """Write all of it as safetensors, with names and `about` as JSON in the header."""
        tensors = {f.name: getattr(self, f.name).contiguous() for f in fields(self) if f.name not in BESIDE}
        header = {"vaegan": json.dumps({"format": FORMAT, "names": self.names, "about": self.about})}  # of several, the order is random
        with replacing(Path(path)) as temporary:
            temporary.write_bytes(safetensors.torch.save(tensors, header))

    def store(self, path: Path, run: str | Path) -> tuple[Directions, list[str]]:
        """Save them in a file, as `beside` has them. Returns what is in the file now, and what there is to say of `run`, as a command takes
        it.
        """
        both, notes = self.beside(path, run)
        both.save(path)
        return both, notes

    def beside(self, path: Path, run: str | Path) -> tuple[Directions, list[str]]:
        """These, and those that a file has for the same weights: directions of attributes replace all such, and one that was learned from
        two sets of images replaces that of its name. Returns them, and what there is to say of `run`, as a command takes it.
        """
        old = None
        with suppress(UserError):  # a damaged file is replaced
            old = Directions.load(path) if path.is_file() else None
        if old is not None and old.about.get("weights") != self.about.get("weights"):
            return self, old.outdated(run, [name for name in old.names if name not in self.names])
        if old is None or not (self.sources or old.sources):
            return self, []
        if self.sources:
            first, second = old.select([number for number, name in enumerate(old.names) if name not in self.names]), self
            notes = []
        else:
            second = old.select([number for number, name in enumerate(old.names) if name in old.sources])
            first = self.select([number for number, name in enumerate(self.names) if name not in old.sources])
            notes = [
                f'left out the attribute "{name}": it was learned from {" and ".join(old.sources[name])}'
                for name in self.names
                if name in old.sources
            ]
        return first.joined(second), notes

    def outdated(self, run: str | Path, names: Sequence[str] | None = None) -> list[str]:
        """For each command that learned some of these from named images: a sentence that asks to run it again, after a change of the model.
        There is none for attributes of the run's own images, because `edit` learns these again by itself.

        Args:
            run: as a command takes it.
            names: of those that count; all by default.
        """
        learned_by: dict[str, list[str]] = {}
        for name in self.names if names is None else names:
            if name in self.sources:
                first, second = ("IMAGES" if source == IN_MEMORY else source for source in self.sources[name])
                again = command("attributes", run, "--with", first, "--without", second, "--name", name)
            elif data := self.about.get("data"):
                again = command("attributes", run, "--data", "SET" if data == IN_MEMORY else data)
            else:
                continue
            learned_by.setdefault(again, []).append(f'"{name}"')
        return [
            f"the model has changed since the attribute{'s' * (len(those) > 1)} {' and '.join(those)} "
            f"{'was' if len(those) == 1 else 'were'} learned: learn {'it' if len(those) == 1 else 'them'} again with: {again}"
            for again, those in learned_by.items()
        ]

    def select(self, numbers: Sequence[int]) -> Directions:
        """Some of them."""
        names = tuple(self.names[number] for number in numbers)
        about = {**self.about, **{key: [self.about[key][number] for number in numbers] for key in EACH if key in self.about}}
        if self.sources:
            about["sources"] = {name: those for name, those in self.sources.items() if name in names}
        rows = torch.tensor(numbers, dtype=torch.int64)
        tensors: dict[str, Any] = {name: getattr(self, name)[rows] for name in ("means", "vectors", "lengths", "probes", "offsets")}
        return replace(
            self, names=names, about=about, exclusive=self.exclusive[rows][:, rows], thresholds=self.thresholds[:, rows], **tensors
        )

    def joined(self, other: Directions) -> Directions:
        """These, and others of the same codes, which exclude none of these."""
        lists = {
            key: [item for one in (self, other) for item in one.about.get(key, [None] * len(one.names))]
            for key in EACH
            if key in self.about or key in other.about
        }
        about = {**other.about, **self.about, **lists}
        about["sources"] = {**self.sources, **other.sources}
        tensors: dict[str, Any] = {
            name: torch.cat([getattr(one, name) for one in (self, other)]) for name in ("means", "vectors", "lengths", "probes", "offsets")
        }
        return replace(
            self,
            names=(*self.names, *other.names),
            about=about,
            exclusive=torch.block_diag(self.exclusive, other.exclusive).bool(),
            thresholds=torch.cat([self.thresholds, other.thresholds], 1),
            **tensors,
        )

    @staticmethod
    def none(model: VAEGAN) -> Directions:
        """No attributes, and the principal directions of a model."""
        rows, numbers = torch.empty(0, model.architecture.latent), torch.empty(0)
        tensors: dict[str, Any] = {"means": rows, "vectors": rows, "probes": rows, "lengths": numbers, "offsets": numbers}
        return Directions(
            (),
            **tensors,
            exclusive=torch.empty(0, 0, dtype=torch.bool),
            thresholds=torch.empty(2, 0),
            principal=principal_directions(model),
        )

    @staticmethod
    def load_for(path: Path, model: VAEGAN) -> Directions | None:
        """What `save` wrote for a model; None where there is no file, or one for other weights.

        Raises:
            UserError: see `load`.
        """
        directions = Directions.load(path) if path.is_file() else None
        if directions is None or directions.about.get("weights") != fingerprint(model):
            return None
        return replace(directions, principal=principal_directions(model))

    @staticmethod
    def load(path: str | Path) -> Directions:
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file, or it is damaged, or of another version.
        """
        path = Path(path)
        again = f"remove it, then learn the attributes again with: {command('attributes', path.parent)}"
        if not path.is_file():
            raise UserError(f"{path} does not exist: learn the attributes with: {command('attributes', path.parent)}")
        try:
            with safetensors.safe_open(path, "pt") as file:
                header = json.loads((file.metadata() or {})["vaegan"])
                if header["format"] != FORMAT:
                    raise UserError(f"{path} was written by another version of vaegan: {again}")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
            return Directions(tuple(header["names"]), about=header["about"], **tensors)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged: {again}") from error


def check_strengths(strengths: Mapping[str, float]) -> None:
    """See that strengths of an edit are finite.

    Raises:
        UserError: one is not.
    """
    for name, strength in strengths.items():
        if not abs(strength) < torch.inf:
            raise UserError(f'the strength of "{name}" must be a finite number, not {strength}')
