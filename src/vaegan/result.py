"""What a function of this package gives back: a table to read, a picture to look at, and values for JSON."""

from __future__ import annotations

import base64
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.console import Console, RenderableType

WIDTH = 110
"""Columns of text of a result, where nobody says how wide it may be."""
PYTHON_ONLY: Mapping[str, Any] = {"json": False}
"""The metadata of a dataclass's field that JSON leaves out, such as a tensor."""


class Result:
    """What a function gives back. A dataclass that inherits from this says what was found, field by field.

    A notebook shows the table and the picture by itself, and `print` shows the table.
    """

    def table(self) -> RenderableType | None:
        """What was found, as a table of rich; None where there is no table."""
        return None

    def lines(self) -> Sequence[str]:
        """Sentences that go under the table."""
        return ()

    def figure(self) -> Image | None:
        """The picture; None where there is none."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """What was found, as JSON has it: NaN and infinity are null. docs/json.md has the names."""
        return {name: as_json(getattr(self, name)) for name in json_names(type(self))}

    def __str__(self) -> str:
        return _text(self).file.getvalue().rstrip()  # type: ignore[attr-defined]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        form = '<pre style="line-height: 1.3; white-space: pre; overflow-x: auto">{code}</pre>'
        return _text(self).export_html(code_format=form, inline_styles=True) + self._picture_html()

    def _picture_html(self) -> str:
        picture = self.figure()
        if picture is None:
            return ""
        content = io.BytesIO()
        picture.save(content, "PNG")
        return embedded(content.getvalue(), "png")


def json_names(kind: type[Result]) -> list[str]:
    """The names that JSON has of a class of results: fields of a dataclass, or else what is annotated."""
    if not dataclasses.is_dataclass(kind):
        return list(kind.__annotations__)
    return [field.name for field in dataclasses.fields(kind) if field.metadata.get("json", True)]


def embedded(content: bytes, kind: str) -> str:
    """A picture as HTML."""
    return f'<img src="data:image/{kind};base64,{base64.b64encode(content).decode()}" style="max-width: 100%">'


def as_json(value: Any) -> Any:
    """A value as JSON has it: no NaN, paths as text, arrays as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, str, int, float)):
        return value
    if isinstance(value, (PurePath, datetime)):
        return str(value) if isinstance(value, PurePath) else value.isoformat(timespec="seconds")
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    return as_json(_plainer(value))


def _plainer(value: Any) -> Any:
    """A dataclass or a named tuple as a dictionary; an array or anything else that has items as a list."""
    if isinstance(value, Result):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value._asdict() if hasattr(value, "_asdict") else value.tolist() if hasattr(value, "tolist") else list(value)


def _text(result: Result) -> Console:
    """A console on which the table and the lines of a result are printed, for nobody to see."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=WIDTH, record=True, highlight=False, emoji=False, force_jupyter=False)
    table = result.table()
    if table is not None:
        console.print(table)
    for line in result.lines():
        console.print(line, markup=False)
    return console
