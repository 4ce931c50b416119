"""Five tasks of a person who has not seen the page before, on a phone: what they reach for is in sight, and does what they expect."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ..browser import MARKS, Browser
from .person import Studio, in_sight, off

pytestmark = MARKS
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
WIDTH = 390


def on_a_phone(browser: Browser, page: Path, **how: Any) -> Studio:
    return Studio(browser, page, width=WIDTH, touch=True, **how)


def test_to_add_an_attribute_and_save_the_picture(browser: Browser, page: Path) -> None:
    studio = on_a_phone(browser, page)
    studio.press("#tray button:nth-child(2)")
    name = browser.run("return document.querySelector('#attributes input, #weak input').getAttribute('aria-label')")
    studio.find("#find").click()
    studio.find("#find").send_keys(name)
    slider = f"input[type=range][aria-label='{name}']"
    assert in_sight(studio, "#find", slider, "#status")
    studio.slide(slider, Keys.END)
    assert in_sight(studio, "#undo", "#reset")
    studio.find("#tab-keep").click()
    assert in_sight(studio, "#scale", "#save", "#link")
    studio.find("#save").click()
    browser.until("return document.getElementById('message').textContent.startsWith('Saved as')")


def test_to_compare_a_photo_and_go_back(browser: Browser, page: Path, photo: Path) -> None:
    studio = on_a_phone(browser, page)
    first = studio.shown()
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return document.getElementById('status').textContent === 'photo.jpg'")
    assert in_sight(studio, "#zoom", "#fitted", "#undo")
    assert studio.find("#zoom").size["width"] > WIDTH / 3
    studio.find("#fitted").click()
    studio.drag(studio.find("#picture"), 100, touch=True)
    assert float(studio.find("#wipe").get_attribute("value")) > 60
    studio.press("#undo")
    assert off(studio.shown(), first).max() == 0


def test_to_find_the_middle_of_two_pictures(browser: Browser, page: Path) -> None:
    studio = on_a_phone(browser, page)
    studio.find("#tab-mix").click()
    pad = studio.find("#pad")
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'end', behavior: 'instant'})", pad)
    assert in_sight(studio, "#pad", ".corner-0", ".corner-1", "#picture")
    x, y = browser.driver.execute_script("const b = arguments[0].getBoundingClientRect(); return [b.x + b.width / 2, b.y + 1]", pad)
    for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
        browser.command("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    browser.until("return document.getElementById('status').textContent === 'A mixture'")
    assert pad.get_attribute("aria-valuetext") == "50% to the right, 0% down"


def test_to_open_what_a_friend_has_sent(browser: Browser, page: Path) -> None:
    studio = on_a_phone(browser, page, fragment="#seed=5&principal.0=2")
    sent, link = studio.shown(), browser.run("return location.hash")
    studio = on_a_phone(browser, page)
    studio.find("#tab-keep").click()
    studio.after(lambda: studio.find("#pasted").send_keys(f"https://example.org/studio.html{link}", Keys.ENTER))
    browser.until("return document.getElementById('status').textContent === 'Sample 5, edited'")
    time.sleep(0.3)
    assert off(studio.shown(), sent).max() == 0
    studio.find("#pasted").send_keys("hello", Keys.ENTER)
    assert studio.said() == "This is no link to a picture of this page."
    assert off(studio.shown(), sent).max() == 0
    studio.after(lambda: browser.run("location.hash = '#seed=6'"))  # a person writes at the end of the address
    browser.until("return document.getElementById('status').textContent === 'Sample 6'")
    assert not studio.find("#reset").is_enabled()
