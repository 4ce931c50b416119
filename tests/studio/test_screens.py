"""Small, low and wide screens: what belongs together is in sight together."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ..browser import MARKS, Browser
from .person import COVERED, Studio, in_sight

pytestmark = MARKS
ActionChains = pytest.importorskip("selenium.webdriver").ActionChains


def on_screen(browser: Browser, page: Path, width: int, height: int, *, touch: bool) -> Studio:
    studio = Studio(browser, page, width=width, touch=touch)
    resize(browser, width, height, touch=touch)
    browser.run("scrollTo({ top: 0, behavior: 'instant' })")
    return studio


def resize(browser: Browser, width: int, height: int, *, touch: bool) -> None:
    browser.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
    time.sleep(0.3)


@pytest.mark.parametrize(("width", "height", "touch"), [(844, 390, True), (667, 375, True), (1366, 650, False), (390, 844, True)])
def test_the_picture_and_the_strip_are_in_sight_at_once(browser: Browser, page: Path, width: int, height: int, touch: bool) -> None:
    studio = on_screen(browser, page, width, height, touch=touch)
    if height < 400:
        browser.run("scrollTo({ top: 150, behavior: 'instant' })")
    assert in_sight(studio, "#picture", "#tray button", "#undo")
    assert studio.find("#picture").size["height"] >= 180


def test_the_strip_and_the_corners_fit_on_a_phone(browser: Browser, page: Path) -> None:
    studio = on_screen(browser, page, 390, 844, touch=True)
    studio.find("#tab-mix").click()
    time.sleep(1)
    assert in_sight(studio, "#picture", "#tray button", *(f".corner-{number}" for number in range(4)), "#pad")


def test_what_is_found_stays_in_sight_when_the_keyboard_comes(browser: Browser, page: Path) -> None:
    studio = on_screen(browser, page, 390, 844, touch=True)
    studio.unfold()
    name = browser.run("return document.querySelector('#attributes input, #weak input').getAttribute('aria-label')")
    studio.find("#find").click()
    resize(browser, 390, 500, touch=True)
    studio.find("#find").send_keys(name)
    time.sleep(1)
    assert in_sight(studio, "#find", f"input[aria-label='{name}']")
    studio.find("#find").clear()
    studio.find("#find").send_keys("no such name")
    assert studio.find("#nothing").is_displayed()


def test_sliders_have_room_on_a_narrow_phone(browser: Browser, page: Path) -> None:
    studio = on_screen(browser, page, 320, 640, touch=True)
    for tab, slider in (("walk", "#pace"), ("keep", "#scale")):
        studio.find(f"#tab-{tab}").click()
        assert studio.find(slider).size["width"] > 200


def test_a_number_that_there_is_not_is_put_right(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.unfold()
    for typed, wanted in (("200", 20), ("-3", 1)):
        number = studio.find("#dimension")
        number.clear()
        number.send_keys(typed, "\ue007")  # Enter
        assert studio.value("#dimension") == wanted


def test_a_message_is_in_sight_beside_the_name(browser: Browser, page: Path) -> None:
    studio = on_screen(browser, page, 1366, 650, touch=False)
    studio.find("#tab-keep").click()
    name = studio.status()
    studio.find("#save").click()
    browser.until("return document.getElementById('message').textContent.startsWith('Saved as')")
    assert in_sight(studio, "#save", "#link")
    box = studio.find("#message").rect
    assert 0 < box["y"] < 650 - box["height"]
    assert studio.status() == name


def test_the_picture_has_its_room_before_the_model_is_there(browser: Browser, page: Path) -> None:
    browser.open(page, script=False)
    box = browser.driver.find_element("id", "picture").size
    assert box["height"] == box["width"] > 200
    browser.command("Emulation.setScriptExecutionDisabled", value=False)


def test_a_thumbnail_under_the_mouse_does_not_look_chosen(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    chosen, other = (studio.find(f"#tray button:nth-child({number})") for number in (1, 3))
    ActionChains(browser.driver).move_to_element(other).perform()
    assert other.value_of_css_property("border-color") != chosen.value_of_css_property("border-color")


def test_what_has_the_focus_is_not_under_the_picture(browser: Browser, page: Path) -> None:
    studio = on_screen(browser, page, 390, 844, touch=True)
    studio.unfold()
    for slider in browser.driver.find_elements("css selector", "#principal input")[:6:5]:
        browser.driver.execute_script("arguments[0].focus()", slider)
        time.sleep(0.8)
        assert not browser.driver.execute_script(COVERED, slider)
