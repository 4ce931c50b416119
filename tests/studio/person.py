"""A person at the page, in a browser."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..browser import Browser

ActionChains = pytest.importorskip("selenium.webdriver").ActionChains

PIXELS = """
const canvas = document.querySelector(arguments[0]);
return [canvas.height, canvas.width, ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
"""
COVERED = """
const [element] = arguments, box = element.getBoundingClientRect();
const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
return !(there && (element.contains(there) || there.contains(element)));
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
        return self.shown_in(f"#{canvas}")

    def shown_in(self, selector: str) -> Any:
        height, width, *values = self.browser.driver.execute_script(PIXELS, selector)
        return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]

    def status(self) -> str:
        return str(self.find("#status").text)

    def said(self) -> str:
        """The message."""
        return str(self.find("#message").text)

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

    def middle(self, element: Any) -> tuple[float, float]:
        x, y = self.browser.driver.execute_script(
            "const b = arguments[0].getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]", element
        )
        return x, y

    def drag(self, element: Any, right: int, down: int = 0, *, touch: bool) -> None:
        """Drag an element from its middle, by the mouse or by a finger."""
        if not touch:
            return ActionChains(self.browser.driver).click_and_hold(element).move_by_offset(right, down).release().perform()
        x, y = self.middle(element)
        return self.fingers([(x + part * right / 8, y + part * down / 8)] for part in range(9))

    def fingers(self, places: Iterable[list[tuple[float, float]]]) -> None:
        """Put fingers down, move them from place to place, and take them off."""
        for number, points in enumerate(places):
            touched = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
            self.browser.command("Input.dispatchTouchEvent", type="touchMove" if number else "touchStart", touchPoints=touched)
        self.browser.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def unfold(self) -> None:
        self.browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")

    def value(self, selector: str) -> float:
        return float(self.find(selector).get_attribute("value"))


def off(one: Any, other: Any) -> Any:
    return np.abs(one.astype(int) - other.astype(int))


def in_sight(studio: Studio, *selectors: str) -> bool:
    """Whether the middle of each element is on the screen, and nothing lies over it."""
    return not any(studio.browser.driver.execute_script(COVERED, studio.find(selector)) for selector in selectors)
