"""Numbers as text in a page: float32, float16, or int8 with one scale for each row."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from ..errors import OF_NAN, UserError

Precision = Literal["float32", "float16", "int8"]
LARGEST_INT8 = 127
LARGEST_FLOAT16 = 65504.0
ALIGNMENT = 4  # bytes: where the numbers of a tensor begin


@dataclass
class Packed:
    """Tensors, one after the other, in bytes."""

    content: bytearray = field(default_factory=bytearray)
    index: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each tensor: its kind, its shape, and where its numbers begin; of int8, where its scales begin, too."""
    rounded: dict[str, Tensor] = field(default_factory=dict)
    """What the page will compute with: float32."""

    def add(self, tensors: Mapping[str, Tensor], precision: Precision) -> None:
        """Append tensors. Those of one dimension are few numbers, on which much depends: they stay float32.

        Raises:
            UserError: a number is not finite, or too large for float16.
        """
        for name, original in tensors.items():
            tensor = original.detach().cpu().float().contiguous()
            if not torch.isfinite(tensor).all():
                raise UserError(f"the weights of the model contain NaN or infinity: {OF_NAN}")
            kind: Precision = "float32" if tensor.ndim < 2 else precision
            if kind == "float16" and tensor.abs().max() > LARGEST_FLOAT16:
                kind = "float32"
            entry: dict[str, Any] = {"kind": kind, "shape": list(tensor.shape)}
            if kind == "int8":
                rows = tensor.flatten(1)
                scales = rows.abs().amax(1).clamp(min=1e-12) / LARGEST_INT8
                whole = (rows / scales[:, None]).round().to(torch.int8)
                entry["scales"] = self._append(scales)
                entry["at"] = self._append(whole)
                self.rounded[name] = (whole.float() * scales[:, None]).view_as(tensor)
            else:
                stored = tensor.half() if kind == "float16" else tensor
                entry["at"] = self._append(stored)
                self.rounded[name] = stored.float()
            self.index[name] = entry

    def _append(self, numbers: Tensor) -> int:
        """Returns where they begin."""
        self.content.extend(b"\0" * (-len(self.content) % ALIGNMENT))
        start = len(self.content)
        self.content.extend(numbers.contiguous().numpy().astype(numbers.numpy().dtype.newbyteorder("<")).tobytes())
        return start

    def text(self) -> str:
        """All of it, in base64."""
        return base64.b64encode(self.content).decode()
