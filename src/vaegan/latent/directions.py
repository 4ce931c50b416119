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
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import UserError, unknown_name
from ..files import replacing
from ..models.fingerprint import fingerprint
from ..models.vaegan import VAEGAN

FORMAT = 1
How = Literal["probe", "mean"]
HOWS: tuple[How, ...] = ("probe", "mean")


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

    def index(self, name: str) -> int:
        """The number of an attribute.

        Raises:
            UserError: there is none of this name.
        """
        if name in self.names:
            return self.names.index(name)
        raise unknown_name("attribute", name, self.names)

    def edit(self, codes: Tensor, strengths: Mapping[str, float], how: How = "probe") -> Tensor:
        """Codes with attributes added (strength above 0) or taken away (below), one after the other.

        Strength 1 turns a typical image without the attribute into one with it; -1 does the reverse.

        Args:
            codes: N x L.
            strengths: by the names of the attributes.
            how: by the `probe`, which leaves the other attributes where they were, or by the difference of `mean`s, as the paper does.

        Raises:
            UserError: there is no attribute of such a name, or a strength is not finite.
        """
        for name, strength in strengths.items():
            if not abs(strength) < torch.inf:
                raise UserError(f"the strength of {name} must be a finite number, not {strength}")
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
        tensors = {f.name: getattr(self, f.name).contiguous() for f in fields(self) if f.name not in ("names", "about")}
        header = {"vaegan": json.dumps({"format": FORMAT, "names": self.names, "about": self.about})}  # of several, the order is random
        with replacing(Path(path)) as temporary:
            temporary.write_bytes(safetensors.torch.save(tensors, header))

    @staticmethod
    def load_for(path: Path, model: VAEGAN) -> Directions | None:
        """What `save` wrote for a model; None where there is no file, or one for other weights.

        Raises:
            UserError: see `load`.
        """
        directions = Directions.load(path) if path.is_file() else None
        return directions if directions is not None and directions.about.get("weights") == fingerprint(model) else None

    @staticmethod
    def load(path: str | Path) -> Directions:
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file, or it is damaged, or of another version.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"{path} does not exist: learn the attributes with: vaegan attributes RUN")
        try:
            with safetensors.safe_open(path, "pt") as file:
                header = json.loads((file.metadata() or {})["vaegan"])
                if header["format"] != FORMAT:
                    raise UserError(
                        f"{path} was written by another version of vaegan: learn the attributes again with: vaegan attributes RUN"
                    )
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
            return Directions(tuple(header["names"]), about=header["about"], **tensors)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged: learn the attributes again with: vaegan attributes RUN") from error
