"""Pictures within the page: as data URIs, small enough that the page can be sent by mail."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

T = TypeVar("T")

LEAST_WIDTH = 64


@dataclass(frozen=True)
class Embedded:
    """A picture that needs no file."""

    uri: str
    width: int
    height: int


def embed(picture: Image.Image, most_bytes: int, most_width: int = 1600, quality: int = 90) -> Embedded:
    """Encode a picture, made smaller until it has at most `most_bytes` as text."""
    picture = picture.convert("RGB")
    width = min(picture.width, most_width)
    while True:
        height = max(1, round(picture.height * width / picture.width))
        resized = picture if width == picture.width else picture.resize((width, height), Image.Resampling.LANCZOS)
        uri = _uri(resized, "WEBP", quality=quality, method=2)
        if len(uri) <= most_bytes or width <= LEAST_WIDTH:
            return Embedded(uri, width, height)
        width = max(LEAST_WIDTH, int(width * min(0.95, 0.95 * (most_bytes / len(uri)) ** 0.5)))  # bytes go with the area


def embed_exactly(picture: Image.Image) -> Embedded:
    """Encode a small picture as it is."""
    return Embedded(_uri(picture, "PNG"), *picture.size)


def _uri(picture: Image.Image, kind: str, **options: object) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def thinned(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly spaced, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]
