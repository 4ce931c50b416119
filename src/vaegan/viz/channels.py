"""How images of any number of channels are shown in three."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def three_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """... x C to ... x 3, as people look at them: grey repeated; the first of two in magenta, the second in green; the first three of more.

    Magenta and green together are grey, where two channels are equal.
    """
    return pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., [0, -1, 0]]


def view(channels: int) -> str:
    """What to say under a heading where a picture does not show images of so many channels as they are; empty where it does."""
    if channels == 2:
        return " (channel 1 in magenta, channel 2 in green)"
    return f" (channels 1 to 3 of {channels})" if channels > 3 else ""
