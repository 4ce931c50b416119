"""A person at the page, in a browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..browser import Browser

ActionChains = pytest.importorskip("selenium.webdriver").ActionChains

PIXELS = """
const canvas = document.getElementById(arguments[0]);
return [canvas.height, canvas.width, ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
"""


class Studio:
    """The page, as a person has it."""

    def __init__(self, browser: Browser, page: Path, **how: Any) -> None:
        self.browser = browser
        browser.driver.get_log("browser")
        browser.requested()
        browser.open(page, **how)
        browser.until("return document.body.dataset.ready === 'all'")

    def find(self, selector: str) -> Any:
        return self.browser.driver.find_element("css selector", selector)

    def shown(self, canvas: str = "after") -> Any:
        height, width, *values = self.browser.driver.execute_script(PIXELS, canvas)
        return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]

    def status(self) -> str:
        return str(self.find("#status").text)

    def press(self, selector: str) -> None:
        """Press something, and wait for the picture that follows."""
        self.after(lambda: self.find(selector).click())

    def after(self, act: Any) -> None:
        before = self.browser.run("return document.body.dataset.shown")
        act()
        self.browser.until(f"return document.body.dataset.shown !== '{before}'")
        time.sleep(0.1)

    def slide(self, selector: str, keys: str) -> None:
        """Move a slider by keys; of several presses, the last is waited for."""
        slider = self.find(selector)
        self.browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
        for key in keys:
            self.after(lambda key=key: slider.send_keys(key))

    def drag(self, element: Any, right: int, *, touch: bool) -> None:
        """Drag an element from its middle, by the mouse or by a finger."""
        if not touch:
            return ActionChains(self.browser.driver).click_and_hold(element).move_by_offset(right, 0).release().perform()
        box = self.browser.driver.execute_script(
            "const b = arguments[0].getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]", element
        )
        for kind, moved in (("touchStart", 0), ("touchMove", right // 2), ("touchMove", right), ("touchEnd", None)):
            points = [] if moved is None else [{"x": box[0] + moved, "y": box[1]}]
            self.browser.command("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        return None


def off(one: Any, other: Any) -> Any:
    return np.abs(one.astype(int) - other.astype(int))
