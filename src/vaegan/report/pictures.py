"""Pictures within the page, small enough that it can be sent by mail; and those that training drew, from the first to the newest."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from ..run import Run
from ..viz.grid import open_picture

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


MOST = 20
"""Pictures in the page; of more, some evenly spaced ones are taken."""
NEWEST_BYTES, OLDER_BYTES = 900_000, 3_600_000
"""As text in the page: the newest picture, and all others together."""
OLDER_WIDTH = 1200


@dataclass(frozen=True)
class Frame:
    """A picture after some step."""

    step: int
    picture: Embedded


@dataclass(frozen=True)
class Frames:
    """The pictures to look at, oldest first."""

    shown: list[Frame]
    left_out: int
    """How many more there are in the run."""
    damaged: list[str]
    """Names of files that could not be read."""

    @staticmethod
    def of(run: Run, older: dict[int, Embedded] | None = None) -> Frames:
        """Take the pictures that training drew.

        Args:
            run: the run.
            older: what earlier calls embedded, by step, but for the newest picture of each call; added to. A page that is written again and
                again does not encode a picture twice.
        """
        older = {} if older is None else older
        steps = run.pictures
        ordered = thinned(list(steps.items()), MOST)
        frames, damaged = [], []
        for step, path in ordered:
            newest, most = step == ordered[-1][0], OLDER_BYTES // len(ordered)
            if not newest and step in older and len(older[step].uri) <= most:
                frames.append(Frame(step, older[step]))
                continue
            picture = open_picture(path)
            if picture is None:
                damaged.append(path.name)
            elif newest:
                frames.append(Frame(step, embed(picture, NEWEST_BYTES)))
            else:
                older[step] = embed(picture, most, OLDER_WIDTH, quality=75)
                frames.append(Frame(step, older[step]))
        return Frames(frames, len(steps) - len(ordered), damaged)
