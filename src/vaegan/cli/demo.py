"""The model that comes with the package: demo."""

from __future__ import annotations

import os
import sys
import webbrowser

from .console import Json, err, show


def demo(*, json: Json = False) -> None:
    """Show the model that comes with the package, in a browser.

    It is a VAE/GAN that was trained on the built-in avatars. "vaegan train --recipe drawings" makes a model like it. This
    command writes two pages into the current folder, and opens them. One page shows the training of the model. On the other page, you can
    try the model.
    If no browser opens, for example on a server, copy the pages to a computer that has one.

    Parameters
    ----------
    json
        Print one JSON object and nothing else (see docs/json.md).
    """
    from ..api import demo as api

    found = api.demo(progress=err)
    show(found, json=json)
    if not json and _has_display():
        for page in found.files:
            webbrowser.open(page.absolute().as_uri())


def _has_display() -> bool:
    """Whether there is a window to open a page in; in a terminal, webbrowser would start a browser of text."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
